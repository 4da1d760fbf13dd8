"""Every line of the decision table, in its order."""

from __future__ import annotations

import socket
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.test import RequestFactory

from scheduled_jobs.models import JobChange, JobRun, ScheduledJob
from scheduled_jobs.services import execution
from scheduled_jobs.services.execution import Delivery
from tests.services.execution.calling import AFTER, BEFORE, deliver, not_waited
from tests.support import NEXT_SLOT, SLOT, ask, make_run, make_task

if TYPE_CHECKING:
    from scheduled_jobs.tasks import PeriodicTask

pytestmark = pytest.mark.django_db

Status, Trigger = JobRun.Status, JobRun.Trigger


def only(**conditions: Any) -> JobRun:
    return JobRun.objects.get(**conditions)


# --- Line 1 ---------------------------------------------------------------------------------------


def test_line_1_less_than_five_seconds_ahead_are_waited_for(
    job: ScheduledJob, task: type[PeriodicTask]
) -> None:
    waits: list[float] = []
    times = iter([SLOT - timedelta(seconds=4), SLOT + timedelta(milliseconds=1)])
    last = SLOT + timedelta(milliseconds=1)
    delivery = Delivery(job=job, task=task, schedule_time=SLOT.isoformat())

    answer = execution.deliver(delivery, clock=lambda: next(times, last), sleep=waits.append)

    assert waits == [4.0]
    run = only()
    assert answer.body == {"status": "executed", "result": {}, "run": run.pk}
    assert (run.trigger, run.scheduled_for, run.started_at) == (Trigger.SCHEDULE, SLOT, last)


def test_line_1_no_run_starts_early_even_where_sleep_does(
    job: ScheduledJob, task: type[PeriodicTask]
) -> None:
    early = SLOT - timedelta(milliseconds=300)
    delivery = Delivery(job=job, task=task, schedule_time=SLOT.isoformat())

    execution.deliver(delivery, clock=lambda: early, sleep=lambda seconds: None)

    assert only().started_at == SLOT


def test_line_1_a_pause_made_while_waiting_is_seen(job: ScheduledJob, task: type[PeriodicTask]) -> None:
    delivery = Delivery(job=job, task=task, schedule_time=SLOT.isoformat())

    def pause(seconds: float) -> None:
        ScheduledJob.objects.update(paused=True, pause_reason="stocktaking")

    answer = execution.deliver(delivery, clock=lambda: SLOT - timedelta(seconds=2), sleep=pause)

    assert answer.body == {"status": "skipped", "reason": "paused"}


def test_line_1_does_not_hold_for_more_than_five_seconds(job: ScheduledJob, task: type[PeriodicTask]) -> None:
    deliver(job, task, now=SLOT - timedelta(seconds=5.001))
    assert only().trigger == Trigger.MANUAL


# --- Line 2 ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("column", "reason"), [("retired_at", "retired"), ("deleting_at", "being deleted")])
def test_line_2_a_retired_job_skips_its_slot(
    column: str, reason: str, job: ScheduledJob, task: type[PeriodicTask]
) -> None:
    ScheduledJob.objects.update(**{column: BEFORE})

    answer = deliver(job, task)

    assert (answer.status, answer.body) == (200, {"status": "skipped", "reason": reason})
    run = only()
    assert (run.status, run.settled_slot, run.attempt) == (Status.SKIPPED, SLOT, 1)
    assert run.error == reason


def test_line_2_a_forced_run_of_a_retired_job_is_skipped(job: ScheduledJob, task: type[PeriodicTask]) -> None:
    ScheduledJob.objects.update(retired_at=BEFORE)
    queued = ask(job, sent_at=BEFORE)

    answer = deliver(job, task, slot=NEXT_SLOT)

    assert answer.body == {"status": "skipped", "reason": "retired"}
    skipped = only(status=Status.SKIPPED)
    assert (skipped.scheduled_for, skipped.settled_slot, skipped.announced_for) == (None, None, NEXT_SLOT)
    queued.refresh_from_db()
    assert queued.status == Status.QUEUED


# --- Lines 3 and 4 --------------------------------------------------------------------------------


@pytest.mark.parametrize("slot", [SLOT, NEXT_SLOT, None])
def test_line_3_a_run_asked_for_runs_while_paused(
    slot: datetime | None, job: ScheduledJob, task: type[PeriodicTask]
) -> None:
    ScheduledJob.objects.update(paused=True, pause_reason="stocktaking")
    queued = ask(job, sent_at=SLOT)

    answer = deliver(job, task, slot=slot)

    assert answer.body == {"status": "executed", "result": {"region": "asked"}, "run": queued.pk}
    run = only()
    assert (run.status, run.announced_for, run.scheduled_for) == (Status.SUCCEEDED, slot, None)


def test_line_3_busy_it_is_skipped_and_the_table_read_again(
    job: ScheduledJob, task: type[PeriodicTask]
) -> None:
    ScheduledJob.objects.update(paused=True, pause_reason="stocktaking")
    make_run(job, Status.RUNNING, trigger=Trigger.MANUAL)
    queued = ask(job, sent_at=BEFORE)

    answer = deliver(job, task)

    assert answer.body == {"status": "skipped", "reason": "paused"}
    queued.refresh_from_db()
    assert (queued.status, queued.error) == (Status.SKIPPED, "previous run still going")
    assert only(settled_slot=SLOT).error == "paused: stocktaking"


def test_line_4_paused_a_due_slot_is_skipped(job: ScheduledJob, task: type[PeriodicTask]) -> None:
    ScheduledJob.objects.update(paused=True, pause_reason="stocktaking")

    answer = deliver(job, task)

    assert (answer.status, answer.body) == (200, {"status": "skipped", "reason": "paused"})
    run = only()
    assert (run.status, run.settled_slot, run.error) == (Status.SKIPPED, SLOT, "paused: stocktaking")


@pytest.mark.parametrize("slot", [NEXT_SLOT, None])
def test_line_4_paused_a_forced_run_is_skipped_without_a_slot(
    slot: datetime | None, job: ScheduledJob, task: type[PeriodicTask]
) -> None:
    ScheduledJob.objects.update(paused=True, pause_reason="stocktaking")

    answer = deliver(job, task, slot=slot)

    assert answer.body == {"status": "skipped", "reason": "paused"}
    run = only()
    assert (run.status, run.scheduled_for, run.settled_slot) == (Status.SKIPPED, None, None)


def test_a_pause_is_over_to_the_second_and_cleared_with_an_audit(
    job: ScheduledJob, task: type[PeriodicTask]
) -> None:
    ScheduledJob.objects.update(paused=True, pause_reason="stocktaking", paused_by="ana", paused_until=AFTER)

    before = deliver(job, task, now=AFTER - timedelta(milliseconds=1))
    after = deliver(job, task, slot=NEXT_SLOT, now=NEXT_SLOT)

    assert before.body == {"status": "skipped", "reason": "paused"}
    assert after.body["status"] == "executed"
    job.refresh_from_db()
    assert (job.paused, job.pause_reason, job.paused_until, job.paused_by) == (False, "", None, "")
    changes = {change.field: (change.old, change.new) for change in JobChange.objects.all()}
    assert changes == {"paused": (True, False), "paused_until": ("2026-11-23T09:00:01Z", None)}
    assert {(c.via, c.actor_label, c.reason) for c in JobChange.objects.all()} == {
        ("auto", "", "The pause has ended.")
    }


def test_a_pause_that_was_made_anew_meanwhile_is_not_cleared(
    job: ScheduledJob, task: type[PeriodicTask]
) -> None:
    stale = ScheduledJob(pk=job.pk, name=job.name, task=job.task, paused=True, paused_until=BEFORE)
    ScheduledJob.objects.update(paused=True, pause_reason="again", paused_until=None)

    answer = execution.deliver(
        Delivery(job=stale, task=task, schedule_time=SLOT.isoformat()), clock=lambda: AFTER, sleep=not_waited
    )

    assert answer.body == {"status": "skipped", "reason": "paused"}
    job.refresh_from_db()
    assert (job.paused, job.pause_reason) == (True, "again")


# --- Lines 5 to 8 ---------------------------------------------------------------------------------


@pytest.mark.parametrize("slot", [NEXT_SLOT, None])
def test_line_5_a_forced_delivery_claims_the_oldest_asked_for(
    slot: datetime | None, job: ScheduledJob, task: type[PeriodicTask]
) -> None:
    unsent = ask(job, sent_at=BEFORE, sent=0)
    older = ask(job, sent_at=BEFORE, payload={"region": "older"})
    younger = ask(job, sent_at=BEFORE, payload={"region": "younger"})

    answer = deliver(job, task, slot=slot, body=b'{"region": "body"}')

    assert answer.body == {"status": "executed", "result": {"region": "older"}, "run": older.pk}
    older.refresh_from_db()
    assert (older.status, older.trigger, older.deliveries) == (Status.SUCCEEDED, Trigger.MANUAL, 1)
    assert older.deadline_at == AFTER + timedelta(minutes=3)
    assert {only(pk=unsent.pk).status, only(pk=younger.pk).status} == {Status.QUEUED}


def test_line_5_busy_the_run_asked_for_is_skipped(job: ScheduledJob, task: type[PeriodicTask]) -> None:
    make_run(job, Status.RUNNING, scheduled_for=SLOT)
    queued = ask(job, sent_at=SLOT)

    answer = deliver(job, task, slot=NEXT_SLOT)

    assert answer.body == {"status": "skipped", "reason": "previous run still going"}
    queued.refresh_from_db()
    assert (queued.status, queued.deliveries, queued.settled_slot) == (Status.SKIPPED, 1, None)


def test_line_5_with_overlaps_it_runs_beside_another(
    job: ScheduledJob,
) -> None:
    task = make_task(overlap="allow")
    make_run(job, Status.RUNNING, scheduled_for=SLOT, overlap_lock=None)
    queued = ask(job, sent_at=SLOT)

    answer = deliver(job, task, slot=NEXT_SLOT)

    assert answer.body == {"status": "executed", "result": {"region": "asked"}, "run": queued.pk}


@pytest.mark.parametrize("cancel", [execution.cancel, execution.cancel_backfill])
def test_line_6_what_was_cancelled_of_a_time_long_ago_is_absorbed_too(
    cancel: Any, job: ScheduledJob, task: type[PeriodicTask]
) -> None:
    """Its place among the runs is that of its time, where nobody looks for it."""
    asked = {"trigger": Trigger.BACKFILL, "created_at": BEFORE, "scheduled_for": SLOT - timedelta(days=30)}
    run = ask(job, sent_at=BEFORE, **asked)
    cancel(run, by="maria")
    for _ in range(2):
        job.pause(reason="x")
        job.resume()
    assert deliver(job, task, now=BEFORE).body == {"status": "duplicate", "run": run.pk}
    # A second one is somebody's in Google's console.
    assert deliver(job, task, now=BEFORE).body["status"] == "executed"


@pytest.mark.parametrize("status", [Status.SUCCEEDED, Status.FAILED, Status.LOST, Status.DISCARDED])
def test_line_6_the_surplus_of_a_run_job_sent_twice_is_absorbed(
    status: str, job: ScheduledJob, task: type[PeriodicTask]
) -> None:
    sent = make_run(
        job, status, trigger=Trigger.MANUAL, sent=2, deliveries=1, sent_at=AFTER - timedelta(minutes=14)
    )

    first = deliver(job, task, slot=NEXT_SLOT)
    second = deliver(job, task, slot=NEXT_SLOT)

    assert (first.status, first.body) == (200, {"status": "duplicate", "run": sent.pk})
    assert second.body["status"] == "executed"
    sent.refresh_from_db()
    assert sent.deliveries == 2


def test_line_6_after_fifteen_minutes_a_run_job_absorbs_nothing(
    job: ScheduledJob, task: type[PeriodicTask]
) -> None:
    make_run(job, Status.LOST, trigger=Trigger.MANUAL, sent=2, sent_at=AFTER - timedelta(minutes=16))
    assert deliver(job, task, slot=NEXT_SLOT).body["status"] == "executed"


CLAIMED = {"trigger": Trigger.MANUAL, "sent": 1, "deliveries": 1, "announced_for": NEXT_SLOT}
REDELIVERED = [
    pytest.param(Status.LOST, {}, id="lost"),
    pytest.param(Status.TIMED_OUT, {}, id="timed out"),
    pytest.param(Status.FAILED, {"finished_at": AFTER - timedelta(seconds=14)}, id="failed just now"),
    pytest.param(Status.SUCCEEDED, {"finished_at": AFTER - timedelta(seconds=14)}, id="succeeded just now"),
    pytest.param(
        Status.RUNNING,
        {"deadline_at": AFTER - timedelta(seconds=1), "lease_until": AFTER + timedelta(seconds=50)},
        id="past its deadline",
    ),
]


@pytest.mark.parametrize(("status", "values"), REDELIVERED)
def test_line_7_the_redelivery_of_a_claimed_run_is_a_duplicate(
    status: str, values: dict[str, Any], job: ScheduledJob, task: type[PeriodicTask]
) -> None:
    ScheduledJob.objects.update(declared_retry_count=3)
    claimed = make_run(job, status, **{"started_at": SLOT - timedelta(minutes=4), **CLAIMED, **values})

    answer = deliver(job, task, slot=NEXT_SLOT)

    assert (answer.status, answer.body) == (200, {"status": "duplicate", "run": claimed.pk})
    assert only().deliveries == 2


@pytest.mark.parametrize(
    ("jobs", "values"),
    [
        pytest.param({"declared_retry_count": 0}, {}, id="no retries"),
        pytest.param({}, {"announced_for": SLOT}, id="another time announced"),
        pytest.param({}, {"sent": 0, "deliveries": 0}, id="not asked for: forced in the console"),
        pytest.param(
            {}, {"finished_at": AFTER - timedelta(seconds=16), "status": Status.FAILED}, id="ended long ago"
        ),
        pytest.param({}, {"started_at": None}, id="never claimed"),
    ],
)
def test_line_7_does_not_take_other_runs_for_redeliveries(
    jobs: dict[str, Any], values: dict[str, Any], job: ScheduledJob, task: type[PeriodicTask]
) -> None:
    ScheduledJob.objects.update(**{"declared_retry_count": 3, **jobs})
    values = {"status": Status.LOST, "started_at": SLOT - timedelta(minutes=4), **CLAIMED, **values}
    make_run(job, values.pop("status"), **values)

    assert deliver(job, task, slot=NEXT_SLOT).body["status"] == "executed"


def test_line_7_retries_within_a_duration_count_as_retries(
    job: ScheduledJob, task: type[PeriodicTask]
) -> None:
    ScheduledJob.objects.update(declared_max_retry_duration=timedelta(minutes=10))
    claimed = make_run(job, Status.LOST, started_at=SLOT, **CLAIMED)
    assert deliver(job, task, slot=NEXT_SLOT).body == {"status": "duplicate", "run": claimed.pk}


@pytest.mark.parametrize("slot", [NEXT_SLOT, None])
def test_line_8_a_forced_delivery_is_a_run_of_its_own(
    slot: datetime | None, job: ScheduledJob, task: type[PeriodicTask]
) -> None:
    answer = deliver(job, task, slot=slot, body=b'{"region": "body"}')

    run = only()
    assert answer.body == {"status": "executed", "result": {"region": "body"}, "run": run.pk}
    assert (run.trigger, run.requested_by) == (Trigger.MANUAL, "Cloud Scheduler")
    assert (run.scheduled_for, run.settled_slot, run.announced_for) == (None, None, slot)

    natural = deliver(job, task, slot=NEXT_SLOT, now=NEXT_SLOT)
    assert natural.body["status"] == "executed"


def test_line_8_busy_the_forced_run_is_skipped(job: ScheduledJob, task: type[PeriodicTask]) -> None:
    make_run(job, Status.RUNNING, scheduled_for=SLOT)

    answer = deliver(job, task, slot=NEXT_SLOT)

    assert answer.body == {"status": "skipped", "reason": "previous run still going"}
    assert only(status=Status.SKIPPED).settled_slot is None


def test_an_unreadable_time_counts_as_none_and_is_kept(
    job: ScheduledJob, task: type[PeriodicTask], caplog: pytest.LogCaptureFixture
) -> None:
    delivery = Delivery(job=job, task=task, schedule_time="Monday, 9 o'clock")

    answer = execution.deliver(delivery, clock=lambda: AFTER, sleep=not_waited)

    assert answer.body["status"] == "executed"
    run = only()
    assert (run.trigger, run.announced_for) == (Trigger.MANUAL, None)
    assert run.context["schedule_time_text"] == "Monday, 9 o'clock"
    assert caplog.messages == [
        'X-CloudScheduler-ScheduleTime of shop--report cannot be read: "Monday, 9 o\'clock"'
    ]


# --- Lines 9 and 10 -------------------------------------------------------------------------------


@pytest.mark.parametrize("status", JobRun.SETTLING)
def test_line_9_a_settled_slot_is_a_duplicate_and_leaves_no_row(
    status: str, job: ScheduledJob, task: type[PeriodicTask]
) -> None:
    settled = make_run(job, status, scheduled_for=SLOT, deliveries=1)

    answer = deliver(job, task)

    assert (answer.status, answer.body) == (200, {"status": "duplicate", "run": settled.pk})
    assert only().deliveries == 2


@pytest.mark.parametrize("change", [{"paused": True, "pause_reason": "x"}, {"retired_at": BEFORE}])
def test_line_9_comes_before_pause_and_retirement(
    change: dict[str, Any], job: ScheduledJob, task: type[PeriodicTask]
) -> None:
    settled = make_run(job, Status.SUCCEEDED, scheduled_for=SLOT)
    ScheduledJob.objects.update(**change)
    assert deliver(job, task).body == {"status": "duplicate", "run": settled.pk}


def test_line_9_after_the_natural_run_one_asked_for_is_served(
    job: ScheduledJob, task: type[PeriodicTask]
) -> None:
    make_run(job, Status.SUCCEEDED, scheduled_for=SLOT)
    queued = ask(job, sent_at=SLOT)

    answer = deliver(job, task)

    assert answer.body == {"status": "executed", "result": {"region": "asked"}, "run": queued.pk}


def test_line_9_no_duplicate_takes_a_run_asked_for_later(job: ScheduledJob, task: type[PeriodicTask]) -> None:
    settled = make_run(job, Status.SUCCEEDED, scheduled_for=SLOT)
    queued = ask(job, sent_at=SLOT + timedelta(microseconds=1))

    assert deliver(job, task).body == {"status": "duplicate", "run": settled.pk}
    queued.refresh_from_db()
    assert (queued.status, queued.deliveries) == (Status.QUEUED, 0)


def test_line_9_busy_it_is_skipped_and_the_delivery_a_duplicate(
    job: ScheduledJob, task: type[PeriodicTask]
) -> None:
    settled = make_run(job, Status.SUCCEEDED, scheduled_for=SLOT)
    make_run(job, Status.RUNNING, trigger=Trigger.MANUAL)
    queued = ask(job, sent_at=BEFORE)

    assert deliver(job, task).body == {"status": "duplicate", "run": settled.pk}
    queued.refresh_from_db()
    assert queued.status == Status.SKIPPED


def test_line_10_a_slot_being_run_keeps_googles_chain_alive(
    job: ScheduledJob, task: type[PeriodicTask]
) -> None:
    running = make_run(job, Status.RUNNING, scheduled_for=SLOT, deliveries=1)
    queued = ask(job, sent_at=BEFORE)

    answer = deliver(job, task)

    assert (answer.status, answer.body) == (409, {"status": "running", "run": running.pk})
    assert answer.headers == {"Retry-After": "30"}
    running.refresh_from_db()
    assert running.deliveries == 2
    queued.refresh_from_db()
    assert queued.status == Status.QUEUED


def test_line_10_comes_before_a_pause(job: ScheduledJob, task: type[PeriodicTask]) -> None:
    make_run(job, Status.RUNNING, scheduled_for=SLOT)
    ScheduledJob.objects.update(paused=True, pause_reason="x")
    assert deliver(job, task).status == 409


def test_line_10_with_overlaps_one_asked_for_is_claimed(
    job: ScheduledJob,
) -> None:
    task = make_task(overlap="allow")
    make_run(job, Status.RUNNING, scheduled_for=SLOT, overlap_lock=None)
    queued = ask(job, sent_at=BEFORE)

    assert deliver(job, task).body["run"] == queued.pk
    assert deliver(job, task).status == 409


def test_line_10_a_run_whose_lease_is_out_is_lost_and_run_again(
    job: ScheduledJob, task: type[PeriodicTask]
) -> None:
    first = make_run(job, Status.RUNNING, scheduled_for=SLOT)

    still = deliver(job, task, now=SLOT + timedelta(seconds=20))
    again = deliver(job, task, now=SLOT + timedelta(seconds=20, microseconds=1))

    assert (still.status, again.status) == (409, 200)
    first.refresh_from_db()
    assert (first.status, first.active_slot, first.overlap_lock) == (Status.LOST, None, None)
    assert first.error == ("The process that ran it has given no sign of life since 2026-11-23 09:00:00 UTC.")
    assert only(pk=again.body["run"]).attempt == 2


# --- Lines 11 and 12 ------------------------------------------------------------------------------


@pytest.mark.parametrize("other", [SLOT - timedelta(hours=1), None])
def test_line_11_a_slot_that_comes_while_another_runs_is_skipped(
    other: datetime | None, job: ScheduledJob, task: type[PeriodicTask]
) -> None:
    make_run(job, Status.RUNNING, scheduled_for=other)

    answer = deliver(job, task)

    assert (answer.status, answer.body) == (
        200,
        {"status": "skipped", "reason": "previous run still going"},
    )
    assert only(settled_slot=SLOT).status == Status.SKIPPED


def test_line_11_where_overlaps_are_allowed_both_run(job: ScheduledJob) -> None:
    task = make_task(overlap="allow")
    make_run(job, Status.RUNNING, scheduled_for=SLOT - timedelta(hours=1), overlap_lock=None)
    assert deliver(job, task).body["status"] == "executed"


def test_line_11_a_dead_run_is_lost_and_the_slot_runs(job: ScheduledJob, task: type[PeriodicTask]) -> None:
    dead = make_run(job, Status.RUNNING, scheduled_for=BEFORE, started_at=BEFORE)

    assert deliver(job, task).body["status"] == "executed"
    dead.refresh_from_db()
    assert dead.status == Status.LOST


TRACE = {"trace": "6b1f" * 8, "span": "e09a" * 4, "sampled": True}


def test_line_12_a_natural_run_is_recorded_in_full(
    job: ScheduledJob, task: type[PeriodicTask], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("K_REVISION", "shop-00042-abc")
    ScheduledJob.objects.update(declared_payload={"region": "emea"})

    headers = {"traceparent": f"00-{TRACE['trace']}-{TRACE['span']}-01"}
    request = RequestFactory().post("/", headers=headers)
    answer = deliver(job, task, body=b'{"region": "emea"}', caller="scheduler@example.com", request=request)

    run = only()
    assert (answer.status, answer.body) == (
        200,
        {"status": "executed", "result": {"region": "emea"}, "run": run.pk},
    )
    assert (run.status, run.trigger, run.attempt, run.deliveries) == (
        Status.SUCCEEDED,
        Trigger.SCHEDULE,
        1,
        1,
    )
    assert (run.scheduled_for, run.settled_slot, run.announced_for) == (SLOT, SLOT, SLOT)
    assert (run.active_slot, run.overlap_lock) == (None, None)
    assert (run.started_at, run.finished_at, run.duration) == (AFTER, AFTER, timedelta())
    assert run.deadline_at == AFTER + timedelta(minutes=3)
    assert (run.payload, run.result) == ({"region": "emea"}, {"region": "emea"})
    assert run.code_version == "shop-00042-abc"
    host = socket.gethostname()
    assert run.context == {"late_by": 1.0, "caller": "scheduler@example.com", "host": host, **TRACE}


@pytest.mark.parametrize("asked_for", [False, True])
def test_the_deadline_of_a_run_is_that_of_its_attempt(
    asked_for: bool, job: ScheduledJob, task: type[PeriodicTask]
) -> None:
    ScheduledJob.objects.update(attempt_deadline_override=timedelta(seconds=45))
    if asked_for:
        ask(job, sent_at=BEFORE)

    deliver(job, task, slot=None if asked_for else SLOT)

    assert only().deadline_at == AFTER + timedelta(seconds=45)


@pytest.mark.parametrize("ended", [Status.FAILED, Status.LOST, Status.TIMED_OUT])
def test_line_12_a_failed_slot_is_run_again_as_the_next_attempt(
    ended: str, job: ScheduledJob, task: type[PeriodicTask]
) -> None:
    make_run(job, ended, scheduled_for=SLOT, attempt=1)
    make_run(job, ended, scheduled_for=SLOT, attempt=2)

    answer = deliver(job, task)

    run = only(pk=answer.body["run"])
    assert (run.attempt, run.trigger) == (3, Trigger.SCHEDULE)


def test_line_12_comes_before_any_run_asked_for(job: ScheduledJob, task: type[PeriodicTask]) -> None:
    queued = ask(job, sent_at=BEFORE)

    natural = deliver(job, task)
    forced = deliver(job, task)

    assert only(pk=natural.body["run"]).scheduled_for == SLOT
    assert forced.body["run"] == queued.pk


def test_line_12_a_missed_slot_that_arrives_takes_its_row_over(
    job: ScheduledJob, task: type[PeriodicTask]
) -> None:
    missed = make_run(job, Status.MISSED, scheduled_for=SLOT)

    answer = deliver(job, task, now=SLOT + timedelta(hours=2))

    assert answer.body["run"] == missed.pk
    run = only()
    assert (run.status, run.deliveries, run.attempt) == (Status.SUCCEEDED, 1, 1)
    assert run.context["late_by"] == 7200.0


def test_a_missed_slot_that_arrives_while_paused_is_skipped(
    job: ScheduledJob, task: type[PeriodicTask]
) -> None:
    make_run(job, Status.MISSED, scheduled_for=SLOT)
    ScheduledJob.objects.update(paused=True, pause_reason="x")

    assert deliver(job, task).body["status"] == "skipped"
    assert only().settled_slot == SLOT


def test_the_time_is_read_with_any_offset_and_kept_in_utc(
    job: ScheduledJob, task: type[PeriodicTask]
) -> None:
    delivery = Delivery(job=job, task=task, schedule_time="2026-11-23T01:00:01.416739-08:00")

    execution.deliver(delivery, clock=lambda: SLOT + timedelta(seconds=3), sleep=not_waited)

    assert only().scheduled_for == datetime(2026, 11, 23, 9, 0, 1, 416739, tzinfo=UTC)


def test_a_payload_that_is_not_in_force_is_marked_on_the_run(
    job: ScheduledJob, task: type[PeriodicTask]
) -> None:
    ScheduledJob.objects.update(payload_override={"region": "apac"})
    deliver(job, task, body=b'{"region": "emea"}')
    assert only().context["notes"] == ["Google sent another payload than the one in force."]


def test_a_job_deleted_meanwhile_is_not_found(job: ScheduledJob, task: type[PeriodicTask]) -> None:
    delivery = Delivery(job=job, task=task, schedule_time=SLOT.isoformat())

    answer = execution.deliver(
        delivery,
        clock=lambda: SLOT - timedelta(seconds=1),
        sleep=lambda seconds: ScheduledJob.objects.all().delete() and None,  # type: ignore[arg-type,return-value]
    )

    assert (answer.status, answer.body) == (404, {"error": "Job shop--report not found"})
