"""The last runs of one job as finished rows; results are masked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from scheduled_jobs.admin.words import RUN_BADGES, Badge, attempt_of, masked_line, times, trigger_words
from scheduled_jobs.models import JobRun
from scheduled_jobs.services.history.job_story import quantiles

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from django.utils.safestring import SafeString

    from scheduled_jobs.models import ScheduledJob
    from scheduled_jobs.services.history.job_story import Brief, Lasted

MAX_SAID = 160


@dataclass(frozen=True)
class RecentRun:
    """One run. ``share`` is its duration in percent of the job's 95th percentile, at most 100."""

    pk: int
    badge: Badge
    icon: str
    trigger: str
    at: SafeString
    started: str
    duration: str
    share: int | None
    tone: str
    attempt: str
    said: str


def recent_rows(
    job: ScheduledJob, runs: Sequence[Brief], lasted: Sequence[Lasted], now: datetime
) -> list[RecentRun]:
    """The rows of these runs; ``lasted`` are what their durations are measured by."""
    middle = quantiles(lasted)
    return [_row(job, brief, middle[1] if middle else 0.0, now) for brief in runs]


def _row(job: ScheduledJob, brief: Brief, p95: float, now: datetime) -> RecentRun:
    run, zone = brief.run, job.time_zone
    icon, trigger, _note = trigger_words(run)
    at = run.scheduled_for or run.started_at or run.created_at
    seconds = run.duration.total_seconds() if run.duration else 0.0
    return RecentRun(
        pk=run.pk,
        badge=RUN_BADGES[run.status],
        icon=icon,
        trigger=trigger,
        at=times.element(at, zone, times.day_and_time(at, zone, now)),
        started=_started(run),
        duration=times.duration(run.duration),
        share=min(round(100 * seconds / p95), 100) if p95 and run.status == JobRun.Status.SUCCEEDED else None,
        tone="m-ok",
        attempt=attempt_of(run, job.retry_policy.retry_count),
        said=_said(brief),
    )


def _started(run: JobRun) -> str:
    if run.scheduled_for is None:
        return _("not scheduled: asked for") if run.trigger != JobRun.Trigger.EAGER else _("not scheduled")
    if run.started_at is None:
        return _("never started")
    late = max(run.started_at - run.scheduled_for, run.scheduled_for - run.scheduled_for)
    return _("started +%(time)s") % {"time": times.duration(late)}


def _said(brief: Brief) -> str:
    """The first line of the error, else the result, and why a person asked for it."""
    run = brief.run
    parts = []
    if brief.error:
        parts.append(brief.error.strip().splitlines()[0])
    elif brief.has_long_result:
        parts.append(_("a long result"))
    elif brief.result is not None:
        parts.append(masked_line(brief.result))
    said = " · ".join(parts)
    if run.reason:
        said = " · ".join(
            filter(None, [said, f"{run.requested_by}: {run.reason}" if run.requested_by else run.reason])
        )
    return said if len(said) <= MAX_SAID else said[: MAX_SAID - 1] + "…"
