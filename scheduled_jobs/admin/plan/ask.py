"""*Ask Google*: a look by a button, told in a message. Nothing is changed in Google."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from scheduled_jobs.admin.page import JobAdmin, address, find_job, require_post
from scheduled_jobs.admin.words import attempt_in_short, job_label
from scheduled_jobs.exceptions import BackendError
from scheduled_jobs.models import ScheduledJob
from scheduled_jobs.services import scheduling
from scheduled_jobs.services.history.last_attempts import told_of, unserved_attempts
from scheduled_jobs.services.scheduling import drift


@require_post("sync")
def ask_all_view(model_admin: JobAdmin, request: HttpRequest) -> HttpResponse:
    """Look at all jobs in Google."""
    try:
        report = drift.look_at_all()
    except BackendError as error:
        _could_not(request, error)
    else:
        unserved, differing = len(unserved_attempts(timezone.now())), len(report.plan.changes)
        n = ScheduledJob.objects.active().count()
        asked = ngettext("Google was asked about %(n)d job.", "Google was asked about %(n)d jobs.", n)
        parts = [asked % {"n": n}]
        if unserved:
            parts.append(_("Of %(n)d, what it tried last did not arrive here.") % {"n": unserved})
        if differing:
            text = ngettext(
                "%(n)d differs: compare and decide.", "%(n)d differ: compare and decide.", differing
            )
            parts.append(text % {"n": differing})
        level = messages.warning if unserved or differing else messages.success
        level(request, " ".join(parts))
    return HttpResponseRedirect(address(model_admin, "scheduledjob_changelist"))


@require_post("sync")
def ask_view(model_admin: JobAdmin, request: HttpRequest, object_id: str) -> HttpResponse:
    """Look at one job in Google."""
    job = find_job(request, object_id)
    try:
        found = drift.look(job.pk)
    except BackendError as error:
        _could_not(request, error)
    except ScheduledJob.DoesNotExist:
        messages.warning(request, _("%(job)s was deleted meanwhile.") % {"job": job_label(job)})
    else:
        drift.record(found)
        job.refresh_from_db()
        _tell(request, job, found)
    return HttpResponseRedirect(address(model_admin, "scheduledjob_change", job.pk))


def _could_not(request: HttpRequest, error: BackendError) -> None:
    text = _("Google could not be asked: %(why)s") % {"why": scheduling.reason_of(error)}
    messages.error(request, text)


def _tell(request: HttpRequest, job: ScheduledJob, found: drift.Look) -> None:
    asked = _("Google was asked just now.")
    if found.refusal_reason is not None:
        text = _("Google has a job of this id, but %(why)s.") % {"why": found.refusal_reason}
        messages.warning(request, f"{asked} {text}")
        return
    if found.live is None:
        messages.warning(request, f"{asked} {_('It has no such job.')}")
        return
    told, now = told_of(job), timezone.now()
    if told is None:
        messages.info(request, f"{asked} {_('It has not tried yet.')}")
    elif told.is_unserved:
        messages.warning(request, f"{asked} {attempt_in_short(told, job.time_zone, now)}")
    else:
        messages.success(request, f"{asked} {attempt_in_short(told, job.time_zone, now)}")
