"""The same done with many runs: what failed is asked for again, after a page that says how many and which."""

from __future__ import annotations

from collections import Counter

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from scheduled_jobs.admin.actions.form import ReasonForm
from scheduled_jobs.admin.page import RunAdmin, render_page, token_of, why_nothing_is_sent
from scheduled_jobs.admin.words import first_line, job_label
from scheduled_jobs.exceptions import BeingDeleted, InvalidPayload, RunRefused
from scheduled_jobs.models import JobChange, JobRun, ScheduledJob, attribution
from scheduled_jobs.models.writer import writer
from scheduled_jobs.services import execution

MOST = 100
"""Runs that are asked for at once."""
MAX_MESSAGES = 5
"""Runs of which it is said one by one why they were not asked for."""


@admin.action(permissions=["run"], description=gettext_lazy("Rerun what failed…"))
def rerun_failed(
    model_admin: RunAdmin, request: HttpRequest, queryset: QuerySet[JobRun]
) -> HttpResponse | None:
    """Ask about the selected runs that failed, or ask for them again, after which the list is shown."""
    is_answer = "confirmed" in request.POST
    form = ReasonForm(request.POST if is_answer else None)
    runs = _to_rerun(queryset)
    token = token_of([(run.pk, run.status) for run in runs])
    has_changed = is_answer and request.POST.get("seen") != token
    too_many, obstacle = len(runs) > MOST, why_nothing_is_sent()
    if runs and not (has_changed or too_many or obstacle) and form.is_valid():
        if _rerun(model_admin, request, queryset, token, form.values["reason"]):
            return None
        has_changed, runs = True, _to_rerun(queryset)
        token = token_of([(run.pk, run.status) for run in runs])
    count = len(runs)
    question = ngettext("Rerun %(n)d failed run?", "Rerun %(n)d failed runs?", count) % {"n": count}
    context = {
        "action": {"name": rerun_failed.__name__, "most": MOST, "button": _("Rerun them")},
        "question": question,
        "count": 0 if obstacle else count,
        "obstacle": obstacle,
        "left_out": len(set(request.POST.getlist(ACTION_CHECKBOX_NAME))) - count,
        "rows": _rows(runs),
        "too_many": too_many,
        "has_changed": has_changed,
        "form": form,
        "seen": token,
        "checkbox_name": ACTION_CHECKBOX_NAME,
        "select_across": "0",
        "selected": request.POST.getlist(ACTION_CHECKBOX_NAME),
    }
    return render_page(
        model_admin, request, "bulk/rerun_failed.html", title=question.rstrip("?"), context=context,
        crumbs=[(_("Runs"), request.get_full_path())],
    )  # fmt: skip


def _to_rerun(queryset: QuerySet[JobRun]) -> list[JobRun]:
    """The runs that failed, of each slot the last attempt, without slots that are settled or open by now."""
    found = (
        queryset.filter(status__in=JobRun.BAD, job__retired_at=None, job__deleting_at=None)
        .select_related("job")
        .defer("payload", "result", "traceback", "log")
    )
    failed = list(found.order_by("job_id", "at", "pk")[: 2 * MOST])
    slots = {(run.job_id, run.scheduled_for): run.pk for run in failed}
    beside = JobRun.objects.filter(
        job__in={run.job_id for run in failed},
        scheduled_for__in={run.scheduled_for for run in failed if run.scheduled_for is not None},
    ).exclude(status__in=JobRun.BAD)
    over = set(beside.order_by().values_list("job_id", "scheduled_for"))
    return [
        run
        for run in failed
        if run.scheduled_for is None
        or ((slot := (run.job_id, run.scheduled_for)) not in over and slots[slot] == run.pk)
    ]


def _rows(runs: list[JobRun]) -> list[tuple[str, tuple[str, str]]]:
    """Each job, how many of its runs, and the first line of the last one's error."""
    counts = Counter(run.job for run in runs)
    last = {run.job: first_line(run.error) for run in runs}
    return [
        (job_label(job), (ngettext("%(n)d run", "%(n)d runs", n) % {"n": n}, last[job]))
        for job, n in counts.items()
    ]


def _rerun(
    model_admin: RunAdmin, request: HttpRequest, queryset: QuerySet[JobRun], token: str, reason: str
) -> bool:
    """Ask for all of them in one transaction, after which Google is asked. False: they have changed."""
    refused, asked = [], []
    with transaction.atomic(using=writer()), attribution(request.user, via=JobChange.Via.BULK, reason=reason):
        # Locked before they are compared: a form that is sent twice at once finds what the first has done.
        list(
            JobRun.objects.select_for_update()
            .filter(pk__in=queryset.values_list("pk", flat=True))
            .order_by("pk")
            .values_list("pk")
        )
        runs = _to_rerun(queryset)
        if token_of([(run.pk, run.status) for run in runs]) != token:
            return False
        for run in runs:
            try:
                asked.append(execution.rerun(run, by=request.user, reason=reason))
            except (BeingDeleted, InvalidPayload, RunRefused) as error:
                refused.append((run.pk, str(error)))
    jobs = model_admin.admin_site._registry.get(ScheduledJob)  # noqa: SLF001 – Django's own admin does
    for again in asked:
        if jobs is not None:
            jobs.log_change(
                request, again.job, f"Rerun of #{again.retry_of_id} as #{again.pk}. {reason}".strip()
            )
    if asked:
        text = ngettext(
            "%(n)d run is queued; it starts when Google calls.",
            "%(n)d runs are queued; those of one job start one after the other.",
            len(asked),
        )
        model_admin.message_user(request, text % {"n": len(asked)}, messages.SUCCESS)
    for pk, why in refused[:MAX_MESSAGES]:
        text = _("Run #%(run)s was not asked for again: %(why)s") % {"run": pk, "why": why}
        model_admin.message_user(request, text, messages.ERROR)
    if more := len(refused[MAX_MESSAGES:]):
        text = ngettext("%(n)d more was not asked for.", "%(n)d more were not asked for.", more) % {"n": more}
        model_admin.message_user(request, text, messages.ERROR)
    return True
