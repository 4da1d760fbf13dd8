"""What the second of two people who edit a job at once is told: theirs beside what was typed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from scheduled_jobs.admin.job.form import text_of
from scheduled_jobs.admin.words import field_name, masked_line, times, who_made

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from django.utils.safestring import SafeString

    from scheduled_jobs.admin.job.form import Editing
    from scheduled_jobs.models import JobChange, ScheduledJob


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


def conflicts_of(editing: Editing, changes: Mapping[str, JobChange], now: datetime) -> list[Conflict]:
    """The fields of others; ``changes`` is field -> who set it last."""
    return [_conflict(editing, name, changes.get(name), now) for name in editing.theirs]


def _conflict(editing: Editing, name: str, change: JobChange | None, now: datetime) -> Conflict:
    is_mine = name in editing.mine
    return Conflict(
        name=name,
        label=field_name(name),
        theirs=_saved(editing.job, name),
        who=who_made(change) if change else _("somebody"),
        at=times.clock_element(change.at, editing.job.time_zone, now) if change else None,
        reason=change.reason if change else "",
        mine=_typed(editing, name) if is_mine else "",
        is_mine=is_mine,
    )


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
