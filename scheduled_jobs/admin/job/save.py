"""What a POST of a job's settings does: save, preview, reset a field, or take what somebody else has set."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from django.contrib import messages
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _

from scheduled_jobs.admin.job.form import Editing, text_of
from scheduled_jobs.admin.page import JobAdmin, posted_reason
from scheduled_jobs.admin.words import field_name, job_label, masked_line, times, who_made
from scheduled_jobs.domain.jobs import OVERRIDABLE
from scheduled_jobs.exceptions import BeingDeleted
from scheduled_jobs.models import JobChange, ScheduledJob, attribution
from scheduled_jobs.services.history import job_story


class Again(NamedTuple):
    """The form that is shown again, and what others have changed meanwhile."""

    editing: Editing
    conflicts: list[dict[str, Any]]


def answer_post(model_admin: JobAdmin, request: HttpRequest, job: ScheduledJob) -> Again | None:
    """Do what was asked for; None where it is done, or refused by a message."""
    try:
        if fields := request.POST.getlist("_reset"):
            names = [field.removesuffix("_override") for field in fields]
            return _reset_fields(model_admin, request, job, names)
        if field := request.POST.get("_take"):
            return _show(Editing(job, request.POST).rebased(without=[field]))
        if "_preview" in request.POST:
            return _show(Editing(job, request.POST))
        return _save(model_admin, request, job)
    except BeingDeleted:
        messages.error(request, _("This job is being deleted; nothing was saved."))
        return None


def _show(editing: Editing, conflicts: list[dict[str, Any]] | None = None) -> Again:
    editing.is_valid()
    return Again(editing, conflicts or [])


def _refuse(editing: Editing) -> Again:
    """Nothing is saved: both are shown, and the second person decides."""
    changes, now = job_story.changes_after(editing.job, editing.theirs), timezone.now()
    conflicts = [_conflict(editing, name, changes.get(name), now) for name in editing.theirs]
    return _show(editing.rebased(), conflicts)


def _save(model_admin: JobAdmin, request: HttpRequest, job: ScheduledJob) -> Again | None:
    # Locked until it is written: of two who save at once, the second sees the first one's values.
    with job.locked() as rows:
        editing = Editing(rows.get(), request.POST)
        if editing.theirs:
            return _refuse(editing)
        if not editing.is_valid():
            return Again(editing, [])
        changed = editing.changed
        if not changed:
            messages.info(request, _("Nothing was changed."))
            return None
        with attribution(request.user, via="form", reason=editing.reason):
            editing.job.save()
        model_admin.log_change(request, job, f"Set: {_english(changed)}. {editing.reason}".strip())
    fields = ", ".join(field_name(name).lower() for name in changed)
    messages.success(request, _("Saved: %(fields)s of %(job)s.") % {"fields": fields, "job": job_label(job)})
    return None


def _reset_fields(
    model_admin: JobAdmin, request: HttpRequest, job: ScheduledJob, names: list[str]
) -> Again | None:
    for name in names:
        if name not in OVERRIDABLE:
            messages.error(request, _("There is no field %(field)s to reset.") % {"field": name})
            return None
    # Locked until it is written: what somebody saves at the same moment is not taken back unseen.
    with job.locked() as rows:
        editing = Editing(rows.get(), request.POST)
        if {*names, *editing.mine}.intersection(editing.theirs):
            return _refuse(editing)
        if not all(_reset(model_admin, request, editing.job, name) for name in names):
            return None
    if not set(editing.mine) - set(names):
        return None
    messages.warning(request, _("Your other changes are not saved yet."))
    return _show(Editing(editing.job, request.POST).rebased(without=names))


def _reset(model_admin: JobAdmin, request: HttpRequest, job: ScheduledJob, name: str) -> bool:
    """Whether the field follows the code now. It is said in a message."""
    if getattr(job, f"{name}_override") is None:
        messages.info(request, _("%(field)s follows the code already.") % {"field": field_name(name)})
        return True
    reason = posted_reason(request)
    try:
        with attribution(request.user, via="form", reason=reason):
            job.reset(name, by=request.user, reason=reason)
    except ValueError as error:
        messages.error(request, str(error))
        return False
    model_admin.log_change(request, job, f"Reset: {_english([name])}. {reason}".strip())
    messages.success(request, _("%(field)s follows the code again.") % {"field": field_name(name)})
    return True


def _english(names: list[str]) -> str:
    """Fields as the log keeps them, for readers of any language."""
    return ", ".join(name.replace("_", " ") for name in names)


# --- What the second of two people who edit at once is told: theirs beside what was typed ---------


def _conflict(editing: Editing, name: str, change: JobChange | None, now: datetime) -> dict[str, Any]:
    """One field that somebody else has changed since the page was made. All texts are masked."""
    is_mine = name in editing.mine
    return {
        "name": name,
        "label": field_name(name),
        "theirs": _saved(editing.job, name),
        "who": who_made(change) if change else _("somebody"),
        "at": times.clock_element(change.at, editing.job.time_zone, now) if change else None,
        "reason": change.reason if change else "",
        "mine": _typed(editing, name) if is_mine else "",
        "is_mine": is_mine,
    }


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
