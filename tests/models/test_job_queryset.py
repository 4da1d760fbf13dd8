"""Many jobs changed at once, each as it would be by itself."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from scheduled_jobs import signals
from scheduled_jobs.domain.jobs import OVERRIDABLE
from scheduled_jobs.models import JobChange, JobRun, ScheduledJob, job_queryset
from tests.support.declaring import declare, row, schedule_tasks

if TYPE_CHECKING:
    from collections.abc import Callable

    from scheduled_jobs.backends.memory import MemoryBackend

pytestmark = pytest.mark.django_db

NAMES = ("Ended", "Paused", "Plain", "Overridden")


@pytest.fixture(autouse=True)
def jobs(google: MemoryBackend, no_tasks: None) -> None:
    """Jobs in every state that a change asks about, one of them an operator's own."""
    for name in NAMES:
        declare(name)
    schedule_tasks()
    row("Paused").pause(reason="legal", by="ana")
    overridden = row("Overridden")
    overridden.schedule_override, overridden.payload_override = "0 3 * * *", {"n": 1}
    overridden.save()
    own = ScheduledJob(
        name="shop--own", task="shop.tasks.Plain", origin="operator", schedule_override="0 4 * * *"
    )
    own.retry_count_override = 2
    own.save()
    hour = timedelta(hours=1)
    ScheduledJob.objects.filter(task="shop.tasks.Ended").update(
        paused=True, pause_reason="stock", paused_by="rui", paused_until=timezone.now() - hour
    )
    JobChange.objects.all().delete()


def lines() -> list[tuple[Any, ...]]:
    found = JobChange.objects.order_by("job_name", "pk")
    return [(c.job_name, c.field, c.old, c.new, c.via, c.actor_label, c.reason) for c in found]


def states() -> list[tuple[Any, ...]]:
    columns = ("name", "paused", "pause_reason", "paused_by", "paused_until", "revision", "sync_state")
    overrides = (f"{name}_override" for name in OVERRIDABLE)
    return list(ScheduledJob.objects.order_by("name").values_list(*columns, *overrides))


CHANGES: dict[str, Callable[[Any], Any]] = {
    "pause": lambda jobs: jobs.pause(reason="audit", by="maria"),
    "resume": lambda jobs: jobs.resume(reason="done", by="maria"),
    "reset": lambda jobs: jobs.reset(by="maria", reason="tidy"),
    "reset one field": lambda jobs: jobs.reset("retry_count", by="maria"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_set_of_jobs_is_changed_as_each_of_them_would_be(
    change: Callable[[Any], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.db import transaction

    class Undo(Exception):
        pass

    one_by_one: list[Any] = []
    try:
        with transaction.atomic():
            for job in ScheduledJob.objects.order_by("pk"):
                change(job)
            one_by_one = [lines(), states()]
            raise Undo
    except Undo:
        pass
    assert lines() == []
    monkeypatch.setattr(job_queryset, "IN_ONE_STATEMENT", 2)
    change(ScheduledJob.objects.all())
    assert [lines(), states()] == one_by_one
    assert one_by_one[0] != []


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_what_is_being_deleted_is_passed_over(change: Callable[[Any], Any]) -> None:
    ScheduledJob.objects.update(deleting_at=timezone.now())
    ScheduledJob.objects.filter(task="shop.tasks.Ended").update(paused=False)
    before = states()
    assert change(ScheduledJob.objects.all()) == 0
    assert (states(), lines()) == (before, [])


def test_each_says_how_many_it_has_changed() -> None:
    jobs = ScheduledJob.objects.all()
    assert jobs.reset() == 2
    assert jobs.reset() == 0
    # Ended ended by itself: nobody resumes it.
    assert jobs.resume() == 1
    assert jobs.pause(reason="x") == 5
    assert ScheduledJob.objects.none().pause(reason="x") == 0


def test_one_push_is_asked_for_all_that_were_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[int]] = []

    def hear(pks: list[int], **_: object) -> None:
        asked.append(pks)

    signals.job_edited.connect(hear)
    try:
        ScheduledJob.objects.all().resume()
    finally:
        signals.job_edited.disconnect(hear)
    assert asked == [[row("Paused").pk]]


def test_a_part_of_a_list_can_be_changed() -> None:
    some = ScheduledJob.objects.order_by("-name")[:2]
    names = {job.name for job in some}
    assert some.pause(reason="x") == 2
    paused = ScheduledJob.objects.filter(paused=True, pause_reason="x")
    assert set(paused.values_list("name", flat=True)) == names


def test_the_jobs_are_those_of_before_the_change() -> None:
    """A filter on what the change itself takes away is looked at once."""
    assert ScheduledJob.objects.filter(paused=True).pause(reason="again") == 2
    assert ScheduledJob.objects.filter(pause_reason="again").count() == 2


def test_a_refusal_changes_none_of_them() -> None:
    before = states()
    with pytest.raises(ValueError, match="the schedule of a job of your own has no default in the code"):
        ScheduledJob.objects.all().reset("schedule")
    with pytest.raises(ValueError, match="say why the job is paused"):
        ScheduledJob.objects.all().pause(reason=" ")
    with pytest.raises(ValueError, match="is past; a pause ends in the future, or never"):
        ScheduledJob.objects.all().pause(reason="x", until=timezone.now() - timedelta(seconds=1))
    assert (states(), lines()) == (before, [])


def test_all_jobs_are_not_changed_by_a_slip_of_the_pen() -> None:
    """As with Django's ``delete()``, whoever means all of them says so."""
    for method in ("pause", "resume", "reset", "push", "run_now"):
        assert not hasattr(ScheduledJob.objects, method)


def test_the_audit_keeps_what_a_push_takes_back() -> None:
    drifted = row("Plain")
    live = {**(drifted.live or {}), "retry_count": 5}
    ScheduledJob.objects.filter(pk=drifted.pk).update(sync_state="drifted", live=live)
    assert ScheduledJob.objects.filter(task__in=["shop.tasks.Plain", "shop.tasks.Paused"]).push(by="ana") == 3
    told = [(name, field, old, new) for name, field, old, new, *_who in lines()]
    assert told == [
        ("shop--own", "sync", "pending", "pending"),
        ("shop--shop-tasks-Paused", "sync", "pending", "pending"),
        ("shop--shop-tasks-Plain", "sync", "drifted", "pending"),
        ("shop--shop-tasks-Plain", "retry_count", 5, 0),
    ]
    assert row("Plain").sync_state == "pending"
    assert {who for *_line, who, _reason in lines()} == {"ana"}


def test_each_that_can_be_run_is_run_and_the_others_say_why_not() -> None:
    ScheduledJob.objects.filter(task="shop.tasks.Ended").update(deleting_at=timezone.now())
    refused = ScheduledJob.objects.filter(task__in=["shop.tasks.Ended", "shop.tasks.Paused"]).run_now(
        by="ana"
    )
    assert list(refused) == [row("Ended").pk]
    assert refused[row("Ended").pk].startswith("shop--shop-tasks-Ended is being deleted")
    [run] = JobRun.objects.all()
    assert (run.job, run.requested_by, run.trigger) == (row("Paused"), "ana", "manual")


def test_among_names_no_more_rows_than_one_statement_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_queryset, "IN_ONE_STATEMENT", 2)
    pks = list(ScheduledJob.objects.order_by("pk").values_list("pk", flat=True))
    with CaptureQueriesContext(connection) as statements:
        found = [[job.pk for job in rows.order_by("pk")] for rows in ScheduledJob.objects.in_batches(pks)]
    assert found == [pks[:2], pks[2:4], pks[4:]]
    assert len(statements) == 3
    assert list(ScheduledJob.objects.in_batches([])) == []


def test_a_job_that_is_found_more_than_once_is_changed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_queryset, "IN_ONE_STATEMENT", 1)
    job = row("Plain")
    for number in range(3):
        JobChange.objects.create(job=job, job_name=job.name, task=job.task, field="x", new=number)
    found = ScheduledJob.objects.filter(changes__field="x")
    assert found.count() == 3
    assert found.pause(reason="legal") == 1
    assert [line[1:4] for line in lines() if line[1] == "paused"] == [("paused", False, True)]
