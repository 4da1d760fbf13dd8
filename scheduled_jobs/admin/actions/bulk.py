"""The same done with many jobs: a page that says how many and what follows, then all in one transaction."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.models import CHANGE, LogEntry
from django.core.exceptions import BadRequest, PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from scheduled_jobs.admin.actions.bulk_actions import BULK_ACTIONS, BulkAction
from scheduled_jobs.admin.actions.form import ReasonForm
from scheduled_jobs.admin.page import JobAdmin, allowed, render_page, require, token_of
from scheduled_jobs.admin.words import job_label
from scheduled_jobs.models import JobChange, ScheduledJob, attribution
from scheduled_jobs.models.writer import writer

MAX_ROWS = 100
"""Jobs that the page names; the count is of all."""
MAX_MESSAGES = 5
"""Jobs of which it is said one by one why nothing was done with them."""
_PK = re.compile(r"[0-9]{1,18}", re.ASCII)


def bulk_view(
    action: BulkAction, model_admin: JobAdmin, request: HttpRequest, queryset: QuerySet[ScheduledJob]
) -> HttpResponse | None:
    """Ask about the selected jobs, or do it with all of them, after which the list is shown again."""
    now = timezone.now()
    is_answer = "confirmed" in request.POST
    selected = _select(action, queryset, now)
    form = action.form(request.POST if is_answer else None, now)
    has_changed = is_answer and request.POST.get("seen") != selected.token
    too_many = action.most is not None and len(selected.pks) > action.most
    if selected.pks and not (has_changed or too_many) and form.is_valid():
        try:
            if apply_to_all(action, model_admin, request, selected, form):
                return None
            # Somebody else was faster: the page that asks again shows what there is by now.
            has_changed, selected = True, _select(action, queryset, now)
        except ValueError:
            # The end of a pause has passed while the lock was waited for, and the form says so by now.
            form = action.form(request.POST, timezone.now())
            if form.is_valid():
                raise
    count = len(selected.pks)
    first = list(selected.jobs.order_by("task", "name")[:MAX_ROWS])
    question = str(action.question % {"n": count})
    context = {
        "action": action,
        "question": question,
        "count": count,
        "left_out": selected.total - count,
        "rows": [(job_label(job), action.cells(job, now)) for job in first],
        "more": count - len(first),
        "too_many": too_many,
        "has_changed": has_changed,
        "form": form,
        "seen": selected.token,
        "checkbox_name": ACTION_CHECKBOX_NAME,
        "select_across": request.POST.get("select_across", "0"),
        "selected": request.POST.getlist(ACTION_CHECKBOX_NAME),
    }
    return render_page(
        model_admin, request, f"bulk/{action.name}.html", title=question.rstrip("?"), context=context,
        crumbs=[(_("Jobs"), request.get_full_path())],
    )  # fmt: skip


class Selection(NamedTuple):
    """How many jobs are selected, those with which there is anything to do, and how these are now."""

    total: int
    jobs: QuerySet[ScheduledJob]
    pks: list[int]
    token: str


def _select(action: BulkAction, queryset: QuerySet[ScheduledJob], now: datetime) -> Selection:
    jobs = queryset.filter(action.concerned(now)).order_by("pk")
    revisions = sorted(set(jobs.values_list("pk", "revision")))
    pks = [pk for pk, _revision in revisions]
    return Selection(queryset.count(), jobs, pks, token_of(revisions, action.newest(pks)))


def apply_to_all(
    action: BulkAction, model_admin: JobAdmin, request: HttpRequest, selected: Selection, form: ReasonForm
) -> bool:
    """Do it with all jobs in one transaction, so that all is pushed together once it is committed.

    Returns False, and has done nothing, if they are not as they were selected.
    """
    by, refused = request.user, {}
    with (
        transaction.atomic(using=writer()),
        attribution(by, via=JobChange.Via.BULK, reason=form.values["reason"]),
    ):
        # Locked before they are compared: a form that is sent twice at once finds what the first has done.
        # In the order of their keys: two bulk actions at once wait for one another, and do not deadlock.
        chunks = list(ScheduledJob.objects.in_batches(selected.pks))
        jobs = [
            job
            for chunk in chunks
            for job in chunk.select_for_update().order_by("pk").only("name", "origin", "task", "revision")
        ]
        if token_of([(job.pk, job.revision) for job in jobs], action.newest(selected.pks)) != selected.token:
            return False
        for chunk in chunks:
            result = action.do(chunk, by=by, **form.values)
            refused.update(result if isinstance(result, dict) else {})
        done = [job for job in jobs if job.pk not in refused]
        if done:
            LogEntry.objects.log_actions(by.pk, done, CHANGE, action.logged)  # type: ignore[arg-type]
    if done:
        model_admin.message_user(request, action.done % {"n": len(done)}, messages.SUCCESS)
    not_done = [(job_label(job), refused[job.pk]) for job in jobs if job.pk in refused]
    for name, why in not_done[:MAX_MESSAGES]:
        text = _("Not done with %(job)s: %(why)s") % {"job": name, "why": why}
        model_admin.message_user(request, text, messages.ERROR)
    if len(not_done) > MAX_MESSAGES:
        more = len(not_done) - MAX_MESSAGES
        text = ngettext("%(n)d more was not done.", "%(n)d more were not done.", more) % {"n": more}
        model_admin.message_user(request, text, messages.ERROR)
    return True


def _offered(action: BulkAction) -> Callable[..., HttpResponse | None]:
    """The action as Django's admin knows it, which offers and takes it only from those who may."""

    @admin.action(permissions=[action.verb], description=action.label)
    def offered(
        model_admin: JobAdmin, request: HttpRequest, queryset: QuerySet[ScheduledJob]
    ) -> HttpResponse | None:
        return bulk_view(action, model_admin, request, queryset)

    offered.__name__ = action.name
    return offered


ACTIONS = tuple(_offered(action) for action in BULK_ACTIONS)


def refuse_unoffered(request: HttpRequest) -> None:
    """Refuse an action that is not offered, rather than pass it over."""
    wanted = {name for name in request.POST.getlist("action") if name}
    for action in BULK_ACTIONS:
        if action.name in wanted:
            require(request, action.verb)
    if allowed(request).nothing or wanted - {action.name for action in BULK_ACTIONS}:
        raise PermissionDenied(_("There is no such action for you."))
    if not all(_PK.fullmatch(pk) for pk in request.POST.getlist(ACTION_CHECKBOX_NAME)):
        raise BadRequest("What is selected is no number of a job.")
