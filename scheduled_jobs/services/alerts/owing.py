"""What may have to be told is written with the end of a run, in its transaction; nothing is judged there."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from datetime import datetime

from django.core.exceptions import ImproperlyConfigured
from django.db import Error, connections, transaction
from django.utils import timezone

from scheduled_jobs import registry
from scheduled_jobs.conf import settings
from scheduled_jobs.domain.ahead import ahead
from scheduled_jobs.domain.attempts import SKEW
from scheduled_jobs.domain.retries import last_retry_time, retry_time
from scheduled_jobs.domain.tolerances import Tolerances
from scheduled_jobs.logs import logger
from scheduled_jobs.models import AlertRun, JobRun, ScheduledJob
from scheduled_jobs.models.writer import writer
from scheduled_jobs.models.writing import is_lost_race

Kind, Status, Trigger = AlertRun.Kind, JobRun.Status, JobRun.Trigger

_here = threading.local()


def is_anybody_told() -> bool:
    """Whether the settings name somebody to tell."""
    return bool(settings.ALERT_RECIPIENTS or settings.ALERT_WEBHOOKS)


def owe_end(run: JobRun, *, is_recovery: bool) -> None:
    """Write down that the end of a run may have to be told, in the transaction of that end.

    An ordinary success costs no statement. Whatever else is wrong here, the end is written; what undoes the
    transaction is raised.
    """
    try:
        is_ordinary = run.status == Status.SUCCEEDED and not is_recovery
        if (is_ordinary or _is_wanted()) and (owed := _owed(run, is_recovery=is_recovery)) is not None:
            _write([owed])
    except (Error, ImproperlyConfigured) as error:
        _raise_where_the_end_is_gone(error)
        logger.exception("What run %s may have to tell could not be written", run.pk)


def owe_missed(runs: Iterable[JobRun]) -> None:
    """The same of runs that never came, in the transaction in which they are written down."""
    try:
        if _is_wanted() and (owed := [_row(run, Kind.MISSED, _begin(run)) for run in runs]):
            _write(owed)
    except (Error, ImproperlyConfigured) as error:
        _raise_where_the_end_is_gone(error)
        logger.exception("What was missed could not be written to be told")


def _raise_where_the_end_is_gone(error: Exception) -> None:
    """A race that was lost undoes the whole transaction, the end with it: that begins anew."""
    is_undone = connections[writer()].needs_rollback
    if isinstance(error, Error) and (is_undone or is_lost_race(error)):
        raise error


def is_due_here() -> bool:
    """Whether this thread has written down something that is to be told at once; once it is asked for."""
    is_due = getattr(_here, "is_due", False)
    _here.is_due = False
    return is_due


def retry_at(run: JobRun, job: ScheduledJob) -> datetime | None:
    """When Google tries again after an attempt that has failed; None where it does not."""
    return _by(retry_time, run, job)


def given_up_at(run: JobRun, job: ScheduledJob) -> datetime | None:
    """By when Google has begun the last try after an attempt that has failed; None where it tries no more."""
    last = _by(last_retry_time, run, job)
    return None if last is None else last + SKEW


def _by(when: Callable[..., datetime | None], run: JobRun, job: ScheduledJob) -> datetime | None:
    # What a person asked for is answered 2xx however it ends.
    ended = run.finished_at or run.deadline_at
    failed = run.status in JobRun.FAILING
    if not failed or run.trigger != Trigger.SCHEDULE or ended is None or run.scheduled_for is None:
        return None
    following = ahead(job.facts.resumed(), run.scheduled_for, 1).next_at
    return when(
        job.retry_policy, attempts=run.attempt, first=run.scheduled_for, ended=ended, next_slot=following
    )


def _is_wanted() -> bool:
    return is_anybody_told() or settings.AUTO_PAUSE_AFTER is not None


def _owed(run: JobRun, *, is_recovery: bool) -> AlertRun | None:
    ended = run.finished_at or _begin(run)
    if run.trigger == Trigger.EAGER:
        return None
    if run.status == Status.SUCCEEDED:
        if not is_recovery:
            _go_on(run, ended)
            return None
        return _row(run, Kind.RECOVERED, ended)
    if run.status == Status.LOST:
        return _row(run, Kind.LOST, given_up_at(run, run.job) or ended)
    # Who asked for a run stands there; what nobody asked for has a scheduled time.
    if run.status in JobRun.FAILING and run.scheduled_for is not None:
        return _row(run, Kind.FAILING, given_up_at(run, run.job) or ended)
    return None


def _go_on(run: JobRun, now: datetime) -> None:
    """A further success, of a task that wants several before it counts as recovered."""
    task = registry.get(run.job.task)
    if task is None or task.recovery_tolerance == 1 or Tolerances.of(task).recoveries == 1:
        return
    waiting = AlertRun.objects.filter(job_id=run.job_id, kind=Kind.RECOVERED, due_at__gt=now)
    with transaction.atomic(using=writer()):
        if waiting.update(due_at=now):
            _here.is_due = True


def _begin(run: JobRun) -> datetime:
    return run.started_at or run.scheduled_for or run.created_at


def _row(run: JobRun, kind: str, due_at: datetime) -> AlertRun:
    return AlertRun(job_id=run.job_id, run=run, kind=kind, error_key=run.error_key, due_at=due_at)


def _write(owed: list[AlertRun]) -> None:
    now = timezone.now()
    for one in owed:
        one.created_at = now
    # A savepoint: what is wrong with these rows is not to undo the end of the run.
    with transaction.atomic(using=writer()):
        AlertRun.objects.bulk_create(owed)
    if any(one.due_at is not None and one.due_at <= now for one in owed):
        _here.is_due = True
