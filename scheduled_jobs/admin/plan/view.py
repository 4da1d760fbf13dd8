"""The plan: ``schedule_tasks --dry-run`` as a page, and one job compared with Google by itself.

Looking calls Google and writes nothing. Only a POST writes: "Look again" records drift on the rows, and
the decisions do what each of them says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponseRedirect
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from scheduled_jobs.admin.page.environment import why_nothing_is_sent
from scheduled_jobs.admin.page.permissions import require
from scheduled_jobs.admin.page.render import address, find_job, job_crumbs, posted_reason, render
from scheduled_jobs.admin.page.same_as_shown import token_of
from scheduled_jobs.admin.plan.blocks import ADOPT, Block, block_of_change, block_of_look
from scheduled_jobs.admin.plan.decide import (
    carry_out,
    left_alone,
    refuse_adopting,
    without_what_may_not_be_adopted,
)
from scheduled_jobs.admin.plan.differences import Provenance
from scheduled_jobs.admin.words.names import job_label
from scheduled_jobs.exceptions import BackendError
from scheduled_jobs.models import ScheduledJob
from scheduled_jobs.services import scheduling
from scheduled_jobs.services.scheduling import drift

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse
    from django.utils.safestring import SafeString

    from scheduled_jobs.admin.page.permissions import JobAdmin
    from scheduled_jobs.domain.plan import Change, Kind, Plan
    from scheduled_jobs.services.scheduling.drift import Look

SHOWN = 100
"""Blocks on one page; the count is of all."""
SECTIONS: tuple[tuple[Kind, str], ...] = (
    ("create", "add"),
    ("update", "upd"),
    ("delete", "del"),
    ("orphan", "orp"),
    ("refuse", "ref"),
)


# --- All jobs -----------------------------------------------------------------------------


def plan_view(model_admin: JobAdmin, request: HttpRequest) -> HttpResponse:
    """Compare all jobs with Google; by POST, look again or carry out what was decided."""
    require(request, "view", "sync")
    is_answer = request.method == "POST" and "_look" not in request.POST
    reason = posted_reason(request)
    if is_answer and (off := why_nothing_is_sent()):
        messages.error(request, off)
        return HttpResponseRedirect(request.path)
    try:
        report = scheduling.sync_jobs(scheduling.Options(write=False))
    except BackendError as error:
        return _unreachable(model_admin, request, error, _("Plan"), crumbs=_crumbs(model_admin))
    blocks = _blocks(request, report.plan.changes)
    if request.method == "POST" and not is_answer:
        drift.record_all(report)
    if is_answer:
        done = _decide(model_admin, request, report, blocks, reason)
        if done and not any(block.error for block in blocks):
            n = len(done)
            text = ngettext(
                "%(n)d decision was made; this is how it is in Google now.",
                "%(n)d decisions were made; this is how it is in Google now.",
                n,
            )
            messages.success(request, text % {"n": n})
            return HttpResponseRedirect(request.path)
        if not done and not any(block.error for block in blocks):
            messages.info(request, _("Nothing was decided: everything is left for now."))
    context = {
        "sections": _sections(blocks),
        "plan": report.plan,
        "parts": _parts(report.plan),
        "same": len(report.plan.unchanged),
        "changes": len(report.plan.changes),
        "hidden": max(len(report.plan.changes) - SHOWN, 0),
        "faulty": report.faulty,
        "held_back": report.held_back,
        "has_choices": any(block.choices for block in blocks),
        "reason": reason,
    }
    return render(
        model_admin, request, "plan.html", title=_("Plan: this app against Google"), context=context,
        crumbs=_crumbs(model_admin),
    )  # fmt: skip


def _crumbs(model_admin: JobAdmin) -> list[tuple[str, str]]:
    return [(_("Jobs"), address(model_admin, "scheduledjob_changelist"))]


def _blocks(request: HttpRequest, changes: tuple[Change, ...]) -> list[Block]:
    order = [kind for kind, _a in SECTIONS]
    shown = sorted(changes, key=lambda change: order.index(change.kind))[:SHOWN]
    jobs = ScheduledJob.objects.in_bulk([change.pk for change in shown if change.pk is not None])
    now = timezone.now()
    provenance = Provenance(jobs, now)
    blocks = []
    for change in shown:
        block = block_of_change(change, jobs.get(change.pk or 0), now, provenance)
        block.token = token_of(change.kind, dict(change.fields))
        without_what_may_not_be_adopted(block, request)
        blocks.append(block)
    return blocks


def _decide(
    model_admin: JobAdmin, request: HttpRequest, report: scheduling.Report, blocks: list[Block], reason: str
) -> list[Block]:
    """Carry out the decisions of a form; a block that is not as it was shown is left and says so."""
    changes = {change.remote_name.rpartition("/")[2]: change for change in report.plan.changes}
    done = []
    refuse_adopting(request, blocks)
    for block in blocks:
        decision = request.POST.get(f"d_{block.key}", "")
        if decision not in {choice.value for choice in block.choices} or decision == block_leave(block):
            continue
        block.chosen = decision
        if request.POST.get(f"s_{block.key}") != block.token:
            block.error = changed_meanwhile()
            continue
        change = changes[block.key]
        try:
            if change.kind == "orphan":
                drift.delete_orphan(change.remote_name, by=request.user, reason=reason)
            else:
                found = _found(change, decision)
                carry_out(model_admin, request, found, decision, reason)
        except ScheduledJob.DoesNotExist:
            block.error = _("The job is gone from the database; look again.")
        except ValidationError as error:
            block.error = " ".join(error.messages)
        except BackendError as error:
            block.error = scheduling.reason_of(error)
        except ValueError:
            # Between the plan and the look under the decision it has become another difference.
            block.error = changed_meanwhile()
        else:
            done.append(block)
    return done


# --- One job ------------------------------------------------------------------------------


def drift_view(model_admin: JobAdmin, request: HttpRequest, object_id: str) -> HttpResponse:
    """Compare one job with Google: the code's default, the override, what Google has."""
    job = find_job(request, object_id, "sync")
    crumbs = job_crumbs(model_admin, job)
    title = _("Compare with Google")
    try:
        found = drift.look(job.pk)
    except BackendError as error:
        return _unreachable(model_admin, request, error, title, crumbs=crumbs)
    now = timezone.now()
    block = block_of_look(found, now, Provenance([job.pk], now))
    block.token = token_of(block.kind, found.differences)
    without_what_may_not_be_adopted(block, request)
    decision = request.POST.get(f"d_{block.key}", "")
    reason = posted_reason(request)
    only_looks = request.method == "POST" and "_look" in request.POST
    decides = request.method == "POST" and not only_looks
    if only_looks:
        drift.record(found)
    elif decides:
        refuse_adopting(request, [block])
    # A choice is preselected: whoever only looks again has not made it.
    if decides and decision in {c.value for c in block.choices}:
        block.chosen = decision
        if off := why_nothing_is_sent():
            block.error = off
        elif request.POST.get(f"s_{block.key}") != block.token:
            block.error = changed_meanwhile()
        else:
            try:
                told = carry_out(model_admin, request, found, decision, reason)
            except ValidationError as error:
                block.error = " ".join(error.messages)
            else:
                if told:
                    messages.success(request, told)
                else:
                    messages.info(request, left_alone(job))
                return HttpResponseRedirect(address(model_admin, "scheduledjob_change", job.pk))
    context = {
        "item": block,
        "job": found.job,
        "job_label": job_label(job),
        "job_url": address(model_admin, "scheduledjob_change", job.pk),
        "reason": reason,
    }
    return render(model_admin, request, "drift.html", title=title, context=context, crumbs=crumbs)


def _unreachable(
    model_admin: JobAdmin,
    request: HttpRequest,
    error: BackendError,
    title: str,
    *,
    crumbs: list[tuple[str, str]],
) -> HttpResponse:
    context = {
        "error": scheduling.reason_of(error),
        "unsynced": ScheduledJob.objects.exclude(sync_state=ScheduledJob.SyncState.SYNCED).count(),
    }
    return render(
        model_admin, request, "unreachable.html", title=title, context=context, crumbs=crumbs, status=503
    )


def changed_meanwhile() -> str:
    """What is said of a decision about something else than what is there now."""
    return _("It is not as it was when you decided: it has changed meanwhile. Nothing was done; look again.")


def block_leave(block: Block) -> str:
    """The decision that does nothing."""
    return block.choices[-1].value


def _parts(plan: Plan) -> SafeString:
    """How many changes there are of each kind, as links to them."""
    told = {
        "create": ("ok", ngettext("%(n)d created", "%(n)d created", len(plan.of_kind("create")))),
        "update": ("warn", ngettext("%(n)d updated", "%(n)d updated", len(plan.of_kind("update")))),
        "delete": ("bad", ngettext("%(n)d deleted", "%(n)d deleted", len(plan.of_kind("delete")))),
        "orphan": ("bad", ngettext("%(n)d orphan", "%(n)d orphans", len(plan.of_kind("orphan")))),
        "refuse": ("bad", ngettext("%(n)d refused", "%(n)d refused", len(plan.of_kind("refuse")))),
    }
    return format_html_join(
        ", ",
        '<a class="sj-{}" href="#h-{}">{}</a>',
        (
            (told[kind][0], anchor, told[kind][1] % {"n": n})
            for kind, anchor in SECTIONS
            if (n := len(plan.of_kind(kind)))
        ),
    )


def _sections(blocks: list[Block]) -> list[dict[str, Any]]:
    titles = {
        "create": _("Created"),
        "update": _("Updated"),
        "delete": _("Deleted"),
        "orphan": _("Orphans"),
        "refuse": _("Cannot be pushed"),
    }
    return [
        {"anchor": f"h-{anchor}", "title": titles[kind], "blocks": found}
        for kind, anchor in SECTIONS
        if (found := [block for block in blocks if block.kind == kind])
    ]


def _found(change: Change, decision: str) -> Look:
    """A planned change, looked at once more when something is done about it."""
    if change.kind == "delete":
        return drift.look(change.pk or 0)
    if decision == ADOPT and change.pk is not None:
        # Before the row becomes what the code says: beside an edit that is not pushed nobody could tell that
        # the state was changed in Google.
        found = drift.look(change.pk)
        drift.bring_up_to_date(change)
        return found
    return drift.look(drift.bring_up_to_date(change) or 0)
