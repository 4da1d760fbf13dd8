"""What a person decides about a difference: carried out, written down, and told as what was asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.core.exceptions import PermissionDenied
from django.utils.translation import gettext as _

from scheduled_jobs.admin.page.permissions import may
from scheduled_jobs.admin.plan.blocks import ADOPT, DELETE, PUSH, Block
from scheduled_jobs.admin.words.names import job_label
from scheduled_jobs.admin.words.values import field_names
from scheduled_jobs.domain.jobs import PAUSED
from scheduled_jobs.models import attribution
from scheduled_jobs.services.scheduling import drift

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.contrib import admin
    from django.http import HttpRequest

    from scheduled_jobs.models import ScheduledJob
    from scheduled_jobs.services.scheduling.drift import Look


def carry_out(
    model_admin: admin.ModelAdmin[ScheduledJob],
    request: HttpRequest,
    found: Look,
    decision: str,
    reason: str,
) -> str:
    """Do what was decided about one job; answers with a sentence that is true before Google has answered.

    What changes a job here needs its own rights: raises PermissionDenied. Raises ValidationError for what
    Google has and is refused here. Empty for a decision that does nothing.
    """
    names = {"job": job_label(found.job)}
    fields: list[str] = []
    if decision in (PUSH, DELETE):
        written = _("Push to Google asked for") if decision == PUSH else _("Deletion in Google asked for")
        told = (
            _("Asked for: in Google %(job)s becomes what it is here. “In Google” tells how it stands.")
            if decision == PUSH
            else _("Asked for: %(job)s is deleted in Google. “In Google” tells how it stands.")
        ) % names
        drift.overwrite(found, by=request.user, reason=reason)
    elif decision == ADOPT:
        fields = [name for name in drift.adoptable(found.differences) if name in found.drifted]
        require_for(request, fields)
        if not fields:
            raise ValueError("nothing of it is to be adopted any more")
        written = _("Adopted from Google: %(names)s") % {"names": ", ".join(fields)}
        told = _told_of_adopting(found, fields)
        drift.adopt(found, fields, by=request.user, reason=reason)
    else:
        return ""
    with attribution(request.user, via="form", reason=reason):
        model_admin.log_change(request, found.job, f"{written}. {reason}".strip())
    return told


def left_alone(job: ScheduledJob) -> str:
    """What is said of the decision to decide later."""
    return _("Nothing was decided: %(job)s is left as it is, here and in Google.") % {"job": job_label(job)}


def _told_of_adopting(found: Look, fields: list[str]) -> str:
    names = {"job": job_label(found.job)}
    parts = []
    if overrides := [name for name in fields if name != "state"]:
        text = _("Adopted from Google as override of %(job)s: %(fields)s.")
        parts.append(text % {**names, "fields": field_names(overrides)})
    if "state" in fields:
        paused = found.differences["state"][0] == PAUSED
        text = _("%(job)s is paused here too.") if paused else _("%(job)s is resumed here too.")
        parts.append(text % names)
    if rest := [name for name in found.differences if name not in fields]:
        parts.append(_("Asked for a push of the rest: %(fields)s.") % {"fields": field_names(rest)})
    return " ".join(parts)


# --- Who may adopt --------------------------------------------------------------------------------


def rights_for(fields: Iterable[str]) -> list[str]:
    """What adopting these fields needs: overrides are changes, a state is a pause."""
    return sorted({"pause" if name == "state" else "change" for name in fields})


def without_what_may_not_be_adopted(block: Block, request: HttpRequest) -> None:
    """Do not offer to adopt to whom it would be refused."""
    if not all(may(request.user, verb) for verb in rights_for(block.adoptable)):
        block.choices = [choice for choice in block.choices if choice.value != ADOPT]


def refuse_adopting(request: HttpRequest, blocks: list[Block]) -> None:
    """Before anything is done: one refusal for the whole form if it adopts what was not offered."""
    for block in blocks:
        if request.POST.get(f"d_{block.key}") == ADOPT:
            require_for(request, block.adoptable)


def require_for(request: HttpRequest, fields: Iterable[str]) -> None:
    """An override is a change and a pause is a pause, whatever way they come; raises PermissionDenied."""
    for verb in rights_for(fields):
        if not may(request.user, verb):
            raise PermissionDenied(
                _("Adopting this needs the permission to %(verb)s scheduled jobs.") % {"verb": verb}
            )
