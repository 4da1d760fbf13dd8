"""The pages of one job: Overview, Settings, Changes. Each asks, words and shows, in this order and once."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.http import Http404, HttpResponseRedirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from scheduled_jobs.admin.job.changes import change_lines
from scheduled_jobs.admin.job.chart import LENGTHS, draw_durations
from scheduled_jobs.admin.job.fields import FieldTable, payload_difference
from scheduled_jobs.admin.job.form import Editing
from scheduled_jobs.admin.job.headline import google_banner, job_headline
from scheduled_jobs.admin.job.overview import facts_of, recent_rows, upcoming
from scheduled_jobs.admin.job.save import Again, answer_post
from scheduled_jobs.admin.page import (
    SAFE_METHODS,
    ViewerZone,
    address,
    allowed,
    find_job,
    job_crumbs,
    offered_zones,
    render_page,
    require_post,
    require_safe_method,
    run_list_url,
)
from scheduled_jobs.admin.words import (
    RUNS_AHEAD,
    Preview,
    attempt_banner,
    attempt_in_short,
    job_label,
    masked_parts,
    preview,
    state_banner,
    times,
    why_no_run,
)
from scheduled_jobs.domain.jobs import OVERRIDABLE
from scheduled_jobs.models import ScheduledJob
from scheduled_jobs.models.in_force import seen_differences
from scheduled_jobs.services.history import job_story
from scheduled_jobs.services.history.health import health_of
from scheduled_jobs.services.history.last_attempts import told_of
from scheduled_jobs.services.history.looks import last_list, later

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from django.http import HttpRequest, HttpResponse, QueryDict

    from scheduled_jobs.admin.page.permissions import JobAdmin
    from scheduled_jobs.services.history.last_attempts import Told

    View = Callable[[JobAdmin, HttpRequest, str], HttpResponse]

MAX_RUNS, MAX_CHANGES = 10, 50
LINKS = ("ask", "change", "settings", "changes", "run_now", "pause", "resume", "drift", "delete", "preview")


def leading_to_the_list(view: View) -> View:
    """The view of a page; who had it open when somebody deleted the job gets on, as in Django's own admin."""

    @wraps(view)
    def shown(model_admin: JobAdmin, request: HttpRequest, object_id: str) -> HttpResponse:
        try:
            return view(model_admin, request, object_id)
        except Http404 as error:
            if request.method not in SAFE_METHODS:
                raise
            messages.warning(request, str(error))
            return HttpResponseRedirect(address(model_admin, "scheduledjob_changelist"))

    return shown


@leading_to_the_list
def overview_view(model_admin: JobAdmin, request: HttpRequest, object_id: str) -> HttpResponse:
    """How the job is, its last runs, and what lies ahead. A POST is one of the settings."""
    if request.method == "POST":
        return settings_view(model_admin, request, object_id)
    job, now, viewer = find_job(request, object_id), timezone.now(), ViewerZone(request)
    length = LENGTHS[1] if request.GET.get("last") == str(LENGTHS[1]) else LENGTHS[0]

    health = health_of(job, now)
    lasted = job_story.lasted(job, length)
    recent = job_story.recent(job, MAX_RUNS)
    success = job_story.last_success(job)
    differing = seen_differences(job)
    ahead = job.ahead(now, RUNS_AHEAD)

    chart = draw_durations(lasted, job.time_zone, now)
    told = told_of(job)
    looked_at = later(job.live_seen_at, last_list())
    context = {
        "headline": job_headline(job, health, ahead, now, told, looked_at),
        **_why_nothing_runs(told, job, differing, looked_at, now),
        "chart": chart if lasted else None,
        "shown": len(lasted),
        "length": length,
        "lengths": LENGTHS,
        "runs": recent_rows(job, recent, lasted, now),
        "upcoming": upcoming(job, ahead, viewer.name, now),
        "facts": facts_of(job, ahead, chart, success, len(differing), looked_at, now),
        "viewer": viewer,
    }
    return _page(model_admin, request, job, "overview", context)


@leading_to_the_list
def settings_view(model_admin: JobAdmin, request: HttpRequest, object_id: str) -> HttpResponse:
    """Each field in the code, as overridden and in Google, and what the overrides would do."""
    again: Again | None = None
    if request.method == "POST":
        job = find_job(request, object_id, "change")
        again = answer_post(model_admin, request, job)
        if again is None:
            return HttpResponseRedirect(address(model_admin, "scheduledjob_settings", job.pk))
    job, now, viewer = find_job(request, object_id), timezone.now(), ViewerZone(request)
    editing, conflicts = again or Again(Editing(job), [])
    payload = editing.payload

    set_by = job_story.provenance_of(job)
    since = job_story.changed_since(job, set_by)
    differing = seen_differences(job)
    looked_at = later(job.live_seen_at, last_list())

    table = FieldTable(job, editing, differing, set_by, since, now)
    context = {
        "banner": google_banner(job, differing, looked_at, now),
        "conflicts": conflicts,
        "editing": editing,
        "form": editing.form,
        "reason_fields": [editing.form["reason"]],
        "schedule_rows": [table.row(name) for name in ("schedule", "time_zone")],
        "more_rows": [
            table.row(name) for name in OVERRIDABLE if name not in ("schedule", "time_zone", "payload")
        ],
        "payload": payload,
        "payload_row": table.row("payload"),
        "payload_difference": payload_difference(job),
        "parameters": [(p, table.live_parameter(p.name)) for p in payload.parameters],
        "raw": masked_parts(job.payload),
        "raw_is_open": payload.raw_errors or payload.raw_is_changed or not payload.parameters,
        "preview": preview_of(job, editing.data, viewer.name, now),
        "seen_in_google": times.clock_element(looked_at, job.time_zone, now) if looked_at else None,
        "viewer": viewer,
        "zones": offered_zones(),
    }
    return viewer.remember(_page(model_admin, request, job, "settings", context))


@require_safe_method
@leading_to_the_list
def changes_view(model_admin: JobAdmin, request: HttpRequest, object_id: str) -> HttpResponse:
    """Who changed what of the job, when, through what and why."""
    job, now = find_job(request, object_id), timezone.now()

    changes = job_story.changes_of(job, MAX_CHANGES + 1)

    context = {
        "changes": change_lines(changes[:MAX_CHANGES], job.time_zone, now),
        "has_more_changes": len(changes) > MAX_CHANGES,
    }
    return _page(model_admin, request, job, "changes", context)


@require_safe_method
def history_view(model_admin: JobAdmin, request: HttpRequest, object_id: str) -> HttpResponse:
    """Django's address for a history: there is one story of a job, its changes."""
    job = find_job(request, object_id)
    return HttpResponseRedirect(address(model_admin, "scheduledjob_changes", job.pk))


@require_post("change")
def preview_view(model_admin: JobAdmin, request: HttpRequest, object_id: str) -> HttpResponse:
    """The preview alone, for the script of the page; nothing is saved."""
    job, viewer = find_job(request, object_id), ViewerZone(request)
    context = {"preview": preview_of(job, request.POST, viewer.name, timezone.now()), "viewer": viewer}
    response = render_page(model_admin, request, "scheduledjob/_preview.html", title="", context=context)
    return viewer.remember(response)


def _page(
    model_admin: JobAdmin, request: HttpRequest, job: ScheduledJob, tab: str, context: dict[str, Any]
) -> HttpResponse:
    """One of the three pages, in the frame that they share."""
    links = {f"{name}_url": address(model_admin, f"scheduledjob_{name}", job.pk) for name in LINKS}
    titles = {"overview": _("Overview"), "settings": _("Settings"), "changes": _("Changes")}
    crumbs = job_crumbs(model_admin, job)
    frame = {
        **links,
        "job": job,
        "zone": job.time_zone,
        "tab": tab,
        "tabs_label": _("This job"),
        "tabs": [
            ("overview", titles["overview"], links["change_url"], ""),
            ("settings", titles["settings"], links["settings_url"], _overridden(job)),
            ("changes", titles["changes"], links["changes_url"], ""),
        ],
        "crumb": "" if tab == "overview" else titles[tab],
        "may_change": allowed(request).change and job.deleting_at is None,
        "is_operators": job.origin == ScheduledJob.Origin.OPERATOR,
        "is_paused": job.is_paused(timezone.now()),
        "run_refused": why_no_run(job.task),
        "runs_url": run_list_url(model_admin, job=job.pk),
    }
    return render_page(
        model_admin,
        request,
        f"scheduledjob/{tab}.html",
        title=job_label(job),
        context={**frame, **context},
        crumbs=crumbs[:-1] if tab == "overview" else crumbs,
    )


def _why_nothing_runs(
    told: Told | None,
    job: ScheduledJob,
    differing: Mapping[str, tuple[Any, Any]],
    looked_at: datetime | None,
    now: datetime,
) -> dict[str, Any]:
    """What Google says: as banners where it is why nothing runs, else as quiet lines."""
    state = state_banner(job, looked_at, now)
    whys = [state] if state is not None else []
    found: dict[str, Any] = {"whys": whys}
    if told is not None and told.is_unserved:
        whys.append(attempt_banner(told, job.time_zone))
    elif told is not None:
        found |= {"last_attempt": attempt_in_short(told, job.time_zone, now), "last_address": told.address}
    is_said = state is not None and differing.keys() == {"state"}
    if not is_said or job.sync_state != ScheduledJob.SyncState.DRIFTED:
        found["banner"] = google_banner(job, differing, looked_at, now)
    return found


def _overridden(job: ScheduledJob) -> str:
    """How many fields people have overridden; empty for none."""
    names = [name for name in OVERRIDABLE if name not in job.fields_of_its_own]
    n = sum(getattr(job, f"{name}_override") is not None for name in names)
    return ngettext("%(n)d overridden", "%(n)d overridden", n) % {"n": n} if n else ""


# --- The preview ----------------------------------------------------------------------------------


def preview_of(job: ScheduledJob, data: QueryDict | None, viewer_zone: str, now: datetime) -> Preview:
    """What the schedule in force does, or a form's (``data``), in which an empty field follows the code."""
    schedule, zone = saved = job.schedule, job.time_zone
    if data is not None:
        schedule = _typed(data, "schedule") or job.declared_schedule
        zone = _typed(data, "time_zone") or job.declared_time_zone
    return preview(
        schedule,
        zone,
        now=now,
        viewer_zone=viewer_zone,
        saved=saved,
        notes=[*filter(None, [_paused(job, now)])],
    )


def _typed(data: QueryDict, name: str) -> str:
    return (data.get(f"{name}_override") or "").strip()


def _paused(job: ScheduledJob, now: datetime) -> str:
    if not job.is_paused(now):
        return ""
    if job.paused_until is None:
        return _("The job is paused: none of these runs before somebody resumes it.")
    return _("The job is paused until %(time)s; what is due before is skipped.") % {
        "time": times.exact(job.paused_until, job.time_zone)
    }
