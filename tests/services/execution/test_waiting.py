"""A delivery waits for a run that is in its way, until that is seen to live or to be dead."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.db import OperationalError, connection, transaction

from scheduled_jobs import signals
from scheduled_jobs.models import JobRun, ScheduledJob
from scheduled_jobs.models.runs import JobRunQuerySet
from scheduled_jobs.services import execution
from scheduled_jobs.services.execution import Delivery, decision, statements
from scheduled_jobs.services.execution.heartbeat import heartbeat
from tests.services.execution.calling import AFTER, BEFORE, deliver
from tests.support import NEXT_SLOT, SLOT, ask, make_run, make_task

if TYPE_CHECKING:
    from collections.abc import Callable

    from scheduled_jobs.services.execution import Answer
    from scheduled_jobs.tasks import PeriodicTask

pytestmark = pytest.mark.django_db(transaction=True)

Status, Trigger = JobRun.Status, JobRun.Trigger


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


@dataclass
class World:
    """Time that only goes on while somebody waits; what happens at each second of it."""

    job: ScheduledJob
    task: type[PeriodicTask]
    now: datetime = AFTER
    stood: float = 0.0
    at: dict[int, Callable[[], Any]] = field(default_factory=dict)
    waited: float = 0.0
    open_while_waiting: list[bool] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.open_while_waiting.append(connection.connection is not None)
        self.waited += seconds
        self.now += timedelta(seconds=seconds)
        if what := self.at.pop(round(self.waited), None):
            what()

    def deliver(self, *, slot: datetime | None = SLOT, **values: Any) -> Answer:
        text = slot.isoformat() if slot is not None else None
        delivery = Delivery(
            job=ScheduledJob.objects.get(pk=self.job.pk), task=self.task, schedule_time=text, **values
        )
        return execution.deliver(
            delivery, clock=lambda: self.now, sleep=self.sleep, monotonic=lambda: self.waited + self.stood
        )


@pytest.fixture
def world(job: ScheduledJob, task: type[PeriodicTask]) -> World:
    return World(job, task)


LEASE = AFTER + statements.LEASE


def going(job: ScheduledJob, *, lease: datetime = LEASE, **values: Any) -> JobRun:
    """A run of another process."""
    return make_run(job, Status.RUNNING, lease_until=lease, **{"scheduled_for": SLOT, **values})


def change(run: JobRun, **values: Any) -> Callable[[], Any]:
    return lambda: JobRun.objects.filter(pk=run.pk).update(**values)


ENDED = {"active_slot": None, "overlap_lock": None}


# --- Line 10 --------------------------------------------------------------------------------------


def test_a_run_whose_lease_is_renewed_lives(world: World) -> None:
    run = going(world.job, deliveries=1)
    world.at[4] = change(run, lease_until=LEASE + seconds(4))

    answer = world.deliver()

    assert (answer.status, answer.body) == (409, {"status": "running", "run": run.pk})
    assert answer.headers == {"Retry-After": "30"}
    assert world.waited == 4
    run.refresh_from_db()
    assert (run.status, run.deliveries) == (Status.RUNNING, 2)
    assert JobRun.objects.count() == 1


def test_a_run_that_succeeds_meanwhile_makes_a_duplicate(world: World) -> None:
    run = going(world.job)
    world.at[3] = change(run, status=Status.SUCCEEDED, settled_slot=SLOT, **ENDED)
    assert (world.deliver().body, world.waited) == ({"status": "duplicate", "run": run.pk}, 3)


def test_a_run_that_fails_meanwhile_is_followed_by_the_next(world: World) -> None:
    run = going(world.job)
    world.at[3] = change(run, status=Status.FAILED, **ENDED)

    answer = world.deliver()

    assert (answer.body["status"], world.waited) == ("executed", 3)
    after = JobRun.objects.get(pk=answer.body["run"])
    assert (after.attempt, after.started_at) == (2, AFTER + seconds(3))
    # Google gives up this request at a time that does not depend on what was waited for.
    assert after.deadline_at == AFTER + timedelta(minutes=3)


def test_a_run_without_a_sign_of_life_for_twelve_seconds_is_dead(world: World) -> None:
    """The first of Google's retries comes 5.6 seconds after a death, and finds a lease of 20 seconds."""
    lost: list[JobRun] = []

    def hear(sender: Any, run: JobRun, **_: Any) -> None:
        lost.append(run)

    run = going(world.job, started_at=AFTER - seconds(5))
    signals.run_failed.connect(hear)
    try:
        answer = world.deliver()
    finally:
        signals.run_failed.disconnect(hear)

    assert (answer.body["status"], world.waited) == ("executed", 12)
    assert lost == [run]
    run.refresh_from_db()
    assert (run.status, run.active_slot, run.overlap_lock) == (Status.LOST, None, None)
    assert run.error == "The process that ran it has given no sign of life since 2026-11-23 09:00:01 UTC."
    assert JobRun.objects.get(pk=answer.body["run"]).attempt == 2
    world.job.refresh_from_db()
    assert (world.job.last_status, world.job.failures_in_a_row) == (Status.SUCCEEDED, 0)
    # Nothing is held while it waits: others may want the connection.
    assert connection.vendor == "sqlite" or not any(world.open_while_waiting)


def test_six_seconds_are_enough_where_the_lease_is_out(world: World) -> None:
    going(world.job, lease=AFTER + seconds(3))
    assert (world.deliver().body["status"], world.waited) == ("executed", 6)


def test_a_lease_that_is_out_at_once_is_not_waited_for(world: World) -> None:
    run = going(world.job, lease=AFTER - seconds(0.001))
    assert (world.deliver().body["status"], world.waited) == ("executed", 0)
    run.refresh_from_db()
    assert run.status == Status.LOST


def test_a_look_that_fails_or_takes_long_begins_the_watch_anew(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    going(world.job)
    first, done = JobRunQuerySet.first, iter(("", "", "", "fails", "", "slow"))

    def look(rows: JobRunQuerySet) -> Any:
        what = next(done, "")
        if what == "fails":
            raise OperationalError("server closed the connection")
        world.stood += 2.5 if what == "slow" else 0
        return first(rows)

    monkeypatch.setattr(JobRunQuerySet, "first", look)
    answer = world.deliver()
    # After fifteen seconds in all nothing is known of the run: it counts as alive.
    assert (answer.status, world.waited + world.stood) == (409, 15.5)
    assert JobRun.objects.get().status == Status.RUNNING


def test_a_process_that_was_stopped_itself_judges_nobody(world: World) -> None:
    """A virtual machine that was paused as a whole: the other had no time for a sign of life either."""
    run = going(world.job)

    def pause() -> None:
        world.stood += 11
        world.now += seconds(11)

    world.at[2] = pause
    world.at[4] = change(run, lease_until=LEASE + seconds(14))
    assert (world.deliver().status, world.waited) == (409, 4)
    run.refresh_from_db()
    assert run.status == Status.RUNNING


def test_a_lease_renewed_just_before_it_is_given_up_counts(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = going(world.job)
    lose = statements.lose

    def too_late(*args: Any) -> bool:
        change(run, lease_until=LEASE + seconds(5))()
        return lose(*args)

    monkeypatch.setattr(statements, "lose", too_late)
    answer = world.deliver()
    assert (answer.status, world.waited) == (409, 15)
    run.refresh_from_db()
    assert run.status == Status.RUNNING


def test_one_delivery_waits_once_whatever_it_meets(world: World) -> None:
    """The first run ends after nine seconds, and another attempt is begun at once by somebody else."""
    first = going(world.job)

    def next_one() -> None:
        change(first, status=Status.FAILED, **ENDED)()
        going(world.job, attempt=2, lease=LEASE + seconds(9))

    world.at[9] = next_one
    answer = world.deliver()
    second = JobRun.objects.get(attempt=2)
    assert (answer.body, world.waited) == ({"status": "running", "run": second.pk}, 15)


def test_the_row_of_the_job_is_read_again_after_a_wait(world: World) -> None:
    run = going(world.job)

    def pause() -> None:
        change(run, status=Status.FAILED, **ENDED)()
        ScheduledJob.objects.update(paused=True, pause_reason="stocktaking")

    world.at[2] = pause
    assert world.deliver().body == {"status": "skipped", "reason": "paused"}


def test_a_run_of_this_very_process_is_not_waited_for(world: World) -> None:
    run = going(world.job)
    with heartbeat.of(run):
        assert (world.deliver().status, world.waited) == (409, 0)


def test_in_a_transaction_nobody_waits(world: World) -> None:
    going(world.job)
    with transaction.atomic():
        assert (world.deliver().status, world.waited) == (409, 0)


def test_with_overlaps_one_asked_for_is_served_without_a_wait(job: ScheduledJob) -> None:
    world = World(job, make_task(overlap="allow"))
    going(world.job, overlap_lock=None)
    queued = ask(job, sent_at=BEFORE)
    assert (world.deliver().body["run"], world.waited) == (queued.pk, 0)
    assert (world.deliver().body["status"], world.waited) == ("executed", 12)


# --- Line 11 --------------------------------------------------------------------------------------

OTHER = {"scheduled_for": SLOT - timedelta(hours=1)}


def test_a_run_in_the_way_that_lives_makes_the_slot_skip(world: World) -> None:
    run = going(world.job, **OTHER)
    world.at[5] = change(run, lease_until=LEASE + seconds(5))
    assert world.deliver().body == {"status": "skipped", "reason": "previous run still going"}
    assert world.waited == 5
    assert JobRun.objects.get(settled_slot=SLOT).status == Status.SKIPPED


def test_a_run_in_the_way_that_ends_lets_the_slot_run(world: World) -> None:
    run = going(world.job, **OTHER)
    world.at[5] = change(run, status=Status.SUCCEEDED, settled_slot=OTHER["scheduled_for"], **ENDED)
    answer = world.deliver()
    assert (answer.body["status"], world.waited) == ("executed", 5)
    assert JobRun.objects.get(pk=answer.body["run"]).started_at == AFTER + seconds(5)


@pytest.mark.parametrize("lease", [None, 3])
def test_a_dead_run_in_the_way_costs_no_slot(lease: int | None, world: World) -> None:
    run = going(world.job, lease=AFTER + seconds(lease) if lease else LEASE, **OTHER)
    assert (world.deliver().body["status"], world.waited) == ("executed", 6 if lease else 12)
    run.refresh_from_db()
    assert run.status == Status.LOST


def test_a_run_in_the_way_of_which_nothing_is_known_keeps_the_chain(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slot that is skipped is settled for ever."""
    run = going(world.job, **OTHER)

    def look(rows: JobRunQuerySet) -> Any:
        raise OperationalError("too many connections")

    monkeypatch.setattr(JobRunQuerySet, "first", look)
    answer = world.deliver()
    assert (answer.status, answer.body) == (409, {"status": "running", "run": run.pk})
    assert list(JobRun.objects.values_list("pk", "deliveries")) == [(run.pk, 0)]


def test_a_run_in_the_way_of_this_very_process_is_not_waited_for(world: World) -> None:
    with heartbeat.of(going(world.job, **OTHER)):
        assert (world.deliver().body["status"], world.waited) == ("skipped", 0)


@pytest.mark.parametrize("slot", [NEXT_SLOT, None])
@pytest.mark.parametrize("asked_for", [False, True])
def test_what_is_forced_does_not_wait(slot: datetime | None, asked_for: bool, world: World) -> None:
    """Whoever has forced it can do so again."""
    going(world.job, **OTHER)
    if asked_for:
        ask(world.job, sent_at=BEFORE)
    assert (world.deliver(slot=slot).body["status"], world.waited) == ("skipped", 0)


# --- EXPIRE, and what is read after START -----------------------------------------------------------


def test_a_run_of_this_very_process_is_renewed_and_not_given_up(world: World) -> None:
    """The process may just have been thawed, and its heartbeat not have come to it yet."""
    run = going(world.job, lease=AFTER - seconds(60))
    with heartbeat.of(run):
        answer = world.deliver()
        assert execution.expire(AFTER + seconds(600)) == []
    assert (answer.status, answer.body, world.waited) == (409, {"status": "running", "run": run.pk}, 0)
    run.refresh_from_db()
    assert (run.status, run.lease_until) == (Status.RUNNING, AFTER + seconds(600) + statements.LEASE)
    assert [given_up.pk for given_up in execution.expire(AFTER + seconds(3600))] == [run.pk]


@pytest.mark.parametrize("given_up", [Status.LOST, Status.TIMED_OUT])
def test_a_late_end_between_the_look_and_the_start_is_seen(
    given_up: str, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It changes no attempt: the key of the slot's attempts does not notice it."""
    began = []
    task = make_task(lambda self: began.append(1))
    first = make_run(world.job, given_up, scheduled_for=SLOT)
    original = decision.situation_of

    def look(*args: Any) -> Any:
        found = original(*args)
        change(first, status=Status.SUCCEEDED, settled_slot=SLOT)()
        return found

    monkeypatch.setattr(decision, "situation_of", look)
    answer = deliver(world.job, task)

    assert (answer.status, answer.body) == (200, {"status": "duplicate", "run": first.pk})
    assert began == []
    second = JobRun.objects.get(attempt=2)
    assert (second.status, second.error, second.finished_at) == (Status.DISCARDED, "already done", AFTER)
    assert (second.settled_slot, second.active_slot, second.overlap_lock) == (None, None, None)


# --- Line 3, 9 and 10: busy -------------------------------------------------------------------------


@pytest.mark.parametrize("trigger", [Trigger.RETRY, Trigger.BACKFILL])
@pytest.mark.parametrize("line", [3, 9])
def test_a_rerun_for_which_it_is_busy_waits_for_its_turn(line: int, trigger: str, world: World) -> None:
    """A run now is skipped: whoever asked for it stands there, and can ask again."""
    if line == 3:
        ScheduledJob.objects.update(paused=True, pause_reason="stocktaking")
    else:
        make_run(world.job, Status.SUCCEEDED, scheduled_for=SLOT)
    going(world.job, scheduled_for=None, trigger=Trigger.MANUAL)
    queued = ask(world.job, sent_at=BEFORE, trigger=trigger)

    answer = world.deliver()

    assert (answer.body["status"], world.waited) == ("skipped" if line == 3 else "duplicate", 0)
    queued.refresh_from_db()
    assert (queued.status, queued.sent, queued.sent_at) == (Status.QUEUED, 0, None)


def test_what_was_asked_for_is_found_behind_three_that_were_not_sent(world: World) -> None:
    for _ in range(4):
        ask(world.job, sent_at=BEFORE, sent=0, trigger=Trigger.RETRY)
    late = ask(world.job, sent_at=AFTER)
    queued = ask(world.job, sent_at=BEFORE)
    make_run(world.job, Status.SUCCEEDED, scheduled_for=SLOT)
    assert world.deliver().body["run"] == queued.pk
    assert world.deliver(slot=NEXT_SLOT).body["run"] == late.pk


# --- A process that dies ------------------------------------------------------------------------------


def test_the_first_retry_after_a_death_succeeds(world: World) -> None:
    """With default backoffs it comes 5.6 seconds after the process has died, here at the ninth second."""

    class Killed(BaseException):
        pass

    def die(*args: Any, **kwargs: Any) -> Any:
        raise Killed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("scheduled_jobs.services.execution.runner.execute", die)
        with pytest.raises(Killed):
            world.deliver()
    [dead] = JobRun.objects.all()
    change(dead, lease_until=AFTER + seconds(5) + statements.LEASE)()  # its last sign of life
    world.now += seconds(9 + 5.6)

    answer = world.deliver()

    assert (answer.status, answer.body["status"]) == (200, "executed")
    assert list(JobRun.objects.order_by("pk").values_list("status", "attempt")) == [
        (Status.LOST, 1),
        (Status.SUCCEEDED, 2),
    ]
