"""What a person decides about a difference: carried out, written down, and told as what was asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest
from django.utils.translation import gettext as _

from scheduled_jobs.admin.page import JobAdmin, permitted, why_nothing_is_sent
from scheduled_jobs.admin.plan.blocks import ADOPT, DELETE, LEAVE, PUSH, Block
from scheduled_jobs.admin.words import field_names, job_label
from scheduled_jobs.domain.jobs import PAUSED
from scheduled_jobs.domain.plan import Change
from scheduled_jobs.exceptions import BackendError
from scheduled_jobs.models import ScheduledJob, attribution
from scheduled_jobs.services import scheduling
from scheduled_jobs.services.scheduling import drift
from scheduled_jobs.services.scheduling.drift import Look


def decide_all(
    model_admin: JobAdmin, request: HttpRequest, changes: Iterable[Change], blocks: list[Block], reason: str
) -> int:
    """Carry out what a form decides, and count it; a block with which it failed says why."""
    by_key = {change.remote_name.rpartition("/")[2]: change for change in changes}
    done = 0
    _refuse_adopting(request, blocks)
    for block in blocks:
        decision = _decision(request, block)
        if decision in ("", LEAVE):
            continue
        change = by_key[block.key]
        carry_out = (
            partial(scheduling.delete_orphan, change.remote_name, by=request.user, reason=reason)
            if change.kind == "orphan"
            else partial(_look_and_carry_out, model_admin, request, change, decision, reason)
        )
        done += _attempt(request, block, carry_out)
    return done


def decide_one(model_admin: JobAdmin, request: HttpRequest, found: Look, block: Block, reason: str) -> bool:
    """Carry out what a form decides about one job, and say so; False if nothing was decided or it failed."""
    _refuse_adopting(request, [block])
    decision = _decision(request, block)
    if not decision:
        return False
    block.error = why_nothing_is_sent()
    if block.error:
        return False
    if decision == LEAVE:
        text = _("Nothing was decided: %(job)s is left as it is, here and in Google.")
        messages.info(request, text % {"job": job_label(found.job)})
        return True
    if not _attempt(request, block, partial(_carry_out, model_admin, request, found, decision, reason)):
        return False
    messages.success(request, _said(found, decision))
    return True


def _decision(request: HttpRequest, block: Block) -> str:
    """What a form decides about a block, of what is offered; empty for anything else."""
    decision = request.POST.get(f"d_{block.key}", "")
    if decision not in {option.value for option in block.options}:
        return ""
    block.chosen = decision
    return decision


def _attempt(request: HttpRequest, block: Block, carry_out: Callable[[], None]) -> bool:
    """Whether it was done; if not, the block says why."""
    meanwhile = _(
        "It is not as it was when you decided: it has changed meanwhile. Nothing was done; look again."
    )
    if request.POST.get(f"s_{block.key}") != block.token:
        block.error = meanwhile
        return False
    try:
        carry_out()
    except ScheduledJob.DoesNotExist:
        block.error = _("The job is gone from the database; look again.")
    except ValidationError as error:
        block.error = " ".join(error.messages)
    except BackendError as error:
        block.error = scheduling.reason_of(error)
    except ValueError:
        # Between the plan and the look under the decision it has become another difference.
        block.error = meanwhile
    return not block.error


def _look_and_carry_out(
    model_admin: JobAdmin, request: HttpRequest, change: Change, decision: str, reason: str
) -> None:
    if change.kind == "delete":
        found = drift.look(change.pk or 0)
    elif decision == ADOPT and change.pk is not None:
        # Before the row becomes what the code says: beside an edit that is not pushed nobody could tell that
        # the state was changed in Google.
        found = drift.look(change.pk)
        drift.bring_up_to_date(change)
    else:
        found = drift.look(drift.bring_up_to_date(change) or 0)
    _carry_out(model_admin, request, found, decision, reason)


def _carry_out(model_admin: JobAdmin, request: HttpRequest, found: Look, decision: str, reason: str) -> None:
    """Push, delete or adopt.

    What changes a job here needs its own rights: raises PermissionDenied. Raises ValidationError for what
    Google has and is refused here, ValueError where there is nothing to adopt any more.
    """
    if decision == ADOPT:
        fields = _adopted(found)
        _require_for(request, fields)
        if not fields:
            raise ValueError("nothing of it is to be adopted any more")
        written = f"Adopted from Google: {', '.join(fields)}"
        drift.adopt(found, fields, by=request.user, reason=reason)
    else:
        written = "Send to Google asked for" if decision == PUSH else "Deletion in Google asked for"
        drift.overwrite(found, by=request.user, reason=reason)
    with attribution(request.user, via="form", reason=reason):
        model_admin.log_change(request, found.job, f"{written}. {reason}".strip())


def _adopted(found: Look) -> list[str]:
    return [name for name in drift.adoptable(found.differences) if name in found.drifted]


def _said(found: Look, decision: str) -> str:
    """What was asked for, in a sentence that is true before Google has answered."""
    names = {"job": job_label(found.job)}
    if decision == PUSH:
        text = _("Asked for: in Google %(job)s becomes what it is here. “In Google” tells how it stands.")
        return text % names
    if decision == DELETE:
        return _("Asked for: %(job)s is deleted in Google. “In Google” tells how it stands.") % names
    fields = _adopted(found)
    parts = []
    if overrides := [name for name in fields if name != "state"]:
        text = _("Kept from Google as an override of %(job)s: %(fields)s.")
        parts.append(text % {**names, "fields": field_names(overrides)})
    if "state" in fields:
        paused = found.differences["state"][0] == PAUSED
        text = _("%(job)s is paused here too.") if paused else _("%(job)s is resumed here too.")
        parts.append(text % names)
    if rest := [name for name in found.differences if name not in fields]:
        parts.append(_("Asked for the rest to be sent: %(fields)s.") % {"fields": field_names(rest)})
    return " ".join(parts)


# --- Who may adopt --------------------------------------------------------------------------------


def without_what_may_not_be_adopted(request: HttpRequest, block: Block) -> Block:
    """The block, without the option to adopt for those to whom it would be refused."""
    if not all(permitted(request, verb) for verb in _rights_for(block.adoptable)):
        block.options = [option for option in block.options if option.value != ADOPT]
    return block


def _refuse_adopting(request: HttpRequest, blocks: list[Block]) -> None:
    """Before anything is done: one refusal for the whole form if it adopts what was not offered."""
    for block in blocks:
        if request.POST.get(f"d_{block.key}") == ADOPT:
            _require_for(request, block.adoptable)


def _require_for(request: HttpRequest, fields: Iterable[str]) -> None:
    """An override is a change and a pause is a pause, whatever way they come; raises PermissionDenied."""
    for verb in _rights_for(fields):
        if not permitted(request, verb):
            raise PermissionDenied(
                _("Adopting this needs the permission to %(verb)s scheduled jobs.") % {"verb": verb}
            )


def _rights_for(fields: Iterable[str]) -> list[str]:
    """What adopting these fields needs: overrides are changes, a state is a pause."""
    return sorted({"pause" if name == "state" else "change" for name in fields})
