"""Makes the tasks, jobs and runs that tests speak of."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.conf import settings

from scheduled_jobs.backends import get_backend
from scheduled_jobs.models import JobRun, ScheduledJob
from scheduled_jobs.tasks import PeriodicTask

if TYPE_CHECKING:
    from collections.abc import Callable

with_several_writers = pytest.mark.skipif(
    settings.DATABASES["default"]["ENGINE"].endswith("sqlite3"),
    reason="needs several connections that write at once; set DATABASE_URL",
)
"""For races that SQLite, with its one writer, cannot run."""

SLOT = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
"""The slot that tests speak of; the next one is an hour later."""
NEXT_SLOT = SLOT + timedelta(hours=1)


def make_task(
    run: Callable[..., Any] | None = None, *, name: str = "Report", **attributes: Any
) -> type[PeriodicTask]:
    """Define (and thereby register) the task ``shop.reports.<name>``; by default it returns its kwargs."""

    def default(self: PeriodicTask, **kwargs: Any) -> dict[str, Any]:
        return kwargs

    members = {"run_every": "0 * * * *", "run": run or default, "__module__": "shop.reports", **attributes}
    return type(name, (PeriodicTask,), members)


def make_job(task: type[PeriodicTask], name: str = "shop--report", **values: Any) -> ScheduledJob:
    """Insert the row of a job, with nothing pushed to anybody."""
    job = ScheduledJob(name=name, task=task.name(), declared_schedule="0 * * * *", **values)
    ScheduledJob.objects.bulk_create([job])
    return ScheduledJob.objects.get(name=name)


def full_name(job: ScheduledJob) -> str:
    """The full resource name of a job in Google, as the backend in use has it."""
    return get_backend().remote_name(job.name)


def make_run(job: ScheduledJob, status: str, **values: Any) -> JobRun:
    """Insert a run as some earlier delivery has left it."""
    defaults: dict[str, Any] = {"trigger": JobRun.Trigger.SCHEDULE, "payload": {}}
    slot = values.get("scheduled_for")
    if status == JobRun.Status.RUNNING:
        started = values.get("started_at", SLOT)
        defaults |= {
            "started_at": started,
            "lease_until": started + timedelta(seconds=20),
            "deadline_at": started + timedelta(minutes=3),
            "active_slot": slot,
            "overlap_lock": 1,
        }
    elif status in JobRun.SETTLING:
        defaults |= {"settled_slot": slot}
    return JobRun.objects.create(job=job, status=status, **{**defaults, **values})


def ask(job: ScheduledJob, *, sent_at: datetime, **values: Any) -> JobRun:
    """Insert a run that somebody asked for, whose RunJob was sent once."""
    defaults = {"trigger": JobRun.Trigger.MANUAL, "payload": {"region": "asked"}, "sent": 1}
    return JobRun.objects.create(
        job=job, status=JobRun.Status.QUEUED, sent_at=sent_at, **{**defaults, **values}
    )
