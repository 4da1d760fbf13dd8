"""The job page: one sentence, the last runs, and for every field what code, people and Google say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import router, transaction
from django.http import Http404, HttpResponseRedirect
from django.utils import timezone
from django.utils.translation import gettext as _

from scheduled_jobs.admin.job.conflicts import Conflict, conflicts_of
from scheduled_jobs.admin.job.context import addresses_of, context_of
from scheduled_jobs.admin.job.form import Editing
from scheduled_jobs.admin.job.preview import typed_preview
from scheduled_jobs.admin.page.permissions import may, require_safe_method
from scheduled_jobs.admin.page.render import address, find_job, posted_reason, render
from scheduled_jobs.admin.page.viewer_zone import ViewerZone
from scheduled_jobs.admin.words.names import job_label
from scheduled_jobs.admin.words.values import field_name
from scheduled_jobs.domain.jobs import OVERRIDABLE
from scheduled_jobs.models import ScheduledJob, attribution

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from scheduled_jobs.admin.page.permissions import JobAdmin


# --- What is asked for ------------------------------------------------------------------------


def change_view(
    model_admin: JobAdmin,
    request: HttpRequest,
    object_id: str,
) -> HttpResponse:
    """Show the job; by POST save, preview, reset a field, or take what somebody else has set."""
    if request.method != "POST":
        try:
            job = find_job(request, object_id)
        except Http404 as error:
            # As Django's own admin: who had the page open when somebody deleted the job gets on.
            messages.warning(request, str(error))
            return HttpResponseRedirect(address(model_admin, "scheduledjob_changelist"))
        return _job_page(model_admin, request, Editing(job))
    job = find_job(request, object_id, "change")
    if job.deleting_at is not None:
        return _refuse_to_save(request)
    if field := request.POST.get("_reset"):
        return _reset_field(model_admin, request, job, field)
    if field := request.POST.get("_take"):
        editing = Editing(job, request.POST).rebased(without=field)
        editing.is_valid()
        return _job_page(model_admin, request, editing)
    if "_preview" in request.POST:
        editing = Editing(job, request.POST)
        editing.is_valid()
        return _job_page(model_admin, request, editing)
    return _save_job(model_admin, request, job)


def preview_view(model_admin: JobAdmin, request: HttpRequest, object_id: str) -> HttpResponse:
    """The preview alone, for the script of the page; nothing is saved."""
    if request.method != "POST":
        raise PermissionDenied
    job = find_job(request, object_id, "change")
    viewer = ViewerZone(request)
    shown = typed_preview(request.POST, job, viewer.name, timezone.now())
    context = {"preview": shown, "viewer": viewer}
    response = render(model_admin, request, "scheduledjob/_preview.html", title="", context=context)
    return viewer.remember(response)


@require_safe_method
def history_view(model_admin: JobAdmin, request: HttpRequest, object_id: str) -> HttpResponse:
    """Django's own log of a job, which takes no POST."""
    find_job(request, object_id)
    return admin.ModelAdmin.history_view(model_admin, request, object_id)


# --- Saving -----------------------------------------------------------------------------------


def _save_job(model_admin: JobAdmin, request: HttpRequest, job: ScheduledJob) -> HttpResponse:
    using = router.db_for_write(ScheduledJob)
    with transaction.atomic(using=using):
        # Locked until it is written: of two who save at once, the second sees the first one's values.
        job = ScheduledJob.objects.using(using).select_for_update().get(pk=job.pk)
        if job.deleting_at is not None:
            return _refuse_to_save(request)
        editing = Editing(job, request.POST)
        if editing.theirs:
            return _refuse_save(model_admin, request, editing)
        if not editing.is_valid():
            return _job_page(model_admin, request, editing)
        changed = editing.changed
        if changed:
            with attribution(request.user, via="form", reason=editing.reason):
                job.save(using=using)
            names = ", ".join(field_name(name).lower() for name in changed)
            model_admin.log_change(request, job, f"{_('Set')}: {names}. {editing.reason}".strip())
    if changed:
        messages.success(
            request,
            _("Saved: %(fields)s of %(job)s.") % {"fields": names, "job": job_label(job)},
        )
    else:
        messages.info(request, _("Nothing was changed."))
    if "_continue" in request.POST or may(request.user, "view"):
        return HttpResponseRedirect(address(model_admin, "scheduledjob_change", job.pk))
    return HttpResponseRedirect(address(model_admin, "scheduledjob_changelist"))


def _refuse_to_save(request: HttpRequest) -> HttpResponse:
    messages.error(request, _("This job is being deleted; nothing was saved."))
    return HttpResponseRedirect(request.path)


def _refuse_save(model_admin: JobAdmin, request: HttpRequest, editing: Editing) -> HttpResponse:
    """Nothing is saved: both are shown, and the second person decides."""
    conflicts = conflicts_of(editing, timezone.now())
    again = editing.rebased()
    again.is_valid()
    return _job_page(model_admin, request, again, conflicts=conflicts)


def _reset_field(model_admin: JobAdmin, request: HttpRequest, job: ScheduledJob, field: str) -> HttpResponse:
    name = field.removesuffix("_override")
    if name not in OVERRIDABLE:
        messages.error(request, _("There is no field %(field)s to reset.") % {"field": field})
        return HttpResponseRedirect(request.path)
    using = router.db_for_write(ScheduledJob)
    with transaction.atomic(using=using):
        # Locked until it is written: what somebody saves at the same moment is not taken back unseen.
        job = ScheduledJob.objects.using(using).select_for_update().get(pk=job.pk)
        editing = Editing(job, request.POST)
        if name in editing.theirs:
            return _refuse_save(model_admin, request, editing)
        if refused := _reset(model_admin, request, job, name):
            return refused
    if set(editing.mine) - {name}:
        # What else was typed and not saved is kept on the page.
        rest = editing.rebased(without=name)
        fresh = Editing(ScheduledJob.objects.get(pk=job.pk), rest.data)
        fresh = fresh.rebased(without=name)
        fresh.is_valid()
        messages.warning(request, _("Your other changes are not saved yet."))
        return _job_page(model_admin, request, fresh)
    return HttpResponseRedirect(address(model_admin, "scheduledjob_change", job.pk))


def _reset(model_admin: JobAdmin, request: HttpRequest, job: ScheduledJob, name: str) -> HttpResponse | None:
    """Do it and say so; the answer where it cannot be."""
    reason = posted_reason(request)
    if getattr(job, f"{name}_override") is None:
        messages.info(request, _("%(field)s follows the code already.") % {"field": field_name(name)})
    else:
        try:
            with attribution(request.user, via="form", reason=reason):
                job.reset(name, by=request.user, reason=reason)
        except ValueError as error:
            messages.error(request, str(error))
            return HttpResponseRedirect(request.path)
        text = _("%(field)s follows the code again.") % {"field": field_name(name)}
        model_admin.log_change(request, job, f"{text} {reason}".strip())
        messages.success(request, text)
    return None


# --- Showing ----------------------------------------------------------------------------------


def _job_page(
    model_admin: JobAdmin,
    request: HttpRequest,
    editing: Editing,
    *,
    conflicts: list[Conflict] | None = None,
) -> HttpResponse:
    viewer = ViewerZone(request)
    context = {
        **context_of(request, editing, viewer, timezone.now()),
        **addresses_of(model_admin, editing.job),
        "conflicts": conflicts or [],
    }
    crumbs = [(_("Jobs"), address(model_admin, "scheduledjob_changelist"))]
    title = job_label(editing.job)
    response = render(
        model_admin, request, "scheduledjob/change_form.html", title=title, context=context, crumbs=crumbs
    )
    return viewer.remember(response)
