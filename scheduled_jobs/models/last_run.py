"""What a job's row says of the run that began last, and whether the job is well by it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import Q, Value
from django.db.models.functions import Coalesce

from scheduled_jobs.models.jobs import MAX_LINE, ScheduledJob
from scheduled_jobs.models.runs import JobRun


def began(run: JobRun) -> datetime:
    """When a run began; one that did not come, at its time, or when it was asked for."""
    missed_at = run.scheduled_for if run.status == JobRun.Status.MISSED else None
    return run.started_at or missed_at or run.created_at


def as_last(run: JobRun) -> dict[str, Any]:
    """The columns that tell of a run as the last one."""
    return {
        "last_run_id": run.pk,
        "last_run_at": began(run),
        "last_status": run.status,
        "last_duration": run.duration,
        "last_error": run.error.partition("\n")[0][:MAX_LINE],
        "last_error_key": run.error_key,
    }


def note_not_come(run: JobRun) -> None:
    """Write what a run says that never came, where none has come since."""
    jobs = ScheduledJob.objects.filter(Q(last_run_at=None) | Q(last_run_at__lte=began(run)), pk=run.job_id)
    jobs.update(failing_since=Coalesce("failing_since", Value(began(run))), **as_last(run))


def is_down(job: ScheduledJob) -> bool:
    """Whether a job has failed, or a run of it never came, since its last success: the next is a recovery."""
    return job.failures_in_a_row > 0 or job.failing_since is not None


def down() -> Q:
    """Jobs of which ``is_down`` holds."""
    return Q(failures_in_a_row__gt=0) | Q(failing_since__isnull=False)
