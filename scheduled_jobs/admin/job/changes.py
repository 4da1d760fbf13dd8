"""The audit of a job as lines for people: who did what, through what, and why. All values are masked."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from scheduled_jobs.admin.job.fields import pairs
from scheduled_jobs.admin.words import times
from scheduled_jobs.admin.words.people import who_made
from scheduled_jobs.admin.words.values import FIELD_WORDS, field_name, override_text, value_text
from scheduled_jobs.models import JobChange, JobRun

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from django.utils.safestring import SafeString


@dataclass(frozen=True)
class Line:
    """One change. ``pairs`` are (parameter, old, new); the parameter is empty for a field of its own."""

    at: SafeString
    who: str
    verb: str
    via: str
    reason: str
    pairs: list[tuple[str, str, str]] = field(default_factory=list)
    run: int | None = None


def lines_of(changes: Iterable[JobChange], zone: str, now: datetime) -> list[Line]:
    """The lines of these changes, times in a zone."""
    return [_line(change, zone, now) for change in changes]


def _line(change: JobChange, zone: str, now: datetime) -> Line:
    verb, found, run = _verb(change)
    return Line(
        at=times.clock_element(change.at, zone, now),
        who=who_made(change),
        verb=verb,
        via=change.get_via_display(),
        reason=change.reason,
        pairs=found,
        run=run,
    )


def _verb(change: JobChange) -> tuple[str, list[tuple[str, str, str]], int | None]:
    name, old, new = change.field, change.old, change.new
    if name == "job":
        return (_("created the job") if new is not None else _("deleted the job")), [], None
    if name == "paused":
        return (_("paused the job") if new else _("resumed the job")), [], None
    if name == "retired":
        gone = _("retired the job: its class is gone from the code")
        return (gone if new else _("brought the job back")), [], None
    if name == "deleting":
        return _("asked for the job to be deleted"), [], None
    if name == "run":
        if isinstance(new, int) and old is None:
            return _("asked for run"), [], new
        if new == JobRun.Status.DISCARDED:
            return _("cancelled run"), [], old if isinstance(old, int) else None
        return _("changed run"), [], old if isinstance(old, int) else None
    if name == "sync":
        return _("asked for a sync with Google"), [], None
    if name.startswith("declared_"):
        field = name.removeprefix("declared_")
        text = _("changed the default of %(field)s") % {"field": field_name(field).lower()}
        return text, _pairs(field, old, new), None
    if name in FIELD_WORDS:
        return _override(change), _pairs(name, old, new), None
    text = _("changed %(field)s") % {"field": field_name(name)}
    return text, [("", _plain(old), _plain(new))], None


def _override(change: JobChange) -> str:
    field = {"field": field_name(change.field).lower()}
    if change.via == JobChange.Via.SYNC:
        return _("replaced %(field)s in Google") % field
    if change.new is None:
        return _("reset %(field)s to the code’s default") % field
    return _("set %(field)s") % field


def _pairs(name: str, old: object, new: object) -> list[tuple[str, str, str]]:
    if name == "payload" and isinstance(old, dict) and isinstance(new, dict):
        return pairs(old, new)
    return [("", override_text(name, old), override_text(name, new))]


def _plain(value: object) -> str:
    return value_text("payload", value) if isinstance(value, (dict, list)) else str(value)
