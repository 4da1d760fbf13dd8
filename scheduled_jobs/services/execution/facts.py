"""What a job's row says of its last runs: written with the end of each, and read by every list."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from types import MappingProxyType
from typing import Any

from django.db import Error
from django.db.models import Case, Exists, F, OuterRef, Q, Value, When
from django.db.models.functions import Coalesce

from scheduled_jobs.logs import logger
from scheduled_jobs.models import JobRun, ScheduledJob
from scheduled_jobs.models.job_queryset import ScheduledJobQuerySet
from scheduled_jobs.models.last_run import as_last, began, is_down
from scheduled_jobs.models.writer import writer
from scheduled_jobs.services.execution import sql, statements

Status = JobRun.Status
MOST = 1_000
"""Failures that are read to count those in a row."""


def write(run: JobRun) -> bool:
    """Write what a run that is over says of its job.

    Returns whether it is the first success after a failure or a missed run.
    """
    using, is_recovery = writer(), False
    if run.status in JobRun.FAILING:
        written = _write_failure(run)
    elif run.status != Status.SUCCEEDED:
        written = sql.update_row(_of_last(run, using), using)
    else:
        # As the job was when it was read, most likely; each names what it takes for granted.
        for is_failing in (True, False) if is_down(run.job) else (False, True):
            written = sql.update_row(_of_success(run, using, is_failing=is_failing), using)
            if written:
                is_recovery = is_failing or bool(run.context.get("was_missed"))
                break
    if not written:
        _write_late(run)
        if (arrived := _arrived(run)) is not None:
            note_delivery(run.job_id, arrived)
    return is_recovery


def of_ordinary_success(run: JobRun, using: str) -> sql.Update | None:
    """What a run that is over says of its job where nothing follows from it but that; None of any other."""
    is_ordinary = run.status == Status.SUCCEEDED and not is_down(run.job)
    if not is_ordinary or run.context.get("was_missed"):
        return None
    return _of_success(run, using, is_failing=False)


def _of_success(run: JobRun, using: str, *, is_failing: bool) -> sql.Update:
    """``is_failing``: only where the job fails, or has missed a run, or else only where it does not."""
    success = {"last_success_id": run.pk, "last_success_at": began(run)}
    over = {"failures_in_a_row": 0, "failing_since": None} if is_failing else {}
    return _of_last(run, using, {**success, **over}, is_failing=is_failing)


def _of_last(
    run: JobRun,
    using: str,
    values: Mapping[str, Any] = MappingProxyType({}),
    *,
    is_failing: bool | None = None,
) -> sql.Update:
    """What is known of the last run, where none began later."""
    arrived, times = _arrived(run), {"last_run_at": began(run)}
    if arrived is not None:
        times["last_delivery_at"] = arrived
    at, *arrivals = sql.as_parameters(ScheduledJob, times, using)
    where, also = _texts_of_last(using, is_failing=is_failing, has_arrived=arrived is not None)
    return sql.Update(ScheduledJob, run.job_id, {**as_last(run), **values}, where, [at], also, 2 * arrivals)


@cache
def _texts_of_last(using: str, *, is_failing: bool | None, has_arrived: bool) -> tuple[str, str]:
    """What the statement asks of the row, and what it sets beside the columns that are named."""
    name = sql.quoted_names(ScheduledJob, using)
    # The run of an earlier start that ends later tells nothing new.
    where = f" AND ({name.last_run_at} IS NULL OR {name.last_run_at} <= %s)"
    if is_failing is not None:
        fails = f"({name.failures_in_a_row} > 0 OR {name.failing_since} IS NOT NULL)"
        where += f" AND {'' if is_failing else 'NOT '}{fails}"
    # Another may have arrived while this one ran.
    last = name.last_delivery_at
    return where, f", {last} = CASE WHEN {last} > %s THEN {last} ELSE %s END" if has_arrived else ""


def _write_failure(run: JobRun) -> bool:
    started, arrived = began(run), _arrived(run)
    jobs = _jobs(run.job_id).filter(Q(last_run_at=None) | Q(last_run_at__lte=started))
    facts = as_last(run)
    if arrived is not None:
        later = When(last_delivery_at__gt=arrived, then=F("last_delivery_at"))
        facts["last_delivery_at"] = Case(later, default=Value(arrived))
    # MySQL sets columns in the order written here, and compares with the new values: these two come first.
    count = Case(When(_is_counted(run), then=F("failures_in_a_row")), default=F("failures_in_a_row") + 1)
    # Of what only never came before, it has not failed since.
    since = Case(
        When(failures_in_a_row=0, then=Value(started)), default=Coalesce("failing_since", Value(started))
    )
    failure = {"last_failure": run, "last_failure_at": started}
    return bool(jobs.update(failing_since=since, failures_in_a_row=count, **failure, **facts))


def _is_counted(run: JobRun) -> Q:
    """Whether the failures in a row of a job are as many as before this one.

    What is counted are scheduled times, not attempts, and a run that was lost and then fails after all once.
    One that was asked for has no such time: by it alone a job fails once, and it adds to no others.
    """
    if run.attempt > 1 or run.scheduled_for is None:
        return Q(failures_in_a_row__gt=0)
    is_same = Q(last_run=run, last_status__in=JobRun.FAILING)
    if run.job.failures_in_a_row != 1:
        return is_same
    others = JobRun.objects.filter(job_id=run.job_id, status__in=JobRun.FAILING).exclude(pk=run.pk)
    since = others.filter(at__gte=OuterRef("failing_since"))
    of_slots = Exists(since.filter(scheduled_for__isnull=False))
    return is_same | Q(Exists(since), ~of_slots, failures_in_a_row=1)


def correct(run: JobRun) -> bool:
    """Write the facts anew, from the runs, where a run had been given up and has ended after all.

    Returns whether the job fails no more by that.
    """
    runs = JobRun.objects.filter(job_id=run.job_id)
    success = runs.filter(status=Status.SUCCEEDED).first()
    failed = runs.filter(status__in=JobRun.FAILING)
    failure = failed.first()
    since_then = failed if success is None else failed.filter(at__gt=success.at)
    row = list(since_then.values_list("scheduled_for", "at")[:MOST])
    last = runs.exclude(status__in=JobRun.OPEN).first()
    facts = {
        "last_success": success,
        "last_success_at": success and success.at,
        "last_failure": failure,
        "last_failure_at": failure and failure.at,
        "failures_in_a_row": len({slot for slot, _at in row if slot is not None}) or min(len(row), 1),
        "failing_since": row[-1][1] if row else None,
        **({} if last is None else as_last(last)),
    }
    was_failing = _jobs(run.job_id).filter(failures_in_a_row__gt=0).exists()
    _jobs(run.job_id).update(**facts)
    return was_failing and not row


def note_delivery(job_pk: int, at: datetime) -> None:
    """Keep when a verified delivery arrived that leaves no run of its own to tell it. Raises nothing.

    What Google tells of its last attempt is believed only where nothing arrived that could be it.
    """
    using = writer()
    last = sql.quoted_names(ScheduledJob, using).last_delivery_at
    arrived = {"last_delivery_at": at}
    older = f" AND ({last} IS NULL OR {last} < %s)"
    try:
        with statements.statement():
            parameters = sql.as_parameters(ScheduledJob, arrived, using)
            sql.update_row(sql.Update(ScheduledJob, job_pk, arrived, older, parameters), using)
    except Error:
        logger.exception("The arrival of a delivery could not be written on job %s", job_pk)


def _write_late(run: JobRun) -> None:
    """A run that began before the last one may yet be the last that succeeded, or failed."""
    started = began(run)
    for statuses, name in (((Status.SUCCEEDED,), "last_success"), (JobRun.FAILING, "last_failure")):
        if run.status in statuses:
            older = Q(**{f"{name}_at": None}) | Q(**{f"{name}_at__lt": started})
            _jobs(run.job_id).filter(older).update(**{name: run, f"{name}_at": started})


def _jobs(pk: int) -> ScheduledJobQuerySet:
    return ScheduledJob.objects.filter(pk=pk)


def _arrived(run: JobRun) -> datetime | None:
    """When the delivery of a run arrived; None of one that nobody delivered."""
    return run.started_at if run.trigger != JobRun.Trigger.EAGER else None
