"""Buttons of the landing page: a test of who is told, and the end of the pauses that jobs have made."""

from __future__ import annotations

from django.contrib import messages
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import ngettext

from scheduled_jobs.admin.page import JobAdmin, address, require_post
from scheduled_jobs.models import JobChange, attribution
from scheduled_jobs.models.changes import label_of
from scheduled_jobs.services import alerts


@require_post("sync")
def send_test_view(model_admin: JobAdmin, request: HttpRequest) -> HttpResponse:
    """Tell all channels that this is a test, and say what happened at each.

    The permission is that of ``doctor``: it makes this server call others, and changes no job.
    """
    try:
        channels = alerts.send_test(label_of(request.user))
    except ImproperlyConfigured as error:
        messages.error(request, str(error))
        channels = []
    else:
        if not channels:
            messages.warning(request, alerts.NOBODY)
    for channel in channels:
        tell = messages.error if channel["error"] else messages.success
        tell(request, alerts.test_line(channel))
    return HttpResponseRedirect(address(model_admin, "dashboard"))


@require_post("pause")
def resume_paused_view(model_admin: JobAdmin, request: HttpRequest) -> HttpResponse:
    """End all pauses that ``AUTO_PAUSE_AFTER`` has made; those of people stay."""
    paused = alerts.paused_by_themselves(model_admin.get_queryset(request))
    with attribution(request.user, via=JobChange.Via.BULK):
        n = paused.resume(by=request.user)
    text = ngettext(
        "%(n)d job was resumed; nothing was started.", "%(n)d jobs were resumed; nothing was started.", n
    )
    (messages.success if n else messages.info)(request, text % {"n": n})
    return HttpResponseRedirect(address(model_admin, "dashboard"))
