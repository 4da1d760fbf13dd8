"""What a job's page shows, in a number of queries that does not grow: finished values for its template."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _

from scheduled_jobs.admin.job.changes import lines_of
from scheduled_jobs.admin.job.chart import LENGTHS, draw
from scheduled_jobs.admin.job.drift import drift_line
from scheduled_jobs.admin.job.facts import facts_of, lede_of
from scheduled_jobs.admin.job.fields import Truths, payload_difference
from scheduled_jobs.admin.job.preview import saved_preview, typed_preview, upcoming
from scheduled_jobs.admin.job.runs import rows_of
from scheduled_jobs.admin.page.permissions import allowed
from scheduled_jobs.admin.page.render import address
from scheduled_jobs.admin.page.viewer_zone import offered_zones
from scheduled_jobs.admin.words import times
from scheduled_jobs.admin.words.names import job_label
from scheduled_jobs.admin.words.runs import why_no_run
from scheduled_jobs.admin.words.values import masked_parts
from scheduled_jobs.models import ScheduledJob
from scheduled_jobs.services.history import job_story
from scheduled_jobs.services.history.health import health_of

if TYPE_CHECKING:
    from datetime import datetime

    from django.contrib import admin
    from django.http import HttpRequest

    from scheduled_jobs.admin.job.form import Editing
    from scheduled_jobs.admin.page.viewer_zone import ViewerZone

TABS = ("recent", "upcoming", "changes")
RECENT, CHANGES = 10, 50
SETTINGS = ("description", "retry_count", "min_backoff", "max_backoff", "max_retry_duration",
            "max_doublings", "attempt_deadline")  # fmt: skip


def context_of(request: HttpRequest, editing: Editing, viewer: ViewerZone, now: datetime) -> dict[str, Any]:
    """Everything but the addresses. What was typed is on ``editing``; what is saved is read anew then."""
    typed, data = editing.job, editing.data
    job = ScheduledJob.objects.get(pk=typed.pk) if data is not None else typed
    set_by = job_story.provenance_of(job)
    truths = Truths(editing, set_by=set_by, since=job_story.changed_since(job, set_by), now=now, saved=job)
    payload, may_change = editing.payload, allowed(request).change and job.deleting_at is None
    return {
        "job": job,
        "job_label": job_label(job),
        "may_change": may_change,
        "is_operators": job.origin == ScheduledJob.Origin.OPERATOR,
        "is_paused": job.is_paused(now),
        "run_refused": why_no_run(job.task),
        "lede": lede_of(job, health_of(job, now), now),
        "drift": drift_line(job, truths.differing, now),
        "seen_in_google": times.clock_element(job.live_seen_at, job.time_zone, now)
        if job.live_seen_at
        else None,
        "editing": editing,
        "form": editing.form,
        "reason_fields": [editing.form["reason"]],
        "has_errors": bool(editing.form.errors or payload.has_errors),
        "schedule_rows": truths.rows("schedule", "time_zone"),
        "settings_rows": truths.rows(*SETTINGS),
        "payload": payload,
        "payload_row": truths.row("payload"),
        "payload_difference": payload_difference(job),
        "parameters": [(p, truths.live_parameter(p.name)) for p in payload.parameters],
        "raw": masked_parts(job.payload),
        "raw_is_open": bool(
            payload.raw_errors or payload.raw_is_changed or (may_change and not payload.parameters)
        ),
        "preview": saved_preview(job, viewer.name, now)
        if data is None
        else typed_preview(data, job, viewer.name, now),
        "viewer": viewer,
        "zones": offered_zones(),
        **_story(request, job, truths, viewer, now),
    }


def addresses_of(model_admin: admin.ModelAdmin[Any], job: ScheduledJob) -> dict[str, str]:
    """Where the links of the page lead."""
    names = ("run_now", "pause", "resume", "drift", "history", "delete", "preview")
    found = {f"{name}_url": address(model_admin, f"scheduledjob_{name}", job.pk) for name in names}
    runs = address(model_admin, "jobrun_changelist")
    return {
        **found,
        "runs_url": f"{runs}?job__id__exact={job.pk}",
        "list_url": address(model_admin, "scheduledjob_changelist"),
    }


def _story(
    request: HttpRequest, job: ScheduledJob, truths: Truths, viewer: ViewerZone, now: datetime
) -> dict[str, Any]:
    """Chart, facts and the tab that is open."""
    tab = request.GET.get("tab", "")
    tab = tab if tab in TABS else TABS[0]
    length = LENGTHS[1] if request.GET.get("last") == str(LENGTHS[1]) else LENGTHS[0]
    bars = job_story.lasted(job, length)
    chart = draw(bars, job.time_zone, now)
    facts = facts_of(job, chart, len(bars), job_story.last_success(job), len(truths.differing), now)
    story: dict[str, Any] = {
        "tab": tab,
        "tabs": [
            ("recent", _("Recent runs")), ("upcoming", _("Upcoming")), ("changes", _("Changes")),
        ],
        "lengths": LENGTHS,
        "length": length,
        "chart": chart if bars else None,
        "shown": len(bars),
        "facts": facts,
    }  # fmt: skip
    if tab == "recent":
        story["runs"] = rows_of(job, job_story.recent(job, RECENT), bars, now)
    elif tab == "changes":
        changes = job_story.changes_of(job, CHANGES + 1)
        story["changes"] = lines_of(changes[:CHANGES], job.time_zone, now)
        story["has_more_changes"] = len(changes) > CHANGES
    else:
        story["upcoming"] = upcoming(job, viewer.name, now)
    return story
