"""A job of an operator's own: a task from the code with another name, schedule and payload. And its end."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from scheduled_jobs import registry
from scheduled_jobs.admin.actions.form import ReasonForm
from scheduled_jobs.admin.page import (
    JobAdmin,
    address,
    find_job,
    permitted,
    render_for_job,
    render_page,
    require,
    why_nothing_is_sent,
)
from scheduled_jobs.admin.payload.form import PayloadForm
from scheduled_jobs.admin.words import Preview, job_label, preview, runs_told
from scheduled_jobs.domain.jobs import OVERRIDABLE
from scheduled_jobs.domain.schedules.zones import offered_zones
from scheduled_jobs.models import ScheduledJob, attribution
from scheduled_jobs.models.writer import writer
from scheduled_jobs.services import scheduling
from scheduled_jobs.services.history.job_story import Counted, runs_left
from scheduled_jobs.services.scheduling.deleting import ask_to_delete, finish_deletion

NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9_-]")
MAX_ID = 500
"""Characters of a job's id, by the reference of Cloud Scheduler's API."""
FEW_RUNS = 500
"""Runs that are deleted while a person waits for the page; more are left to whoever prunes."""


class OwnJobForm(ReasonForm):
    """What is asked of a new job; the payload has a form of its own, made from the task."""

    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=400,
        help_text=gettext_lazy(
            "Letters, digits, hyphens and underscores; it becomes the job’s id in Google."
        ),
        error_messages={"required": gettext_lazy("Give the job a name of its own, such as report-emea.")},
        widget=forms.TextInput(attrs={"class": "vTextField", "spellcheck": "false", "autocomplete": "off"}),
    )
    schedule_override = forms.CharField(
        label=gettext_lazy("Schedule"),
        max_length=500,
        help_text=gettext_lazy("Such as 0 9 * * 1-5, @daily or every 2 hours."),
        error_messages={"required": gettext_lazy("A job of your own needs a schedule.")},
        widget=forms.TextInput(
            attrs={"class": "vTextField code", "spellcheck": "false", "autocomplete": "off"}
        ),
    )
    time_zone_override = forms.CharField(
        label=gettext_lazy("Time zone"),
        required=False,
        max_length=64,
        help_text=gettext_lazy("Empty: that of the task."),
        widget=forms.TextInput(attrs={"class": "vTextField code", "list": "sj-zones", "autocomplete": "off"}),
    )
    description_override = forms.CharField(
        label=gettext_lazy("Description"),
        required=False,
        help_text=gettext_lazy("What it is for, in one line."),
        widget=forms.TextInput(attrs={"class": "vTextField vLargeTextField"}),
    )

    def __init__(
        self, data: Mapping[str, Any] | None = None, *, initial: dict[str, str] | None = None
    ) -> None:
        super().__init__(data, initial=initial)
        names = [(registry.dotted_path(task), registry.dotted_path(task)) for task in registry.tasks()]
        self.fields["task"] = forms.ChoiceField(
            label=_("Task"),
            choices=[("", "---------"), *names],
            help_text=_("What is run. Its parameters appear below once it is chosen."),
            error_messages={"required": _("Pick a task from the code.")},
        )
        self.order_fields(["task", *(name for name in self.fields if name != "reason")])

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        bad = "".join(dict.fromkeys(NOT_IN_A_NAME.findall(name)))
        if bad:
            raise ValidationError(
                _("A name has letters, digits, hyphens and underscores, not “%(bad)s”; such as report-emea.")
                % {"bad": bad}
            )
        identifier = scheduling.job_id(name)
        if len(identifier) > MAX_ID:
            text = _(
                "The name is too long by %(n)d characters: Google allows %(most)d with what this app adds."
            )
            raise ValidationError(text % {"n": len(identifier) - MAX_ID, "most": MAX_ID})
        if ScheduledJob.objects.filter(name__iexact=identifier).exists():
            raise _is_taken(identifier)
        return name


def _is_taken(identifier: str) -> ValidationError:
    return ValidationError(_("There is a job %(id)s already; choose another name.") % {"id": identifier})


def add_view(model_admin: JobAdmin, request: HttpRequest) -> HttpResponse:
    """Ask for a job of one's own and make it; "Preview" and "Show parameters" save nothing."""
    require(request, "add")
    data: QueryDict | None = request.POST if request.method == "POST" else None
    only_shown = data is not None and ("_preview" in data or "_choose" in data)
    form = OwnJobForm(data, initial={"task": request.GET.get("task", "")})
    task = str(form["task"].value() or "")
    known = registry.get(task)
    declared = declared_of(task)
    typed = data if "_choose" not in (data or {}) else None
    payload = PayloadForm(task=task, declared=declared["payload"], override=None, data=typed)
    if data is not None and "_choose" not in data:
        good = form.is_valid() & (known is None or payload.is_valid())
        if good and not only_shown and (job := _create_job(model_admin, request, form, payload)) is not None:
            return HttpResponseRedirect(address(model_admin, "scheduledjob_change", job.pk))
    elif data is not None:
        form = OwnJobForm(initial={name: data.get(name, "") for name in form.fields})
    schedule, zone = (str(form[f"{name}_override"].value() or "") for name in ("schedule", "time_zone"))
    context = {
        "form": form,
        "payload": payload,
        "task_is_known": known is not None,
        "job_id": scheduling.job_id(str(form["name"].value() or "…")),
        "preview": _preview(schedule, zone.strip() or declared["time_zone"], timezone.now()),
        "zones": offered_zones(),
        "tasks": bool(list(registry.tasks())),
        "list_url": address(model_admin, "scheduledjob_changelist"),
    }  # fmt: skip
    return render_page(
        model_admin, request, "scheduledjob/add_form.html", title=_("Add a job of your own"), context=context,
        crumbs=[(_("Jobs"), address(model_admin, "scheduledjob_changelist"))],
    )  # fmt: skip


def _create_job(
    model_admin: JobAdmin, request: HttpRequest, form: OwnJobForm, payload: PayloadForm
) -> ScheduledJob | None:
    values = form.cleaned_data
    # As the next schedule_tasks would leave it: all but the schedule follows the task.
    declared = {f"declared_{name}": value for name, value in declared_of(values["task"]).items()}
    job = ScheduledJob(
        name=scheduling.job_id(values["name"]),
        task=values["task"],
        origin=ScheduledJob.Origin.OPERATOR,
        **{**declared, "declared_schedule": ""},
        schedule_override=values["schedule_override"],
        time_zone_override=values["time_zone_override"] or None,
        description_override=values["description_override"] or None,
        payload_override=payload.value,
    )
    if payload.value is None and payload.signature is not None and not job.declared_payload:
        # Nothing was typed: what run() requires is still missing then.
        job.payload_override = {}
    try:
        # The form has looked the name up; if it was taken since, the database says so, in our words.
        job.full_clean(validate_unique=False)
    except ValidationError as error:
        for name, texts in error.message_dict.items():
            if name == "payload_override":
                payload.errors += texts
            else:
                form.add_error(name if name in form.fields else None, texts)
        return None
    if payload.value is None:
        job.payload_override = None
    reason = values["reason"]
    try:
        # A savepoint: the request may be one transaction, which an error would end.
        with attribution(request.user, via="form", reason=reason), transaction.atomic(using=writer()):
            job.save()
    except IntegrityError:  # somebody else has just added one of this name
        form.add_error("name", _is_taken(job.name))
        return None
    model_admin.log_addition(request, job, f"Added. {reason}".strip())
    messages.success(request, _("Added: %(job)s.") % {"job": job_label(job)})
    return job


def _preview(schedule: str, zone: str, now: datetime) -> Preview | None:
    """What a new job would do; None before a schedule is typed."""
    if not schedule.strip():
        return None
    return preview(schedule.strip(), zone, now=now)


def declared_of(task: str) -> dict[str, Any]:
    """Field -> what a task declares; its columns' own defaults where it is faulty or not in this process."""
    known = registry.get(task)
    values = scheduling.declare(known).values if known is not None else {}
    row = ScheduledJob()
    defaults = {name: getattr(row, f"declared_{name}") for name in OVERRIDABLE}
    return {name: default if values.get(name) is None else values[name] for name, default in defaults.items()}


# --- Its end --------------------------------------------------------------------------------------


def delete_view(model_admin: JobAdmin, request: HttpRequest, object_id: str) -> HttpResponse:
    """Delete a job of one's own: in Google first, then the row. The code's are not deleted here."""
    job = find_job(request, object_id)
    is_own = job.origin == ScheduledJob.Origin.OPERATOR
    if not permitted(request, "delete") or (request.method == "POST" and not is_own):
        raise PermissionDenied(_("A job of the code is deleted with its class."))
    form = ReasonForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        return _delete(model_admin, request, job, form.cleaned_data["reason"])
    left = runs_left(job)
    context = {
        "form": form,
        "is_own": is_own,
        "has_runs": left.n > 0,
        "history": _told(request, left),
        "has_many_runs": left.n > FEW_RUNS,
    }
    title = _("Delete a job")
    return render_for_job(model_admin, request, "scheduledjob/delete.html", job, title=title, context=context)


def _told(request: HttpRequest, runs: Counted) -> str:
    return runs_told(runs.n, is_about=runs.is_more) if permitted(request, "runs") else _("its runs")


def _delete(model_admin: JobAdmin, request: HttpRequest, job: ScheduledJob, reason: str) -> HttpResponse:
    with attribution(request.user, via="form", reason=reason):
        model_admin.log_change(request, job, f"Deleted. {reason}".strip())
        ask_to_delete(job, by=request.user, reason=reason)
        # The push has run by now unless the request is one transaction; then the row goes later.
        gone = finish_deletion(job.pk, most_runs=FEW_RUNS)
    if gone:
        messages.success(request, _("Deleted: %(job)s.") % {"job": job_label(job)})
        return HttpResponseRedirect(address(model_admin, "scheduledjob_changelist"))
    now = ScheduledJob.objects.get(pk=job.pk)
    if now.sync_state == ScheduledJob.SyncState.SYNCED:
        text = _(
            "Deleted in Google: %(job)s. Its history is long (%(runs)s): PruneHistory, scheduled_jobs prune "
            "or schedule_tasks deletes it bit by bit, and then the job."
        )
        messages.success(request, text % {"job": job_label(job), "runs": _told(request, runs_left(job))})
        return HttpResponseRedirect(address(model_admin, "scheduledjob_change", job.pk))
    why = now.sync_error or why_nothing_is_sent() or _("Google has not answered yet.")
    messages.warning(
        request,
        _("Not deleted yet: %(job)s. %(why)s It runs nothing meanwhile. Delete it again to try again.")
        % {"job": job_label(job), "why": why.rstrip(".") + "."},
    )
    return HttpResponseRedirect(address(model_admin, "scheduledjob_change", job.pk))
