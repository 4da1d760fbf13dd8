"""The audit of a job as lines for people: who did what, through what, and why. All values are masked."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from scheduled_jobs.admin.job.fields import payload_changes
from scheduled_jobs.admin.words import FIELD_WORDS, field_name, override_text, times, value_text, who_made
from scheduled_jobs.models import JobChange, JobRun

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from django.utils.functional import _StrPromise
    from django.utils.safestring import SafeString

EVENTS: dict[str, _StrPromise] = {
    "deleting": gettext_lazy("asked for the job to be deleted"),
    "sync": gettext_lazy("asked for a sync with Google"),
}
"""Field of the audit -> what was done."""
SWITCHES: dict[str, tuple[_StrPromise, _StrPromise]] = {
    "job": (gettext_lazy("deleted the job"), gettext_lazy("created the job")),
    "paused": (gettext_lazy("resumed the job"), gettext_lazy("paused the job")),
    "retired": (
        gettext_lazy("brought the job back"),
        gettext_lazy("retired the job: its class is gone from the code"),
    ),
}
"""The same where it depends on the new value: for a false one, and for a true one."""


@dataclass(frozen=True)
class ChangeLine:
    """One change. ``pairs`` are (parameter, old, new); the parameter is empty for a field of its own."""

    at: SafeString
    who: str
    verb: str
    via: str
    reason: str
    pairs: list[tuple[str, str, str]] = field(default_factory=list)
    run: int | None = None


def change_lines(changes: Iterable[JobChange], zone: str, now: datetime) -> list[ChangeLine]:
    """The lines of these changes, times in a zone."""
    return [_line(change, zone, now) for change in changes]


def _line(change: JobChange, zone: str, now: datetime) -> ChangeLine:
    verb, pairs, run = _deed(change)
    return ChangeLine(
        at=times.clock_element(change.at, zone, now),
        who=who_made(change),
        verb=verb,
        via=change.get_via_display(),
        reason=change.reason,
        pairs=pairs,
        run=run,
    )


def _deed(change: JobChange) -> tuple[str, list[tuple[str, str, str]], int | None]:
    """What was done, what it changed, and the run that it is about."""
    name, old, new = change.field, change.old, change.new
    if name in EVENTS:
        return str(EVENTS[name]), [], None
    if name in SWITCHES:
        return str(SWITCHES[name][bool(new)]), [], None
    if name == "run":
        return _run_deed(old, new)
    if name.startswith("declared_"):
        declared = name.removeprefix("declared_")
        text = _("changed the default of %(field)s") % {"field": field_name(declared).lower()}
        return text, _pairs(declared, old, new), None
    if name in FIELD_WORDS:
        return _override(change), _pairs(name, old, new), None
    text = _("changed %(field)s") % {"field": field_name(name)}
    return text, [("", _plain(old), _plain(new))], None


def _run_deed(old: object, new: object) -> tuple[str, list[tuple[str, str, str]], int | None]:
    if isinstance(new, int) and old is None:
        return _("asked for run"), [], new
    run = old if isinstance(old, int) else None
    return (_("cancelled run") if new == JobRun.Status.DISCARDED else _("changed run")), [], run


def _override(change: JobChange) -> str:
    values = {"field": field_name(change.field).lower()}
    if change.via == JobChange.Via.SYNC:
        return _("replaced %(field)s in Google") % values
    if change.new is None:
        return _("reset %(field)s to the code’s default") % values
    return _("set %(field)s") % values


def _pairs(name: str, old: object, new: object) -> list[tuple[str, str, str]]:
    if name == "payload" and isinstance(old, dict) and isinstance(new, dict):
        return payload_changes(old, new)
    return [("", override_text(name, old), override_text(name, new))]


def _plain(value: object) -> str:
    return value_text("payload", value) if isinstance(value, (dict, list)) else str(value)
