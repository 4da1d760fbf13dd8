"""The end of a run is recorded, whatever happens to the database meanwhile."""

from __future__ import annotations

import itertools
import time
from datetime import timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from django.db import (
    DataError,
    IntegrityError,
    InterfaceError,
    NotSupportedError,
    OperationalError,
    connection,
    connections,
)
from django.db.backends.utils import CursorWrapper

from scheduled_jobs import signals
from scheduled_jobs.models import JobRun, ScheduledJob, writing
from scheduled_jobs.services import execution
from scheduled_jobs.services.execution import Delivery, ending, facts, sql, statements
from scheduled_jobs.services.execution.heartbeat import heartbeat
from scheduled_jobs.services.execution.keeping import kept_ends
from tests.services.execution.calling import AFTER, another_process, deliver
from tests.support import SLOT, make_job, make_run, make_task, with_several_writers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from scheduled_jobs.services.execution import Answer
    from scheduled_jobs.tasks import PeriodicTask

Status = JobRun.Status


class Outage:
    """A database that is gone for as many statements as it is told."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
        self.left = 0
        self.error: Exception = OperationalError("server closed the connection")
        self.waits: list[float] = []
        original: Callable[..., Any] = getattr(statements, name)

        def failing(*args: Any, **kwargs: Any) -> Any:
            if self.left:
                self.left -= 1
                raise self.error
            return original(*args, **kwargs)

        monkeypatch.setattr(statements, name, failing)

    def deliver(self, job: ScheduledJob, task: type[PeriodicTask]) -> Answer:
        delivery = Delivery(job=job, task=task, schedule_time=SLOT.isoformat())
        return execution.deliver(delivery, clock=lambda: AFTER, sleep=self.waits.append)


@pytest.fixture
def at_the_end(monkeypatch: pytest.MonkeyPatch) -> Outage:
    return Outage(monkeypatch, "end_of")


@pytest.fixture
def at_the_start(monkeypatch: pytest.MonkeyPatch) -> Outage:
    return Outage(monkeypatch, "insert")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
def test_a_database_gone_at_the_end_is_connected_to_anew(error: type[Exception], at_the_end: Outage) -> None:
    task = make_task()
    # Once as it came, then as it is and plain: over a new connection at once, and over four later ones.
    at_the_end.left, at_the_end.error = 11, error("gone")

    answer = at_the_end.deliver(make_job(task), task)

    assert at_the_end.waits == [0.2, 1.0, 3.0, 5.0, 10.0]
    assert answer.body == {"status": "executed", "result": {}, "run": JobRun.objects.get().pk}
    assert JobRun.objects.get().status == Status.SUCCEEDED


@pytest.mark.django_db(transaction=True)
def test_an_end_that_cannot_be_written_is_written_with_the_next(
    at_the_end: Outage,
) -> None:
    task = make_task()
    job = make_job(task)
    at_the_end.left = 15
    still = kept_ends

    answer = at_the_end.deliver(job, task)

    run = JobRun.objects.get()
    assert (answer.status, answer.body["recorded"], run.status) == (200, False, Status.RUNNING)
    assert at_the_end.waits == [0.2, 1.0, 3.0, 5.0, 10.0]
    [kept] = still._kept

    still.step(kept.try_at - timedelta(seconds=1))  # too soon
    assert at_the_end.left == 2
    still.step(kept.try_at)  # the last two of the fifteen
    assert (at_the_end.left, JobRun.objects.get().status) == (0, Status.RUNNING)
    assert execution.expire(AFTER + timedelta(minutes=2)) == [run]

    still.step(kept.try_at)
    run.refresh_from_db()
    assert (run.status, run.finished_at, run.settled_slot, run.error) == (Status.SUCCEEDED, AFTER, SLOT, "")
    assert not still._kept


@pytest.mark.django_db(transaction=True)
def test_after_twenty_seconds_an_end_is_kept_however_often_it_was_tried(
    at_the_end: Outage, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = make_task()
    at_the_end.left = 15
    seconds = itertools.count(step=7)  # each statement waits for a lock
    monkeypatch.setattr(ending, "time", SimpleNamespace(monotonic=lambda: next(seconds)))
    assert at_the_end.deliver(make_job(task), task).body["recorded"] is False
    assert at_the_end.waits == [0.2]


@pytest.mark.django_db(transaction=True)
def test_a_run_is_alive_until_its_end_is_written_or_kept(at_the_end: Outage) -> None:
    held: list[bool] = []
    task = make_task()
    at_the_end.left = 15
    delivery = Delivery(job=make_job(task), task=task, schedule_time=SLOT.isoformat())

    def sleep(seconds: float) -> None:
        held.append(heartbeat.holds(JobRun.objects.get().pk))

    answer = execution.deliver(delivery, clock=lambda: AFTER, sleep=sleep)

    assert (answer.body["recorded"], held) == (False, [True] * 5)
    # A kept end renews no lease: its process may go, and the slot is then for another.
    assert not heartbeat.holds(JobRun.objects.get().pk)


@with_several_writers
@pytest.mark.django_db(transaction=True)
def test_a_kept_end_is_written_without_any_other_request(
    at_the_end: Outage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scheduled_jobs.services.execution.keeping.FIRST_TRY", timedelta(0))
    task = make_task()
    job = make_job(task)
    at_the_end.left = 13
    assert at_the_end.deliver(job, task).body["recorded"] is False
    while JobRun.objects.get().status == Status.RUNNING:
        time.sleep(0.01)
    assert JobRun.objects.get().status == Status.SUCCEEDED


@with_several_writers
@pytest.mark.django_db(transaction=True)
def test_a_session_that_a_task_left_read_only_costs_nothing(at_the_end: Outage) -> None:
    statement = {
        "mysql": "SET SESSION TRANSACTION READ ONLY",
        "postgresql": "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
    }

    def run(self: PeriodicTask) -> str:
        with connection.cursor() as cursor:
            cursor.execute(statement[connection.vendor])
        return "done"

    task = make_task(run)
    answer = at_the_end.deliver(make_job(task), task)
    assert (answer.body["result"], "recorded" in answer.body, at_the_end.waits) == ("done", False, [])
    found = JobRun.objects.get()
    assert (found.result, found.context.get("notes")) == ("done", None)


@pytest.mark.django_db(transaction=True)
def test_a_failure_that_cannot_be_recorded_is_500(at_the_end: Outage) -> None:
    def run(self: PeriodicTask) -> None:
        raise ValueError("no")

    task = make_task(run)
    at_the_end.left = 13
    answer = at_the_end.deliver(make_job(task), task)
    assert (answer.status, answer.body["status"], answer.body["recorded"]) == (500, "failed", False)


@pytest.mark.django_db
def test_in_a_transaction_a_lost_end_is_said_and_not_waited_for(at_the_end: Outage) -> None:
    task = make_task()
    at_the_end.left = 3
    answer = at_the_end.deliver(make_job(task), task)
    assert (answer.body["recorded"], at_the_end.waits) == (False, [])


@pytest.mark.django_db
def test_an_end_the_database_refuses_is_written_without_result(at_the_end: Outage) -> None:
    task = make_task()
    at_the_end.left, at_the_end.error = 2, DataError("out of range")

    answer = at_the_end.deliver(make_job(task), task)

    run = JobRun.objects.get()
    assert answer.status == 200
    assert (run.status, run.result) == (Status.SUCCEEDED, None)
    assert run.context["notes"] == ["The database refused the result or the traceback: DataError"]


@pytest.fixture
def three_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A database that takes three bytes for a character, and says so by the error of an outage."""
    original = CursorWrapper.execute

    def execute(self: Any, text: str, parameters: Any = None) -> Any:
        if any(ord(character) > 0xFFFF for value in parameters or () for character in str(value)):
            raise OperationalError(1366, "Incorrect string value: '\\xF0\\x9F\\x92\\xA5'")
        return original(self, text, parameters)

    monkeypatch.setattr(CursorWrapper, "execute", execute)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("three_bytes")
def test_an_emoji_that_a_database_cannot_hold_costs_nothing_else(at_the_end: Outage) -> None:
    def run(self: PeriodicTask) -> None:
        self.report_progress(1, 2, "half \N{COLLISION SYMBOL}")
        raise ValueError("no rates \N{COLLISION SYMBOL} today")

    task = make_task(run)
    answer = at_the_end.deliver(make_job(task), task)

    found = JobRun.objects.get()
    assert (answer.status, answer.body, at_the_end.waits) == (500, {"status": "failed", "run": found.pk}, [])
    assert (found.status, found.error) == (Status.FAILED, "ValueError: no rates \ufffd today")
    assert found.traceback.endswith("ValueError: no rates \ufffd today\n")
    assert (found.progress_done, found.progress_message) == (1.0, "half \ufffd")
    assert not kept_ends._kept


@pytest.mark.skipif(connection.vendor != "mysql", reason="tells how MariaDB itself refuses; set DATABASE_URL")
@pytest.mark.django_db(transaction=True)
def test_mariadb_in_utf8mb3_records_what_holds_an_emoji(at_the_end: Outage) -> None:
    def run(self: PeriodicTask) -> None:
        raise ValueError("no rates \N{COLLISION SYMBOL}")

    def run_other(self: PeriodicTask, *, number: int) -> None: ...

    task = make_task(run)
    other = make_task(run_other, name="Other")
    job, refused = make_job(task), make_job(other, "shop--other")
    texts = ("error", "traceback", "progress_message")
    with connection.cursor() as cursor:
        cursor.execute("SHOW FULL COLUMNS FROM scheduled_jobs_jobrun")
        before = {name: (kind, collation) for name, kind, collation, *_ in cursor if name in texts}
        for name, (kind, _) in before.items():
            cursor.execute(
                f"ALTER TABLE scheduled_jobs_jobrun MODIFY {name} {kind} CHARACTER SET utf8mb3 NOT NULL"
            )
    try:
        assert at_the_end.deliver(job, task).body["status"] == "failed"
        assert (JobRun.objects.get().error, at_the_end.waits) == ("ValueError: no rates \ufffd", [])
        # Also where the run is refused before it begins.
        answer = deliver(refused, other, body='{"number": "\N{COLLISION SYMBOL}"}'.encode())
        assert answer.status == 400
        assert "\ufffd" in JobRun.objects.get(job=refused).error
    finally:
        with connection.cursor() as cursor:
            for name, (kind, collation) in before.items():
                cursor.execute(
                    f"ALTER TABLE scheduled_jobs_jobrun MODIFY {name} {kind} COLLATE {collation} NOT NULL"
                )


@pytest.mark.django_db(transaction=True)
def test_an_end_that_is_refused_at_all_is_kept_in_ascii_at_last(at_the_end: Outage) -> None:
    def run(self: PeriodicTask) -> None:
        raise ValueError("Größe")

    task = make_task(run)
    at_the_end.left, at_the_end.error = 2, ValueError("the codec of a driver")
    at_the_end.deliver(make_job(task), task)
    found = JobRun.objects.get()
    assert (found.status, found.error, found.traceback) == (Status.FAILED, "ValueError: Gr??e", "")


@pytest.mark.django_db(transaction=True)
def test_an_end_whose_answer_was_lost_is_recorded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    finished: list[str] = []
    commit = connections["default"].commit
    lost = [OperationalError("server closed the connection")]

    def unheard() -> None:
        commit()
        if lost:
            raise lost.pop()

    def hear(sender: Any, run: JobRun, **_: Any) -> None:
        finished.append(run.status)

    task = make_task()
    job = make_job(task)
    signals.run_finished.connect(hear)
    monkeypatch.setattr(connections["default"], "commit", unheard)
    try:
        answer = deliver(job, task)
    finally:
        signals.run_finished.disconnect(hear)
    assert (answer.status, "recorded" in answer.body, finished) == (200, False, [Status.SUCCEEDED])


@pytest.mark.django_db(transaction=True)
def test_a_constraint_of_the_database_is_no_other_attempt(at_the_end: Outage) -> None:
    """MariaDB says IntegrityError for a value that a CHECK refuses."""
    task = make_task(lambda self: "done")
    at_the_end.left, at_the_end.error = 2, IntegrityError(4025, "CONSTRAINT `result` failed")
    deliver(make_job(task), task)
    found = JobRun.objects.get()
    assert (found.status, found.result, found.error) == (Status.SUCCEEDED, None, "")


@pytest.mark.django_db(transaction=True)
def test_large_results_and_tracebacks_are_not_kept_in_memory(at_the_end: Outage) -> None:
    task = make_task(lambda self: ["x" * 70_000])
    at_the_end.left = 13
    at_the_end.deliver(make_job(task), task)
    [kept] = kept_ends._kept
    kept_ends.step(kept.try_at)
    found = JobRun.objects.get()
    assert (found.status, found.result, found.payload) == (Status.SUCCEEDED, None, {})
    assert found.context["notes"] == [
        "The database took no end for a while, and the result was too long to be kept in memory."
    ]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("error", [OperationalError, NotSupportedError])
def test_a_stale_connection_at_the_start_is_opened_anew_once(
    error: type[Exception], at_the_start: Outage
) -> None:
    """PostgreSQL says of a plan that a migration has outdated that it is not supported."""
    task = make_task()
    job = make_job(task)
    at_the_start.left, at_the_start.error = 1, error("cached plan must not change result type")
    assert at_the_start.deliver(job, task).status == 200


@pytest.mark.django_db(transaction=True)
def test_a_database_gone_at_the_start_runs_nothing(at_the_start: Outage) -> None:
    task = make_task()
    job = make_job(task)
    at_the_start.left = 2

    with pytest.raises(OperationalError):
        at_the_start.deliver(job, task)
    assert not JobRun.objects.exists()


class Deadlock(Exception):
    sqlstate = "40P01"


@pytest.mark.django_db
@pytest.mark.parametrize(("rounds", "status"), [(9, 200), (10, 503)])
def test_a_deadlock_is_one_more_round_of_ten(rounds: int, status: int, at_the_start: Outage) -> None:
    task = make_task()
    error = OperationalError("deadlock detected")
    error.__cause__ = Deadlock()
    at_the_start.left, at_the_start.error = rounds, error
    assert at_the_start.deliver(make_job(task), task).status == status


@pytest.mark.django_db
def test_mysql_tells_a_deadlock_by_its_number(at_the_start: Outage) -> None:
    task = make_task()
    at_the_start.left, at_the_start.error = 1, OperationalError(1213, "Deadlock found")
    assert at_the_start.deliver(make_job(task), task).status == 200


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("number", [1213, 1205])
def test_an_end_that_lost_a_race_begins_anew_as_a_whole(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the race was lost by what follows from the end: the end with it, and both are written."""
    task = make_task()
    job = make_job(task, failures_in_a_row=1, last_status=Status.FAILED)
    statuses: list[str] = []
    note = ending._note

    def losing(run: JobRun, **kwargs: Any) -> bool:
        statuses.append(JobRun.objects.get(pk=run.pk).status)
        if len(statuses) < 3:
            raise OperationalError(number, "lock")
        return note(run, **kwargs)

    monkeypatch.setattr(ending, "_note", losing)
    assert deliver(job, task).status == 200
    job.refresh_from_db()
    assert (statuses, JobRun.objects.get().status) == ([Status.SUCCEEDED] * 3, Status.SUCCEEDED)
    assert (job.last_status, job.last_success_at) == (Status.SUCCEEDED, AFTER)


@pytest.mark.django_db(transaction=True)
def test_an_ordinary_end_that_lost_a_race_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    errors = [OperationalError(1213, "Deadlock found"), OperationalError(1205, "lock")]
    write_both = ending.sql.update_both

    def losing(*args: Any) -> bool:
        if errors:
            raise errors.pop()
        return write_both(*args)

    monkeypatch.setattr(ending.sql, "update_both", losing)
    task = make_task()
    job = make_job(task)
    assert deliver(job, task).body["status"] == "executed"
    job.refresh_from_db()
    assert (errors, JobRun.objects.get().status, job.last_status) == ([], Status.SUCCEEDED, Status.SUCCEEDED)


@pytest.mark.django_db(transaction=True)
def test_a_lock_that_is_not_got_is_not_waited_for_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([0.0, *(50.0 * n for n in range(1, 99))])
    monkeypatch.setattr(writing, "monotonic", lambda: next(times))
    tried: list[int] = []

    @writing.persistent
    def write() -> None:
        tried.append(1)
        raise OperationalError(1205, "Lock wait timeout exceeded")

    with pytest.raises(OperationalError):
        write()
    assert len(tried) == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("was_failing", [False, True])
def test_a_kill_between_an_end_and_its_facts_leaves_neither(
    was_failing: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def killed(*_: Any, **__: Any) -> bool:
        raise Killed

    before = (Status.FAILED, 1) if was_failing else ("", 0)
    task = make_task()
    job = make_job(task, last_status=before[0], failures_in_a_row=before[1])
    write = ending.sql.update_row

    def write_run_alone(update: Any, using: str) -> bool:
        return write(update, using) if update.model is JobRun else killed()

    with monkeypatch.context() as patch:
        # On PostgreSQL nothing lies between an ordinary end and its facts: they are one statement.
        patch.setattr(ending.sql, "update_row", write_run_alone)
        if connection.vendor == "postgresql" and not was_failing:
            patch.setattr(ending.sql, "update_both", killed)
        with pytest.raises(Killed):
            deliver(job, task)
    run = JobRun.objects.get()
    job.refresh_from_db()
    assert (run.status, run.active_slot) == (Status.RUNNING, SLOT)
    assert (job.last_status, job.failures_in_a_row) == before

    later = AFTER + statements.LEASE + timedelta(seconds=1)
    assert [lost.pk for lost in execution.expire(later)] == [run.pk]
    job.refresh_from_db()
    assert (job.last_status, job.failures_in_a_row) == (Status.LOST, before[1] + 1)


@pytest.mark.django_db
def test_the_late_end_of_a_lost_run_corrects_it() -> None:
    def run(self: PeriodicTask) -> str:
        found = JobRun.objects.get()
        assert statements.lose(found.pk, found.lease_until, AFTER)
        return "done"

    task = make_task(run)
    job = make_job(task)

    assert deliver(job, task).body["status"] == "executed"

    found = JobRun.objects.get()
    assert (found.status, found.error, found.settled_slot) == (Status.SUCCEEDED, "", SLOT)


@pytest.mark.django_db
def test_an_end_without_a_note_leaves_the_context_alone() -> None:
    def run(self: PeriodicTask) -> None:
        JobRun.objects.update(context={"host": "another"})

    task = make_task(run)

    assert deliver(make_job(task), task).body["status"] == "executed"

    assert JobRun.objects.get().context == {"host": "another"}


@pytest.mark.django_db
def test_of_two_attempts_that_ran_at_once_only_one_has_succeeded() -> None:
    others: list[JobRun] = []

    def run(self: PeriodicTask) -> None:
        if not others:
            others.append(JobRun.objects.get())
            late = AFTER + timedelta(minutes=5)
            with another_process():
                assert deliver(job, task, now=late).body["status"] == "executed"

    task = make_task(run)
    job = make_job(task)

    answer = deliver(job, task)

    first, second = JobRun.objects.order_by("attempt")
    assert (answer.status, answer.body["run"]) == (200, first.pk)
    assert (first.status, second.status) == (Status.DISCARDED, Status.SUCCEEDED)
    assert first.error == "attempt 2 had already succeeded; this one ran too"
    assert (first.settled_slot, second.settled_slot) == (None, SLOT)


@pytest.mark.django_db
def test_a_run_whose_row_is_gone_is_answered_as_not_recorded() -> None:
    task = make_task(lambda self: JobRun.objects.all().delete() and None)
    assert deliver(make_job(task), task).body["recorded"] is False


# --- Facts and signals ----------------------------------------------------------------------------


@pytest.fixture
def heard() -> Iterator[list[tuple[str, str]]]:
    """The names of the signals sent, with the run's status."""
    heard: list[tuple[str, str]] = []
    names = ("run_started", "run_finished", "run_failed", "job_recovered")
    receivers = {}
    for name in names:

        def receive(sender: Any, run: JobRun, name: str = name, **kwargs: Any) -> None:
            assert sender is JobRun
            assert not connection.in_atomic_block
            assert JobRun.objects.get(pk=run.pk).status == run.status
            heard.append((name, run.status))

        receivers[name] = receive
        getattr(signals, name).connect(receive)
    yield heard
    for name, receive in receivers.items():
        getattr(signals, name).disconnect(receive)


@pytest.mark.django_db(transaction=True)
def test_signals_are_sent_after_each_commit(heard: list[tuple[str, str]]) -> None:
    outcomes = iter([ValueError("a"), None, None])

    def run(self: PeriodicTask) -> None:
        error = next(outcomes)
        if error is not None:
            raise error

    task = make_task(run)
    job = make_job(task)
    deliver(job, task)
    deliver(job, task)
    deliver(job, task, slot=SLOT + timedelta(hours=1), now=SLOT + timedelta(hours=1))

    assert heard == [
        ("run_started", "running"),
        ("run_finished", "failed"),
        ("run_failed", "failed"),
        ("run_started", "running"),
        ("run_finished", "succeeded"),
        ("job_recovered", "succeeded"),
        ("run_started", "running"),
        ("run_finished", "succeeded"),
    ]


@pytest.mark.django_db(transaction=True)
def test_a_lost_run_is_told_once_by_the_delivery_that_found_it(heard: list[tuple[str, str]]) -> None:
    task = make_task()
    job = make_job(task)
    make_run(job, Status.RUNNING, scheduled_for=SLOT)

    late = SLOT + timedelta(minutes=5)
    deliver(job, task, now=late)
    deliver(job, task, now=late)

    assert heard == [
        ("run_finished", "lost"),
        ("run_failed", "lost"),
        ("run_started", "running"),
        ("run_finished", "succeeded"),
        ("job_recovered", "succeeded"),
    ]


@pytest.mark.django_db(transaction=True)
def test_a_missed_slot_that_arrives_and_succeeds_has_recovered(heard: list[tuple[str, str]]) -> None:
    task = make_task()
    job = make_job(task)
    make_run(job, Status.MISSED, scheduled_for=SLOT)
    deliver(job, task)
    assert heard[-1] == ("job_recovered", "succeeded")


@pytest.mark.django_db(transaction=True)
def test_a_receiver_that_raises_changes_nothing() -> None:
    def receive(**kwargs: Any) -> None:
        raise RuntimeError("deaf")

    signals.run_started.connect(receive)
    signals.run_finished.connect(receive)
    try:
        task = make_task()
        assert deliver(make_job(task), task).status == 200
    finally:
        signals.run_started.disconnect(receive)
        signals.run_finished.disconnect(receive)


@pytest.mark.django_db
def test_an_older_run_that_ends_later_leaves_the_newer_facts() -> None:
    task = make_task()
    job = make_job(task, last_run_at=AFTER + timedelta(seconds=1), last_status=Status.SUCCEEDED)

    def fail(self: PeriodicTask) -> None:
        raise ValueError

    deliver(job, make_task(fail))

    job.refresh_from_db()
    assert (job.last_status, job.failures_in_a_row, job.last_run) == (Status.SUCCEEDED, 0, None)


@pytest.mark.django_db
def test_the_arrival_of_a_delivery_is_kept_with_its_run() -> None:
    task = make_task()
    job = make_job(task)
    deliver(job, task)
    job.refresh_from_db()
    assert (job.last_delivery_at, job.last_run_at) == (AFTER, AFTER)


@pytest.mark.django_db
def test_a_duplicate_has_arrived_too() -> None:
    task = make_task()
    job = make_job(task)
    deliver(job, task)
    later = AFTER + timedelta(minutes=2)
    assert deliver(job, task, now=later).body["status"] == "duplicate"
    job.refresh_from_db()
    assert (job.last_delivery_at, job.last_run_at) == (later, AFTER)


@pytest.mark.django_db
def test_what_is_skipped_or_still_running_has_arrived_too() -> None:
    task = make_task()
    paused = make_job(task, paused=True, pause_reason="migration")
    assert deliver(paused, task).body["status"] == "skipped"
    running = make_job(task, "shop--other")
    make_run(running, Status.RUNNING, scheduled_for=SLOT, active_slot=SLOT)
    assert deliver(running, task).status == 409
    assert set(ScheduledJob.objects.values_list("last_delivery_at", flat=True)) == {AFTER}


@pytest.mark.django_db
def test_a_body_that_is_refused_has_arrived_too() -> None:
    task = make_task()
    job = make_job(task)
    assert deliver(job, task, body=b"[").status == 400
    job.refresh_from_db()
    assert job.last_delivery_at == AFTER


@pytest.mark.django_db
def test_the_end_of_a_run_takes_back_no_later_arrival() -> None:
    later = AFTER + timedelta(minutes=30)

    def run(self: PeriodicTask) -> None:
        facts.note_delivery(job.pk, later)

    task = make_task(run)
    job = make_job(task)
    deliver(job, task)
    job.refresh_from_db()
    assert (job.last_delivery_at, job.last_run_at) == (later, AFTER)


@pytest.mark.django_db
def test_an_arrival_is_kept_where_a_newer_run_has_the_facts() -> None:
    task = make_task()
    job = make_job(task, last_run_at=AFTER + timedelta(minutes=5), last_status=Status.SUCCEEDED)
    deliver(job, task)
    job.refresh_from_db()
    assert (job.last_delivery_at, job.last_run_at) == (AFTER, AFTER + timedelta(minutes=5))


@pytest.mark.django_db
def test_an_arrival_that_cannot_be_written_changes_no_answer(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    task = make_task()
    job = make_job(task)
    deliver(job, task)

    write = sql.update_row

    def gone(update: sql.Update, using: str) -> bool:
        if update.model is ScheduledJob:
            raise OperationalError("server closed the connection")
        return write(update, using)

    monkeypatch.setattr(sql, "update_row", gone)
    assert deliver(job, task).body["status"] == "duplicate"
    assert f"The arrival of a delivery could not be written on job {job.pk}" in caplog.text


@pytest.mark.django_db
def test_what_a_command_runs_was_delivered_by_nobody() -> None:
    task = make_task()
    job = make_job(task)
    execution.run_eagerly(job, task)
    job.refresh_from_db()
    assert (job.last_delivery_at, job.last_status) == (None, Status.SUCCEEDED)


@pytest.mark.django_db
def test_a_run_that_was_lost_and_then_fails_is_one_failure() -> None:
    def run(self: PeriodicTask) -> None:
        with another_process():
            [lost] = execution.expire(AFTER + timedelta(minutes=5))
        assert lost.status == Status.LOST
        job.refresh_from_db()
        assert (job.last_status, job.failures_in_a_row) == (Status.LOST, 1)
        raise ValueError

    task = make_task(run)
    job = make_job(task)
    deliver(job, task)

    job.refresh_from_db()
    assert (job.last_status, job.failures_in_a_row) == (Status.FAILED, 1)


@pytest.mark.django_db
def test_a_discarded_run_neither_counts_nor_ends_the_count() -> None:
    from scheduled_jobs.exceptions import DiscardTask

    def run(self: PeriodicTask) -> None:
        raise DiscardTask

    task = make_task(run)
    job = make_job(task, failures_in_a_row=2, last_status=Status.FAILED)
    deliver(job, task)

    job.refresh_from_db()
    assert (job.last_status, job.failures_in_a_row) == (Status.DISCARDED, 2)


@pytest.mark.django_db
def test_facts_that_cannot_be_written_cost_the_run_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(run: JobRun) -> bool:
        raise OperationalError("gone")

    monkeypatch.setattr(facts, "write", fail)
    task = make_task()
    assert deliver(make_job(task), task).body["status"] == "executed"
