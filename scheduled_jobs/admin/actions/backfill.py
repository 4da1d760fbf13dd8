"""Backfill: a page that says which scheduled times it would run, and with what, before any is queued."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import admin, messages
from django.db.models import Max, Min, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from scheduled_jobs import registry
from scheduled_jobs.admin.actions.form import ReasonForm
from scheduled_jobs.admin.actions.run_now import refusal_reason
from scheduled_jobs.admin.page import (
    JobAdmin,
    RunAdmin,
    address,
    allowed,
    backfill_url,
    find_job,
    render_for_job,
    require_post,
    run_list_url,
    token_of,
)
from scheduled_jobs.admin.page import find_run as find_run_of_page
from scheduled_jobs.admin.words import masked_parts, times
from scheduled_jobs.exceptions import InvalidPayload, RunRefused
from scheduled_jobs.models import JobRun, ScheduledJob, attribution
from scheduled_jobs.services import execution
from scheduled_jobs.services.execution.backfilling import MOST, YEARS, BackfillPlan, PlanChanged

DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
LOCAL = "%Y-%m-%dT%H:%M"


class RangeForm(forms.Form):
    """From when until when, in the zone of the job; a time that names its own zone is taken as it is."""

    start = forms.DateTimeField(label=gettext_lazy("From"))
    end = forms.DateTimeField(label=gettext_lazy("Until"))

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or {}
        for name in ("start", "end"):
            if name in values and values[name].year not in YEARS:
                self.add_error(name, _("No run has its time there: name years from 1971 to 8999."))
        if not self.errors and values["end"] <= values["start"]:
            self.add_error("end", _("The end is not after the beginning."))
        return values


def backfill_view(model_admin: JobAdmin, request: HttpRequest, object_id: str) -> HttpResponse:
    """Show which times of a range have no settled run, or queue them, after which the runs are shown."""
    job = find_job(request, object_id, "run")
    now, zone = timezone.now(), times.zone_of(job.time_zone)
    asked = _range(request.POST if request.method == "POST" else request.GET, job, now)
    form = ReasonForm(request.POST if request.method == "POST" else None)
    form.fields["reason"].label = _("Why now")
    obstacle, refused, has_changed = refusal_reason(job), "", False
    with timezone.override(zone):
        is_range = asked.is_valid()
    start, end = (asked.cleaned_data["start"], asked.cleaned_data["end"]) if is_range else (None, None)
    if request.method == "POST" and is_range and not obstacle and form.is_valid():
        try:
            return _asked(model_admin, request, job, _ask(request, job, start, end, form.values["reason"]))
        except PlanChanged:
            has_changed = True
        except InvalidPayload as error:
            refused = _("The payload in force does not fit run(): %(why)s") % {"why": error}
        except RunRefused as refusal:
            refused = str(refusal)
        job.refresh_from_db()
    plan, too_long = _planned(job, start, end, now) if is_range and not obstacle else (BackfillPlan(), "")
    context = {
        "range": asked,
        "start": _local(start, zone) or asked.data.get("start", ""),
        "end": _local(end, zone) or asked.data.get("end", ""),
        "sent": {"start": start and times.machine(start), "end": end and _whole_second(end)},
        "zone": job.time_zone,
        "form": form,
        "seen": _seen(job, plan),
        "has_changed": has_changed,
        "obstacle": obstacle,
        "refused": refused or too_long,
        "is_range": is_range and not too_long,
        "plan": plan,
        "n": len(plan.times),
        "most": MOST,
        "first_of_many": _first_of_many(plan, start),
        "rows": _rows(plan, job.time_zone, now),
        "follows": what_a_backfill_does(job, plan, now),
        "payload": masked_parts(job.payload),
    }
    title = _("Backfill a job")
    return render_for_job(model_admin, request, "backfill.html", job, title=title, context=context)


@admin.action(permissions=["run"], description=gettext_lazy("Backfill…"))
def backfill_selected(
    model_admin: RunAdmin, request: HttpRequest, queryset: QuerySet[JobRun]
) -> HttpResponse | None:
    """Lead to the backfill of the time that the selected runs of one job span."""
    spans = queryset.exclude(scheduled_for=None).order_by().values("job_id")
    found = list(spans.annotate(first=Min("scheduled_for"), last=Max("scheduled_for"))[:2])
    if len(found) == 1:
        [span] = found
        return HttpResponseRedirect(backfill_url(model_admin, span["job_id"], span["first"], span["last"]))
    text = _("Choose runs of one job: a backfill runs the scheduled times between the first and the last.")
    if not found:
        text = _("None of the chosen runs has a scheduled time: there is nothing to backfill.")
    model_admin.message_user(request, text, messages.WARNING)
    return None


@require_post("runs", "run")
def cancel_backfill_view(model_admin: RunAdmin, request: HttpRequest, object_id: str) -> HttpResponse:
    """Take back all that waits of the backfill that a run belongs to."""
    run = find_run_of_page(request, object_id)
    with attribution(request.user, via="form"):
        n = execution.cancel_backfill(run, by=request.user)
    if n:
        text = ngettext("%(n)d waiting run is cancelled.", "%(n)d waiting runs are cancelled.", n)
        messages.success(request, text % {"n": n})
    else:
        messages.warning(request, _("Nothing was cancelled: none of this backfill waits any more."))
    return HttpResponseRedirect(address(model_admin, "jobrun_change", run.pk))


def what_a_backfill_does(job: ScheduledJob, plan: BackfillPlan, now: datetime) -> list[tuple[str, str]]:
    """Icons and sentences: what will happen, and what will not."""
    found = [
        (
            "play",
            _("They run one after the other, the earliest first, each once the one before has ended."),
        ),
        ("ok", _("A time that gets a run of its own meanwhile is left out.")),
    ]
    if job.is_paused(now):
        found.append(("pause", _("The job is paused: they wait until it is resumed.")))
    task = registry.get(job.task)
    if task is not None and task.overlap != "allow":
        text = _(
            "The schedule stays as it is; a scheduled run that comes while one of these goes on is skipped."
        )
        found.append(("warn", text))
    else:
        found.append(("sched", _("The schedule stays as it is; its runs go on beside these.")))
    if plan.guessed:
        text = _(
            "Google counts this schedule from the last run: only times that are known to be missed are run."
        )
        found.append(("warn", text))
    if n := len(plan.doubtful):
        text = ngettext("%(n)d of these times is doubtful.", "%(n)d of these times are doubtful.", n)
        found.append(("warn", text % {"n": n}))
    return found


def _range(data: Mapping[str, Any], job: ScheduledJob, now: datetime) -> RangeForm:
    """What was asked for; of nothing, the last day, as far as there was the job."""
    if "start" in data or "end" in data:
        return RangeForm({name: data.get(name, "") for name in ("start", "end")})
    start = max(now - DAY, min(job.created_at, now - MINUTE))
    return RangeForm({"start": times.machine(start), "end": times.machine(now)})


def _planned(job: ScheduledJob, start: Any, end: Any, now: datetime) -> tuple[BackfillPlan, str]:
    """What would be run, and why that cannot be said."""
    try:
        return execution.plan_backfill(job, start, end, now), ""
    except RunRefused as refusal:
        return BackfillPlan(), str(refusal)


def _seen(job: ScheduledJob, plan: BackfillPlan) -> str:
    return token_of(job.payload, [(time.at.isoformat(), time.attempt) for time in plan.times])


def _ask(request: HttpRequest, job: ScheduledJob, start: Any, end: Any, reason: str) -> list[JobRun]:
    """Ask for what the page showed; a form that is sent twice finds what the first has asked for."""
    seen = request.POST.get("seen")
    with attribution(request.user, via="form", reason=reason):
        return execution.backfill(
            job,
            start,
            end,
            by=request.user,
            reason=reason,
            is_as_shown=lambda job, plan: seen == _seen(job, plan),
        )


def _asked(
    model_admin: JobAdmin, request: HttpRequest, job: ScheduledJob, runs: list[JobRun]
) -> HttpResponse:
    n = len(runs)
    model_admin.log_change(
        request, job, f"Backfill: #{runs[0].pk} to #{runs[-1].pk}. {runs[0].reason}".strip()
    )
    text = ngettext(
        "%(n)d run is queued; it starts when Google calls.",
        "%(n)d runs are queued; they start one after the other.",
        n,
    )
    messages.success(request, text % {"n": n})
    if not allowed(request).runs:
        return HttpResponseRedirect(address(model_admin, "scheduledjob_change", job.pk))
    return HttpResponseRedirect(run_list_url(model_admin, job=job.pk, how=JobRun.Trigger.BACKFILL))


def _first_of_many(plan: BackfillPlan, start: datetime | None) -> str:
    """The same page for as many times as may be run at once, where there are more."""
    if len(plan.times) <= MOST or start is None:
        return ""
    return "?" + urlencode({"start": times.machine(start), "end": times.machine(plan.times[MOST].at)})


def _rows(plan: BackfillPlan, zone: str, now: datetime) -> list[dict[str, Any]]:
    return [
        {
            "at": time.at,
            "text": times.day_and_time(time.at, zone, now),
            "last": time.last,
            "doubt": time.doubt,
        }
        for time in plan.times[:MOST]
    ]


def _local(at: datetime | None, zone: Any) -> str:
    """As a field for a local time wants it; a minute that has begun is an end of its own."""
    return "" if at is None else f"{at.astimezone(zone):{LOCAL}}"


def _whole_second(at: datetime) -> str:
    """The second that begins at or after a time: no scheduled time before it is left out."""
    return times.machine(at + timedelta(microseconds=999_999))
