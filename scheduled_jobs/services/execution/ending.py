"""The end of a run: written, or kept until it can be; and what follows from it.

Work that its only witness saw succeed is never run again because the database was away for a moment.
"""

from __future__ import annotations

import json
import time
import traceback
from collections.abc import Callable, Iterable
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from django.db import DatabaseError, IntegrityError, connections, transaction

from scheduled_jobs import signals
from scheduled_jobs.domain.payloads import in_three_bytes
from scheduled_jobs.logs import logger
from scheduled_jobs.models import JobRun, ScheduledJob
from scheduled_jobs.models.writer import writer
from scheduled_jobs.models.writing import is_held, persistent
from scheduled_jobs.services import alerts
from scheduled_jobs.services.execution import facts, sql, statements
from scheduled_jobs.services.execution.heartbeat import heartbeat
from scheduled_jobs.services.execution.keeping import kept_ends
from scheduled_jobs.services.execution.telling import send

if TYPE_CHECKING:
    from scheduled_jobs.services.execution.runner import Outcome
    from scheduled_jobs.services.execution.situation import SeenRun
    from scheduled_jobs.services.execution.statements import Slot

T = TypeVar("T")

Status = JobRun.Status

DELAYS = (0.2, 1.0, 3.0, 5.0, 10.0)
"""Seconds to wait before the end is tried again over a new connection."""
PATIENCE = 20.0
"""Seconds after which nothing is tried any more: a statement may itself wait long, as for SQLite's lock."""
MAX_KEPT_TEXT = 65_536


def finish(
    run: JobRun,
    outcome: Outcome,
    *,
    now: datetime,
    sleep: Callable[[float], None] = time.sleep,
    delays: Iterable[float] = DELAYS,
) -> bool:
    """Write how a run ended, at ``now`` (aware); False if that could not be recorded (yet).

    Whether the database is gone, or refuses what is written, cannot be told from the class of its error:
    over a new connection the end is tried as it is, and then plain.
    """
    values = _values(run, outcome, now)
    connection = connections[writer()]
    began, waits = time.monotonic(), iter((0.0, *delays))
    attempt: Callable[[JobRun, dict[str, Any]], bool] = _write
    while True:
        try:
            return attempt(run, values)
        except Exception as error:  # noqa: BLE001 – a driver has its own, and the end is not to be lost
            told = run.redactor.text(str(error))  # a database may quote the row
            logger.warning("The end of run %s could not be written: %s", run.pk, told)
        if not connection.in_atomic_block:
            # The usual cause is a pooled connection that went stale while the task ran.
            connection.close()
        elif attempt is _write_somehow:
            return False
        attempt = _write_somehow
        wait = next(waits, None)
        if wait is None or time.monotonic() - began > PATIENCE:
            logger.error("The end of run %s is kept in memory", run.pk)
            if run.exception is not None:
                traceback.clear_frames(run.exception.__traceback__)  # what the task had in its hands
            kept_ends.keep(run.pk, partial(_write_kept, run, _kept(run, values)))
            return False
        if wait and not connection.in_atomic_block:
            sleep(wait)


def expire(now: datetime) -> list[JobRun]:
    """Give up the runs, of all jobs, whose process gives no sign of life, and tell of them.

    Returns those that this call gave up; their own end, should it still come, corrects it.
    """
    lost: list[JobRun | None] = []
    for run in statements.out_of_lease(now):
        try:
            lost.append(mark_lost(run, now))
        except DatabaseError as error:
            # Somebody holds its row: perhaps its own end. The others are not to wait for that.
            if not is_held(error):
                raise
    return [run for run in lost if run is not None]


def mark_lost(row: SeenRun | JobRun, now: datetime) -> JobRun | None:
    """Mark a run as lost, which was seen with the lease of ``row``. None: it lives, or has ended.

    A run of this very process lives, whatever its lease says: the process may just have been thawed.
    """
    if heartbeat.holds(row.pk):
        statements.renew(row.pk, now)
        return None

    def lose() -> tuple[JobRun, bool] | None:
        if not statements.lose(row.pk, row.lease_until, now):
            return None
        run = JobRun.objects.select_related("job").get(pk=row.pk)
        return run, _note(run)

    if (lost := _in_one(lose)) is None:
        return None
    _tell(*lost)
    alerts.check_in_lost(lost[0])
    return lost[0]


def insert_ended(job: ScheduledJob, values: dict[str, Any], slot: Slot | None) -> JobRun | None:
    """Write a run that is over before it began, as ``statements.insert`` does."""

    def insert() -> tuple[JobRun, bool] | None:
        run = statements.insert(job, values, slot=slot)
        return None if run is None else (run, _note(run))

    if (ended := _in_one(insert)) is None:
        return None
    _tell(*ended)
    return ended[0]


def _in_one(write: Callable[[], T]) -> T:
    """Write the end of a run and what follows from it in one transaction: all of it, or nothing.

    A race that is lost there is lost by all of it, and all of it begins anew.
    """
    return _in_transaction(write, using=writer())


@persistent
def _in_transaction(write: Callable[[], T], *, using: str) -> T:
    is_ours = not connections[using].in_atomic_block
    with transaction.atomic(using=using):
        if is_ours:
            sql.limit_lock_wait(using)
        return write()


def _note(run: JobRun, *, is_correction: bool = False) -> bool:
    """Write what the end of a run changes beside its own row, in the transaction of that end.

    Returns whether it is the first success after a failure or a missed run.
    """
    is_recovery = facts.correct(run) if is_correction else facts.write(run)
    alerts.owe_end(run, is_recovery=is_recovery)
    return is_recovery


def _tell(run: JobRun, recovered: bool) -> None:  # noqa: FBT001 – as both come of one transaction
    """The signals of a run that is over."""
    send(signals.run_finished, run)
    if run.status in JobRun.FAILING:
        send(signals.run_failed, run, exception=run.exception)
    if recovered:
        send(signals.job_recovered, run)


def _values(run: JobRun, outcome: Outcome, now: datetime) -> dict[str, Any]:
    # Without a note it stays as it was inserted.
    noted = {"context": _with_notes(run.context, outcome.notes)} if outcome.notes else {}
    return {
        "status": outcome.status,
        "finished_at": now,
        "duration": now - run.started_at if run.started_at is not None else None,
        "result": outcome.result,
        "error": outcome.error,
        "error_key": outcome.error_key,
        "traceback": outcome.traceback,
        "log": run.log,
        "progress_done": run.progress_done,
        "progress_total": run.progress_total,
        "progress_message": run.progress_message,
        **noted,
    }


def _with_notes(context: dict[str, Any], notes: list[str]) -> dict[str, Any]:
    return {**context, "notes": [*context.get("notes", []), *notes]}


def _kept(run: JobRun, values: dict[str, Any]) -> dict[str, Any]:
    """What of an end may stay in memory, of the run itself too: the database has its payload."""
    vars(run).pop("payload", None)
    dropped = {
        name: nothing
        for name, nothing in (("result", None), ("traceback", ""))
        if len(json.dumps(values[name])) > MAX_KEPT_TEXT
    }
    if not dropped:
        return values
    what = " and the ".join(dropped)
    note = f"The database took no end for a while, and the {what} was too long to be kept in memory."
    return {**values, **dropped, "context": _with_notes(values.get("context") or run.context, [note])}


def _write_kept(run: JobRun, values: dict[str, Any]) -> None:
    try:
        _write_somehow(run, values)
    except Exception as error:  # noqa: BLE001 – a driver has its own
        raise RuntimeError(run.redactor.text(str(error))) from None  # a database may quote the row


def _write_somehow(run: JobRun, values: dict[str, Any]) -> bool:
    """Write the end as it is, or else without what a database may refuse; raises why it refuses even that."""
    short = in_three_bytes(values)
    for some in (values, short) if short != values else (values,):
        try:
            return _write(run, some)
        except Exception as error:  # noqa: BLE001 – a driver has its own
            refusal = error
    return _write(run, _plain(values, refusal))


def _plain(values: dict[str, Any], error: Exception) -> dict[str, Any]:
    """The same end with nothing in it that a database could refuse."""
    note = f"The database refused the result or the traceback: {type(error).__name__}"
    plain = {"result": None, "traceback": "", "progress_done": None, "progress_total": None}
    names = ("error", "error_key", "log")
    words = {name: values[name].encode("ascii", "replace").decode() for name in names}
    return {**values, **plain, **words, "progress_message": "", "context": {"notes": [note]}}


def _write(run: JobRun, values: dict[str, Any]) -> bool:
    settles = values["status"] in (Status.SUCCEEDED, Status.DISCARDED)
    try:
        return _write_in_one(run, values, settles=settles)
    except IntegrityError:
        # Two attempts ran at once, as the lease of the first was out: the other has settled the slot.
        slot = JobRun.objects.filter(job_id=run.job_id, settled_slot=run.scheduled_for)
        if run.scheduled_for is None or (other := slot.exclude(pk=run.pk).first()) is None:
            raise
        beaten = f"attempt {other.attempt} had already {other.status}; this one ran too"
        values = {**values, "status": Status.DISCARDED, "error": beaten, "error_key": ""}
        return _write_in_one(run, values, settles=False)


def _write_in_one(run: JobRun, values: dict[str, Any], *, settles: bool) -> bool:
    if _write_ordinary(run, values, settles=settles):
        _tell(run, recovered=False)
        return True

    def end() -> bool | None:
        replaced = statements.end(run, values, settles=settles)
        # Else written just now, by a statement whose answer was lost with its connection.
        same = {name: values[name] for name in ("status", "finished_at")}
        if replaced is None:
            return False if JobRun.objects.filter(pk=run.pk, **same).exists() else None
        vars(run).update(values)
        return _note(run, is_correction=replaced in (Status.LOST, Status.TIMED_OUT))

    recovered = _in_one(end)
    if recovered is None:
        return False
    vars(run).update(values)
    _tell(run, recovered)
    return True


def _write_ordinary(run: JobRun, values: dict[str, Any], *, settles: bool) -> bool:
    """Write the success of a run after which nobody is told anything, and of which its job says what it is.

    False, and nothing is written, where it is none or something is not as it was.
    """
    using = writer()
    before, is_written = {name: vars(run)[name] for name in values}, False
    vars(run).update(values)
    try:
        if (facts_of_job := facts.of_ordinary_success(run, using)) is not None:
            end = statements.end_of(run, values, Status.RUNNING, using, settles=settles)
            is_written = _write_both(end, facts_of_job, using=using)
    finally:
        if not is_written:
            vars(run).update(before)
    return is_written


@persistent
def _write_both(end: sql.Update, facts_of_job: sql.Update, *, using: str) -> bool:
    with statements.statement():
        return sql.update_both(end, facts_of_job, using)
