"""Run now: a page that says what follows, then a queued run that its own page follows."""

from __future__ import annotations

from datetime import datetime

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.utils.translation import gettext as _

from scheduled_jobs import registry
from scheduled_jobs.admin.actions.form import RunNowForm
from scheduled_jobs.admin.page import (
    JobAdmin,
    address,
    allowed,
    find_job,
    render_for_job,
    why_nothing_is_sent,
)
from scheduled_jobs.admin.words import masked_parts, times, why_no_run, why_no_time
from scheduled_jobs.domain.ahead import WhyNone
from scheduled_jobs.models import JobRun, ScheduledJob
from scheduled_jobs.services.history.run_story import going_on, waiting


def run_now_view(model_admin: JobAdmin, request: HttpRequest, object_id: str) -> HttpResponse:
    """Ask, then ask Google: the run is queued and its page is shown."""
    job = find_job(request, object_id, "run")
    obstacle = refusal_reason(job)
    if request.method == "POST" and not obstacle:
        with job.locked() as rows:
            # A form that is sent twice at once finds the first one's run.
            job = rows.get()
            form = _form(request, job)
            if run := form.ask(job.run_now, by=request.user):
                what = "Run now" if form.chosen is None else "Run now, with another payload"
                model_admin.log_change(request, job, f"{what}: #{run.pk}. {run.reason}")
                if allowed(request).runs:
                    return HttpResponseRedirect(address(model_admin, "jobrun_change", run.pk))
                messages.success(request, _("Run #%(run)s is queued.") % {"run": run.pk})
                return HttpResponseRedirect(address(model_admin, "scheduledjob_change", job.pk))
    else:
        form = _form(request, job)
    if form.errors.get("seen"):
        form = form.shown_again()
    context = {
        "form": form,
        "payload": masked_parts(job.payload),
        "payload_is_overridden": job.payload_override is not None,
        "follows": what_follows(job, timezone.now()),
        "obstacle": obstacle,
    }
    title = _("Run a job now")
    return render_for_job(model_admin, request, "run_now.html", job, title=title, context=context)


def _form(request: HttpRequest, job: ScheduledJob) -> RunNowForm:
    return RunNowForm(
        request.POST if request.method == "POST" else None,
        job=job,
        payload=job.payload,
        newest=JobRun.objects.asked_for_lately([job.pk], timezone.now()).order_by("-pk").first(),
        may_change=allowed(request).run_with_payload,
    )


def refusal_reason(job: ScheduledJob) -> str:
    """Why a job cannot be run now, as a sentence; empty where it can."""
    if job.deleting_at is not None:
        return _("This job is being deleted: Google has no job to run any more.")
    if job.retired_at is not None:
        return _("This job is retired: its class is gone from the code, and there is nothing to run.")
    return why_no_run(job.task) or why_nothing_is_sent()


def what_follows(job: ScheduledJob, now: datetime) -> list[tuple[str, str]]:
    """Icons and sentences: what will happen, and what will not."""
    text = _("It runs once at most. If its process dies the run is shown as lost, and you decide what then.")
    found: list[tuple[str, str]] = [("play", text)]
    if job.is_paused(now):
        text = (
            _("The job is paused until %(time)s. This run is executed all the same; the pause stays.")
            % {"time": times.dated(job.paused_until, job.time_zone)}
            if job.paused_until
            else _("The job is paused. This run is executed all the same; the pause stays.")
        )
        found.append(("pause", text))
    found.append(("sched", f"{_('The schedule stays as it is.')} {_next_scheduled(job, now)}".strip()))
    found += _overlap(job)
    if queued := waiting(job):
        found.append(
            ("queue", _("Runs of this job that wait already: %(n)d. They go first.") % {"n": queued})
        )
    return found


def _next_scheduled(job: ScheduledJob, now: datetime) -> str:
    found = job.ahead(now)
    if found.why_none == WhyNone.PAUSED:  # said already
        return ""
    if why := why_no_time(found):
        return str(why.sentence)
    at = found.runs[0].at
    return _("Next scheduled run: %(time)s (%(when)s).") % {
        "time": times.dated(at, job.time_zone),
        "when": times.relative(at, now),
    }


def _overlap(job: ScheduledJob) -> list[tuple[str, str]]:
    task = registry.get(job.task)
    if task is not None and task.overlap == "allow":
        return [("ok", _("It may run beside other runs of this job (overlap: allow)."))]
    other = going_on(job)
    if other is None:
        text = _(
            "Nothing else of this job is running. If something were, this run would be skipped "
            "(overlap: skip)."
        )
        return [("ok", text)]
    text = _("Run #%(run)s of this job is going on: if it still is on delivery, this run is skipped.")
    return [("warn", text % {"run": other.pk})]
