"""What these jobs belong to, and how fresh the look at Google is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db.models import Min
from django.utils.translation import gettext as _

from scheduled_jobs.admin.words import times
from scheduled_jobs.conf import CLOUD_SCHEDULER_BACKEND, settings
from scheduled_jobs.models import ScheduledJob

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class Environment:
    """``name`` is the chip, ``place`` project and location, ``notes`` what differs from the usual."""

    name: str
    place: str
    notes: tuple[str, ...]
    seen_at: datetime | None
    ago: str


def environment_banner(now: datetime, seen_at: datetime | None) -> Environment:
    """What stands under the title of every page; ``seen_at`` is as ``last_look()`` has it."""
    notes = []
    if settings.mode == "eager":
        notes.append(_("tasks run here (EAGER): nothing is sent to Google"))
    elif settings.mode == "push-off":
        notes.append(_("pushes are off: nothing is sent to Google"))
    if settings.EMULATOR_HOST:
        notes.append(_("emulator at %(host)s") % {"host": settings.EMULATOR_HOST})
    return Environment(
        name=settings.APP_NAME or _target(),
        place=" / ".join(filter(None, [settings.PROJECT_ID, settings.LOCATION])),
        notes=tuple(notes),
        seen_at=seen_at,
        ago=times.relative(seen_at, now) if seen_at else "",
    )


def why_nothing_is_sent() -> str:
    """Why nothing is sent to Google, as a sentence; empty where it is sent."""
    if settings.mode == "eager":
        return _("Tasks run here (DJANGO_CLOUD_TASKS_EAGER): nothing is sent to Google.")
    if settings.mode == "push-off":
        return _('Pushes are off (DJANGO_CLOUD_TASKS_PUSH = "off"): nothing is sent to Google.')
    return ""


def _target() -> str:
    if settings.EMULATOR_HOST:
        return _("local emulator")
    if settings.BACKEND != CLOUD_SCHEDULER_BACKEND:
        return settings.BACKEND.rpartition(".")[2] if settings.BACKEND else ""
    return _("Google Cloud")


def last_look() -> datetime | None:
    """Since when each of the jobs that are said to be synced has been compared with Google; None if never."""
    # Of a retired job there is nothing more to be looked at.
    synced = ScheduledJob.objects.filter(sync_state=ScheduledJob.SyncState.SYNCED, retired_at=None)
    seen: datetime | None = synced.aggregate(at=Min("live_seen_at"))["at"]
    return seen
