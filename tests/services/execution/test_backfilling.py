"""Running the times of a schedule that have no settled run, of a range that somebody names."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connections, transaction
from django.test import override_settings
from django.utils import timezone

from scheduled_jobs import signals
from scheduled_jobs.exceptions import BeingDeleted, InvalidPayload, RunRefused
from scheduled_jobs.models import JobChange, JobRun, JobVersion, ScheduledJob
from scheduled_jobs.services import execution
from scheduled_jobs.services.execution import backfilling
from tests.services.execution.calling import BEFORE, deliver
from tests.support import NEXT_SLOT, SLOT, make_job, make_run, make_task, with_several_writers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scheduled_jobs.tasks import PeriodicTask

Status, Trigger = JobRun.Status, JobRun.Trigger
HOUR = timedelta(hours=1)
START, END = SLOT - 3 * HOUR, SLOT + HOUR
"""Four slots of a job that runs on the hour: 06:00, 07:00, 08:00 and 09:00."""
NOW = SLOT + timedelta(hours=2)


@pytest.fixture(autouse=True)
def requested(db: None) -> Iterator[list[list[int]]]:
    """Stands for what would send the RunJobs: the runs it was told of."""
    from scheduled_jobs import apps

    told: list[list[int]] = []

    def receive(pks: list[int], **kwargs: Any) -> None:
        told.append(pks)

    signals.run_requested.disconnect(apps.fire_requested)
    signals.run_requested.connect(receive)
    yield told
    signals.run_requested.disconnect(receive)
    signals.run_requested.connect(apps.fire_requested)


def version(job: ScheduledJob, since: datetime, until: datetime | None = None, **values: Any) -> None:
    known = {"schedule": "0 * * * *", "time_zone": "UTC", "state": "ENABLED", "confirmed_at": since}
    JobVersion.objects.create(job=job, since=since, until=until, **{**known, **values})


def planned(job: ScheduledJob, start: datetime = START, end: datetime = END) -> list[tuple[Any, ...]]:
    plan = execution.plan_backfill(job, start, end, NOW)
    return [(f"{time.at:%H:%M}", time.attempt, time.last, time.doubt) for time in plan.times]


def test_times_without_a_settled_run_are_found_with_their_attempt(job: ScheduledJob) -> None:
    version(job, START - HOUR)
    missed = make_run(job, Status.MISSED, scheduled_for=START)
    make_run(job, Status.FAILED, scheduled_for=START + HOUR)
    lost = make_run(job, Status.LOST, scheduled_for=START + HOUR, attempt=2)
    make_run(job, Status.SUCCEEDED, scheduled_for=START + 2 * HOUR)

    plan = execution.plan_backfill(job, START, END, NOW)

    assert planned(job) == [("06:00", 2, missed.pk, ""), ("07:00", 3, lost.pk, ""), ("09:00", 1, None, "")]
    assert (plan.done, plan.going, plan.guessed, plan.doubtful) == (1, 0, False, [])


@pytest.mark.parametrize("status", [Status.SUCCEEDED, Status.SKIPPED, Status.DISCARDED])
def test_a_settled_time_is_left_alone(status: str, job: ScheduledJob) -> None:
    make_run(job, status, scheduled_for=SLOT)
    plan = execution.plan_backfill(job, SLOT, END, NOW)
    assert (plan.times, plan.done) == ([], 1)


@pytest.mark.parametrize("status", [Status.RUNNING, Status.QUEUED])
def test_a_time_that_is_being_run_or_waits_is_left_alone(status: str, job: ScheduledJob) -> None:
    make_run(job, Status.FAILED, scheduled_for=SLOT)
    make_run(job, status, scheduled_for=SLOT, attempt=2)
    plan = execution.plan_backfill(job, SLOT, END, NOW)
    assert (plan.times, plan.going) == ([], 1)


def test_a_cancelled_time_can_be_asked_for_again(job: ScheduledJob) -> None:
    cancelled = make_run(job, Status.DISCARDED, scheduled_for=SLOT, settled_slot=None)
    assert planned(job, SLOT) == [("09:00", 2, cancelled.pk, "")]


def test_nothing_ahead_is_run(job: ScheduledJob) -> None:
    plan = execution.plan_backfill(job, SLOT, SLOT + timedelta(days=9), SLOT + HOUR)
    assert [time.at for time in plan.times] == [SLOT]


def test_the_times_are_those_of_the_schedule_google_had_then(job: ScheduledJob) -> None:
    """The row says 0 * * * * now; until 07:30 Google had each half hour."""
    version(job, START, START + 1.5 * HOUR, schedule="30 * * * *")
    version(job, START + 1.5 * HOUR, START + 2.5 * HOUR, state="PAUSED")
    version(job, START + 2.5 * HOUR, confirmed_at=None)
    assert planned(job) == [
        ("06:30", 1, None, ""),
        ("08:00", 1, None, "The job was paused then."),
        ("09:00", 1, None, "Google had not confirmed the schedule by then."),
    ]


def test_of_a_time_before_the_job_the_schedule_in_force_is_said(job: ScheduledJob) -> None:
    version(job, SLOT - timedelta(seconds=30))
    unknown = "Google did not have this job then; it is a time of the schedule in force now."
    edge = "The job was changed in Google within a minute of it."
    assert [time[3] for time in planned(job)] == [unknown, unknown, unknown, edge]


def test_a_time_that_the_clocks_repeat_is_doubtful(job: ScheduledJob) -> None:
    version(job, datetime(2026, 1, 1, tzinfo=UTC), schedule="30 1 * * *", time_zone="Europe/Lisbon")
    plan = execution.plan_backfill(
        job, datetime(2026, 10, 25, tzinfo=UTC), datetime(2026, 10, 25, 3, tzinfo=UTC), NOW
    )
    assert [time.doubt for time in plan.doubtful] == [
        "01:30 occurs twice on 25 October 2026 in Europe/Lisbon"
    ]


def test_where_google_counts_from_the_last_run_only_known_times_are_run(job: ScheduledJob) -> None:
    version(job, START - HOUR, schedule="every 7 minutes")
    at = SLOT.replace(second=1, microsecond=416739)
    missed = make_run(job, Status.MISSED, scheduled_for=at)
    assert planned(job) == [("09:00", 2, missed.pk, "")]
    assert execution.plan_backfill(job, START, END, NOW).guessed


def test_a_range_that_is_too_long_is_refused(job: ScheduledJob, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backfilling, "MOST_TIMES", 3)
    why = "More than 3 scheduled times, or runs, lie in that time; choose a shorter one."
    with pytest.raises(RunRefused, match=why):
        execution.plan_backfill(job, START, END, NOW)
    for n in range(4):
        make_run(job, Status.SUCCEEDED, scheduled_for=START + timedelta(minutes=n))
    with pytest.raises(RunRefused, match=why):
        execution.plan_backfill(job, START, START + HOUR / 2, NOW)


# --- Asking ---------------------------------------------------------------------------------------


def test_each_time_is_queued_with_the_payload_in_force(job: ScheduledJob, requested: list[list[int]]) -> None:
    missed = make_run(job, Status.MISSED, scheduled_for=START, payload=None)
    make_run(job, Status.SUCCEEDED, scheduled_for=START + HOUR)
    ScheduledJob.objects.filter(pk=job.pk).update(payload_override={"region": "apac"})

    asked = execution.backfill(job, START, END, by="maria", reason="the network was down")

    assert [(run.scheduled_for, run.attempt, run.retry_of_id) for run in asked] == [
        (START, 2, missed.pk),
        (START + 2 * HOUR, 1, None),
        (SLOT, 1, None),
    ]
    facts = {(run.status, run.trigger, run.sent, run.requested_by, run.reason) for run in asked}
    assert facts == {("queued", "backfill", 0, "maria", "the network was down")}
    assert asked[0].payload == {"region": "apac"}
    assert len({run.created_at for run in asked}) == 1
    assert requested == [[run.pk for run in asked]]
    change = JobChange.objects.get()
    assert (change.field, change.old, change.actor_label, change.reason) == (
        "backfill",
        None,
        "maria",
        "the network was down",
    )
    assert change.new == {
        "from": "2026-11-23T06:00:00+00:00",
        "to": "2026-11-23T09:00:00+00:00",
        "first": asked[0].pk,
        "runs": 3,
    }


def test_a_second_time_there_is_nothing_left_to_ask_for(job: ScheduledJob) -> None:
    execution.backfill(job, START, END)
    with pytest.raises(RunRefused, match=r"^Every scheduled time in that time has a run that settled it"):
        execution.backfill(job, START, END)


def test_more_than_a_hundred_are_refused_with_the_end_of_a_hundred(job: ScheduledJob) -> None:
    with pytest.raises(RunRefused) as refusal:
        execution.backfill(job, SLOT - 149 * HOUR, END)
    assert str(refusal.value) == (
        "150 scheduled times have no settled run, and at most 100 are run at once: "
        "those before 2026-11-21 08:00:00 UTC are so many."
    )
    assert not JobRun.objects.exists()
    until = datetime(2026, 11, 21, 8, tzinfo=UTC)
    assert len(execution.backfill(job, SLOT - 149 * HOUR, until)) == 100


@pytest.mark.parametrize("settings", [{"DJANGO_CLOUD_TASKS_PUSH": "off"}, {"DJANGO_CLOUD_TASKS_EAGER": True}])
def test_where_google_is_not_asked_nothing_is_queued(settings: dict[str, Any], job: ScheduledJob) -> None:
    with (
        override_settings(**settings),
        pytest.raises(RunRefused, match="^Google is not asked to run anything"),
    ):
        execution.backfill(job, START, END)
    assert not JobRun.objects.exists()


def test_a_job_that_is_gone_or_has_another_payload_is_refused(job: ScheduledJob) -> None:
    rows = ScheduledJob.objects.filter(pk=job.pk)
    rows.update(payload_override={"region": 1, "nobody": 2})
    make_task(lambda self, region="emea": None)
    with pytest.raises(InvalidPayload):
        execution.backfill(job, START, END)
    rows.update(payload_override=None, deleting_at=timezone.now())
    with pytest.raises(BeingDeleted):
        execution.backfill(job, START, END)
    rows.update(deleting_at=None, retired_at=timezone.now())
    with pytest.raises(RunRefused, match=r"^This job is retired"):
        execution.backfill(ScheduledJob.objects.get(pk=job.pk), START, END)
    assert not JobRun.objects.exists()


def test_a_backfill_that_is_delivered_settles_its_time(job: ScheduledJob, task: type[PeriodicTask]) -> None:
    [run] = execution.backfill(job, SLOT, END)
    JobRun.objects.update(sent=1, sent_at=BEFORE)

    claimed = deliver(job, task, slot=NEXT_SLOT)
    late = deliver(job, task)

    run.refresh_from_db()
    assert claimed.body == {"status": "executed", "result": {}, "run": run.pk}
    assert late.body == {"status": "duplicate", "run": run.pk}
    assert (run.status, run.settled_slot, run.attempt) == (Status.SUCCEEDED, SLOT, 1)


def test_a_late_delivery_outruns_the_backfill_of_its_time(
    job: ScheduledJob, task: type[PeriodicTask]
) -> None:
    [run] = execution.backfill(job, SLOT, END)
    natural = deliver(job, task)
    JobRun.objects.filter(pk=run.pk).update(sent=1, sent_at=BEFORE)

    assert natural.body["status"] == "executed"
    assert deliver(job, task, slot=NEXT_SLOT).body == {"status": "duplicate", "run": natural.body["run"]}
    run.refresh_from_db()
    assert (run.status, run.error) == (Status.DISCARDED, "already done")


# --- Taking it back -------------------------------------------------------------------------------


def test_all_that_waits_of_one_backfill_is_cancelled_at_once(job: ScheduledJob) -> None:
    first = execution.backfill(job, START, START + 2 * HOUR)
    second = execution.backfill(job, START + 2 * HOUR, END)
    JobRun.objects.filter(pk=first[0].pk).update(status=Status.RUNNING)

    assert execution.cancel_backfill(first[0], by="rui") == 1
    assert execution.cancel_backfill(first[0], by="rui") == 0

    statuses = dict(JobRun.objects.values_list("pk", "status"))
    assert [statuses[run.pk] for run in (*first, *second)] == ["running", "discarded", "queued", "queued"]
    assert JobRun.objects.get(pk=first[1].pk).error == "cancelled by rui"
    change = JobChange.objects.first()
    assert change is not None
    assert (change.field, change.old, change.new) == ("backfill", {"first": first[1].pk, "runs": 1}, None)


@with_several_writers
@pytest.mark.django_db(transaction=True)
def test_two_who_backfill_the_same_at_once_ask_once() -> None:
    job = make_job(make_task())

    def ask(who: str) -> int | str:
        try:
            return len(execution.backfill(job, START, END, by=who))
        except RunRefused as refusal:
            return str(refusal).partition(" in that")[0]
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(ask, ["ana", "rui", "maria", "eva"]))

    assert sorted(map(str, answers)) == ["4", *["Every scheduled time"] * 3]
    assert JobRun.objects.count() == 4


@with_several_writers
@pytest.mark.django_db(transaction=True)
def test_deliveries_meanwhile_leave_one_settled_run_a_time() -> None:
    task = make_task(overlap="allow")
    job = make_job(task)

    def late(slot: datetime) -> str:
        try:
            return str(deliver(ScheduledJob.objects.get(pk=job.pk), task, slot=slot, now=NOW).status)
        finally:
            connections.close_all()

    def ask() -> int:
        try:
            return len(execution.backfill(job, START, END))
        except RunRefused:
            return 0
        finally:
            connections.close_all()

    slots = [START + n * HOUR for n in range(4)]
    with ThreadPoolExecutor(5) as pool:
        asking = pool.submit(ask)
        answers = list(pool.map(late, slots))
        asked = asking.result()

    assert set(answers) <= {"200", "409"}
    settled = JobRun.objects.exclude(settled_slot=None).values_list("settled_slot", flat=True)
    assert sorted(settled) == slots
    assert JobRun.objects.filter(trigger=Trigger.BACKFILL).count() == asked
    assert not transaction.get_connection().in_atomic_block
