"""The audit of a job as lines for people: who did what, through what, and why. All values are masked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from scheduled_jobs.admin.job.fields import payload_changes
from scheduled_jobs.admin.words import FIELD_WORDS, field_name, override_text, times, value_text, who_made
from scheduled_jobs.models import JobChange, JobRun

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from django.utils.functional import _StrPromise

EVENTS: dict[str, _StrPromise] = {
    "deleting": gettext_lazy("asked for the job to be deleted"),
    "sync": gettext_lazy("asked for it to be sent to Google again"),
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


def change_lines(changes: Iterable[JobChange], zone: str, now: datetime) -> list[dict[str, Any]]:
    """The lines of these changes, times in a zone."""
    return [
        {
            "at": times.clock_element(change.at, zone, now),
            "who": who_made(change),
            "via": change.get_via_display(),
            "reason": change.reason,
            **_deed(change),
        }
        for change in changes
    ]


def _deed(change: JobChange) -> dict[str, Any]:
    """What was done, the ``pairs`` (parameter, old, new) that it changed, and the run that it is about.

    The parameter is empty for a field of its own.
    """
    name, old, new = change.field, change.old, change.new
    if name in EVENTS:
        return {"verb": EVENTS[name]}
    if name in SWITCHES:
        return {"verb": SWITCHES[name][bool(new)]}
    if name == "run":
        return _run_deed(old, new)
    if name.startswith("declared_"):
        name = name.removeprefix("declared_")
        verb = _("changed the default of %(field)s") % {"field": field_name(name).lower()}
    elif name in FIELD_WORDS:
        verb = _override(change)
    else:
        text = _("changed %(field)s") % {"field": field_name(name)}
        return {"verb": text, "pairs": [("", _plain(old), _plain(new))]}
    if name == "payload" and isinstance(old, dict) and isinstance(new, dict):
        return {"verb": verb, "pairs": payload_changes(old, new)}
    return {"verb": verb, "pairs": [("", override_text(name, old), override_text(name, new))]}


def _run_deed(old: object, new: object) -> dict[str, Any]:
    if isinstance(new, int) and old is None:
        return {"verb": _("asked for run"), "run": new}
    verb = _("cancelled run") if new == JobRun.Status.DISCARDED else _("changed run")
    return {"verb": verb, "run": old if isinstance(old, int) else None}


def _override(change: JobChange) -> str:
    values = {"field": field_name(change.field).lower()}
    if change.via == JobChange.Via.SYNC:
        return _("replaced %(field)s in Google") % values
    if change.new is None:
        return _("reset %(field)s to the code’s default") % values
    return _("set %(field)s") % values


def _plain(value: object) -> str:
    return value_text("payload", value) if isinstance(value, (dict, list)) else str(value)
