"""Bulk actions: a page that says how many and what follows, then all of them in one transaction."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.models import CHANGE, LogEntry
from django.core.exceptions import BadRequest, PermissionDenied
from django.db import router, transaction
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _

from scheduled_jobs.admin.actions.bulk_actions import BULK_ACTIONS, BulkAction
from scheduled_jobs.admin.page.permissions import allowed, require
from scheduled_jobs.admin.page.same_as_shown import token_of
from scheduled_jobs.admin.words.names import job_label
from scheduled_jobs.models import JobChange, ScheduledJob, attribution

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from django.db.models import QuerySet
    from django.http import HttpRequest, HttpResponse

    from scheduled_jobs.admin.page.permissions import JobAdmin

SHOWN = 100
"""Jobs that a confirmation page names; the count is of all."""
SAID = 5
"""Failures that are said one by one."""
_PK = re.compile(r"[0-9]{1,18}", re.ASCII)


def _answer(
    action: BulkAction, model_admin: JobAdmin, request: HttpRequest, queryset: QuerySet[ScheduledJob]
) -> HttpResponse | None:
    now = timezone.now()
    is_answer = "confirmed" in request.POST
    form = action.form(request.POST if is_answer else None, now)
    total, jobs, pks, seen = _selected(action, queryset, now)
    is_same = request.POST.get("seen") == seen
    too_many = action.most is not None and len(pks) > action.most
    if is_answer and is_same and not too_many and pks and form.is_valid():
        try:
            if apply_to(action, model_admin, request, seen, pks, form.cleaned_data):
                return None
            is_same = False
            # Somebody else was faster: the page that asks again shows what there is by now.
            total, jobs, pks, seen = _selected(action, queryset, now)
        except ValueError as error:
            # What was right when the form was read, such as the end of a pause, is past under the lock.
            form.add_error("until_0" if "until_0" in form.fields else None, str(error))
    first = list(jobs.order_by("task", "name")[:SHOWN])
    context = {
        **model_admin.admin_site.each_context(request),
        "opts": model_admin.opts,
        "title": action.question(len(pks)).rstrip("?"),
        "crumbs": [(_("Jobs"), request.get_full_path())],
        "media": model_admin.media,
        "action": action,
        "question": action.question(len(pks)),
        "left_out": action.left_out(total - len(pks)) if total > len(pks) else "",
        "rows": [(job_label(job), action.cells(job, now)) for job in first],
        "more": len(pks) - len(first),
        "count": len(pks),
        "too_many": too_many,
        "has_changed": is_answer and not is_same,
        "form": form,
        "seen": seen,
        "checkbox_name": ACTION_CHECKBOX_NAME,
        "select_across": request.POST.get("select_across", "0"),
        "selected": request.POST.getlist(ACTION_CHECKBOX_NAME),
        "zone": timezone.get_current_timezone_name(),
    }
    return TemplateResponse(request, "admin/scheduled_jobs/bulk.html", context)


class _Selection(NamedTuple):
    total: int
    jobs: QuerySet[ScheduledJob]
    pks: list[int]
    seen: str


def _selected(action: BulkAction, queryset: QuerySet[ScheduledJob], now: datetime) -> _Selection:
    """How many are selected, those with which there is anything to do, and the token of what is shown.

    It has the last time that the same was asked of them, where that leaves their revisions as they are.
    """
    jobs = queryset.filter(action.concerned(now)).order_by("pk")
    rows = sorted(set(jobs.values_list("pk", "revision")))
    pks = [pk for pk, _revision in rows]
    return _Selection(queryset.count(), jobs, pks, token_of(rows, action.newest(pks)))


def _offered(action: BulkAction) -> Callable[..., HttpResponse | None]:
    """The action as Django's admin knows it, which offers and takes it only from those who may."""

    @admin.action(permissions=[action.verb], description=action.label)
    def offered(
        model_admin: JobAdmin, request: HttpRequest, queryset: QuerySet[ScheduledJob]
    ) -> HttpResponse | None:
        return _answer(action, model_admin, request, queryset)

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


def apply_to(
    action: BulkAction,
    model_admin: JobAdmin,
    request: HttpRequest,
    seen: str,
    pks: Sequence[int],
    values: dict[str, Any],
) -> bool:
    """Do it with all jobs in one transaction, so that all is pushed together once it is committed.

    Returns False, and has done nothing, if they are not as they were ``seen``.
    """
    using = router.db_for_write(ScheduledJob)
    rows = ScheduledJob.objects.using(using)
    with (
        transaction.atomic(using=using),
        attribution(request.user, via=JobChange.Via.BULK, reason=values.get("reason", "")),
    ):
        # Locked before they are compared: a form that is sent twice at once finds what the first has done.
        # In the order of their keys: two bulk actions at once wait for one another, and do not deadlock.
        jobs = [
            job
            for chunk in rows.among(sorted(pks))
            for job in chunk.select_for_update().order_by("pk").only("name", "origin", "task", "revision")
        ]
        if seen != token_of([(job.pk, job.revision) for job in jobs], action.newest(pks)):
            return False
        why_not: dict[int, str] = {}
        for chunk in rows.among(sorted(pks)):
            why_not |= action.do(chunk, values, request.user)
        done = [job for job in jobs if job.pk not in why_not]
        failed = {job_label(job): why_not[job.pk] for job in jobs if job.pk in why_not}
        if done:
            LogEntry.objects.log_actions(_pk_of(request), done, CHANGE, action.logged())
    if done:
        model_admin.message_user(request, action.done(len(done)), messages.SUCCESS)
    for name, why in list(failed.items())[:SAID]:
        said = _("Not done with %(job)s: %(why)s") % {"job": name, "why": why}
        model_admin.message_user(request, said, messages.ERROR)
    if len(failed) > SAID:
        rest = _("%(n)d more were not done.") % {"n": len(failed) - SAID}
        model_admin.message_user(request, rest, messages.ERROR)
    return True


def _pk_of(request: HttpRequest) -> int:
    pk: int = request.user.pk  # type: ignore[assignment]  # whoever may act is signed in
    return pk
