"""What Sentry is told of a job, so that it knows when a check-in has to come; and which run makes one."""

from __future__ import annotations

import math
import re
import uuid
from datetime import datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any, cast

from scheduled_jobs import registry
from scheduled_jobs.conf import settings
from scheduled_jobs.domain.retries import pause_before
from scheduled_jobs.domain.schedules import Schedule
from scheduled_jobs.domain.tolerances import Tolerances
from scheduled_jobs.exceptions import InvalidSchedule
from scheduled_jobs.models import JobRun, ScheduledJob
from scheduled_jobs.services.alerts import retry_at

if TYPE_CHECKING:
    from sentry_sdk.types import MonitorConfig

Trigger = JobRun.Trigger

MAX_SLUG = 50
MOST_MINUTES = 40_320
"""Four weeks: the longest patience that Sentry has."""
NAMESPACE = uuid.UUID("6d0ea2e5-7a0c-4a39-8d55-2a3ad0e1d4f7")
MINUTE = timedelta(minutes=1)


def slug_of(job: ScheduledJob) -> str:
    """The name of the job's monitor: at most fifty small letters, digits, hyphens and underscores."""
    slug = re.sub(r"[^a-z0-9_-]", "-", job.name.lower())
    if len(slug) <= MAX_SLUG:
        return slug
    return f"{slug[: MAX_SLUG - 9]}-{sha256(job.name.encode()).hexdigest()[:8]}"


def monitor_of(job: ScheduledJob) -> MonitorConfig | None:
    """What the monitor is made of; None where Sentry has no word for the schedule."""
    try:
        schedule = Schedule.parse(job.schedule, job.time_zone)
    except InvalidSchedule:
        return None
    if schedule.interval is not None:
        minutes = schedule.interval // MINUTE
        count, unit = (minutes, "minute") if minutes % 60 else (minutes // 60, "hour")
        when: dict[str, Any] = {"type": "interval", "value": count, "unit": unit}
    elif schedule.crontab is not None:
        when = {"type": "crontab", "value": schedule.crontab}
    else:
        return None
    tolerances = Tolerances.of(registry.get(job.task))
    config = {
        "schedule": when,
        "timezone": job.time_zone,
        "checkin_margin": _minutes(settings.MISSED_GRACE if tolerances.grace is None else tolerances.grace),
        "max_runtime": _minutes(job.attempt_deadline + _retries(job)),
        "failure_issue_threshold": tolerances.failures,
        "recovery_threshold": tolerances.recoveries,
    }
    return cast("MonitorConfig", config)


def makes_check_in(run: JobRun) -> bool:
    """Whether a run is one that Sentry expects: of a scheduled time, and not of one long past."""
    return run.scheduled_for is not None and run.trigger != Trigger.BACKFILL


def check_in_of(run: JobRun) -> str:
    """The id of its check-in: Google's attempts at a time are one, what a person asks for is another."""
    what = run.scheduled_for if run.trigger == Trigger.SCHEDULE else f"run {run.pk}"
    return uuid.uuid5(NAMESPACE, f"{run.job.name} {what}").hex


def is_tried_again(run: JobRun, now: datetime) -> bool:
    """Whether Google will try the scheduled time of a run that failed once more."""
    again = retry_at(run, run.job)
    # One that was found lost long after its time is tried no more.
    return again is not None and again > now - MINUTE


def _retries(job: ScheduledJob) -> timedelta:
    """How long Google's retries of one scheduled time may take, each with its deadline."""
    policy = job.retry_policy
    waits = [pause_before(policy, retry) + job.attempt_deadline for retry in range(1, policy.retry_count + 1)]
    return max(sum(waits, timedelta()), policy.max_retry_duration)


def _minutes(length: timedelta) -> int:
    return min(max(math.ceil(length / MINUTE), 1), MOST_MINUTES)
