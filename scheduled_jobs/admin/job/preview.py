"""The preview on a job's page: what is typed against what is saved, and what lies ahead as it is saved."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _

from scheduled_jobs.admin.words import Preview, preview, runs_ahead, times
from scheduled_jobs.services.history.ahead_words import WHY_NONE

if TYPE_CHECKING:
    from datetime import datetime

    from django.http import QueryDict

    from scheduled_jobs.domain.ahead import Ahead
    from scheduled_jobs.models import ScheduledJob


def preview_of(job: ScheduledJob, data: QueryDict | None, viewer_zone: str, now: datetime) -> Preview:
    """What the schedule in force does, or a form's (``data``), in which an empty field follows the code."""
    schedule, zone = saved = job.schedule, job.time_zone
    if data is not None:
        schedule = _typed(data, "schedule") or job.declared_schedule
        zone = _typed(data, "time_zone") or job.declared_time_zone
    notes = list(filter(None, [_paused(job, now)]))
    return preview(schedule, zone, now=now, viewer_zone=viewer_zone, saved=saved, notes=notes)


def upcoming(job: ScheduledJob, ahead: Ahead, viewer_zone: str, now: datetime) -> dict[str, Any]:
    """The runs ahead under ``preview``; or under ``none`` why there are none."""
    if ahead.why_none is not None:
        return {"none": " ".join(filter(None, [str(WHY_NONE[ahead.why_none].sentence), ahead.fault]))}
    return {
        "preview": runs_ahead(ahead, job.schedule, job.time_zone, viewer_zone, now),
        "starts_later": job.is_paused(now),
    }


def _typed(data: QueryDict, name: str) -> str:
    return (data.get(f"{name}_override") or "").strip()


def _paused(job: ScheduledJob, now: datetime) -> str:
    if not job.is_paused(now):
        return ""
    if job.paused_until is None:
        return _("The job is paused: none of these runs before somebody resumes it.")
    return _("The job is paused until %(time)s; what is due before is skipped.") % {
        "time": times.exact(job.paused_until, job.time_zone)
    }
