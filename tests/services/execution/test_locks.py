"""Ends and signs of life on a server whose rows another transaction holds, or that gives statements up."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from django.db import OperationalError, connection, connections, transaction

from scheduled_jobs.models import JobRun, ScheduledJob, writing
from scheduled_jobs.services import execution
from scheduled_jobs.services.execution import ending, sql
from scheduled_jobs.services.execution.heartbeat import Heartbeat
from scheduled_jobs.services.execution.keeping import kept_ends
from scheduled_jobs.services.execution.statements import LEASE
from tests.services.execution.calling import AFTER, BEFORE, deliver
from tests.support import SLOT, ask, make_job, make_run, make_task, with_several_writers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from scheduled_jobs.tasks import PeriodicTask

pytestmark = [with_several_writers, pytest.mark.django_db(transaction=True)]

Status = JobRun.Status
FAILS: dict[str, Any] = {"failures_in_a_row": 1, "last_status": "failed"}
on_postgresql = pytest.mark.skipif(connection.vendor != "postgresql", reason="another server waits by itself")


@contextmanager
def another(write: Callable[[threading.Event], None]) -> Iterator[threading.Event]:
    """Another connection that writes in a transaction, until the event that it is given."""
    over, has_written = threading.Event(), threading.Event()

    def work() -> None:
        with transaction.atomic():
            write(has_written)
            over.wait(20)
        connections.close_all()

    thread = threading.Thread(target=work)
    thread.start()
    assert has_written.wait(10)
    try:
        yield over
    finally:
        over.set()
        thread.join()


def touch(rows: Any) -> None:
    """Write something that decides nothing."""
    rows.update(**{"progress_message" if rows.model is JobRun else "pause_reason": "a word"})


def holding(rows: Any) -> Callable[[threading.Event], None]:
    def write(has_written: threading.Event) -> None:
        touch(rows)
        has_written.set()

    return write


def wait_for_a_lock(count: int = 1) -> None:
    """Until so many statements wait for a lock of another connection."""
    waiting = (
        "SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE NOT granted AND datname = %s"
    )
    for _ in range(200):
        if sql.fetch_rows("default", waiting, [connection.settings_dict["NAME"]])[0][0] >= count:
            return
        time.sleep(0.02)
    raise AssertionError("nothing waits")


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A lock is waited for a quarter of a second, and nothing else."""
    monkeypatch.setattr(sql, "LOCK_PATIENCE", sql.LOCK_PATIENCE.replace("5s", "250ms"))
    sql._both.cache_clear()
    monkeypatch.setattr(ending, "DELAYS", ())
    yield
    sql._both.cache_clear()


@pytest.fixture
def lost(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The states with which the database has given up a statement."""
    states: list[str] = []

    def is_lost_race(error: Exception) -> bool:
        states.append(getattr(error.__cause__, "sqlstate", ""))
        return known(error)

    known = writing.is_lost_race
    monkeypatch.setattr(writing, "is_lost_race", is_lost_race)
    return states


@on_postgresql
@pytest.mark.usefixtures("short")
@pytest.mark.parametrize("was_failing", [False, True])
@pytest.mark.parametrize("held", [JobRun, ScheduledJob])
def test_an_end_waits_for_no_lock_for_ever(held: Any, was_failing: bool) -> None:
    """Its delivery is answered, and it is written as soon as the row is free."""
    others: list[Any] = []

    def run(self: PeriodicTask) -> None:
        others.append(another(holding(held.objects.all())))
        others[0].__enter__()

    task = make_task(run)
    job = make_job(task, **(FAILS if was_failing else {}))
    began = time.monotonic()
    answer = deliver(job, task)
    assert (answer.status, answer.body["recorded"]) == (200, False)
    assert time.monotonic() - began < 15
    others[0].__exit__(None, None, None)
    kept_ends.step(kept_ends._kept[0].try_at)
    assert (JobRun.objects.get().status, kept_ends._kept) == (Status.SUCCEEDED, [])


@on_postgresql
@pytest.mark.usefixtures("short")
def test_a_run_whose_row_is_held_keeps_no_other_from_being_given_up() -> None:
    job = make_job(make_task())
    held, dead = (make_run(job, Status.RUNNING, lease_until=AFTER, overlap_lock=None) for _ in range(2))
    with another(holding(JobRun.objects.filter(pk=held.pk))):
        assert execution.expire(AFTER.replace(hour=23)) == [dead]
    assert execution.expire(AFTER.replace(hour=23)) == [held]


@on_postgresql
@pytest.mark.usefixtures("short")
@pytest.mark.parametrize("model", [JobRun, ScheduledJob])
def test_a_duplicate_waits_for_no_lock_for_ever(model: Any, caplog: pytest.LogCaptureFixture) -> None:
    """It is answered as it is, counted or not; and so is one of a slot that is being run."""
    task = make_task()
    job = make_job(task)
    run = make_run(job, Status.SUCCEEDED, scheduled_for=SLOT, settled_slot=SLOT, deliveries=1)
    with another(holding(model.objects.all())):
        assert deliver(job, task).body == {"status": "duplicate", "run": run.pk}
    counted = JobRun.objects.values_list("deliveries", flat=True).get()
    arrived = ScheduledJob.objects.values_list("last_delivery_at", flat=True).get()
    assert (counted, arrived) == ((1, AFTER) if model is JobRun else (2, None))
    assert "could not be" in caplog.text
    assert deliver(job, task).body["status"] == "duplicate"
    assert JobRun.objects.values_list("deliveries", flat=True).get() == counted + 1


@on_postgresql
@pytest.mark.usefixtures("short")
def test_no_delivery_waits_for_ever_for_a_run_that_was_asked_for() -> None:
    """Google is to come again: of a run that is held nobody knows whether it is still to be run."""
    task = make_task()
    job = make_job(task)
    run = ask(job, sent_at=BEFORE)
    with another(holding(JobRun.objects.all())), pytest.raises(OperationalError):
        deliver(job, task, now=BEFORE)
    JobRun.objects.filter(pk=run.pk).update(status=Status.LOST, sent=2, sent_at=BEFORE)
    with another(holding(JobRun.objects.all())), pytest.raises(OperationalError):
        deliver(job, task, now=BEFORE)
    assert deliver(job, task, now=BEFORE).body == {"status": "duplicate", "run": run.pk}


def test_a_run_whose_row_is_held_costs_no_other_its_lease() -> None:
    job = make_job(make_task())
    held, free = (make_run(job, Status.RUNNING, lease_until=AFTER, overlap_lock=None) for _ in range(2))
    beats = Heartbeat(clock=lambda: AFTER.replace(hour=12))
    beats._start = lambda: None  # type: ignore[method-assign]
    with beats.of(held), beats.of(free), another(holding(JobRun.objects.filter(pk=held.pk))):
        for beat in beats._beats:
            beat.renew_at = AFTER
        beats.step(AFTER.replace(hour=12))
        free.refresh_from_db()
        assert free.lease_until == AFTER.replace(hour=12) + LEASE
        waits = [(beat.renew_at - AFTER.replace(hour=12)).total_seconds() for beat in beats._beats]
        assert waits == [2, 5]


@on_postgresql
@pytest.mark.parametrize("level", ["REPEATABLE_READ", "SERIALIZABLE"])
@pytest.mark.parametrize("was_failing", [False, True])
def test_an_end_that_cannot_be_serialized_begins_anew(
    level: str, was_failing: bool, lost: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """40001: the job's row has changed since the end has looked at it."""
    from psycopg import IsolationLevel

    # Django says the one when it begins a transaction; a statement of its own has the session's.
    session = f"-c default_transaction_isolation={level.lower().replace('_', chr(92) + ' ')}"
    for name, value in (("isolation_level", IsolationLevel[level]), ("options", session)):
        monkeypatch.setitem(connection.settings_dict["OPTIONS"], name, value)
    connection.close()
    others: list[Any] = []

    def release() -> None:
        wait_for_a_lock()
        others[0].__exit__(None, None, None)
        connections.close_all()

    def run(self: PeriodicTask) -> None:
        others.append(another(holding(ScheduledJob.objects.all())))
        others[0].__enter__()
        others.append(threading.Thread(target=release))
        others[1].start()

    task = make_task(run)
    job = make_job(task, **(FAILS if was_failing else {}))
    try:
        assert deliver(job, task).body["status"] == "executed"
    finally:
        others[1].join()
        connection.close()
    job.refresh_from_db()
    assert (lost, JobRun.objects.get().status) == (["40001"], Status.SUCCEEDED)
    assert (job.last_status, job.failures_in_a_row, job.pause_reason) == (Status.SUCCEEDED, 0, "a word")


@contextmanager
def deadlocked_once(table: str) -> Iterator[None]:
    """The server gives up the first write of a row of this table, as where two wait for each other."""
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE SEQUENCE writes; "
            "CREATE FUNCTION give_up_once() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            "IF nextval('writes') = 1 THEN RAISE deadlock_detected; END IF; RETURN NEW; END $$; "
            f"CREATE TRIGGER give_up_once BEFORE UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION give_up_once()"
        )
        try:
            yield
        finally:
            cursor.execute("DROP FUNCTION give_up_once CASCADE; DROP SEQUENCE writes")


@on_postgresql
@pytest.mark.parametrize("was_failing", [False, True])
@pytest.mark.parametrize("model", [JobRun, ScheduledJob])
def test_an_end_that_a_deadlock_gave_up_begins_anew(model: Any, was_failing: bool, lost: list[str]) -> None:
    """40P01, at either of its two rows."""
    task = make_task()
    job = make_job(task, **(FAILS if was_failing else {}))
    with deadlocked_once(model._meta.db_table):
        assert deliver(job, task).body["status"] == "executed"
    job.refresh_from_db()
    assert (lost, JobRun.objects.get().status, job.last_status) == (["40P01"], "succeeded", "succeeded")
