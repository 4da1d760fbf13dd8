"""What else has the same cause, and what a job has been through: read to be told."""

from __future__ import annotations

from datetime import datetime, timedelta

from scheduled_jobs.domain.alerts import NAMELESS
from scheduled_jobs.models import JobRun, ScheduledJob
from scheduled_jobs.models.job_queryset import ScheduledJobQuerySet
from scheduled_jobs.models.runs import JobRunQuerySet

MOST = 1_000
"""Runs that are read to count those in a row."""
AROUND = timedelta(hours=1)


def jobs() -> ScheduledJobQuerySet:
    """The jobs that ought to run."""
    return ScheduledJob.objects.filter(retired_at=None, deleting_at=None)


def sharing(cause: str) -> ScheduledJobQuerySet:
    """The jobs that fail now with this error; none for what says no more than how a run ended."""
    if cause in NAMELESS:
        return jobs().none()
    return jobs().filter(failures_in_a_row__gt=0, last_error_key=cause)


def success_before(run: JobRun) -> JobRun | None:
    """The last run of the job before this one that succeeded, unless it is long ago."""
    before = _runs(run).filter(at__lt=run.at).order_by("-at", "-pk")[:MOST]
    pk = next((pk for pk, status in before.values_list("pk", "status") if status == _GOOD), None)
    return None if pk is None else _runs(run).only("at", "code_version").get(pk=pk)


def wrong_between(run: JobRun, since: datetime | None) -> list[datetime]:
    """The scheduled times before a run that went wrong since then, the latest first; not too many."""
    before = _runs(run).filter(at__lt=run.at, status__in=JobRun.BAD).order_by("-at", "-pk")
    if since is not None:
        before = before.filter(at__gt=since)
    rows = before.values_list("scheduled_for", "at")[:MOST]
    return list(dict.fromkeys(slot or at for slot, at in rows))


def missed_too(run: JobRun) -> tuple[int, datetime | None]:
    """How many other jobs missed a run at most an hour before this one, or since, and from when on."""
    missed = JobRun.objects.filter(status=JobRun.Status.MISSED, at__gt=run.at - AROUND)
    rows = missed.exclude(job=run.job_id).order_by("at").values_list("job_id", "at")[:MOST]
    found = list(rows)
    return len({job for job, _at in found}), found[0][1] if found else None


_GOOD = JobRun.Status.SUCCEEDED


def _runs(run: JobRun) -> JobRunQuerySet:
    return JobRun.objects.filter(job=run.job_id)
