"""One run among its neighbours: the other attempts, what came before and after, what it was asked for."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db.models import Q

from scheduled_jobs.models import JobRun, ScheduledJob

if TYPE_CHECKING:
    from django.db.models import QuerySet

Status = JobRun.Status

BRIEF = (
    "pk", "job_id", "status", "trigger", "scheduled_for", "attempt", "created_at", "started_at",
    "finished_at", "duration", "error", "requested_by", "retry_of_id",
)  # fmt: skip
"""What is read of a neighbour: not its payload, result and traceback."""
SAMPLE = 20
"""Of how many successes the usual duration is the median."""
MOST = 50
"""Most attempts and reruns that are listed."""


@dataclass(frozen=True)
class Story:
    """The neighbours of a run. ``attempts`` are those of its slot, itself included, the first one first."""

    run: JobRun
    attempts: list[JobRun]
    retry_of: JobRun | None
    reruns: list[JobRun]
    previous: JobRun | None
    next: JobRun | None
    last_success: JobRun | None
    usual: timedelta | None
    """Median duration of the last successes; None before the first."""
    holder: JobRun | None
    """Another run of the job that is going on: what a queued run would overlap with."""


def story_of(run: JobRun) -> Story:
    """Read the neighbours of a run, whose job is loaded; the number of queries does not depend on them."""
    of_job = _brief(JobRun.objects.filter(job_id=run.job_id))
    retry_of = _brief(JobRun.objects.filter(pk=run.retry_of_id)).first() if run.retry_of_id else None
    attempts = []
    if run.scheduled_for is not None:
        attempts = list(of_job.filter(scheduled_for=run.scheduled_for).order_by("attempt", "pk")[:MOST])
    before = of_job.filter(Q(at__lt=run.at) | Q(at=run.at, pk__lt=run.pk), at__lte=run.at)
    return Story(
        run=run,
        attempts=attempts,
        retry_of=retry_of,
        reruns=sorted(_brief(JobRun.objects.reruns_of(run))[:MOST], key=lambda other: other.pk),
        previous=before.first(),
        next=of_job.filter(Q(at__gt=run.at) | Q(at=run.at, pk__gt=run.pk), at__gte=run.at).reverse().first(),
        last_success=before.filter(status=Status.SUCCEEDED).first(),
        usual=usual_duration(run.job_id),
        holder=None if run.is_over else _brief(JobRun.objects.holding(run.job_id)).exclude(pk=run.pk).first(),
    )


def usual_duration(job_id: int) -> timedelta | None:
    """The median duration of a job's last successes; None before the first."""
    runs = JobRun.objects.filter(job_id=job_id, status=Status.SUCCEEDED, duration__isnull=False)
    durations = runs.values_list("duration", flat=True)[:SAMPLE]
    seconds = [duration.total_seconds() for duration in durations if duration is not None]
    return timedelta(seconds=statistics.median(seconds)) if seconds else None


def going_on(job: ScheduledJob) -> JobRun | None:
    """The run of a job with which another would overlap."""
    return _brief(JobRun.objects.holding(job.pk)).first()


def waiting(job: ScheduledJob) -> int:
    """How many runs of a job are asked for and not yet begun."""
    return JobRun.objects.queued().of_jobs([job.pk]).count()


def _brief(runs: QuerySet[JobRun]) -> QuerySet[JobRun]:
    return runs.only(*BRIEF)
