"""Which runs are kept: all of some days, so many of each job, and always its last good and last bad one.

A run goes if it is older than ``HISTORY_MAX_AGE`` days and not among the last ``HISTORY_MIN_RUNS`` of its
job, so that a job that runs every minute never pushes out one that runs every month; if it has failed, it
must be older than ``HISTORY_FAILURES_MAX_AGE`` too. Runs that wait or are going stay.

Each job is gone through by the index over job and ``at``, from the place that the last pruning has reached:
what that has kept, failures above all, is not read again before its own time has come.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db.models import F, OuterRef, Q, Subquery

from scheduled_jobs.conf import settings
from scheduled_jobs.models import JobRun, ScheduledJob
from scheduled_jobs.models.runs import AT_ONCE, LATEST, JobRunQuerySet
from scheduled_jobs.models.writing import Pace
from scheduled_jobs.services import alerts
from scheduled_jobs.services.history import stats
from scheduled_jobs.services.history.stats.fold import AT_ONCE as FOLDED_AT_ONCE

Status = JobRun.Status
GOOD, BAD = (Status.SUCCEEDED,), JobRun.BAD
MOST_READ = 20_000
"""Entries of an index that one statement reads to find how far back the last runs of some jobs reach."""
FOLDS, MANY_FOLDED = 20, 5_000
"""Transactions of folding between which one may stop, and how many runs folded there tell of more to come."""
NEXT = timedelta(microseconds=1)
"""The shortest time that a database tells apart."""


class Pruned(NamedTuple):
    """How far a pruning is: ``done`` of ``jobs`` jobs are gone through, the last of them perhaps in part."""

    jobs: int
    done: float = 0
    deleted: int = 0


class _Job(NamedTuple):
    pk: int
    pruned_until: datetime | None
    last_success: int | None
    last_failure: int | None
    oldest: datetime | None
    """When its first run was."""
    least: datetime | None
    """When the first of those was that are kept whatever their age; None where all of them are."""


class _Run(NamedTuple):
    pk: int
    at: datetime
    status: str
    unfolded: int | None


def prune(now: datetime, *, write: bool = True) -> Iterator[Pruned]:
    """Delete the runs that need not be kept any more, some at a time; yields how far it is.

    Whoever stops asking stops it: what is done is done, and the next one goes on from there. Without
    ``write`` they are only counted.
    """
    pruned = Pruned(ScheduledJob.objects.count())
    if settings.HISTORY_MAX_AGE is not None:
        # What is not in the figures is not pruned. What is written meanwhile is too young, and may be more
        # than is folded in that time.
        left = JobRun.objects.filter(unfolded__gte=1).count() if write else 0
        while write and (folded := stats.fold(most=min(FOLDS, left // FOLDED_AT_ONCE + 1))) >= MANY_FOLDED:
            left -= folded
            yield pruned
            if left <= 0:
                break
        before = now - timedelta(days=settings.HISTORY_MAX_AGE)
        longer = settings.HISTORY_FAILURES_MAX_AGE
        failures_before = None if longer is None else min(before, now - timedelta(days=longer))
        pace = Pace()
        for number, job in enumerate(_jobs()):
            if job.oldest is None or job.least is None or job.oldest >= (end := min(before, job.least)):
                continue
            for pks, reached in _doomed(job, end, failures_before, counts=not write):
                if write:
                    _delete(job, pks, reached, pace)
                part = (reached - job.oldest) / (end - job.oldest)
                pruned = pruned._replace(done=number + part, deleted=pruned.deleted + len(pks))
                yield pruned
        if write:
            alerts.prune_alerts(before)
    yield pruned._replace(done=pruned.jobs)


def _jobs() -> Iterator[_Job]:
    """All jobs, in a few statements."""
    least = settings.HISTORY_MIN_RUNS
    runs = JobRun.objects.filter(job=OuterRef("pk")).values("at")
    jobs = (
        ScheduledJob.objects.order_by("pk")
        .annotate(_oldest=Subquery(runs.order_by("at")[:1]))
        .annotate(_least=Subquery(runs.order_by("-at")[least - 1 : least]) if least else F("created_at"))
        .values_list("pk", "pruned_until", "last_success_id", "last_failure_id", "_oldest", "_least")
    )
    size, last = min(max(MOST_READ // (least or 1), 1), AT_ONCE), 0
    while some := [_Job(*row) for row in jobs.filter(pk__gt=last)[:size]]:
        yield from some if least else [job._replace(least=LATEST) for job in some]
        last = some[-1].pk


def _doomed(
    job: _Job, end: datetime, failures_before: datetime | None, *, counts: bool
) -> Iterator[tuple[list[int], datetime]]:
    """Runs of the job that may go, the oldest first, and the time before which none is left.

    Where it only ``counts``, those that would first be taken into the figures are among them.
    """
    runs = JobRun.objects.filter(job=job.pk)
    held: dict[tuple[str, ...], _Run] = {}
    reached = end
    for chunk, spares_failures in _chunks(job, runs, end, failures_before):
        doomed = []
        for row in chunk:
            is_unfolded = row.unfolded and not counts
            if row.status in JobRun.OPEN or is_unfolded or (spares_failures and row.status in BAD):
                continue
            kind = next((kind for kind in (GOOD, BAD) if row.status in kind), None)
            # The last that is known goes when a later one is met.
            gone = row if kind is None else held.get(kind)
            if kind is not None:
                held[kind] = row
            if gone is not None:
                doomed.append(gone.pk)
        reached = chunk[-1].at + NEXT
        yield doomed, reached
    lasts: dict[tuple[str, ...], int | None] = {GOOD: job.last_success, BAD: job.last_failure}
    if doomed := [row.pk for kind, row in held.items() if _is_followed(runs, row, kind, lasts[kind])]:
        yield doomed, reached


def _chunks(
    job: _Job, runs: JobRunQuerySet, end: datetime, failures_before: datetime | None
) -> Iterator[tuple[list[_Run], bool]]:
    """The runs to look at, so many at a time, and whether failures among them are kept by their age."""
    rest = runs.filter(at__lt=end)
    if failures_before is not None and job.oldest is not None and job.oldest < failures_before:
        for chunk in _in_order(runs.filter(at__lt=min(failures_before, end))):
            yield chunk, False
        rest = rest.filter(at__gte=failures_before)
    # Of what the last pruning has left the beginning is looked at: a run may have ended since, or come late.
    for chunk in _in_order(rest):
        yield chunk, True
        if job.pruned_until is not None and chunk[-1].at < job.pruned_until and len(chunk) == AT_ONCE:
            break
    else:
        return
    for chunk in _in_order(rest.filter(at__gte=job.pruned_until)):
        yield chunk, True


def _in_order(runs: JobRunQuerySet) -> Iterator[list[_Run]]:
    for chunk in runs.in_chunks("status", "unfolded"):
        yield [_Run(*run) for run in chunk]


def _is_followed(runs: JobRunQuerySet, run: _Run, kind: tuple[str, ...], known: int | None) -> bool:
    """Whether the job has a later run of this kind; the one that its row names is looked for first."""
    if known == run.pk:
        return False
    later = runs.filter(Q(at__gt=run.at) | Q(pk__gt=run.pk), at__gte=run.at, status__in=kind)
    return (known is not None and later.filter(pk=known).exists()) or later.exists()


def _delete(job: _Job, pks: list[int], until: datetime, pace: Pace) -> None:
    """Delete runs; figures of the time before ``until`` are made anew by nobody any more."""
    rows = ScheduledJob.objects.filter(pk=job.pk)
    is_new = job.pruned_until is None or until > job.pruned_until
    if pks or is_new:
        with pace.writing():
            JobRun.objects.filter(pk__in=pks).delete_at_once()
            if is_new:
                rows.filter(Q(pruned_until=None) | Q(pruned_until__lt=until)).update(pruned_until=until)
