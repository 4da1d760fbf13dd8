"""The preview on a job's page: what is typed against what is saved, and what lies ahead as it is saved."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _

from scheduled_jobs.admin.words import times
from scheduled_jobs.admin.words.schedules import RUNS_AHEAD, Preview, preview, runs_ahead
from scheduled_jobs.services.history.ahead_words import WHY_NONE

if TYPE_CHECKING:
    from datetime import datetime

    from django.http import QueryDict

    from scheduled_jobs.models import ScheduledJob


def typed_preview(data: QueryDict, saved: ScheduledJob, viewer_zone: str, now: datetime) -> Preview:
    """What the form says, against the job as it is saved; an emptied field follows the code."""
    return _preview(
        saved,
        _typed(data, "schedule") or saved.declared_schedule,
        _typed(data, "time_zone") or saved.declared_time_zone,
        viewer_zone,
        now,
    )


def saved_preview(job: ScheduledJob, viewer_zone: str, now: datetime) -> Preview:
    """What the job does as it is saved."""
    return _preview(job, job.schedule, job.time_zone, viewer_zone, now)


def upcoming(job: ScheduledJob, viewer_zone: str, now: datetime) -> dict[str, Any]:
    """The runs ahead under ``preview``; or under ``none`` why there are none."""
    found = job.ahead(now, RUNS_AHEAD)
    if found.why_none is not None:
        return {"none": " ".join(filter(None, [str(WHY_NONE[found.why_none].sentence), found.fault]))}
    return {
        "preview": runs_ahead(found, job.schedule, job.time_zone, viewer_zone, now),
        "starts_later": job.is_paused(now),
    }


def _preview(saved: ScheduledJob, schedule: str, zone: str, viewer_zone: str, now: datetime) -> Preview:
    return preview(
        schedule,
        zone,
        now=now,
        viewer_zone=viewer_zone,
        saved=(saved.schedule, saved.time_zone),
        notes=list(filter(None, [_paused(saved, now)])),
    )


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
