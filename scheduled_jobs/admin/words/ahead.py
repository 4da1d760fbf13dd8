"""What runs next, as the screens tell it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

from scheduled_jobs.admin.words import times
from scheduled_jobs.domain.ahead import Notice
from scheduled_jobs.services.history.ahead_words import WHY_NONE, Why

if TYPE_CHECKING:
    from datetime import datetime

    from scheduled_jobs.domain.ahead import Ahead

AFTER_THE_LAST_RUN = Why(
    _("after the last run"), _("Google counts the next run from the end of the last one.")
)


def why_no_time(ahead: Ahead) -> Why | None:
    """Why no time of a next run is told; None where one is. A guess is not told."""
    if ahead.why_none is not None:
        return WHY_NONE[ahead.why_none]
    return AFTER_THE_LAST_RUN if Notice.COUNTED_FROM_NOW in ahead.notices else None


def next_run(ahead: Ahead, zone: str, now: datetime) -> str:
    """The next run in a column: relative, and on the clock of a zone; or why no time is told."""
    if why := why_no_time(ahead):
        return str(why.short)
    at = ahead.runs[0].at
    return f"{times.relative(at, now)}, {times.clock(at, zone, now)} {times.zone_label(zone)}"
