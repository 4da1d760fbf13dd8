"""Asking for a run again, and settling one: what can be done with a run, each a request of its own."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.utils.translation import gettext as _

from scheduled_jobs.admin.actions.form import RunNowForm
from scheduled_jobs.admin.page import (
    RunAdmin,
    address,
    find_run,
    render_page,
    require_post,
    why_nothing_is_sent,
)
from scheduled_jobs.admin.words import job_label, masked_parts, times
from scheduled_jobs.admin.words.names import breakable
from scheduled_jobs.domain.jobs import same_json
from scheduled_jobs.models import JobChange, JobRun, ScheduledJob, attribution
from scheduled_jobs.models.writer import writer
from scheduled_jobs.services import execution, scheduling
from scheduled_jobs.services.history.matters import deal_with_run, take_back_run


def rerun_view(model_admin: RunAdmin, request: HttpRequest, object_id: str) -> HttpResponse:
    """Ask for the same again, with the recorded payload or, for those who may, another."""
    wants_changes = "changes" in request.GET
    run = find_run(request, object_id, "run", *(["change"] if wants_changes else []))
    job = run.job
    recorded = job.payload if run.payload is None else run.payload
    obstacle = _refusal_reason(run)
    if request.method == "POST" and not obstacle:
        with transaction.atomic(using=writer()):
            # Locked until it is asked for: a form that is sent twice at once finds the first one's run.
            JobRun.objects.select_for_update().get(pk=run.pk)
            form = _form(request, run, recorded, wants_changes=wants_changes)
            if again := form.ask(partial(execution.rerun, run), by=request.user):
                _log(model_admin, request, job, f"Rerun of #{run.pk} as #{again.pk}. {again.reason}".strip())
                return HttpResponseRedirect(address(model_admin, "jobrun_change", again.pk))
    else:
        form = _form(request, run, recorded, wants_changes=wants_changes)
    if form.errors.get("seen"):
        form = form.shown_again()
    context = {
        "form": form,
        "run": run,
        "job": job,
        "job_label": breakable(job_label(job)),
        "back_url": address(model_admin, "jobrun_change", run.pk),
        "payload": masked_parts(recorded),
        "differs": not same_json(recorded, job.payload),
        "follows": _what_follows(run),
        "obstacle": obstacle,
        "wants_changes": wants_changes,
        "is_missed": run.status == JobRun.Status.MISSED,
    }
    title = _("Rerun with changes") if wants_changes else _("Rerun")
    if run.status == JobRun.Status.MISSED and run.scheduled_for is not None:
        at = times.clock(run.scheduled_for, job.time_zone, timezone.now())
        title = _("Run for %(time)s") % {"time": at}
    context["button"] = title if context["is_missed"] else _("Rerun")
    crumbs = [
        (_("Runs"), address(model_admin, "jobrun_changelist")),
        (str(run.pk), address(model_admin, "jobrun_change", run.pk)),
    ]
    return render_page(model_admin, request, "jobrun/rerun.html", title=title, context=context, crumbs=crumbs)


@require_post("runs", "run")
def cancel_view(model_admin: RunAdmin, request: HttpRequest, object_id: str) -> HttpResponse:
    """Take back a run that has not begun."""
    run = find_run(request, object_id)
    with attribution(request.user, via="form"):
        cancelled = execution.cancel(run, by=request.user)
    if cancelled:
        _log(model_admin, request, run.job, f"Cancelled run #{run.pk}.")
        messages.success(request, _("Run #%(run)s is cancelled; it will not be executed.") % {"run": run.pk})
    else:
        messages.warning(
            request, _("Run #%(run)s could not be cancelled: it has begun, or is over.") % {"run": run.pk}
        )
    return HttpResponseRedirect(address(model_admin, "jobrun_change", run.pk))


@require_post("runs", "run")
def settle_view(model_admin: RunAdmin, request: HttpRequest, object_id: str) -> HttpResponse:
    """Ask Google again for a run that was not delivered, or give it up where that was done already."""
    run = find_run(request, object_id)
    before = (run.status, run.sent)
    execution.expire(timezone.now())  # what died holds up the others
    scheduling.settle(run.job_id)
    run.refresh_from_db(fields=["status", "sent"])
    if (run.status, run.sent) == before:
        text = _(
            "Run #%(run)s still waits: Google could not be asked, or was asked a few minutes ago at most."
        )
        messages.warning(request, text % {"run": run.pk})
    else:
        with attribution(request.user, via="form"):
            JobChange.record(run.job, {"run": (run.pk, run.status)})
        what = "Gave up" if run.status == JobRun.Status.LOST else "Asked Google again for"
        _log(model_admin, request, run.job, f"{what} run #{run.pk}.")
    return HttpResponseRedirect(address(model_admin, "jobrun_change", run.pk))


@require_post("runs", "run")
def run_dealt_with_view(model_admin: RunAdmin, request: HttpRequest, object_id: str) -> HttpResponse:
    """Take a run off the list of what needs attention, or undo that; nothing else is changed."""
    run = find_run(request, object_id)
    if "undo" in request.POST:
        if take_back_run(run):
            messages.success(request, _("Run #%(run)s needs attention again.") % {"run": run.pk})
        else:
            messages.warning(request, _("There was nothing to undo."))
    elif deal_with_run(run, request.user, at=timezone.now()):
        messages.success(request, _("Run #%(run)s is marked as dealt with.") % {"run": run.pk})
    else:
        messages.warning(request, _("Nothing was marked: somebody has dealt with it already."))
    return HttpResponseRedirect(address(model_admin, "jobrun_change", run.pk))


def _log(model_admin: RunAdmin, request: HttpRequest, job: ScheduledJob, text: str) -> None:
    """Django's own log speaks of the job: its history is where people look."""
    jobs = model_admin.admin_site._registry.get(ScheduledJob)  # noqa: SLF001 – Django's own admin does
    if jobs is not None:
        jobs.log_change(request, job, text)


def _form(request: HttpRequest, run: JobRun, recorded: dict[str, Any], *, wants_changes: bool) -> RunNowForm:
    return RunNowForm(
        request.POST if request.method == "POST" else None,
        job=run.job,
        payload=recorded,
        newest=JobRun.objects.reruns_of(run, timezone.now()).order_by("-pk").first(),
        may_change=wants_changes,
    )


def _refusal_reason(run: JobRun) -> str:
    if not run.is_over:
        return _("Run #%(run)s is %(status)s; wait until it is over.") % {
            "run": run.pk,
            "status": run.get_status_display(),
        }
    if run.job.deleting_at is not None or run.job.retired_at is not None:
        return _("This job is retired: Google has no job to run any more.")
    return why_nothing_is_sent()


def _what_follows(run: JobRun) -> list[tuple[str, str]]:
    """Icons and sentences: what will happen, and what will not."""
    found = []
    if run.scheduled_for is not None and run.status in JobRun.BAD:
        text = _("It is the next attempt for %(time)s, unless another attempt has settled that by now.")
        found.append(("retry", text % {"time": times.dated(run.scheduled_for, run.job.time_zone)}))
    else:
        found.append(
            ("play", _("It is a run of its own: no scheduled time is settled by it, and none is repeated."))
        )
    found.append(
        ("ok", _("It runs once at most; while another run of this job goes on, it waits for its turn."))
    )
    found.append(("sched", _("The schedule stays as it is.")))
    return found
