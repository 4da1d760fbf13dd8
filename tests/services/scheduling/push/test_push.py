"""A saved row is pushed after its commit; Google's failure never fails the save, and is healed."""

from __future__ import annotations

import itertools
import threading
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection, transaction
from django.test import override_settings
from django.utils import timezone

from scheduled_jobs import registry, signals
from scheduled_jobs.exceptions import OverrideExists
from scheduled_jobs.models import GoogleName, JobChange, JobVersion, ScheduledJob, job_queryset
from scheduled_jobs.services import scheduling
from scheduled_jobs.services.scheduling import settling
from scheduled_jobs.services.scheduling.push import push
from tests.support import full_name
from tests.support.declaring import declare, row, schedule_tasks

if TYPE_CHECKING:
    from scheduled_jobs.backends.memory import MemoryBackend

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_tasks")]


@pytest.fixture
def job(google: MemoryBackend) -> ScheduledJob:
    declare("One")
    schedule_tasks()
    google.store.faults.calls.clear()
    return row("One")


def live(google: MemoryBackend, job: ScheduledJob) -> Any:
    return google.get(google.remote_name(job.name), timeout=1)


def methods(google: MemoryBackend) -> list[str]:
    return [call.method for call in google.store.faults.calls if call.method != "GetJob"]


def test_a_saved_override_is_pushed_before_save_returns(google: MemoryBackend, job: ScheduledJob) -> None:
    job.schedule_override = "0 3 * * *"
    job.save()
    assert live(google, job).values["schedule"] == "0 3 * * *"
    job.refresh_from_db()
    assert (job.sync_state, job.pushed_revision) == ("synced", job.revision)
    assert job.push_token is None
    assert methods(google) == ["UpdateJob"]


def test_a_push_waits_for_the_commit(google: MemoryBackend, job: ScheduledJob) -> None:
    with transaction.atomic():
        job.schedule_override = "0 3 * * *"
        job.save()
        assert google.store.faults.calls == []
        assert row("One").sync_state == "pending"
    assert methods(google) == ["UpdateJob"]


def test_a_rollback_pushes_nothing(google: MemoryBackend, job: ScheduledJob) -> None:
    with pytest.raises(RuntimeError), transaction.atomic():
        job.schedule_override = "0 3 * * *"
        job.save()
        raise RuntimeError
    assert google.store.faults.calls == []
    assert row("One").schedule_override is None


def test_several_edits_of_one_transaction_are_one_push(google: MemoryBackend, job: ScheduledJob) -> None:
    with transaction.atomic():
        for hour in range(5):
            job.schedule_override = f"0 {hour} * * *"
            job.save()
        job.pause(reason="x")
    assert methods(google) == ["PauseJob", "UpdateJob"]
    assert live(google, job).values["schedule"] == "0 4 * * *"


def test_more_rows_than_a_statement_can_name_are_pushed(
    google: MemoryBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        declare(f"Many{number}")
    schedule_tasks()
    google.store.faults.calls.clear()
    monkeypatch.setattr(job_queryset, "IN_ONE_STATEMENT", 2)
    ScheduledJob.objects.all().pause(reason="stocktaking")
    assert methods(google) == ["PauseJob"] * 5
    assert set(ScheduledJob.objects.values_list("sync_state", "push_token")) == {("synced", None)}


def test_googles_failure_never_fails_the_save_and_is_told(google: MemoryBackend, job: ScheduledJob) -> None:
    heard: list[tuple[str, str]] = []

    def hear(job: ScheduledJob, **_: object) -> None:
        heard.append((job.name, job.sync_error))

    signals.sync_failed.connect(hear)
    google.store.faults.refuse(
        "UpdateJob", "INVALID_ARGUMENT", "The provided schedule or timezone are invalid."
    )
    job.schedule_override = "0 3 * * *"
    job.save()
    signals.sync_failed.disconnect(hear)
    job.refresh_from_db()
    assert (job.schedule_override, job.sync_state) == ("0 3 * * *", "failed")
    assert job.sync_error == (
        "The provided schedule or timezone are invalid. The schedule sent was '0 3 * * *', the time zone 'UTC'."
    )
    assert job.pushed_revision < job.revision
    assert heard == [(job.name, job.sync_error)]


def test_the_next_sync_heals_what_failed(google: MemoryBackend, job: ScheduledJob) -> None:
    google.store.faults.refuse("UpdateJob", "PERMISSION_DENIED", "no", times=9)
    job.schedule_override = "0 3 * * *"
    job.save()
    assert row("One").sync_state == "failed"
    google.store.faults._planned.clear()
    assert schedule_tasks().lines == ["[~] Job updated: shop.tasks.One (schedule)"]
    healed = row("One")
    assert (healed.sync_state, healed.sync_error, healed.pushed_revision) == ("synced", "", healed.revision)


def test_a_row_that_is_right_after_all_is_healed_without_a_write(
    google: MemoryBackend, job: ScheduledJob
) -> None:
    ScheduledJob.objects.filter(pk=job.pk).update(sync_state="failed", sync_error="no answer")
    assert schedule_tasks().lines == []
    assert (row("One").sync_state, row("One").sync_error) == ("synced", "")
    assert methods(google) == ["ListJobs"]


def test_a_lost_answer_is_never_recorded_as_synced_unless_it_is(
    google: MemoryBackend, job: ScheduledJob
) -> None:
    google.store.faults.lose_answer("UpdateJob", times=99)
    job.schedule_override = "0 3 * * *"
    job.save()
    job.refresh_from_db()
    assert job.sync_state == "failed"
    version = JobVersion.objects.filter(job=job).latest("pk")
    assert (version.schedule, version.confirmed_at) == ("0 3 * * *", None)
    google.store.faults._planned.clear()
    schedule_tasks()
    assert row("One").sync_state == "synced"
    version.refresh_from_db()
    assert version.confirmed_at is not None


def test_an_aborted_update_is_made_again(google: MemoryBackend, job: ScheduledJob) -> None:
    google.store.faults.refuse("UpdateJob", "ABORTED", "sync mutate calls cannot be queued", times=3)
    job.schedule_override = "0 3 * * *"
    job.save()
    assert row("One").sync_state == "synced"
    assert methods(google) == ["UpdateJob"] * 4


def test_with_pushes_off_nothing_is_pushed(google: MemoryBackend, job: ScheduledJob) -> None:
    with override_settings(DJANGO_CLOUD_TASKS_PUSH="off"):
        job.schedule_override = "0 3 * * *"
        job.save()
        job.pause(reason="x")
        job.delete()
    assert google.store.faults.calls == []


def test_a_push_creates_what_is_missing(google: MemoryBackend, job: ScheduledJob) -> None:
    google.delete(full_name(job), timeout=1)
    job.description_override = "Back again."
    job.save()
    assert live(google, job).values["description"] == "Back again."


def test_a_pause_comes_before_the_update_and_a_resume_after_it(
    google: MemoryBackend, job: ScheduledJob
) -> None:
    with transaction.atomic():
        job.pause(reason="x")
        job.schedule_override = "0 3 * * *"
        job.save()
    with transaction.atomic():
        job.resume()
        job.schedule_override = "0 4 * * *"
        job.save()
    assert methods(google) == ["PauseJob", "UpdateJob", "UpdateJob", "ResumeJob"]


def test_a_pause_with_an_end_is_the_databases_alone(google: MemoryBackend, job: ScheduledJob) -> None:
    job.pause(reason="x", until=timezone.now() + timedelta(hours=1))
    assert live(google, job).state == "ENABLED"
    assert methods(google) == []


def test_deleting_a_row_deletes_its_job_on_commit(google: MemoryBackend, job: ScheduledJob) -> None:
    with transaction.atomic():
        ScheduledJob.objects.filter(pk=job.pk).delete()
        assert methods(google) == []
    assert methods(google) == ["DeleteJob"]
    change = JobChange.objects.latest("pk")
    assert (change.job, change.job_name, change.field, change.old, change.new) == (
        None, job.name, "job", job.name, None,
    )  # fmt: skip


def test_a_deletion_that_is_rolled_back_deletes_nothing(google: MemoryBackend, job: ScheduledJob) -> None:
    with pytest.raises(RuntimeError), transaction.atomic():
        job.delete()
        raise RuntimeError
    assert methods(google) == []


def test_a_class_that_is_not_here_leaves_the_row_pending(google: MemoryBackend, job: ScheduledJob) -> None:
    """A rolling deploy: the process that saves has not got the new class yet."""
    registry._tasks.clear()
    job.description_override = "x"
    job.save()
    job.refresh_from_db()
    assert (job.sync_state, job.sync_error) == (
        "pending",
        "shop.tasks.One is not in the code of this process",
    )
    job.pause(reason="x")
    assert live(google, job).state == "PAUSED"


def test_a_save_without_a_change_pushes_nothing(google: MemoryBackend, job: ScheduledJob) -> None:
    job.save()
    assert google.store.faults.calls == []


# --- The lease and the revision --------------------------------------------------------------------


def hold_lease(job: ScheduledJob, seconds: float) -> None:
    ScheduledJob.objects.filter(pk=job.pk).update(
        push_token="another", push_until=timezone.now() + timedelta(seconds=seconds)
    )


def test_a_writer_without_the_lease_leaves_the_row_pending(google: MemoryBackend, job: ScheduledJob) -> None:
    hold_lease(job, 60)
    ScheduledJob.objects.filter(pk=job.pk).mark_pending(schedule_override="0 3 * * *")
    push.Push(_soon(0.3)).run([job.pk])
    assert row("One").sync_state == "pending"
    assert methods(google) == []


def test_a_lease_that_ran_out_is_taken_over(google: MemoryBackend, job: ScheduledJob) -> None:
    hold_lease(job, -1)
    job.schedule_override = "0 3 * * *"
    job.save()
    assert row("One").sync_state == "synced"


def test_a_writer_whose_revision_was_covered_returns_at_once(
    google: MemoryBackend, job: ScheduledJob
) -> None:
    hold_lease(job, 60)
    ScheduledJob.objects.filter(pk=job.pk).update(pushed_revision=job.revision)
    push.Push(_soon(30)).run([job.pk])
    assert methods(google) == []


def test_an_edit_during_the_call_is_pushed_in_another_round(google: MemoryBackend, job: ScheduledJob) -> None:
    edited: list[int] = []

    def edit_meanwhile(method: str, name: str, phase: str) -> None:
        if method == "UpdateJob" and phase == "after" and not edited:
            edited.append(ScheduledJob.objects.filter(pk=job.pk).mark_pending(schedule_override="0 4 * * *"))

    google.store.faults.intercept = edit_meanwhile
    job.schedule_override = "0 3 * * *"
    job.save()
    assert live(google, job).values["schedule"] == "0 4 * * *"
    final = row("One")
    assert (final.sync_state, final.pushed_revision) == ("synced", final.revision)


def test_after_four_rounds_a_row_is_left_to_whoever_edits_it(
    google: MemoryBackend, job: ScheduledJob
) -> None:
    rows, numbers = ScheduledJob.objects.filter(pk=job.pk), itertools.count()

    def edit_each_time(method: str, _name: str, phase: str) -> None:
        if (method, phase) == ("UpdateJob", "after"):
            rows.mark_pending(description_override=str(next(numbers)))

    google.store.faults.intercept = edit_each_time
    job.schedule_override = "0 3 * * *"
    job.save()
    assert methods(google) == ["UpdateJob"] * 4
    assert (row("One").sync_state, row("One").push_token) == ("pending", None)


def test_who_runs_out_of_time_gives_the_lease_back(google: MemoryBackend, job: ScheduledJob) -> None:
    rows = ScheduledJob.objects.filter(pk=job.pk)

    def edit_late(method: str, _name: str, phase: str) -> None:
        if (method, phase) == ("UpdateJob", "after"):
            rows.mark_pending(description_override="by somebody else")
            time.sleep(max(until - time.monotonic(), 0))

    rows.mark_pending(description_override="ours")
    google.store.faults.intercept = edit_late
    until = _soon(1)
    push.Push(until).run([job.pk])
    job.refresh_from_db()
    assert (job.push_token, job.sync_state) == (None, "pending")


def test_a_holder_that_lost_its_lease_makes_somebody_push_again(
    google: MemoryBackend, job: ScheduledJob
) -> None:
    stolen: list[int] = []

    def steal(method: str, name: str, phase: str) -> None:
        if method == "UpdateJob" and phase == "after" and not stolen:
            stolen.append(
                ScheduledJob.objects.filter(pk=job.pk).update(push_token="thief", push_until=timezone.now())
            )

    google.store.faults.intercept = steal
    job.schedule_override = "0 3 * * *"
    before = row("One").revision
    job.save()
    final = row("One")
    assert final.revision == before + 2
    assert (final.sync_state, final.pushed_revision) == ("synced", final.revision)


def test_a_death_in_the_middle_is_healed_by_the_next_delivery(
    google: MemoryBackend, job: ScheduledJob
) -> None:
    hold_lease(job, -1)
    ScheduledJob.objects.filter(pk=job.pk).mark_pending(schedule_override="0 3 * * *")
    for seconds, state in ((30, "pending"), (61, "synced")):
        ScheduledJob.objects.filter(pk=job.pk).update(edited_at=timezone.now() - timedelta(seconds=seconds))
        scheduling.after_delivery(job.pk)
        assert row("One").sync_state == state
    assert live(google, job).values["schedule"] == "0 3 * * *"


def test_after_a_delivery_nothing_ever_raises(
    google: MemoryBackend,
    job: ScheduledJob,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(settling, "settle", lambda *_, **__: 1 / 0)
    scheduling.after_delivery(job.pk)
    assert "ZeroDivisionError" in caplog.text


def _soon(seconds: float) -> float:
    return time.monotonic() + seconds


# --- One task --------------------------------------------------------------------------------------


def test_schedule_seeds_and_pushes_one_task(google: MemoryBackend) -> None:
    task = declare("One")
    declare("Other")
    job = task.schedule()
    assert (job.sync_state, job.name) == ("synced", "shop--shop-tasks-One")
    assert [live.name for live in google.list(timeout=1)] == ["shop--shop-tasks-One"]


def test_arguments_set_the_payload_where_none_stands(google: MemoryBackend) -> None:
    task = declare("One")
    assert task.schedule(region="emea").payload_override == {"region": "emea"}
    assert task.schedule(region="emea").payload == {"region": "emea"}
    assert task.schedule().payload == {"region": "emea"}
    with pytest.raises(OverrideExists, match="shop--shop-tasks-One has a payload override"):
        task.schedule(region="apac")
    assert row("One").payload_override == {"region": "emea"}


def test_schedule_of_a_faulty_class_says_what_is_wrong(google: MemoryBackend) -> None:
    task = declare("One", schedule_retries=9)
    with pytest.raises(ValueError, match=r"shop\.tasks\.One: schedule_retries\(\): 9 is not a retry count"):
        task.schedule()


@override_settings(DJANGO_CLOUD_TASKS_EAGER=True)
def test_schedule_in_eager_mode_returns_the_result(google: MemoryBackend) -> None:
    task = declare("One", run=lambda self, **kwargs: {"got": kwargs})
    assert task.schedule(region="emea") == {"got": {"region": "emea"}}
    assert google.store.faults.calls == []


def test_names_and_addresses_follow_the_settings() -> None:
    task = declare("One")
    assert task.name() == "shop.tasks.One"
    assert task.job_id() == "shop--shop-tasks-One"
    assert task.url() == "https://shop.example.com/tasks/shop.tasks.One"
    with override_settings(
        DJANGO_CLOUD_TASKS_APP_NAME=None, DJANGO_CLOUD_TASKS_ENDPOINT="https://x.example/"
    ):
        assert (task.job_id(), task.url()) == ("shop-tasks-One", "https://x.example/tasks/shop.tasks.One")


# --- Writers at once -------------------------------------------------------------------------------


@pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite in memory has one connection: no race")
def test_eight_writers_end_with_google_equal_to_the_database(google: MemoryBackend) -> None:
    for n in range(4):
        declare(f"Job{n}")
    schedule_tasks()
    google.store.faults.latency = 0.002
    google.store.faults.settle = 0.01
    pks = list(ScheduledJob.objects.values_list("pk", flat=True))

    def write(writer: int) -> None:
        try:
            for n in range(8):
                job = ScheduledJob.objects.get(pk=pks[(writer + n) % len(pks)])
                job.description_override = f"{writer}.{n}"
                job.save()
                if n % 3 == 0:
                    job.pause(reason="x")
                elif n % 3 == 1:
                    job.resume()
        finally:
            connection.close()

    threads = [threading.Thread(target=write, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for job in ScheduledJob.objects.all():
        there = live(google, job)
        assert (job.sync_state, job.pushed_revision) == ("synced", job.revision)
        assert there.values["description"] == job.description
        assert there.state == job.desired_state


def test_a_former_name_that_another_job_took_over_is_left_alone(
    google: MemoryBackend, job: ScheduledJob
) -> None:
    GoogleName.objects.create(
        job=job,
        name=google.remote_name("shop--other"),
        identifier="shop--other",
        endpoint="https://shop.example.com",
    )
    declare("Other", schedule_name="other")
    schedule_tasks()
    assert "shop--other" in {there.name for there in google.list(timeout=1)}
