"""The pages of one job: Overview, Settings, Changes. Each asks, words and shows, in this order and once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import wraps
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from scheduled_jobs.admin.job.changes import (
    ChangesAsked,
    change_lines,
    changes_file,
    counted_text,
    filters_of,
)
from scheduled_jobs.admin.job.chart import LENGTHS, draw_durations
from scheduled_jobs.admin.job.consequences import (
    after_a_failure,
    preview_of,
    received,
    words_of_the_bar,
)
from scheduled_jobs.admin.job.fields import OF_FAILURE, OF_SCHEDULE, RARE, FieldTable, payload_difference
from scheduled_jobs.admin.job.form import Editing
from scheduled_jobs.admin.job.headline import failure_banner, google_banner, job_headline
from scheduled_jobs.admin.job.month import begin_of_month, draw_month
from scheduled_jobs.admin.job.overview import facts_of, recent_rows, upcoming
from scheduled_jobs.admin.job.save import Again, answer_post
from scheduled_jobs.admin.page import (
    SAFE_METHODS,
    Live,
    address,
    allowed,
    find_job,
    job_crumbs,
    render_page,
    require_safe_method,
    run_list_url,
)
from scheduled_jobs.admin.page.permissions import JobAdmin
from scheduled_jobs.admin.words import (
    RUNS_AHEAD,
    attempt_banner,
    job_label,
    refusal_banner,
    runs_told,
    state_banner,
    times,
    why_no_run,
)
from scheduled_jobs.domain.jobs import OVERRIDABLE
from scheduled_jobs.domain.schedules.zones import offered_zones
from scheduled_jobs.models import JobChange, JobRun, ScheduledJob
from scheduled_jobs.models.in_force import seen_differences
from scheduled_jobs.services.history import job_story
from scheduled_jobs.services.history.health import Health, health_of
from scheduled_jobs.services.history.last_attempts import Told, told_of, went_on
from scheduled_jobs.services.history.looks import last_list, later
from scheduled_jobs.services.history.stats.reading import Unfolded

View = Callable[[JobAdmin, HttpRequest, str], HttpResponse]

MAX_RUNS, MAX_CHANGES = 10, 50
EVERY = 10
"""Seconds after which the Overview is asked for again."""
LINKS = ("ask", "change", "settings", "changes", "run_now", "backfill", "pause", "resume", "drift", "delete")


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
    job, now = find_job(request, object_id), timezone.now()

    health = health_of(job, now)
    differing = seen_differences(job)
    ahead = job.ahead(now, RUNS_AHEAD)
    told = told_of(job)
    looked_at = later(job.live_seen_at, last_list())
    runs = _runs_of(model_admin, request, job, now) if allowed(request).runs else {}
    failure = job_story.failure_of(job) if runs and health in (Health.FAILING, Health.LOST) else None

    missed = runs.pop("missed", None)
    headline = job_headline(job, health, ahead, now, told, looked_at, missed.at if missed else None)
    context = {
        "headline": headline,
        "missed_pk": missed.pk if missed and health == Health.MISSED else None,
        "failure": failure_banner(job, failure, ahead, now) if failure else None,
        **_why_nothing_runs(told, job, health, differing, looked_at, now),
        **runs,
        "upcoming": upcoming(job, ahead, now),
        "facts": facts_of(job, runs.get("chart"), looked_at, now),
        "live": Live.of(
            now,
            job.time_zone,
            every=EVERY,
            status=f"{health} {job.last_run_id} {job.last_status}",
            say=f"{headline['strong']} {headline['rest']}",
            mark="(1)" if headline["badge"].tone in ("bad", "warn") else "",
        ),
    }
    return _page(model_admin, request, job, "overview", context)


def _runs_of(model_admin: JobAdmin, request: HttpRequest, job: ScheduledJob, now: datetime) -> dict[str, Any]:
    """What only those see who may view runs."""

    def link(start: datetime, end: datetime) -> str:
        return run_list_url(model_admin, job=job.pk, start=start, end=end)

    length = LENGTHS[1] if request.GET.get("last") == str(LENGTHS[1]) else LENGTHS[0]
    lasted = job_story.lasted(job, length)
    recent = job_story.recent(job, MAX_RUNS)
    unfolded = Unfolded.read([job.pk])
    month = job_story.month_of(job, begin_of_month(job.time_zone, now), now, unfolded)
    return {
        "chart": draw_durations(lasted, job.time_zone, now) if lasted else None,
        "length": length,
        "lengths": LENGTHS,
        "runs": recent_rows(job, recent, lasted, now),
        "month": draw_month(month, job.time_zone, now, link),
        "as_of": times.as_of(unfolded.as_of, job.time_zone, now),
        "all_runs": job_story.count_capped(JobRun.objects.filter(job=job)),
        "missed": next((run for run in reversed(lasted) if run.status == JobRun.Status.MISSED), None),
    }


@leading_to_the_list
def settings_view(model_admin: JobAdmin, request: HttpRequest, object_id: str) -> HttpResponse:
    """Each field in the code, as overridden and in Google, and what the overrides would do."""
    again: Again | None = None
    if request.method == "POST":
        job = find_job(request, object_id, "change")
        again = answer_post(model_admin, request, job)
        if again is None:
            return HttpResponseRedirect(address(model_admin, "scheduledjob_settings", job.pk))
    job, now = find_job(request, object_id), timezone.now()
    editing, conflicts = again or Again(Editing(job), [])
    payload = editing.payload

    set_by = job_story.provenance_of(job)
    since = job_story.changed_since(job, set_by)
    differing = seen_differences(job)
    looked_at = later(job.live_seen_at, last_list())

    # What differs stands beside its field.
    is_said = job.sync_state == ScheduledJob.SyncState.DRIFTED and bool(differing.keys() & set(OVERRIDABLE))
    table = FieldTable(job, editing, differing, set_by, since, now)
    when, failing, rare = ([table.row(name) for name in group] for group in (OF_SCHEDULE, OF_FAILURE, RARE))
    parameters, payload_row = table.parameters(), table.row("payload")
    context = {
        "banner": None if is_said else google_banner(job, differing, looked_at, now),
        "conflicts": conflicts,
        "editing": editing,
        "form": editing.form,
        "reason_fields": [editing.form["reason"]],
        "field_rows": [*when, *failing, *rare],
        "schedule_rows": when,
        "code_rows": table.of_the_code(),
        "failure_rows": failing,
        "rare_rows": rare,
        "rare_is_open": any(row["errors"] or row["is_edited"] for row in rare),
        "rare_own": sum(row["is_own"] for row in rare),
        "payload": payload,
        "payload_row": payload_row,
        "payload_has_note": table.has_note(payload_row, parameters),
        "payload_difference": payload_difference(job),
        "parameters": parameters,
        "raw_is_open": payload.raw_errors or payload.raw_is_changed or not payload.parameters,
        "preview": preview_of(job, editing.data, now),
        "received": received(editing),
        "after_a_failure": after_a_failure(editing.job),
        "bar": words_of_the_bar(job, editing, now),
        "google_read": _("Google read %(ago)s") % {"ago": times.relative(looked_at, now)}
        if looked_at
        else "",
        "zones": offered_zones(),
    }
    return _page(model_admin, request, job, "settings", context)


@require_safe_method
@leading_to_the_list
def changes_view(model_admin: JobAdmin, request: HttpRequest, object_id: str) -> HttpResponse:
    """Who changed what of the job, when, through what and why."""
    job, now, question = find_job(request, object_id), timezone.now(), ChangesAsked.of(request.GET)

    counts = job_story.count_changes(job)
    if request.GET.get("format") == "csv":
        return changes_file(job, question, counts)
    fields = job_story.changed_fields(job, counts.floor)
    # What is looked for is looked for among those that were counted: all of them may be many.
    condition, before = question.condition, question.before
    floor = counts.floor if condition else 0
    changes = job_story.changes_of(job, MAX_CHANGES + 1, condition=condition, floor=floor, before=before)

    shown = changes[:MAX_CHANGES]
    older = question.address(before=shown[-1].pk) if len(changes) > MAX_CHANGES else ""
    context = {
        "changes": change_lines(
            shown, job.time_zone, now, job_story.defaults_at(job, shown), _in_force(request, job)
        ),
        "seen": Editing(job).seen,
        "csv_url": question.address(format="csv"),
        "question": question,
        "filters": filters_of(question, counts, fields),
        "counts": counts,
        "since": times.clock(counts.since, job.time_zone, now) if counts.since else "",
        "older": older,
        "newest": question.address() if before is not None else "",
    }
    return _page(model_admin, request, job, "changes", context, counts.all)


def _in_force(request: HttpRequest, job: ScheduledJob) -> set[int]:
    """The changes that have set the overrides that stand, for somebody who may reset them."""
    if not allowed(request).change or job.deleting_at is not None:
        return set()
    own = job.fields_of_its_own
    return {change.pk for name, change in job_story.provenance_of(job).items() if name not in own}


@require_safe_method
def history_view(model_admin: JobAdmin, request: HttpRequest, object_id: str) -> HttpResponse:
    """Django's address for a history: there is one story of a job, its changes."""
    job = find_job(request, object_id)
    return HttpResponseRedirect(address(model_admin, "scheduledjob_changes", job.pk))


def _page(
    model_admin: JobAdmin,
    request: HttpRequest,
    job: ScheduledJob,
    tab: str,
    context: dict[str, Any],
    changes: job_story.Counted | None = None,
) -> HttpResponse:
    """One of the three pages, in the frame that they share; ``changes`` are counted where they are not."""
    changes = changes or job_story.count_capped(JobChange.objects.filter(job=job))
    links = {f"{name}_url": address(model_admin, f"scheduledjob_{name}", job.pk) for name in LINKS}
    titles = {"overview": _("Overview"), "settings": _("Settings"), "changes": _("Changes")}
    crumbs = job_crumbs(model_admin, job)
    frame = {
        **links,
        "job": job,
        "zone": job.time_zone,
        "hides_look": True,
        "tab": tab,
        "tabs_label": _("This job"),
        "tabs": [
            ("overview", titles["overview"], links["change_url"], ""),
            ("settings", titles["settings"], links["settings_url"], _overridden(job)),
            ("changes", titles["changes"], links["changes_url"], counted_text(changes)),
        ],
        "crumb": "" if tab == "overview" else titles[tab],
        "may_change": allowed(request).change and job.deleting_at is None,
        "runs_left": _runs_left(request, job),
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


def _runs_left(request: HttpRequest, job: ScheduledJob) -> str:
    """How many runs of a job that is being deleted are still there; empty of others."""
    if job.deleting_at is None or not allowed(request).runs:
        return ""
    left = job_story.runs_left(job)
    return runs_told(left.n, is_about=left.is_more) if left.n else ""


def _why_nothing_runs(
    told: Told | None,
    job: ScheduledJob,
    health: Health,
    differing: Mapping[str, tuple[Any, Any]],
    looked_at: datetime | None,
    now: datetime,
) -> dict[str, Any]:
    """What Google says: as banners where it is why nothing runs, else as quiet lines."""
    state = state_banner(job, looked_at, now)
    whys = [banner for banner in (state, refusal_banner(job, now)) if banner is not None]
    found: dict[str, Any] = {"whys": whys}
    if told is not None and told.is_unserved:
        whys.append(attempt_banner(told, job.time_zone))
    elif told is not None:
        at = times.to_seconds(told.at, job.time_zone, now)
        is_open = health is Health.RUNNING or went_on(told, job, looked_at)
        says = _("went on when Google was asked") if is_open else told.meaning.told
        found["attempt"] = {"at": at, "told": says, "address": told.address}
    if state is not None:  # which tells of it, and leads to where both sides are compared
        differing = {name: values for name, values in differing.items() if name != "state"}
        found["compares"] = True
    if state is None or differing or job.sync_state != ScheduledJob.SyncState.DRIFTED:
        found["banner"] = google_banner(job, differing, looked_at, now)
    return found


def _overridden(job: ScheduledJob) -> str:
    """How many fields people have overridden; empty for none."""
    names = [name for name in OVERRIDABLE if name not in job.fields_of_its_own]
    n = sum(getattr(job, f"{name}_override") is not None for name in names)
    return ngettext("%(n)d overridden", "%(n)d overridden", n) % {"n": n} if n else ""
