"""Running something again, and not running it after all."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.auth import get_user_model
from django.db import transaction

from scheduled_jobs import registry, signals
from scheduled_jobs.exceptions import BeingDeleted, InvalidPayload, RunRefused
from scheduled_jobs.models import JobChange, JobRun, ScheduledJob
from scheduled_jobs.services import execution
from scheduled_jobs.services.execution import requests, statements
from tests.services.execution.calling import BEFORE, deliver
from tests.support import NEXT_SLOT, SLOT, ask, make_run, make_task

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scheduled_jobs.tasks import PeriodicTask

pytestmark = pytest.mark.django_db

Status, Trigger = JobRun.Status, JobRun.Trigger


@pytest.fixture(autouse=True)
def requested() -> Iterator[list[tuple[list[int], bool]]]:
    """Stands for what would send the RunJob: the runs it was told of."""
    from scheduled_jobs import apps

    told: list[tuple[list[int], bool]] = []

    def receive(pks: list[int], using: str, **kwargs: Any) -> None:
        told.append((pks, transaction.get_connection(using).in_atomic_block))

    signals.run_requested.disconnect(apps.fire_requested, sender=JobRun)
    signals.run_requested.connect(receive)
    yield told
    signals.run_requested.disconnect(receive)
    signals.run_requested.connect(apps.fire_requested, sender=JobRun)


def send(run: JobRun) -> None:
    """As though its RunJob had been sent before the slot."""
    JobRun.objects.filter(pk=run.pk).update(sent=1, sent_at=BEFORE)


@pytest.mark.parametrize("status", [Status.FAILED, Status.LOST, Status.TIMED_OUT, Status.MISSED])
def test_a_rerun_of_an_unsettled_slot_is_the_slots_next_attempt(
    status: str, job: ScheduledJob, task: type[PeriodicTask], requested: list[Any]
) -> None:
    user = get_user_model().objects.create(username="ana")
    origin = make_run(job, status, scheduled_for=SLOT, payload={"region": "emea"})

    queued = execution.rerun(origin, by=user, reason="rates are in")

    assert (queued.status, queued.trigger, queued.retry_of) == (Status.QUEUED, Trigger.RETRY, origin)
    assert (queued.scheduled_for, queued.attempt, queued.active_slot) == (SLOT, 2, None)
    assert (queued.payload, queued.requested_by) == ({"region": "emea"}, "ana")
    assert (queued.reason, queued.sent) == ("rates are in", 0)
    assert requested == [([queued.pk], True)]
    change = JobChange.objects.get(field="run")
    assert (change.old, change.new, change.actor_label, change.reason) == (
        origin.pk,
        queued.pk,
        "ana",
        "rates are in",
    )


def test_a_rerun_that_succeeds_settles_the_slot(job: ScheduledJob, task: type[PeriodicTask]) -> None:
    queued = execution.rerun(make_run(job, Status.FAILED, scheduled_for=SLOT))
    send(queued)

    claimed = deliver(job, task, slot=NEXT_SLOT)
    retried = deliver(job, task)

    assert claimed.body == {"status": "executed", "result": {}, "run": queued.pk}
    assert retried.body == {"status": "duplicate", "run": queued.pk}
    queued.refresh_from_db()
    assert (queued.status, queued.settled_slot, queued.attempt) == (Status.SUCCEEDED, SLOT, 2)


def test_while_a_rerun_is_going_googles_retry_is_told_so(
    job: ScheduledJob,
) -> None:
    answers = []

    def run(self: PeriodicTask) -> None:
        answers.append(deliver(job, task))

    task = make_task(run)
    send(execution.rerun(make_run(job, Status.FAILED, scheduled_for=SLOT)))

    deliver(job, task, slot=NEXT_SLOT)
    assert [answer.status for answer in answers] == [409]


def test_a_rerun_of_a_slot_settled_meanwhile_is_discarded(
    job: ScheduledJob, task: type[PeriodicTask]
) -> None:
    queued = execution.rerun(make_run(job, Status.FAILED, scheduled_for=SLOT))
    natural = deliver(job, task)
    send(queued)

    answer = deliver(job, task, slot=NEXT_SLOT)

    assert answer.body == {"status": "duplicate", "run": natural.body["run"]}
    queued.refresh_from_db()
    assert (queued.status, queued.error, queued.deliveries) == (Status.DISCARDED, "already done", 1)


def test_a_discarded_rerun_leaves_the_delivery_to_others(job: ScheduledJob, task: type[PeriodicTask]) -> None:
    queued = execution.rerun(make_run(job, Status.FAILED, scheduled_for=SLOT))
    natural = deliver(job, task)
    send(queued)

    assert deliver(job, task).body == {"status": "duplicate", "run": natural.body["run"]}
    queued.refresh_from_db()
    assert (queued.status, queued.deliveries) == (Status.DISCARDED, 0)


@pytest.mark.parametrize("trigger", [Trigger.RETRY, Trigger.BACKFILL])
def test_a_rerun_that_meets_another_run_waits_for_its_turn_again(
    trigger: str, job: ScheduledJob, task: type[PeriodicTask]
) -> None:
    queued = execution.rerun(make_run(job, Status.FAILED, scheduled_for=SLOT))
    JobRun.objects.filter(pk=queued.pk).update(trigger=trigger)
    send(queued)
    other = make_run(job, Status.RUNNING, trigger=Trigger.MANUAL)

    assert deliver(job, task, slot=NEXT_SLOT).body["status"] == "skipped"
    queued.refresh_from_db()
    assert (queued.status, queued.sent, queued.settled_slot) == (Status.QUEUED, 0, None)

    other.delete()
    assert deliver(job, task).body["status"] == "executed"


def test_a_rerun_of_a_slot_being_run_waits_for_its_turn(
    job: ScheduledJob,
) -> None:
    task = make_task(overlap="allow")
    queued = execution.rerun(make_run(job, Status.FAILED, scheduled_for=SLOT))
    send(queued)
    running = make_run(job, Status.RUNNING, scheduled_for=SLOT, attempt=3, overlap_lock=None)

    assert deliver(job, task).body == {"status": "running", "run": running.pk}
    queued.refresh_from_db()
    assert (queued.status, queued.sent, queued.sent_at) == (Status.QUEUED, 0, None)


@pytest.mark.parametrize(
    "values",
    [
        pytest.param({"status": Status.SUCCEEDED, "scheduled_for": SLOT}, id="succeeded"),
        pytest.param({"status": Status.FAILED, "trigger": Trigger.MANUAL}, id="manual"),
    ],
)
def test_a_rerun_of_what_is_settled_is_a_run_of_its_own(values: dict[str, Any], job: ScheduledJob) -> None:
    queued = execution.rerun(make_run(job, values.pop("status"), **values))
    assert (queued.scheduled_for, queued.attempt) == (None, 1)


def test_a_rerun_of_what_was_settled_later_is_a_run_of_its_own(
    job: ScheduledJob,
) -> None:
    failed = make_run(job, Status.FAILED, scheduled_for=SLOT)
    make_run(job, Status.SUCCEEDED, scheduled_for=SLOT, attempt=2)
    assert execution.rerun(failed).scheduled_for is None


def test_a_rerun_of_a_missed_slot_has_the_payload_in_force(
    job: ScheduledJob,
) -> None:
    ScheduledJob.objects.update(declared_payload={"region": "in force"})
    missed = make_run(job, Status.MISSED, scheduled_for=SLOT, payload=None)

    assert execution.rerun(missed).payload == {"region": "in force"}
    assert execution.rerun(missed, {"region": "other"}).payload == {"region": "other"}


def test_a_payload_that_does_not_fit_is_refused(job: ScheduledJob) -> None:
    def needs_region(self: PeriodicTask, *, region: str) -> None: ...

    make_task(needs_region)
    failed = make_run(job, Status.FAILED, scheduled_for=SLOT)

    with pytest.raises(InvalidPayload):
        execution.rerun(failed, {"place": "emea"})
    assert not JobRun.objects.filter(status=Status.QUEUED).exists()


def test_a_run_of_a_task_that_is_gone_can_still_be_asked_for(job: ScheduledJob) -> None:
    registry._tasks.clear()
    assert execution.rerun(make_run(job, Status.FAILED)).status == Status.QUEUED


@pytest.mark.parametrize("status", [Status.QUEUED, Status.RUNNING])
def test_a_run_that_is_not_over_is_not_run_again(status: str, job: ScheduledJob) -> None:
    run = make_run(job, status)
    with pytest.raises(RunRefused, match=rf"Run #{run.pk} is {status}; wait until it is over."):
        execution.rerun(run)


def test_nothing_of_a_job_that_is_being_deleted_is_run_again(job: ScheduledJob) -> None:
    run = make_run(job, Status.FAILED, scheduled_for=SLOT)
    ScheduledJob.objects.filter(pk=job.pk).update(deleting_at=SLOT)
    with pytest.raises(
        BeingDeleted, match="is being deleted: it can no longer be paused, resumed, reset or run"
    ):
        execution.rerun(run)
    assert JobRun.objects.count() == 1


def test_an_attempt_made_meanwhile_counts_before_the_rerun(
    job: ScheduledJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = make_run(job, Status.FAILED, scheduled_for=SLOT)
    real = statements.read_slot

    def read_too_early(job_id: int, at: Any) -> statements.Slot:
        slot = real(job_id, at)
        make_run(job, Status.FAILED, scheduled_for=SLOT, attempt=slot.attempts + 1)
        monkeypatch.setattr(statements, "read_slot", real)
        return slot

    monkeypatch.setattr(statements, "read_slot", read_too_early)
    assert execution.rerun(failed).attempt == 3


def test_attempts_that_keep_coming_are_said(job: ScheduledJob, monkeypatch: pytest.MonkeyPatch) -> None:
    failed = make_run(job, Status.FAILED, scheduled_for=SLOT)
    monkeypatch.setattr(requests, "_slot_of", lambda run: {"scheduled_for": SLOT, "attempt": 1})
    with pytest.raises(RunRefused, match=r"Other attempts for this time keep coming; try again\."):
        execution.rerun(failed)


def test_a_cancelled_run_never_starts_and_absorbs_its_delivery(
    job: ScheduledJob, task: type[PeriodicTask]
) -> None:
    queued = ask(job, sent_at=BEFORE)

    assert execution.cancel(queued, by="ana") is True

    assert (queued.status, queued.error) == (Status.DISCARDED, "cancelled by ana")
    assert deliver(job, task, slot=NEXT_SLOT).body == {"status": "duplicate", "run": queued.pk}
    change = JobChange.objects.get(field="run")
    assert (change.old, change.new, change.actor_label) == (queued.pk, "discarded", "ana")


def test_a_run_cancelled_by_nobody_in_particular_says_only_that(job: ScheduledJob) -> None:
    queued = ask(job, sent_at=BEFORE)
    execution.cancel(queued)
    assert queued.error == "cancelled"


def test_a_run_that_has_begun_cannot_be_cancelled(job: ScheduledJob, task: type[PeriodicTask]) -> None:
    queued = ask(job, sent_at=BEFORE - timedelta(minutes=1))
    deliver(job, task, slot=NEXT_SLOT)

    assert execution.cancel(queued, by="ana") is False
    assert queued.status == Status.SUCCEEDED
    assert not JobChange.objects.filter(field="run").exists()
