"""What the desk's own pages about one job have in common: who may, which job, which template."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib.admin.utils import unquote
from django.http import Http404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from scheduled_jobs.admin.page.environment import last_look, where_am_i
from scheduled_jobs.admin.page.permissions import allowed, require
from scheduled_jobs.admin.words.names import label_of
from scheduled_jobs.conf import settings
from scheduled_jobs.models import JobRun, ScheduledJob

if TYPE_CHECKING:
    from django.contrib import admin
    from django.http import HttpRequest, HttpResponse

TEMPLATES = "admin/scheduled_jobs"


def find_job(request: HttpRequest, object_id: str, *verbs: str) -> ScheduledJob:
    """The job of a page; 403 unless the user may do all of this, 404 if there is none."""
    require(request, "view", *verbs)
    try:
        return ScheduledJob.objects.get(pk=unquote(object_id))
    except (ScheduledJob.DoesNotExist, ValueError) as error:
        raise Http404(_("There is no such job.")) from error


def find_run(request: HttpRequest, object_id: str, *verbs: str) -> JobRun:
    """The run of a page, with its job; 403 unless the user may do all of this, 404 if there is none."""
    require(request, "view", *verbs)
    try:
        return JobRun.objects.select_related("job").get(pk=unquote(object_id))
    except (JobRun.DoesNotExist, ValueError, OverflowError) as error:
        raise Http404(_("There is no such run; old runs are pruned.")) from error


def address(model_admin: admin.ModelAdmin[Any], name: str, *args: Any) -> str:
    """The address of an admin page, such as ``scheduledjob_pause``."""
    return reverse(f"{model_admin.admin_site.name}:scheduled_jobs_{name}", args=args)


def pushes_are_off() -> str:
    """Why nothing is sent to Google, as a sentence; empty where it is sent."""
    if settings.EAGER:
        return _("Tasks run here (DJANGO_CLOUD_TASKS_EAGER): nothing is sent to Google.")
    if settings.PUSH == "off":
        return _('Pushes are off (DJANGO_CLOUD_TASKS_PUSH = "off"): nothing is sent to Google.')
    return ""


def render(
    model_admin: admin.ModelAdmin[Any],
    request: HttpRequest,
    template: str,
    *,
    title: str,
    context: dict[str, Any],
    crumbs: list[tuple[str, str]] | None = None,
    status: int = 200,
) -> HttpResponse:
    """A page inside the admin. ``crumbs`` are the titles and addresses between the app and the page."""
    now = timezone.now()
    return TemplateResponse(
        request,
        f"{TEMPLATES}/{template}",
        {
            **model_admin.admin_site.each_context(request),
            "opts": model_admin.opts,
            "media": model_admin.media,
            "title": title,
            "crumbs": crumbs or [],
            "env": where_am_i(now, last_look()),
            "now": now,
            "allowed": allowed(request),
            "pushes_are_off": pushes_are_off(),
            **context,
        },
        status=status,
    )


def job_crumbs(model_admin: admin.ModelAdmin[Any], job: ScheduledJob) -> list[tuple[str, str]]:
    """The way from the app to a job."""
    return [
        (_("Jobs"), address(model_admin, "scheduledjob_changelist")),
        (label_of(job), address(model_admin, "scheduledjob_change", job.pk)),
    ]
