"""The plan: ``schedule_tasks --dry-run`` as a page, and one job compared with Google by itself.

Looking calls Google, changes nothing there, and keeps on the rows what it has shown, so that every screen
knows. Only a POST decides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, ngettext_lazy

from scheduled_jobs.admin.page import (
    JobAdmin,
    address,
    find_job,
    job_crumbs,
    posted_reason,
    render_page,
    require,
    section_tabs,
    token_of,
    why_nothing_is_sent,
)
from scheduled_jobs.admin.plan.blocks import Block, block_of_change, block_of_look
from scheduled_jobs.admin.plan.decide import decide_all, decide_one, without_what_may_not_be_adopted
from scheduled_jobs.admin.words import attempt_banner, attempts_banners, job_label
from scheduled_jobs.admin.words.names import breakable
from scheduled_jobs.domain.plan import Change, Kind, Plan
from scheduled_jobs.exceptions import BackendError
from scheduled_jobs.models import ScheduledJob
from scheduled_jobs.services import scheduling
from scheduled_jobs.services.history.job_story import last_set
from scheduled_jobs.services.history.last_attempts import told_of, unserved_attempts
from scheduled_jobs.services.scheduling import drift

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

MAX_BLOCKS = 100
"""Blocks on one page; the count is of all."""
SECTIONS: tuple[tuple[Kind, str, str, _StrPromise, Any], ...] = (
    ("create", "add", "ok", gettext_lazy("Created"), ngettext_lazy("%(n)d created", "%(n)d created", "n")),
    ("update", "upd", "warn", gettext_lazy("Updated"), ngettext_lazy("%(n)d updated", "%(n)d updated", "n")),
    ("delete", "del", "bad", gettext_lazy("Deleted"), ngettext_lazy("%(n)d deleted", "%(n)d deleted", "n")),
    ("orphan", "orp", "bad", gettext_lazy("Orphans"), ngettext_lazy("%(n)d orphan", "%(n)d orphans", "n")),
    (
        "refuse", "ref", "bad", gettext_lazy("Cannot be sent"),
        ngettext_lazy("%(n)d refused", "%(n)d refused", "n"),
    ),
)  # fmt: skip
"""Kind of change, then anchor, tone, title and count of its section, in the order of the page."""


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
        report = drift.look_at_all()
    except BackendError as error:
        return _unreachable(model_admin, request, error, section_tabs(model_admin, request, "plan"))
    blocks = _blocks(request, report.plan.changes)
    if is_answer:
        n = decide_all(model_admin, request, report.plan.changes, blocks, reason)
        is_without_error = not any(block.error for block in blocks)
        if n and is_without_error:
            text = ngettext(
                "%(n)d decision was made; this is how it is in Google now.",
                "%(n)d decisions were made; this is how it is in Google now.",
                n,
            )
            messages.success(request, text % {"n": n})
            return HttpResponseRedirect(request.path)
        if is_without_error:
            messages.info(request, _("Nothing was decided: everything is left for now."))
    now = timezone.now()
    context = {
        "whys": attempts_banners(unserved_attempts(now), report.plan.ours, now),
        "sections": _sections(blocks),
        "plan": report.plan,
        "parts": _parts(report.plan),
        "same": len(report.plan.unchanged),
        "changes": len(report.plan.changes),
        "hidden": max(len(report.plan.changes) - MAX_BLOCKS, 0),
        "faulty": report.faulty,
        "held_back": report.held_back,
        "has_options": any(block.options for block in blocks),
        "reason": reason,
        **section_tabs(model_admin, request, "plan"),
    }
    return render_page(model_admin, request, "plan.html", title=_("Compare with Google"), context=context)


def _blocks(request: HttpRequest, changes: tuple[Change, ...]) -> list[Block]:
    order = [section[0] for section in SECTIONS]
    shown = sorted(changes, key=lambda change: order.index(change.kind))[:MAX_BLOCKS]
    jobs = ScheduledJob.objects.in_bulk([change.pk for change in shown if change.pk is not None])
    now = timezone.now()
    set_by = last_set(jobs)
    blocks = []
    for change in shown:
        block = block_of_change(change, jobs.get(change.pk or 0), now, set_by)
        block.token = token_of(change.kind, dict(change.fields))
        blocks.append(without_what_may_not_be_adopted(request, block))
    return blocks


# --- One job ------------------------------------------------------------------------------


def drift_view(model_admin: JobAdmin, request: HttpRequest, object_id: str) -> HttpResponse:
    """Compare one job with Google: the code's default, the override, what Google has."""
    job = find_job(request, object_id, "sync")
    crumbs = job_crumbs(model_admin, job)
    title = _("Compare with Google")
    try:
        found = drift.look(job.pk)
    except BackendError as error:
        return _unreachable(model_admin, request, error, {}, crumbs)
    drift.record(found)
    found.job.refresh_from_db()
    now = timezone.now()
    block = without_what_may_not_be_adopted(request, block_of_look(found, now, last_set([job.pk])))
    block.token = token_of(block.kind, found.differences)
    reason = posted_reason(request)
    is_answer = request.method == "POST" and "_look" not in request.POST
    if is_answer and decide_one(model_admin, request, found, block, reason):
        return HttpResponseRedirect(address(model_admin, "scheduledjob_change", job.pk))
    told = told_of(found.job)
    context = {
        "whys": [attempt_banner(told, job.time_zone)] if told is not None and told.is_unserved else [],
        "item": block,
        "job": found.job,
        "job_label": breakable(job_label(job)),
        "job_url": address(model_admin, "scheduledjob_change", job.pk),
        "reason": reason,
    }
    return render_page(model_admin, request, "drift.html", title=title, context=context, crumbs=crumbs)


def _unreachable(
    model_admin: JobAdmin,
    request: HttpRequest,
    error: BackendError,
    tabs: dict[str, Any],
    crumbs: list[tuple[str, str]] | None = None,
) -> HttpResponse:
    title = _("Compare with Google")
    context = {
        **tabs,
        "error": scheduling.reason_of(error),
        "unsynced": ScheduledJob.objects.exclude(sync_state=ScheduledJob.SyncState.SYNCED).count(),
    }
    return render_page(
        model_admin, request, "unreachable.html", title=title, context=context, crumbs=crumbs, status=503
    )


def _parts(plan: Plan) -> SafeString:
    """How many changes there are of each kind, as links to them."""
    return format_html_join(
        ", ",
        '<a class="sj-{}" href="#h-{}">{}</a>',
        (
            (tone, anchor, counted % {"n": n})
            for kind, anchor, tone, _title, counted in SECTIONS
            if (n := len(plan.of_kind(kind)))
        ),
    )


def _sections(blocks: list[Block]) -> list[dict[str, Any]]:
    return [
        {"anchor": f"h-{anchor}", "title": title, "blocks": found}
        for kind, anchor, _tone, title, _counted in SECTIONS
        if (found := [block for block in blocks if block.kind == kind])
    ]
