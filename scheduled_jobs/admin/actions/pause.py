"""Pausing and resuming one job: pages that count what will be missed before anything is done."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.utils.translation import gettext as _

from scheduled_jobs.admin.actions.form import OPEN, PauseForm, ReasonForm
from scheduled_jobs.admin.page import JobAdmin, address, find_job, render_for_job, token_of
from scheduled_jobs.admin.words import job_label, pause_in_words, times
from scheduled_jobs.domain.ahead import ahead, left_out
from scheduled_jobs.models import JobRun, ScheduledJob, attribution
from scheduled_jobs.services.history.run_story import going_on

MISSED_COUNTED = 1_000
"""Most runs that are counted: a job that runs every minute misses 43,200 a month."""
MISSED_NAMED = 12
"""Runs that are named one by one."""


def missed_runs(job: ScheduledJob, now: datetime, until: datetime | None) -> dict[str, Any]:
    """What a job would run from ``now`` until ``until`` (aware; None: without an end).

    ``is_unknown``: the schedule cannot be read here. ``count`` stops at MISSED_COUNTED; ``more`` are not
    ``shown``; ``first_after`` is the run after.
    """
    if until is None:
        missed = [run.at for run in ahead(job.facts.resumed(), now, MISSED_NAMED).runs]
        first_after = None
    else:
        missed = left_out(job.facts, now, until, MISSED_COUNTED)
        first_after = ahead(job.facts.paused(until), now, 1).next_at
    return {
        "shown": missed[:MISSED_NAMED],
        "count": len(missed),
        "more": len(missed[MISSED_NAMED:]),
        "is_capped": len(missed) >= MISSED_COUNTED,
        "first_after": first_after,
        "is_open": until is None,
        "is_unknown": bool(ahead(job.facts.resumed(), now, 1).fault),
    }


def pause_view(model_admin: JobAdmin, request: HttpRequest, object_id: str) -> HttpResponse:
    """Count what will be missed, then pause. What is counted and what is done are the same end."""
    job = find_job(request, object_id, "pause")
    now = timezone.now()
    if job.deleting_at is not None:
        return _refuse_the_deleted(model_admin, request, job)
    form = PauseForm(zone=job.time_zone, now=now)
    has_changed = is_new_count = False
    if request.method == "POST":
        with job.locked() as rows:
            # An end that has passed while the lock was waited for is past.
            job, now = rows.get(), timezone.now()
            form = PauseForm(request.POST, zone=job.time_zone, now=now)
            has_changed = request.POST.get("seen") != token_of(job.revision)
            is_counted = form.is_valid() and request.POST.get("counted") == counted_for(form.until)
            only_counts = "_preview" in request.POST
            if is_counted and not has_changed and not only_counts:
                _pause(model_admin, request, job, form)
                return HttpResponseRedirect(address(model_admin, "scheduledjob_change", job.pk))
            is_new_count = form.is_valid() and not (is_counted or has_changed or only_counts)
    missed = missed_runs(job, now, form.until)
    is_paused = job.is_paused(now)
    context = {
        "form": form,
        "zone": job.time_zone,
        "next_at": [run.at for run in job.ahead(now).runs],
        "counted": counted_for(form.until),
        "seen": token_of(job.revision),
        "has_changed": has_changed,
        "is_new_count": is_new_count,
        "missed": missed,
        "first_after": times.dated(missed["first_after"], job.time_zone) if missed["first_after"] else "",
        "elsewhere": elsewhere(form.until, job.time_zone),
        "is_paused": is_paused,
        "holder": going_on(job),
    }
    title = _("Change a pause") if is_paused else _("Pause a job")
    return render_for_job(model_admin, request, "pause.html", job, title=title, context=context)


def _pause(model_admin: JobAdmin, request: HttpRequest, job: ScheduledJob, form: PauseForm) -> None:
    with attribution(request.user, via="form", reason=form.values["reason"]):
        job.pause(**form.values, by=request.user)
    if form.until:
        text = _("The job %(job)s is paused until %(time)s.")
        end = times.dated(form.until, job.time_zone)
        logged = f"Paused until {times.exact(form.until, job.time_zone)}: {job.pause_reason}"
    else:
        text, end = _("The job %(job)s is paused until somebody resumes it."), ""
        logged = f"Paused: {job.pause_reason}"
    model_admin.log_change(request, job, logged)
    messages.success(request, text % {"job": job_label(job), "time": end})


def resume_view(model_admin: JobAdmin, request: HttpRequest, object_id: str) -> HttpResponse:
    """Say the next run, then end the pause. Nothing is fired."""
    job = find_job(request, object_id, "pause")
    now = timezone.now()
    if job.deleting_at is not None:
        return _refuse_the_deleted(model_admin, request, job)
    has_changed = False
    form = ReasonForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        with job.locked() as rows:
            # A pause that somebody else has just set is not ended unseen.
            job = rows.get()
            has_changed = job.is_paused(now) and request.POST.get("seen") != token_of(job.revision)
            if not has_changed:
                _resume(model_admin, request, job, form, now)
                return HttpResponseRedirect(address(model_admin, "scheduledjob_change", job.pk))
    facts = job.facts.resumed() if job.is_paused(now) else job.facts
    coming = ahead(facts, now, 1).next_at
    context = {
        "form": form,
        "seen": token_of(job.revision),
        "has_changed": has_changed,
        "is_paused": job.is_paused(now),
        "pause": pause_in_words(job, lambda at: times.dated(at, job.time_zone)),
        "skipped": skipped_since(job),
        "next_at": coming,
        "next": times.dated(coming, job.time_zone) if coming else "",
    }
    title = _("Resume a job")
    return render_for_job(model_admin, request, "resume.html", job, title=title, context=context)


def _resume(
    model_admin: JobAdmin, request: HttpRequest, job: ScheduledJob, form: ReasonForm, now: datetime
) -> None:
    was_paused = job.is_paused(now)
    with attribution(request.user, via="form", reason=form.values["reason"]):
        job.resume(**form.values, by=request.user)
    if was_paused:
        model_admin.log_change(request, job, f"Resumed. {form.values['reason']}".strip())
        messages.success(request, _("The job %(job)s is resumed.") % {"job": job_label(job)})


def _refuse_the_deleted(model_admin: JobAdmin, request: HttpRequest, job: ScheduledJob) -> HttpResponse:
    messages.error(request, _("This job is being deleted; nothing was changed."))
    return HttpResponseRedirect(address(model_admin, "scheduledjob_change", job.pk))


def counted_for(until: datetime | None) -> str:
    """An end as the form remembers for which one the runs were counted."""
    return until.isoformat() if until else OPEN


def elsewhere(until: datetime | None, zone: str) -> list[str]:
    """The same moment in UTC and in the viewer's zone, where these differ from the job's.

    Before them a sentence where the clocks of the zone show this time twice: the form means the first.
    """
    if until is None:
        return []
    viewer = timezone.get_current_timezone_name()
    found = [times.dated(until, name) for name in dict.fromkeys(("UTC", viewer)) if name != zone]
    local = until.astimezone(times.zone_of(zone))
    if local.utcoffset() != local.replace(fold=1).utcoffset():
        text = _("%(time)s occurs twice on that day: the first is meant")
        found.insert(0, text % {"time": f"{local:%H:%M}"})
    return found


def skipped_since(job: ScheduledJob) -> int:
    """How many deliveries were answered ``skipped`` since the pause began."""
    if job.paused_at is None:
        return 0
    return job.runs.filter(status=JobRun.Status.SKIPPED, at__gte=job.paused_at).count()
