"""What the pages have in common: which job or run, who may, which template, what the jobs belong to."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.contrib.admin import ModelAdmin
from django.contrib.admin.utils import unquote
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from scheduled_jobs.admin.page.permissions import JOB, admin_of, allowed, require
from scheduled_jobs.admin.words import job_label, times
from scheduled_jobs.admin.words.names import breakable
from scheduled_jobs.authentication.clock import By, clocks
from scheduled_jobs.conf import CLOUD_SCHEDULER_BACKEND, settings
from scheduled_jobs.domain.payloads import clean_text
from scheduled_jobs.models import JobRun, ScheduledJob
from scheduled_jobs.services.history.looks import last_look

TEMPLATES = "admin/scheduled_jobs"
LONGEST_REASON = 2000
"""Characters; the forms with a reason of their own refuse more."""


def find_job(request: HttpRequest, object_id: str, *verbs: str) -> ScheduledJob:
    """The job of a page; 403 unless the user may do all of this, 404 if there is none."""
    require(request, "view", *verbs)
    try:
        job: ScheduledJob = _rows(request, ScheduledJob).get(pk=unquote(object_id))
    except (ScheduledJob.DoesNotExist, ValueError) as error:
        raise Http404(_("There is no such job.")) from error
    vars(request)[JOB] = job
    require(request, "view", *verbs)
    return job


def find_run(request: HttpRequest, object_id: str, *verbs: str) -> JobRun:
    """The run of a page, with its job; 403 unless the user may do all of this, 404 if there is none."""
    require(request, "runs", *verbs)
    try:
        run: JobRun = _rows(request, JobRun).select_related("job").get(pk=unquote(object_id))
    except (JobRun.DoesNotExist, ValueError, OverflowError) as error:
        raise Http404(_("There is no such run; old runs are pruned.")) from error
    vars(request)[JOB] = run.job
    require(request, "runs", *verbs)
    return run


def _rows(request: HttpRequest, model: type[Model]) -> QuerySet[Any]:
    """What the admin site shows of a model: a class of the project's own may leave some out."""
    shown = admin_of(request, model)
    return model._default_manager.all() if shown is None else shown.get_queryset(request)  # noqa: SLF001


def with_extra(response: HttpResponse, extra: dict[str, Any] | None) -> HttpResponse:
    """The page with what a class of the project's own adds to its context."""
    if extra and isinstance(response, TemplateResponse) and response.context_data is not None:
        response.context_data.update(extra)
    return response


def posted_reason(request: HttpRequest) -> str:
    """Why, as it was written in a form that has no class of its own; without what PostgreSQL cannot store."""
    return clean_text(request.POST.get("reason", "")).strip()[:LONGEST_REASON]


def address_if_any(model_admin: admin.ModelAdmin[Any], name: str, *args: Any) -> str:
    """The same where there may be no such page; empty then."""
    try:
        return address(model_admin, name, *args)
    except NoReverseMatch:
        return ""


def address(model_admin: admin.ModelAdmin[Any], name: str, *args: Any) -> str:
    """The address of an admin page, such as ``scheduledjob_pause``."""
    return reverse(f"{model_admin.admin_site.name}:scheduled_jobs_{name}", args=args)


ROW = "7392058146"
"""Stands in an address where the key of a row goes: of many rows it is looked up once."""


def row_address(pattern: str, pk: int) -> str:
    """The address of a row by one that was looked up with ROW; empty where there is no such page."""
    return pattern.replace(ROW, str(pk), 1)


def render_page(
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
            "env": environment_banner(now, last_look()),
            "now": now,
            "allowed": allowed(request),
            "pushes_are_off": why_nothing_is_sent(),
            **context,
        },
        status=status,
    )


def render_for_job(
    model_admin: admin.ModelAdmin[Any],
    request: HttpRequest,
    template: str,
    job: ScheduledJob,
    *,
    title: str,
    context: dict[str, Any],
) -> HttpResponse:
    """A page about one job, below the job's own page."""
    url = address(model_admin, "scheduledjob_change", job.pk)
    context = {"job": job, "job_label": breakable(job_label(job)), "job_url": url, **context}
    crumbs = job_crumbs(model_admin, job)
    return render_page(model_admin, request, template, title=title, context=context, crumbs=crumbs)


def job_crumbs(model_admin: admin.ModelAdmin[Any], job: ScheduledJob) -> list[tuple[str, str]]:
    """The way from the app to a job."""
    return [
        (_("Jobs"), address(model_admin, "scheduledjob_changelist")),
        (job_label(job), address(model_admin, "scheduledjob_change", job.pk)),
    ]


# --- What the jobs belong to, and how fresh the look at Google is ---------------------------------


def environment_banner(now: datetime, seen_at: datetime | None) -> dict[str, Any]:
    """What stands under the title of every page; ``seen_at`` is as ``last_look()`` has it.

    ``name`` is the chip, ``place`` project and location, ``notes`` what differs from the usual.
    """
    notes = []
    if settings.mode == "eager":
        notes.append(_("tasks run here (EAGER): nothing is sent to Google"))
    elif settings.mode == "push-off":
        notes.append(_("pushes are off: nothing is sent to Google"))
    if settings.EMULATOR_HOST:
        notes.append(_("emulator at %(host)s") % {"host": settings.EMULATOR_HOST})
    for skew in clocks.met(now):
        text = _("this server’s clock is %(n)d s behind %(other)s")
        if skew.behind < 0:
            text = _("this server’s clock is %(n)d s ahead of %(other)s")
        others = {By.TOKENS: _("Google’s"), By.DATABASE: _("its database’s")}
        notes.append(text % {"n": round(abs(skew.behind)), "other": others[skew.by]})
    return {
        "name": settings.ENVIRONMENT or settings.APP_NAME or _target(),
        "place": " / ".join(filter(None, [settings.PROJECT_ID, settings.LOCATION])),
        "notes": notes,
        "seen_at": seen_at,
        "ago": times.relative(seen_at, now) if seen_at else "",
    }


def why_nothing_is_sent() -> str:
    """Why nothing is sent to Google, as a sentence; empty where it is sent."""
    if settings.mode == "eager":
        return _("Tasks run here (DJANGO_CLOUD_TASKS_EAGER): nothing is sent to Google.")
    if settings.mode == "push-off":
        return _('Pushes are off (DJANGO_CLOUD_TASKS_PUSH = "off"): nothing is sent to Google.')
    return ""


def _target() -> str:
    if settings.EMULATOR_HOST:
        return _("local emulator")
    if settings.BACKEND != CLOUD_SCHEDULER_BACKEND:
        return settings.BACKEND.rpartition(".")[2] if settings.BACKEND else ""
    return _("Google Cloud")


def run_list_url(
    model_admin: ModelAdmin[Any],
    *,
    job: int | str = "",
    status: str = "",
    how: str = "",
    error_key: str = "",
    start: datetime | None = None,
    end: datetime | None = None,
    over: timedelta | None = None,
    late: timedelta | None = None,
    twice: bool = False,
    q: str = "",
) -> str:
    """The run list with these filters; empty where the admin has no such page.

    ``job`` is its key, ``status`` one of a run's, or ``open`` or ``failing``, ``how`` a trigger. ``start``
    and ``end`` are aware: start <= at < end. ``over`` is a duration and ``late`` a start delay that is
    passed, ``twice`` means delivered more than once, ``q`` is searched for.
    """
    url = address_if_any(model_admin, "jobrun_changelist")
    asked = {
        "job": job,
        "status": status,
        "how": how,
        "error": error_key,
        "start": times.machine(start) if start else "",
        "end": times.machine(end) if end else "",
        "over": _seconds(over),
        "late": _seconds(late),
        "twice": "1" if twice else "",
        "q": q,
    }
    query = urlencode({name: value for name, value in asked.items() if value != ""})
    return f"{url}?{query}" if url and query else url


def backfill_url(model_admin: ModelAdmin[Any], job: int, start: datetime, last: datetime) -> str:
    """The page that asks about a job's times from ``start`` to ``last`` (aware), both of them included."""
    url = address_if_any(model_admin, "scheduledjob_backfill", job)
    query = urlencode({"start": times.machine(start), "end": times.machine(last + timedelta(minutes=1))})
    return f"{url}?{query}" if url else ""


def _seconds(length: timedelta | None) -> str:
    return "" if length is None else f"{length.total_seconds():g}"


def section_tabs(
    model_admin: ModelAdmin[Any], request: HttpRequest, tab: str, *, jobs: int | None = None
) -> dict[str, Any]:
    """The context of the tabs; ``tab`` is the one that is open: overview, jobs, runs or plan.

    ``jobs`` is how many there are, where the page knows it: no page counts them for its tabs.
    """
    may, tabs = allowed(request), []
    if may.view:
        tabs += [
            ("overview", _("Overview"), address_if_any(model_admin, "dashboard"), ""),
            (
                "jobs",
                _("Jobs"),
                address(model_admin, "scheduledjob_changelist"),
                "" if jobs is None else str(jobs),
            ),
        ]
    runs_url = address_if_any(model_admin, "jobrun_changelist")
    if may.runs and runs_url:
        tabs.append(("runs", _("Runs"), runs_url, ""))
    if may.sync:
        tabs.append(("plan", _("Compare with Google"), address(model_admin, "scheduledjob_plan"), ""))
    return {"tab": tab, "tabs": tabs}
