"""What waits goes one after the other, and what a delivery does for it is bounded."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.core.management import call_command
from django.db import connection, connections
from django.test import override_settings
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from scheduled_jobs.models import JobRun, ScheduledJob
from scheduled_jobs.services import execution, scheduling
from tests.support import SLOT, make_run, with_several_writers
from tests.support.declaring import declare, row, schedule_tasks

if TYPE_CHECKING:
    from scheduled_jobs.backends.memory import MemoryBackend

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_tasks")]

Status, Trigger = JobRun.Status, JobRun.Trigger
HOUR = timedelta(hours=1)


@pytest.fixture
def job(google: MemoryBackend) -> ScheduledJob:
    declare("One", run_every="0 * * * *")
    schedule_tasks()
    google.store.faults.calls.clear()
    return row("One")


def calls(google: MemoryBackend) -> list[str]:
    """What was asked of Google since the last look, but for looks of ours."""
    found = [call.method for call in google.store.faults.calls if call.method != "GetJob"]
    google.store.faults.calls.clear()
    return found


def backfill(job: ScheduledJob, n: int = 3) -> list[JobRun]:
    """The backfill of so many slots, the first of which was sent."""
    return execution.backfill(job, SLOT, SLOT + n * HOUR)


def states(runs: list[JobRun]) -> list[Any]:
    found = dict(JobRun.objects.in_bulk([run.pk for run in runs]))
    return [(found[run.pk].status, found[run.pk].sent) for run in runs]


def end(run: JobRun, status: str = Status.SUCCEEDED) -> None:
    """As though it had been delivered and had ended."""
    settled = run.scheduled_for if status in JobRun.SETTLING else None
    JobRun.objects.filter(pk=run.pk).update(
        status=status, settled_slot=settled, active_slot=None, overlap_lock=None, deliveries=1
    )


def test_each_is_sent_when_the_one_before_has_ended(google: MemoryBackend, job: ScheduledJob) -> None:
    runs = backfill(job)
    assert states(runs) == [("queued", 1), ("queued", 0), ("queued", 0)]
    scheduling.settle()
    scheduling.after_delivery(job.pk)
    assert calls(google) == ["RunJob"]

    end(runs[0])
    scheduling.after_delivery(job.pk)
    assert states(runs) == [("succeeded", 1), ("queued", 1), ("queued", 0)]

    end(runs[1], Status.LOST)  # its process was killed: the next one goes on all the same
    scheduling.settle()
    assert states(runs) == [("succeeded", 1), ("lost", 1), ("queued", 1)]
    assert calls(google) == ["RunJob"] * 2


def test_reruns_and_backfills_stand_in_one_line(google: MemoryBackend, job: ScheduledJob) -> None:
    failed = make_run(job, Status.FAILED, scheduled_for=SLOT - HOUR)
    runs = [*backfill(job, 1), execution.rerun(failed)]
    assert states(runs) == [("queued", 1), ("queued", 0)]
    end(runs[0])
    scheduling.settle()
    assert states(runs) == [("succeeded", 1), ("queued", 1)]
    assert calls(google) == ["RunJob"] * 2


def test_they_wait_for_a_run_that_goes_on(google: MemoryBackend, job: ScheduledJob) -> None:
    natural = make_run(job, Status.RUNNING, scheduled_for=SLOT - HOUR)
    runs = backfill(job, 1)
    scheduling.settle()
    assert (states(runs), calls(google)) == ([("queued", 0)], [])
    end(natural)
    scheduling.settle()
    assert (states(runs), calls(google)) == ([("queued", 1)], ["RunJob"])


def test_where_overlaps_are_allowed_they_still_go_one_by_one(
    google: MemoryBackend, job: ScheduledJob
) -> None:
    make_run(job, Status.RUNNING, scheduled_for=SLOT - HOUR, overlap_lock=None)
    of_slot = make_run(job, Status.FAILED, scheduled_for=SLOT)
    runs = backfill(job)
    assert states(runs) == [("queued", 1), ("queued", 0), ("queued", 0)]

    # Google's own retry of the slot of the second goes on: the third need not wait for it.
    end(runs[0])
    of_slot.scheduled_for, of_slot.attempt = SLOT + HOUR, 2
    of_slot.status, of_slot.active_slot = Status.RUNNING, SLOT + HOUR
    of_slot.save()
    scheduling.settle()
    assert states(runs) == [("succeeded", 1), ("queued", 0), ("queued", 1)]


def test_a_slot_settled_meanwhile_is_left_out_unsent(google: MemoryBackend, job: ScheduledJob) -> None:
    runs = backfill(job)
    make_run(job, Status.SUCCEEDED, scheduled_for=SLOT + HOUR, attempt=2)
    end(runs[0])
    scheduling.after_delivery(job.pk)
    assert states(runs) == [("succeeded", 1), ("discarded", 0), ("queued", 1)]
    runs[1].refresh_from_db()
    assert (runs[1].error, runs[1].error_key, runs[1].settled_slot) == ("already done", "", None)
    assert calls(google) == ["RunJob"] * 2


def test_a_pause_holds_a_backfill_and_no_rerun(google: MemoryBackend, job: ScheduledJob) -> None:
    failed = make_run(job, Status.FAILED, scheduled_for=SLOT - HOUR)
    runs = backfill(job)
    job.pause(reason="it does harm", by="rui")
    end(runs[0])
    calls(google)
    scheduling.settle()
    assert (states(runs[1:]), calls(google)) == ([("queued", 0)] * 2, [])

    again = execution.rerun(failed)
    assert (states([again]), calls(google)) == ([("queued", 1)], ["RunJob"])
    end(again)
    job.resume()
    scheduling.settle()
    assert states(runs[1:]) == [("queued", 1), ("queued", 0)]


@pytest.mark.parametrize("column", ["retired_at", "deleting_at"])
def test_what_waits_of_a_job_that_is_going_ends(
    column: str, google: MemoryBackend, job: ScheduledJob
) -> None:
    runs = backfill(job)
    ScheduledJob.objects.update(**{column: timezone.now()})
    calls(google)
    scheduling.settle(job.pk, most=1)
    assert states(runs) == [("queued", 1), ("discarded", 0), ("queued", 0)]
    scheduling.settle()
    assert states(runs) == [("queued", 1), ("discarded", 0), ("discarded", 0)]
    runs[1].refresh_from_db()
    assert runs[1].error == "the job is retired or being deleted: Google has no job to run any more"
    assert calls(google) == []


def test_where_pushes_are_off_what_waits_is_left_to_others(google: MemoryBackend, job: ScheduledJob) -> None:
    runs = backfill(job)
    end(runs[0])
    with override_settings(DJANGO_CLOUD_TASKS_PUSH="off"):
        scheduling.settle()
    assert states(runs[1:]) == [("queued", 0)] * 2
    scheduling.settle()
    assert states(runs[1:]) == [("queued", 1), ("queued", 0)]


def test_whoever_asked_and_died_is_made_up_for_at_once(google: MemoryBackend, job: ScheduledJob) -> None:
    runs = backfill(job)
    JobRun.objects.update(sent=0, sent_at=None)
    calls(google)
    scheduling.settle()
    scheduling.settle()
    assert (states(runs), calls(google)) == ([("queued", 1), ("queued", 0), ("queued", 0)], ["RunJob"])


def test_one_that_google_does_not_deliver_gives_way_to_the_next(
    google: MemoryBackend, job: ScheduledJob
) -> None:
    runs = backfill(job)
    past = timezone.now() - timedelta(minutes=4)
    JobRun.objects.filter(pk=runs[0].pk).update(sent_at=past)
    scheduling.settle()
    JobRun.objects.filter(pk=runs[0].pk).update(sent_at=past)
    scheduling.settle()
    assert states(runs) == [("lost", 2), ("queued", 1), ("queued", 0)]


def test_one_turned_away_while_its_slot_ran_is_sent_when_that_has_ended(
    google: MemoryBackend, job: ScheduledJob
) -> None:
    """Asked for seconds before a slot, its delivery is held until then, and is one of two of that slot."""
    slot = timezone.now().replace(microsecond=0)
    run = job.run_now()
    JobRun.objects.filter(pk=run.pk).update(sent_at=slot - timedelta(seconds=3))
    facts = {"scheduled_for": slot, "active_slot": slot, "started_at": slot}
    natural = make_run(job, Status.RUNNING, **facts)
    assert calls(google) == ["RunJob"]
    scheduling.settle(job.pk)
    end(natural)
    JobRun.objects.filter(pk=natural.pk).update(finished_at=slot)
    scheduling.settle(job.pk)  # its delivery is still to come, and may serve the run that waits
    assert calls(google) == []
    JobRun.objects.filter(pk=natural.pk).update(deliveries=2)
    scheduling.settle(job.pk)
    assert (calls(google), states([run])) == (["RunJob"], [(Status.QUEUED, 2)])
    scheduling.settle(job.pk)
    assert calls(google) == []


def test_of_two_who_settle_at_once_one_sends(
    google: MemoryBackend, job: ScheduledJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = backfill(job, 1)
    JobRun.objects.update(sent=0, sent_at=None)
    calls(google)
    from scheduled_jobs.services.scheduling import run_now

    look, left = run_now.look_at, [scheduling.settle]

    def meanwhile(*args: Any) -> Any:
        if left:
            left.pop()()
        return look(*args)

    monkeypatch.setattr(run_now, "look_at", meanwhile)
    scheduling.settle()
    assert (states(runs), calls(google)) == ([("queued", 1)], ["RunJob"])


def test_a_delivery_does_little_for_a_thousand_that_wait(google: MemoryBackend, job: ScheduledJob) -> None:
    """A thousand spent, and a hundred in turn, cost one look, one end and one call."""
    past = timezone.now() - timedelta(minutes=4)
    spent = {"job": job, "status": Status.QUEUED, "trigger": Trigger.MANUAL, "payload": {}, "sent": 2}
    JobRun.objects.bulk_create(JobRun(sent_at=past, **spent) for _ in range(1_000))
    execution.backfill(job, SLOT - 100 * HOUR, SLOT)
    calls(google)
    JobRun.objects.filter(trigger=Trigger.BACKFILL).update(sent=0, sent_at=None)
    with CaptureQueriesContext(connection) as found:
        scheduling.after_delivery(job.pk)
    assert JobRun.objects.filter(status=Status.LOST).count() == 1
    assert calls(google) == ["RunJob"]
    assert len(found) < 30

    # All are given up by whoever is not a delivery, for one look at the job.
    scheduling.settle()
    looks = [call.method for call in google.store.faults.calls]
    assert JobRun.objects.filter(status=Status.LOST).count() == 1_000
    assert looks == ["GetJob"]


@pytest.mark.parametrize("command", ["schedule_tasks", "watch"])
def test_where_nothing_fires_a_command_sends_what_the_dead_held_up(
    command: str, google: MemoryBackend, job: ScheduledJob
) -> None:
    now = timezone.now()
    dead = make_run(job, Status.RUNNING, scheduled_for=SLOT - HOUR, started_at=now - HOUR)
    runs = backfill(job, 2)
    undelivered = job.run_now()
    JobRun.objects.filter(pk=undelivered.pk).update(sent_at=now - timedelta(minutes=4))
    assert states(runs) == [("queued", 0), ("queued", 0)]

    if command == "watch":
        call_command("scheduled_jobs", "watch", stdout=io.StringIO())
    else:
        schedule_tasks()

    assert states([dead, *runs, undelivered]) == [
        ("lost", 0), ("queued", 1), ("queued", 0), ("queued", 2),
    ]  # fmt: skip


@with_several_writers
def test_many_who_settle_at_once_send_one(google: MemoryBackend, job: ScheduledJob) -> None:
    runs = backfill(job)
    JobRun.objects.update(sent=0, sent_at=None)
    calls(google)

    def settled(_n: int) -> None:
        try:
            scheduling.settle()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(settled, range(8)))
    assert (states(runs), calls(google)) == ([("queued", 1), ("queued", 0), ("queued", 0)], ["RunJob"])
