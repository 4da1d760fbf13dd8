"""The end of a job of an operator's own: in Google first, then the row."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponseRedirect
from django.utils.translation import gettext as _

from scheduled_jobs.admin.actions.form import ReasonForm
from scheduled_jobs.admin.page import address, find_job, may, render_for_job, why_nothing_is_sent
from scheduled_jobs.admin.words import job_label
from scheduled_jobs.models import JobRun, ScheduledJob, attribution
from scheduled_jobs.services.scheduling.deleting import ask_to_delete, finish_deletion

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from scheduled_jobs.admin.page.permissions import JobAdmin


def delete_view(model_admin: JobAdmin, request: HttpRequest, object_id: str) -> HttpResponse:
    """Delete a job of one's own: in Google first, then the row. The code's are not deleted here."""
    job = find_job(request, object_id)
    is_own = job.origin == ScheduledJob.Origin.OPERATOR
    if not may(request.user, "delete") or (request.method == "POST" and not is_own):
        raise PermissionDenied(_("A job of the code is deleted with its class."))
    form = ReasonForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        return _delete(model_admin, request, job, form.cleaned_data["reason"])
    context = {
        "form": form,
        "is_own": is_own,
        "has_runs": JobRun.objects.filter(job=job).exists(),
    }
    title = _("Delete a job")
    return render_for_job(model_admin, request, "scheduledjob/delete.html", job, title=title, context=context)


def _delete(model_admin: JobAdmin, request: HttpRequest, job: ScheduledJob, reason: str) -> HttpResponse:
    with attribution(request.user, via="form", reason=reason):
        model_admin.log_change(request, job, f"Deleted. {reason}".strip())
        ask_to_delete(job, by=request.user, reason=reason)
        # The push has run by now unless the request is one transaction; then the row goes later.
        gone = finish_deletion(job.pk)
    if gone:
        messages.success(request, _("Deleted: %(job)s.") % {"job": job_label(job)})
        return HttpResponseRedirect(address(model_admin, "scheduledjob_changelist"))
    now = ScheduledJob.objects.get(pk=job.pk)
    why = now.sync_error or why_nothing_is_sent() or _("Google has not answered yet.")
    messages.warning(
        request,
        _("Not deleted yet: %(job)s. %(why)s It runs nothing meanwhile. Delete it again to try again.")
        % {"job": job_label(job), "why": why.rstrip(".") + "."},
    )
    return HttpResponseRedirect(address(model_admin, "scheduledjob_change", job.pk))
