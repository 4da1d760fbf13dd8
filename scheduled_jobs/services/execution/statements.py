"""The conditional statements by which the database decides what may run.

Each is one statement, in autocommit, whose count or whose unique key tells who has won; inside a
transaction of the caller's each has a savepoint around it. Nobody takes a lock that outlives a statement.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from django.db import Error, IntegrityError, connections, transaction
from django.db.models import F

from scheduled_jobs import deployment
from scheduled_jobs.domain.payloads import in_three_bytes
from scheduled_jobs.logs import logger
from scheduled_jobs.models import JobChange, JobRun, ScheduledJob
from scheduled_jobs.models.runs import JobRunQuerySet
from scheduled_jobs.models.writer import writer
from scheduled_jobs.models.writing import is_held
from scheduled_jobs.services.execution import sql

if TYPE_CHECKING:
    from scheduled_jobs.services.execution.situation import SeenRun

Status, Trigger = JobRun.Status, JobRun.Trigger

LEASE = timedelta(seconds=20)
"""For how long a run counts as alive after its last sign of life. A process that dies must free its slot
before Google's retries are used up: the first of them may be the only one, and comes after five seconds."""
CREDIT_AGE = timedelta(minutes=15)
"""For how long the surplus delivery of a RunJob that was sent twice is expected."""
EMPTY = {
    "error", "error_key", "traceback", "log", "progress_message", "progress_done", "progress_total", "context"
}  # fmt: skip
"""Columns that are empty while a run goes on, or that its end does not empty."""
REACH = timedelta(days=8)
"""How far back among the runs of a job that one is looked for: it was asked for and sent since."""
ASKED = ("run", "backfill")
"""Fields of the audit that name runs which were asked for."""
MOST_CHANGES = 20


def statement() -> AbstractContextManager[Any]:
    """A savepoint inside a transaction, so that a lost race does not poison it; else autocommit."""
    using = writer()
    if connections[using].in_atomic_block:
        return transaction.atomic(using=using)
    return nullcontext()


# --- Reading --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Slot:
    """The rows of one slot, of one read.

    ``attempts`` is the highest attempt of that very read: as UNIQUE(job, scheduled_for, attempt) makes it
    a compare-and-swap, a run that began and ended since the look is noticed.
    """

    at: datetime
    attempts: int = 0
    settled: int | None = None
    active: int | None = None
    missed: int | None = None

    @classmethod
    def of(cls, at: datetime, rows: Iterable[JobRun | SeenRun]) -> Slot:
        """The slot of which these are all attempts, as they were read together."""
        attempts, settled, active, missed = 0, None, None, None
        for row in rows:
            attempts = max(attempts, row.attempt)
            settled = row.pk if row.settled_slot is not None else settled
            active = row.pk if row.active_slot is not None else active
            missed = row.pk if row.status == Status.MISSED else missed
        return cls(at, attempts, settled, active, missed)


def read_slot(job_id: int, at: datetime) -> Slot:
    """What is known of a slot."""
    rows = JobRun.objects.of_slot(job_id, at).order_by("attempt")
    return Slot.of(at, rows.only("attempt", "status", "active_slot", "settled_slot"))


def settled_by_another(run: JobRun) -> int | None:
    """The attempt, other than this one, that has settled the slot of a run."""
    settled = JobRun.objects.filter(job_id=run.job_id, settled_slot=run.scheduled_for)
    return settled.exclude(pk=run.pk).values_list("pk", flat=True).first()


# --- EXPIRE ---------------------------------------------------------------------------------------


def out_of_lease(now: datetime) -> JobRunQuerySet:
    """The runs, of all jobs, whose process gives no sign of life any more, the oldest first."""
    return JobRun.objects.filter(status=Status.RUNNING, lease_until__lt=now).oldest_first()


def renew(run_id: int, now: datetime) -> None:
    """Give a run that is known to live its lease anew."""
    with statement():
        JobRun.objects.filter(pk=run_id, status=Status.RUNNING).update(lease_until=now + LEASE)


def lose(run_id: int, lease_until: datetime | None, now: datetime) -> bool:
    """Give up a run that was last seen with this lease; whether this call has done it.

    Against the heartbeat, which may have renewed the lease, against the end, which may be written just now,
    and against others who give it up too: the one who has done it speaks of it.
    """
    seen = now if lease_until is None else lease_until - LEASE
    error = f"The process that ran it has given no sign of life since {seen:%Y-%m-%d %H:%M:%S} UTC."
    slots = {"active_slot": None, "overlap_lock": None}
    still = JobRun.objects.filter(pk=run_id, status=Status.RUNNING, lease_until=lease_until)
    with statement():
        return bool(still.update(status=Status.LOST, error_key=Status.LOST, error=error, **slots))


# --- CLAIM ----------------------------------------------------------------------------------------


def claim_run(
    run: JobRun,
    now: datetime,
    *,
    lock: int | None,
    deadline_at: datetime,
    announced_for: datetime | None,
    context: dict[str, Any],
) -> bool:
    """Make a queued run this process's own. False: another took it, or it was cancelled.

    Raises IntegrityError where the lock against overlaps, or the slot of a rerun, is held.
    """
    values = {
        "status": Status.RUNNING,
        "started_at": now,
        "lease_until": now + LEASE,
        "deadline_at": deadline_at,
        "active_slot": run.scheduled_for,
        "overlap_lock": lock,
        "announced_for": announced_for,
        "code_version": deployment.code_version(),
        "context": {**run.context, **context},
    }
    if not _change_queued(run.pk, delivered=True, **values):
        return False
    run.deliveries += 1
    for name, value in values.items():
        setattr(run, name, value)
    return True


def close_queued(run_id: int, status: str, error: str, now: datetime, *, delivered: bool) -> bool:
    """End a queued run that will not be executed. Its slot, if it has one, is not settled by that.

    ``delivered`` tells that its own delivery was used up; else that is still to come, and is absorbed.
    """
    return _change_queued(run_id, delivered=delivered, status=status, error=error, finished_at=now)


def unsend(run_id: int) -> None:
    """Let a queued run wait for its turn again, as if nobody had been asked to run it."""
    with statement():
        JobRun.objects.filter(pk=run_id, status=Status.QUEUED).update(sent=0, sent_at=None)


def _change_queued(run_id: int, *, delivered: bool, **values: Any) -> bool:
    # Two deliveries and a person's cancel may want the same row: one finds it queued.
    is_queued = f" AND {sql.quoted_names(JobRun, writer()).status} = %s"
    return _change(run_id, values, is_queued, [Status.QUEUED], delivered=delivered)


def _change(
    run_id: int, values: Mapping[str, Any], where: str = "", asked: Sequence[Any] = (), *, delivered: bool
) -> bool:
    """Write columns of a run, of which ``where`` asks more; ``delivered``: one more delivery is counted."""
    using = writer()
    deliveries = sql.quoted_names(JobRun, using).deliveries
    one_more = f", {deliveries} = {deliveries} + 1" if delivered else ""
    with statement():
        row = sql.Update(JobRun, run_id, {**values, "unfolded": 1}, where, asked, one_more)
        return sql.update_row(row, using)


# --- START and SKIP -------------------------------------------------------------------------------


def insert(job: ScheduledJob, values: dict[str, Any], *, slot: Slot | None = None) -> JobRun | None:
    """Write a run that nobody had asked for: of a slot, or of its own.

    A slot that was reported as missed keeps its row: the late delivery takes it over. Raises IntegrityError
    where the slot has changed since it was read, or the lock against overlaps is held; None where the
    missed row was taken by another.
    """
    if slot is not None and slot.missed is not None:
        missed = JobRun.objects.filter(pk=slot.missed, status=Status.MISSED)
        with statement():
            if not missed.update(**{"error": "", "error_key": ""} | values, deliveries=F("deliveries") + 1):
                return None
        run = JobRun.objects.get(pk=slot.missed)
        run.job = job
        return run
    place = {} if slot is None else {"scheduled_for": slot.at, "attempt": slot.attempts + 1}
    try:
        return _insert(job, {**place, **values})
    except IntegrityError:
        raise
    except Error:
        short = in_three_bytes(values)
        if short == values:
            raise
    return _insert(job, {**place, **short})


def _insert(job: ScheduledJob, values: dict[str, Any]) -> JobRun:
    run = sql.new(JobRun, {"deliveries": 1, **values})
    run.job = job
    with statement():
        sql.insert_row(run, ("job_id", "deliveries", *values), writer())
    # Which the database makes of the same, and would have to be asked for.
    vars(run)["at"] = run.started_at or run.scheduled_for or run.created_at
    return run


# --- CREDIT ---------------------------------------------------------------------------------------


def count_delivery(run_id: int) -> None:
    """One more delivery of a run that is under way or over; not where its row is held for too long."""
    try:
        _change(run_id, {}, delivered=True)
    except Error as error:
        if not is_held(error):
            raise
        logger.warning("That run %s was delivered once more could not be counted: its row is held", run_id)


def credit(job_id: int, now: datetime) -> int | None:
    """Attribute a delivery to a run whose RunJob was sent more often than it was delivered."""
    sent = JobRun.objects.filter(job_id=job_id, sent__gt=F("deliveries"), sent_at__gt=now - CREDIT_AGE)
    surplus = sent.exclude(status=Status.QUEUED).oldest_first().values_list("pk", flat=True)
    name = sql.quoted_names(JobRun, writer())
    # Two surplus deliveries at once must not both be taken for the same one.
    is_missing = f" AND {name.deliveries} < {name.sent}"
    for run_id in [*surplus.filter(at__gt=now - REACH)] or surplus.filter(pk__in=_cancelled(job_id)):
        if _change(run_id, {}, is_missing, delivered=True):
            return int(run_id)
    return None


def _cancelled(job_id: int) -> list[int]:
    """What was cancelled, by the last changes of a job: of a time long ago it is not among the last runs."""
    changes = JobChange.objects.filter(job=job_id).order_by("-pk").values_list("field", "old")
    old = [old for field, old in changes[:MOST_CHANGES] if field in ASKED]
    pks = [value.get("first") if isinstance(value, dict) else value for value in old]
    return [pk for pk in pks if isinstance(pk, int)]


def redelivered(job: ScheduledJob, announced_for: datetime, now: datetime) -> int | None:
    """The claimed run of which a delivery with this announced time is the redelivery."""
    claimed = JobRun.objects.filter(
        job_id=job.pk,
        at__gt=now - REACH,
        announced_for=announced_for,
        sent__gt=0,
        started_at__isnull=False,
    )
    since = now - 2 * job.min_backoff - timedelta(seconds=5)
    for run in claimed.order_by("-pk"):
        past = run.status == Status.RUNNING and run.deadline_at is not None and run.deadline_at < now
        ended = run.finished_at is not None and run.finished_at >= since
        if past or ended or run.status in (Status.LOST, Status.TIMED_OUT):
            count_delivery(run.pk)
            return run.pk
    return None


# --- END ------------------------------------------------------------------------------------------


def end(run: JobRun, values: dict[str, Any], *, settles: bool) -> str | None:
    """Write the end of a run that is running, or was given up while it still ran; returns which of them.

    ``settles``: its slot is never run again. Raises IntegrityError where another attempt has settled it.
    None: the row is gone, or closed.
    """
    using = writer()
    for status in JobRun.ENDABLE:
        if sql.update_row(end_of(run, values, status, using, settles=settles), using):
            return status
    return None


def end_of(run: JobRun, values: dict[str, Any], status: str, using: str, *, settles: bool) -> sql.Update:
    """The end of a run of this status."""
    # Of a run that was given up the row says why, and of one that goes on it is as it was inserted.
    if status == Status.RUNNING:
        values = {key: value for key, value in values.items() if value or key not in EMPTY}
    if settles and run.scheduled_for is not None:
        values = {**values, "settled_slot": run.scheduled_for}
    where, also = _texts_of_end(using)
    return sql.Update(JobRun, run.pk, values, where, [status], also)


@cache
def _texts_of_end(using: str) -> tuple[str, str]:
    """What the statement asks of the row, and what it sets beside the columns that are named."""
    name = sql.quoted_names(JobRun, using)
    empty = f", {name.active_slot} = NULL, {name.overlap_lock} = NULL, {name.unfolded} = 1"
    return f" AND {name.status} = %s", empty


# --- The pause ------------------------------------------------------------------------------------


def end_pause(job: ScheduledJob, now: datetime) -> None:
    """Clear a pause whose end has passed, and read the row again."""
    if job.paused and not job.is_paused(now):
        job.end_pause(now)
        # A person may just now have paused it anew, with another end or none: that pause counts.
        job.refresh_from_db(using=writer())
