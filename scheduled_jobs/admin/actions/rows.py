"""What the page that asks about many jobs says of each of them, in two columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from scheduled_jobs.admin.words import SYNC_BADGES, field_name, masked_line, next_run, times, value_text
from scheduled_jobs.domain.ahead import ahead
from scheduled_jobs.domain.jobs import OVERRIDABLE

if TYPE_CHECKING:
    from datetime import datetime

    from scheduled_jobs.models import ScheduledJob

MAX_PAYLOAD = 200
"""Characters of a payload."""


def pause_row(job: ScheduledJob, now: datetime) -> tuple[str, str]:
    """When it would run next, and its pause."""
    state = _("paused: %(reason)s") % {"reason": job.pause_reason} if job.is_paused(now) else ""
    return next_run(job.ahead(now), job.time_zone, now), state


def resume_row(job: ScheduledJob, now: datetime) -> tuple[str, str]:
    """Who has paused it, when and why, and when it will run next."""
    who = _("by %(who)s") % {"who": job.paused_by} if job.paused_by else ""
    since = times.relative(job.paused_at, now) if job.paused_at else ""
    reason = f"“{job.pause_reason}”" if job.pause_reason else ""
    resumed = ahead(job.facts.resumed(), now, 1)
    return ", ".join(filter(None, [who, since, reason])), next_run(resumed, job.time_zone, now)


def run_row(job: ScheduledJob, now: datetime) -> tuple[str, str]:
    """The payload of the run, and when it is scheduled next."""
    return masked_line(job.payload, MAX_PAYLOAD), next_run(job.ahead(now), job.time_zone, now)


def reset_row(job: ScheduledJob, now: datetime) -> tuple[str, str]:
    """The overrides that go, and when it will run next."""
    changes = []
    for name in OVERRIDABLE:
        override = getattr(job, f"{name}_override")
        if override is not None and name not in job.fields_of_its_own:
            default = value_text(name, getattr(job, f"declared_{name}"))
            changes.append(f"{field_name(name).lower()}: {value_text(name, override)} → {default}")
            # On this instance alone, which is never saved: the next run is that of the job as it will be.
            setattr(job, f"{name}_override", None)
    return "; ".join(changes), next_run(ahead(job.facts.pushed(), now, 1), job.time_zone, now)


def push_row(job: ScheduledJob, now: datetime) -> tuple[str, str]:
    """How it is in Google, and since when."""
    word = str(SYNC_BADGES[job.sync_state].word)
    state = f"{word}: {job.sync_error}" if job.sync_error else word
    return state, times.relative(job.synced_at, now) if job.synced_at else _("never")
