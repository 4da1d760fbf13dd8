"""The landing page: what the app's index shows, and at its own address the same."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from scheduled_jobs.admin.dashboard.addresses import Addresses
from scheduled_jobs.admin.dashboard.figures import four_figures, most_failing_jobs, slowest_jobs
from scheduled_jobs.admin.dashboard.needs import needs
from scheduled_jobs.admin.dashboard.rows import MANY, groups
from scheduled_jobs.admin.dashboard.sentence import sentence_of
from scheduled_jobs.admin.dashboard.timeline import SPANS, USUAL, Axis
from scheduled_jobs.admin.page import (
    TEMPLATES,
    JobAdmin,
    Live,
    address,
    allowed,
    render_page,
    require,
    require_post,
    require_safe_method,
    run_list_url,
    section_tabs,
    where_tasks_are,
)
from scheduled_jobs.admin.words import JobName, times
from scheduled_jobs.domain.payloads import clean_text
from scheduled_jobs.exceptions import InvalidDefinition
from scheduled_jobs.models import JobRun, ScheduledJob
from scheduled_jobs.services import alerts, scheduling
from scheduled_jobs.services.history.health import Health
from scheduled_jobs.services.history.matters import JobNow, deal_with, jobs_now, matters, take_back
from scheduled_jobs.services.history.stats.reading import Unfolded
from scheduled_jobs.services.monitoring import watch

MOST_NAMED = 5
"""Jobs that paused themselves and are named; of more it says how many."""
EVERY = 10
"""Seconds between two looks of a page that is open."""


@require_safe_method
def dashboard_view(model_admin: JobAdmin, request: HttpRequest) -> HttpResponse:
    """How all jobs are. Whoever may see runs alone is led to their list."""
    may = allowed(request)
    if may.runs and not may.view and (runs_url := run_list_url(model_admin)):
        return HttpResponseRedirect(runs_url)
    require(request, "view")
    now = timezone.now()
    jobs = jobs_now(model_admin.get_queryset(request), now)
    context: dict[str, Any] = section_tabs(model_admin, request, "overview", jobs=len(jobs))
    if jobs:
        context |= _of_jobs(Addresses(model_admin, may), request, jobs, now)
    else:
        context["where_tasks_are"] = where_tasks_are()
    title = str(model_admin.opts.app_config.verbose_name)
    return render_page(model_admin, request, "dashboard.html", title=title, context=context)


def _of_jobs(to: Addresses, request: HttpRequest, jobs: Sequence[JobNow], now: datetime) -> dict[str, Any]:
    rows = to.model_admin.get_queryset(request)
    zone = timezone.get_current_timezone_name()
    span = SPANS.get(request.GET.get("span", ""), SPANS[USUAL])
    axis = Axis(span, now, zone)
    found = matters(jobs, now)
    said = sentence_of(jobs, found, to, now)
    unfolded = Unfolded.read() if to.allowed.runs else None
    # A job that is paused may have run before.
    has_run = any(job.health not in (Health.NEW, Health.PAUSED) for job in jobs) or JobRun.objects.exists()
    context = {
        "said": said,
        "needs": needs(found, to, zone, now),
        "concerned": len({job.pk for matter in found for job in matter.jobs}),
        "is_joined": any(matter.is_joined for matter in found),
        "seen_at": now.isoformat(),
        "dealt_with_url": to.dealt_with,
        "spans": SPANS.values(),
        "span": span,
        "axis": axis,
        "timeline_zone": zone,
        "groups": groups(jobs, found, axis, to, unfolded),
        "as_of": times.as_of(unfolded.as_of, zone, now) if unfolded else "",
        "is_many": len(jobs) > MANY,
        "total": len(jobs),
        "jobs_url": to.jobs(),
        "live": Live.of(
            now, zone, every=EVERY, status=said.text, say=said.text,
            mark=f"({said.troubles})" if said.troubles else "", is_wrong=bool(said.troubles),
        ),
    }  # fmt: skip
    if any(job.is_held for job in jobs):
        pks = set(alerts.paused_by_themselves(rows).values_list("pk", flat=True))
        context["paused_by_themselves"] = [
            (JobName.from_columns(job.origin, job.task, job.name), to.job(job.pk))
            for job in jobs
            if job.pk in pks
        ]
        context["paused_url"] = to.jobs(state=Health.PAUSED)
        context["most_named"] = MOST_NAMED
    if has_run and not watch.is_watched(now):
        watching = next((job for job in jobs if job.task == watch.WATCH_JOBS), None)
        context["unwatched"] = {
            "line": watch.line_to_add(),
            "url": to.job(watching.pk) if watching else "",
            "is_new": watching is not None and watching.health == Health.NEW,
        }
    if not has_run:
        context["first"] = _first_run(to, jobs, zone, now)
    elif unfolded is not None:
        context["figures"] = four_figures(to, now, unfolded)
        context["slowest"] = slowest_jobs(jobs, to, now, unfolded)
        context["most_failing"] = most_failing_jobs(jobs, to, now, unfolded)
    return context


def _first_run(to: Addresses, jobs: Sequence[JobNow], zone: str, now: datetime) -> dict[str, Any] | None:
    """The first run that lies ahead, where none has been yet."""
    rows = ScheduledJob.objects.filter(pk__in=[job.pk for job in jobs[:MANY]])
    ahead = [(at, row) for row in rows if (at := row.ahead(now).next_at)]
    if not ahead:
        return None
    at, row = min(ahead, key=lambda item: (item[0], item[1].name))
    url = ""
    with suppress(InvalidDefinition):
        url = scheduling.task_url(row.task)
    return {
        "at": times.clock(at, zone, now),
        "away": times.relative(at, now),
        "name": JobName.for_job(row).short,
        "address": url,
        "run_url": to.run_now(row.pk),
    }


@require_post("runs", "run")
def matter_dealt_with_view(model_admin: JobAdmin, request: HttpRequest) -> HttpResponse:
    """Take a matter off the list, until a newer run has its key; or undo that, with the time of it."""
    key = clean_text(request.POST.get("key", ""))[: JobRun._meta.get_field("error_key").max_length]
    now = timezone.now()
    if "undo" in request.POST:
        _undo(request, key, _posted_time(request, "undo"))
    else:
        _deal_with(model_admin, request, key, _posted_time(request, "seen"), now)
    return HttpResponseRedirect(address(model_admin, "dashboard"))


def _deal_with(
    model_admin: JobAdmin, request: HttpRequest, key: str, seen_at: datetime | None, now: datetime
) -> None:
    seen_at = min(seen_at or now, now)
    marked = deal_with(key, seen_at, request.user, at=now) if key else 0
    if not marked:
        messages.warning(request, _("Nothing was marked: somebody has dealt with it already."))
        return
    text = ngettext(
        "%(n)d run is marked as dealt with. The matter returns with the next run of its kind.",
        "%(n)d runs are marked as dealt with. The matter returns with the next run of its kind.",
        marked,
    )
    undo = {
        "said": text % {"n": marked},
        "key": key,
        "at": now.isoformat(),
        "url": address(model_admin, "scheduledjob_dealt_with"),
    }
    messages.success(request, render_to_string(f"{TEMPLATES}/dashboard/_undo.html", undo, request))


def _undo(request: HttpRequest, key: str, marked_at: datetime | None) -> None:
    found = take_back(key, marked_at) if key and marked_at else 0
    if found:
        text = ngettext("%(n)d run needs attention again.", "%(n)d runs need attention again.", found)
        messages.success(request, text % {"n": found})
    else:
        messages.warning(request, _("There was nothing to undo."))


def _posted_time(request: HttpRequest, name: str) -> datetime | None:
    """A time that a page has written into its form; None for anything else."""
    try:
        at = parse_datetime(request.POST.get(name, ""))
    except ValueError:
        return None
    return at if at is not None and timezone.is_aware(at) else None
