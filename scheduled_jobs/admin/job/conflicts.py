"""What the second of two people who edit a job at once is told: theirs beside what was typed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from scheduled_jobs.admin.job.form import text_of
from scheduled_jobs.admin.words import times
from scheduled_jobs.admin.words.people import who_made
from scheduled_jobs.admin.words.values import field_name, masked_line
from scheduled_jobs.services.history import job_story

if TYPE_CHECKING:
    from datetime import datetime

    from django.utils.safestring import SafeString

    from scheduled_jobs.admin.job.form import Editing
    from scheduled_jobs.models import ScheduledJob


@dataclass(frozen=True)
class Conflict:
    """One field that somebody else has changed since the page was made. All texts are masked."""

    name: str
    label: str
    theirs: str
    who: str
    at: SafeString | None
    reason: str
    mine: str
    is_mine: bool


def conflicts_of(editing: Editing, now: datetime) -> list[Conflict]:
    """The fields of others, each with who set it last, when and why."""
    fields = editing.theirs
    changes, mine, zone = job_story.changes_after(editing.job, fields), editing.mine, editing.job.time_zone
    return [
        Conflict(
            name=name,
            label=field_name(name),
            theirs=_saved(editing.job, name),
            who=who_made(changes[name]) if name in changes else _("somebody"),
            at=times.clock_element(changes[name].at, zone, now) if name in changes else None,
            reason=changes[name].reason if name in changes else "",
            mine=_typed(editing, name) if name in mine else "",
            is_mine=name in mine,
        )
        for name in fields
    ]


def _saved(job: ScheduledJob, name: str) -> str:
    own = getattr(job, f"{name}_override")
    if own is None:
        return _("follows the code")
    return masked_line(own, 200) if name == "payload" else text_of(job, name)


def _typed(editing: Editing, name: str) -> str:
    if name == "payload":
        touched = [p for p in editing.payload.parameters if editing.is_mine(p.html_name)]
        parts = [
            f"{p.name}: {p.shown or (_('a new secret') if p.typed_secret else _('follows the code'))}"
            for p in touched
        ]
        return ", ".join(parts) or _("raw JSON, below")
    typed = str(editing.data.get(f"{name}_override", "")).strip() if editing.data is not None else ""
    return typed or _("follows the code")
