"""Pausing and resuming one job: pages that count what will be missed before anything is done."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db import router, transaction
from django.http import HttpResponseRedirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from scheduled_jobs.admin.actions.bulk_forms import (
    OPEN,
    UNTIL,
    DateInput,
    TimeInput,
    end_of_pause,
    no_end_was_chosen,
)
from scheduled_jobs.admin.page.reasons import reason_of
from scheduled_jobs.admin.page.render import address, find_job, job_crumbs, pushes_are_off, render
from scheduled_jobs.admin.page.same_as_shown import token_of
from scheduled_jobs.admin.words import times
from scheduled_jobs.admin.words.names import label_of
from scheduled_jobs.admin.words.run_times import dated
from scheduled_jobs.exceptions import InvalidSchedule
from scheduled_jobs.models import JobRun, ScheduledJob, attribution
from scheduled_jobs.services.history.run_story import going_on

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.http import HttpRequest, HttpResponse

    from scheduled_jobs.admin.page.permissions import JobAdmin

COUNTED = 1_000
"""Most runs that are counted: a job that runs every minute misses 43,200 a month."""
SHOWN = 12
"""Runs that are named one by one."""


@dataclass(frozen=True)
class Missed:
    """The runs that a pause leaves out. ``count`` stops at COUNTED; ``first_after`` is the next that runs."""

    shown: list[datetime]
    count: int
    first_after: datetime | None
    is_open: bool

    @property
    def more(self) -> int:
        """How many are counted and not named."""
        return self.count - len(self.shown)

    @property
    def is_capped(self) -> bool:
        """Whether there are more than were counted."""
        return self.count >= COUNTED


def missed_runs(job: ScheduledJob, now: datetime, until: datetime | None) -> Missed:
    """What a job would run from ``now`` until ``until`` (aware; None: without an end)."""
    try:
        schedule = job.parsed_schedule
    except InvalidSchedule:
        return Missed([], 0, None, is_open=until is None)
    if until is None:
        coming = [occurrence.at for occurrence in schedule.upcoming(job.counted_from(now), SHOWN)]
        return Missed(coming, len(coming), None, is_open=True)
    left_out = [o.at for o in islice(schedule.between(now, until), COUNTED)]
    # A run at the very moment of the end is no longer left out.
    after = schedule.upcoming(until - timedelta(microseconds=1), 1)
    return Missed(left_out[:SHOWN], len(left_out), after[0].at if after else None, is_open=False)


class PauseForm(forms.Form):
    """Why, and until when; date and time are those of the job's zone."""

    counted = forms.CharField(required=False, widget=forms.HiddenInput)
    reason = forms.CharField(
        label=gettext_lazy("Why"),
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=gettext_lazy("Shown on the list to everybody who wonders why it is quiet."),
        error_messages={"required": gettext_lazy("Say why the job is paused.")},
    )
    until_mode = forms.ChoiceField(
        choices=[(OPEN, OPEN), (UNTIL, UNTIL)], initial=OPEN, widget=forms.RadioSelect
    )
    until_0 = forms.DateField(label=gettext_lazy("Date"), required=False, widget=DateInput(format="%Y-%m-%d"))
    until_1 = forms.TimeField(
        label=gettext_lazy("Time"), required=False, widget=TimeInput(format="%H:%M:%S", attrs={"step": "1"})
    )

    def __init__(self, data: Mapping[str, Any] | None = None, *, zone: str, now: datetime) -> None:
        self.zone = zone
        self.now = now
        # No day is filled in, so that one that is was meant.
        super().__init__(data, initial={"until_1": "08:00:00"})

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or {}
        values["until"] = None
        if values.get("until_mode") == OPEN and values.get("until_0"):
            raise ValidationError({"until_0": no_end_was_chosen()})
        if values.get("until_mode") == UNTIL and not {"until_0", "until_1"} & self.errors.keys():
            values["until"] = self._until(values.get("until_0"), values.get("until_1"))
        return values

    def _until(self, date: Any, time: Any) -> datetime:
        if date is None or time is None:
            raise ValidationError({"until_0": _("Say until when, date and time, or choose an open end.")})
        zone = times.zone_of(self.zone)
        until = datetime.combine(date, time, tzinfo=zone)
        end = end_of_pause(until, "until_0", self.now)
        if end.astimezone(zone).replace(tzinfo=None) != until.replace(tzinfo=None):
            text = _("%(time)s does not exist in %(zone)s: the clocks go forward then; choose another time.")
            raise ValidationError({"until_0": text % {"time": f"{until:%Y-%m-%d %H:%M}", "zone": self.zone}})
        return end

    @property
    def until(self) -> datetime | None:
        """The end that was asked for, if it can be read; None for an open end."""
        return self.cleaned_data.get("until") if self.is_bound and hasattr(self, "cleaned_data") else None

    @property
    def mode(self) -> str:
        """Which of the two ends is chosen."""
        return UNTIL if self["until_mode"].value() == UNTIL else OPEN


def pause_view(model_admin: JobAdmin, request: HttpRequest, object_id: str) -> HttpResponse:
    """Count what will be missed, then pause. What is counted and what is done are the same end."""
    job = find_job(request, object_id, "pause")
    now = timezone.now()
    if job.deleting_at is not None:
        return _refuse_the_deleted(model_admin, request, job)
    if request.method == "POST":
        using = router.db_for_write(ScheduledJob)
        with transaction.atomic(using=using):
            # Locked until it is written: of two who pause at once, the second sees the first one's pause.
            job = ScheduledJob.objects.using(using).select_for_update().get(pk=job.pk)
            # An end that has passed while the lock was waited for is past.
            now = timezone.now()
            form = PauseForm(request.POST, zone=job.time_zone, now=now)
            is_counted = form.is_valid() and form.data.get("counted") == name_of(form.until)
            has_changed = form.data.get("seen") != token_of(job.revision)
            if is_counted and not has_changed and "_preview" not in request.POST:
                _pause(model_admin, request, job, form)
                return HttpResponseRedirect(address(model_admin, "scheduledjob_change", job.pk))
        has_changed = has_changed and "seen" in form.data
        is_new_count = form.is_valid() and not is_counted and "_preview" not in request.POST
    else:
        form = PauseForm(zone=job.time_zone, now=now)
        has_changed = is_new_count = False
    missed = missed_runs(job, now, form.until)
    holder = going_on(job)
    context = {
        "form": form,
        "job": job,
        "job_label": label_of(job),
        "job_url": address(model_admin, "scheduledjob_change", job.pk),
        "zone": job.time_zone,
        "next_at": missed_runs(job, now, None).shown[:1],
        "counted": name_of(form.until),
        "seen": token_of(job.revision),
        "has_changed": has_changed,
        "is_new_count": is_new_count and not has_changed,
        "missed": missed,
        "first_after": dated(missed.first_after, job.time_zone) if missed.first_after else "",
        "elsewhere": elsewhere(form.until, job.time_zone),
        "is_paused": job.is_paused(now),
        "holder": holder,
        "is_gone": job.retired_at,
    }
    title = _("Change a pause") if job.is_paused(now) else _("Pause a job")
    return render(
        model_admin, request, "pause.html", title=title, context=context, crumbs=job_crumbs(model_admin, job)
    )


def _pause(model_admin: JobAdmin, request: HttpRequest, job: ScheduledJob, form: PauseForm) -> None:
    reason, until = form.cleaned_data["reason"], form.until
    with attribution(request.user, via="form", reason=reason):
        job.pause(reason=reason, until=until, by=request.user)
    end = dated(until, job.time_zone) if until else ""
    text = _("Paused until %(time)s: %(reason)s") if until else _("Paused: %(reason)s")
    model_admin.log_change(request, job, text % {"time": end, "reason": reason})
    said = (
        _("The job %(job)s is paused until %(time)s.")
        if until
        else _("The job %(job)s is paused until somebody resumes it.")
    )
    messages.success(request, said % {"job": label_of(job), "time": end})


def resume_view(model_admin: JobAdmin, request: HttpRequest, object_id: str) -> HttpResponse:
    """Say the next run, then end the pause. Nothing is fired."""
    job = find_job(request, object_id, "pause")
    now = timezone.now()
    back = address(model_admin, "scheduledjob_change", job.pk)
    if job.deleting_at is not None:
        return _refuse_the_deleted(model_admin, request, job)
    has_changed = False
    if request.method == "POST":
        using = router.db_for_write(ScheduledJob)
        with transaction.atomic(using=using):
            # Locked until it is written: a pause that somebody else has just set is not ended unseen.
            job = ScheduledJob.objects.using(using).select_for_update().get(pk=job.pk)
            has_changed = job.is_paused(now) and request.POST.get("seen") != token_of(job.revision)
            if not has_changed:
                _resume(model_admin, request, job, now)
                return HttpResponseRedirect(back)
    coming = missed_runs(job, now, None).shown[:1]
    context = {
        "job": job,
        "job_label": label_of(job),
        "job_url": back,
        "seen": token_of(job.revision),
        "has_changed": has_changed,
        "is_paused": job.is_paused(now),
        "paused_at": dated(job.paused_at, job.time_zone) if job.paused_at else "",
        "until": dated(job.paused_until, job.time_zone) if job.paused_until else "",
        "skipped": skipped_since(job),
        "next_at": coming[0] if coming else None,
        "next": dated(coming[0], job.time_zone) if coming else "",
        "pushes_are_off": pushes_are_off(),
    }
    return render(
        model_admin, request, "resume.html", title=_("Resume a job"), context=context,
        crumbs=job_crumbs(model_admin, job),
    )  # fmt: skip


def _resume(model_admin: JobAdmin, request: HttpRequest, job: ScheduledJob, now: datetime) -> None:
    reason = reason_of(request)
    was_paused = job.is_paused(now)
    with attribution(request.user, via="form", reason=reason):
        job.resume(by=request.user, reason=reason)
    if was_paused:
        model_admin.log_change(request, job, f"{_('Resumed')}. {reason}".strip())
        messages.success(request, _("The job %(job)s is resumed.") % {"job": label_of(job)})


def _refuse_the_deleted(model_admin: JobAdmin, request: HttpRequest, job: ScheduledJob) -> HttpResponse:
    messages.error(request, _("This job is being deleted; nothing was changed."))
    return HttpResponseRedirect(address(model_admin, "scheduledjob_change", job.pk))


def name_of(until: datetime | None) -> str:
    """An end as the form remembers for which one the runs were counted."""
    return until.isoformat() if until else OPEN


def elsewhere(until: datetime | None, zone: str) -> list[str]:
    """The same moment in UTC and in the viewer's zone, where these differ from the job's."""
    if until is None:
        return []
    viewer = timezone.get_current_timezone_name()
    others = dict.fromkeys(name for name in ("UTC", viewer) if name != zone)
    return [*which_of_two(until, zone), *(dated(until, name) for name in others)]


def which_of_two(until: datetime, zone: str) -> list[str]:
    """A sentence where the clocks of a zone show this time twice: the form means the first."""
    local = until.astimezone(times.zone_of(zone))
    if local.utcoffset() == local.replace(fold=1).utcoffset():
        return []
    text = _("%(time)s occurs twice on that day: the first is meant")
    return [text % {"time": f"{local:%H:%M}"}]


def skipped_since(job: ScheduledJob) -> int:
    """How many deliveries were answered ``skipped`` since the pause began."""
    if job.paused_at is None:
        return 0
    return job.runs.filter(status=JobRun.Status.SKIPPED, created_at__gte=job.paused_at).count()
