"""Which runs are kept: all of some days, so many of each job, and always its last good and last bad one."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django.db import router

from scheduled_jobs.conf import settings
from scheduled_jobs.models import JobRun, ScheduledJob

if TYPE_CHECKING:
    from datetime import datetime

    from scheduled_jobs.models.runs import JobRunQuerySet

CHUNK = 1000
"""Rows deleted in one statement: a table that grew for years must not be locked for minutes."""

Status = JobRun.Status
GOOD = (Status.SUCCEEDED,)
BAD = (Status.FAILED, Status.TIMED_OUT, Status.LOST, Status.MISSED)


def prune(now: datetime, *, write: bool = True) -> int:
    """Delete the runs that need not be kept any more; returns how many they are.

    A run goes if it is older than ``HISTORY_MAX_AGE`` days and not among the last ``HISTORY_MIN_RUNS`` of
    its job, so that a job that runs every minute never pushes out one that runs every month. Runs that
    wait or are going stay, and of each job its last success and its last failure.
    """
    if settings.HISTORY_MAX_AGE is None:
        return 0
    before = now - timedelta(days=settings.HISTORY_MAX_AGE)
    using = router.db_for_write(JobRun)
    jobs = ScheduledJob.objects.using(using).values_list("pk", flat=True)
    return sum(_prune_job(job, before, using, write=write) for job in jobs)


def _prune_job(job: int, before: datetime, using: str, *, write: bool) -> int:
    runs = JobRun.objects.using(using).filter(job=job)
    kept = set(_last(runs, GOOD)) | set(_last(runs, BAD))
    newest = runs.values_list("pk", flat=True)[: settings.HISTORY_MIN_RUNS]
    oldest_kept = min(newest, default=None)
    old = runs.filter(created_at__lt=before).exclude(status__in=(Status.QUEUED, Status.RUNNING))
    if oldest_kept is not None:
        old = old.filter(pk__lt=oldest_kept)
    if not write:
        return old.exclude(pk__in=kept).count()
    deleted = 0
    while chunk := list(old.exclude(pk__in=kept).values_list("pk", flat=True)[:CHUNK]):
        JobRun.objects.using(using).filter(pk__in=chunk).delete()
        deleted += len(chunk)
    return deleted


def _last(runs: JobRunQuerySet, statuses: tuple[str, ...]) -> list[int]:
    return list(runs.filter(status__in=statuses).values_list("pk", flat=True)[:1])
