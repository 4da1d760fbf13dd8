"""The page of a run. Nothing is written by looking at it."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _

from scheduled_jobs.admin.page import (
    RunAdmin,
    address,
    address_if_any,
    allowed,
    backfill_url,
    find_run,
    render_page,
    require_safe_method,
    run_list_url,
)
from scheduled_jobs.admin.run.page import build, title_of, tools
from scheduled_jobs.admin.words import job_label
from scheduled_jobs.models import JobRun
from scheduled_jobs.services import execution
from scheduled_jobs.services.history.run_story import Story, story_of


@require_safe_method
def run_view(model_admin: RunAdmin, request: HttpRequest, object_id: str) -> HttpResponse:
    """The page of a run: a sentence, its steps, the runs beside it, what it ran with."""
    run = find_run(request, object_id)
    return render_page(
        model_admin, request, "jobrun/run.html", title=title_of(run),
        crumbs=[(_("Runs"), address(model_admin, "jobrun_changelist"))],
        context={**_context(model_admin, request, run), "crumb": str(run.pk)},
    )  # fmt: skip


@require_safe_method
def run_history_view(model_admin: RunAdmin, request: HttpRequest, object_id: str) -> HttpResponse:
    """What Django's own log knows of a run."""
    find_run(request, object_id)
    return admin.ModelAdmin.history_view(model_admin, request, object_id)


@require_safe_method
def run_log_view(model_admin: RunAdmin, request: HttpRequest, object_id: str) -> HttpResponse:  # noqa: ARG001
    """The log of a run as a file."""
    run = find_run(request, object_id)
    if not run.log:
        raise Http404(_("This run has no log."))
    response = HttpResponse(run.log, content_type="text/plain; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="run-{run.pk}.log"'
    return response


def _backfill_url(model_admin: RunAdmin, story: Story) -> str:
    """The page that asks about all that was missed in a row, where that is more than this run."""
    if len(story.also_missed) < 2:
        return ""
    return backfill_url(model_admin, story.run.job_id, story.also_missed[0].at, story.also_missed[-1].at)


def _context(model_admin: RunAdmin, request: HttpRequest, run: JobRun) -> dict[str, Any]:
    now = timezone.now()
    story = story_of(run, now)
    page = build(story, request.GET.dict(), now)
    waiting = execution.waiting_with(run).count() if run.trigger == JobRun.Trigger.BACKFILL else 0
    return {
        "page": page,
        "zone": page["zone"],
        "run": run,
        "job": run.job,
        "job_label": job_label(run.job),
        "job_url": address_if_any(model_admin, "scheduledjob_change", run.job_id),
        "runs_url": run_list_url(model_admin, job=run.job_id),
        "rerun_url": address(model_admin, "jobrun_rerun", run.pk),
        "cancel_url": address(model_admin, "jobrun_cancel", run.pk),
        "cancel_backfill_url": address(model_admin, "jobrun_cancel_backfill", run.pk),
        "waiting": waiting,
        "backfill_url": _backfill_url(model_admin, story),
        "settle_url": address(model_admin, "jobrun_settle", run.pk),
        "dealt_with_url": address(model_admin, "jobrun_dealt_with", run.pk),
        "log_url": address(model_admin, "jobrun_log", run.pk),
        "tools": tools(story, allowed(request), now, waiting=waiting),
        "live": page["live"],
        # The page says itself when Google was asked.
        "hides_look": True,
    }
