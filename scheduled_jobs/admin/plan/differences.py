"""The differences of one job as a person reads them: in Google, here, and why it is so here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from scheduled_jobs.admin.words import field_name, times, value_text
from scheduled_jobs.domain.jobs import OVERRIDABLE
from scheduled_jobs.domain.schedules import Schedule, describe_schedule
from scheduled_jobs.exceptions import InvalidSchedule
from scheduled_jobs.models import ScheduledJob
from scheduled_jobs.services.history.job_story import LastSet, SetBy
from scheduled_jobs.services.scheduling.masked import masked

HIDDEN = ("uri", "headers", "http_method", "oidc_service_account", "oidc_audience")
"""Fields that only the code knows."""


@dataclass(frozen=True)
class Cell:
    """A value with what is said beneath it; ``is_code`` sets it in the typewriter's face."""

    text: str
    note: str = ""
    is_code: bool = True


def difference(
    name: str, pair: tuple[Any, Any], job: ScheduledJob, set_by: SetBy, now: datetime
) -> dict[str, Any]:
    """One field that differs; ``default`` and ``override`` are the two sides of what is here.

    Every value is masked.
    """
    live, wanted = pair
    default = override = None
    note = _("code only") if name in HIDDEN else ""
    if name == "state":
        note = _("paused by %(person)s") % {"person": job.paused_by} if job.paused and job.paused_by else ""
    elif name in OVERRIDABLE:
        own = getattr(job, f"{name}_override")
        whose = _whose(set_by.get((job.pk, name)), now)
        declared = Cell(_text(name, getattr(job, f"declared_{name}")))
        is_operators = job.origin == ScheduledJob.Origin.OPERATOR and name == "schedule"
        default = Cell(_("none"), is_code=False) if is_operators else declared
        override = Cell(_text(name, own), whose) if own is not None else None
        note = _("code default") if own is None else whose
    words = name == "schedule"
    in_google = words_of(str(live), job) if words else ""
    here = words_of(str(wanted), job) if words else ""
    is_code = name != "state"
    return {
        "label": field_name(name).lower(),
        "live": Cell(_text(name, live), in_google, is_code=is_code),
        "wanted": Cell(_text(name, wanted), ", ".join(filter(None, [here, note])), is_code=is_code),
        "default": default,
        "override": override,
    }


def _whose(last: LastSet | None, now: datetime) -> str:
    """ "override by maria, 3 h ago"."""
    if last is None:
        return _("override")
    ago = times.relative(last.at, now)
    if not last.person:
        return _("override, %(ago)s") % {"ago": ago}
    return _("override by %(person)s, %(ago)s") % {"person": last.person, "ago": ago}


def _text(name: str, value: Any) -> str:
    return value_text(name, masked(name, value))


def words_of(expression: str, job: ScheduledJob) -> str:
    """A schedule in words, in the job's time zone."""
    try:
        Schedule.parse(expression, job.time_zone)
    except InvalidSchedule:
        return _("cannot be read here")
    return describe_schedule(expression, job.time_zone).words
