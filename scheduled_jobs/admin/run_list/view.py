"""The page of all runs, at the address of Django's change list and with its form for actions."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.humanize.templatetags.humanize import intcomma
from django.core.exceptions import BadRequest, PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.utils.translation import gettext as _

from scheduled_jobs.admin.page import (
    Live,
    RunAdmin,
    address,
    address_if_any,
    render_page,
    require,
    require_safe_method,
    section_tabs,
)
from scheduled_jobs.admin.page.csv_file import MOST_EXPORTED
from scheduled_jobs.admin.run_list.filters import (
    chips_of,
    menus_of,
    narrowed_by,
    span_words,
    wider_spans,
)
from scheduled_jobs.admin.run_list.question import ListQuestion, is_key, zone_of_list
from scheduled_jobs.admin.run_list.rows import RunRow, day_heading, read_listed, run_rows
from scheduled_jobs.admin.words import times
from scheduled_jobs.conf import settings
from scheduled_jobs.services.history.run_list import (
    MOST_LOOKED_AT,
    PAGE,
    Found,
    Place,
    newest_runs,
    open_runs,
    runs_after,
)
from scheduled_jobs.services.history.stats.cells import OUTCOMES
from scheduled_jobs.services.history.stats.figures import figures, figures_by_job
from scheduled_jobs.services.history.stats.reading import Unfolded

EVERY = 10
USUAL = timedelta(days=7)
"""Of how long a job's p95 is, to which a duration is compared."""


def run_list_view(model_admin: RunAdmin, request: HttpRequest) -> HttpResponse:
    """The list of all runs, newest first; a POST is an action with those that are selected."""
    require(request, "runs")
    return _act(model_admin, request) if "index" in request.POST else _show(model_admin, request)


def _act(model_admin: RunAdmin, request: HttpRequest) -> HttpResponse:
    chosen = request.POST.getlist(ACTION_CHECKBOX_NAME)
    if not all(map(is_key, chosen)):
        raise BadRequest("What is selected is no number of a run.")
    actions = model_admin.get_actions(request)
    if not set(request.POST.getlist("action")).issubset({"", *actions}):
        raise PermissionDenied(_("There is no such action for you."))
    answer = None
    if actions and chosen:
        answer = model_admin.response_action(request, model_admin.get_queryset(request))
    elif actions:
        model_admin.message_user(request, _("Nothing was done: select runs first."), "WARNING")
    return answer or HttpResponseRedirect(request.get_full_path())


@require_safe_method
def _show(model_admin: RunAdmin, request: HttpRequest) -> HttpResponse:
    now = timezone.now()
    zone = zone_of_list(request)
    runs = model_admin.get_queryset(request)
    question = ListQuestion.of(request.GET.dict(), zone, now, runs)
    found = _found(question)
    if found is None:
        return HttpResponseRedirect(question.link(at=""))
    opened, open_counts = open_runs(question.open)
    is_told_apart = question.is_first_page and not question.asked.statuses
    pks = [*(opened[:PAGE] if is_told_apart else []), *found.pks]
    values = read_listed(pks, runs)
    of_jobs = {row["job_id"] for row in values}
    is_counted = question.is_counted and question.start is not None
    unfolded = Unfolded.read(None if is_counted else of_jobs) if values or is_counted else Unfolded({})
    usual = figures_by_job(now - USUAL, now, of_jobs, unfolded) if values else {}
    p95 = {job: of_job.p95 for job, of_job in usual.items()}
    url = address(model_admin, "jobrun_change", 0)
    rows = run_rows(values, p95, url, zone, now)
    counts = _counts(question, open_counts, unfolded)
    part = request.GET.get("named", "").replace("\0", "")[:100]
    menus = menus_of(question, part)
    actions = model_admin.get_actions(request)
    context = {
        "question": question,
        "filters": {
            "chips": chips_of(question, counts),
            "counted": _("in %(span)s") % {"span": span_words(question)} if counts is not None else "",
            "menus": menus,
            "narrowed": narrowed_by(question),
        },
        "as_of": times.as_of(unfolded.as_of, zone, now),
        "rows": _with_headings(rows, now, zone),
        "shown": len(rows),
        "is_empty": not rows,
        "is_narrowed": question.is_narrowed or not question.is_first_page,
        "foot": _foot(question, found, rows, counts, told_apart=len(opened) if is_told_apart else 0),
        "stopped": _stopped(question, found),
        "more_open": max(len(opened) - PAGE, 0) if is_told_apart else 0,
        "span": span_words(question),
        "jump": (question.end if "at" in question.given else now).astimezone(times.zone_of(zone)),
        "export_url": address_if_any(model_admin, "jobrun_export"),
        "most_exported": intcomma(MOST_EXPORTED),
        "action_form": _action_form(model_admin, request) if actions and rows else None,
        "jobs_url": address_if_any(model_admin, "scheduledjob_changelist"),
        "zone": zone,
        "live": _live(question, counts),
        **section_tabs(model_admin, request, "runs"),
    }
    return render_page(model_admin, request, "jobrun/change_list.html", title=_("Runs"), context=context)


def _found(question: ListQuestion) -> Found | None:
    if question.after is not None:
        return runs_after(question.asked, question.after)
    return newest_runs(question.asked, question.before)


def _counts(question: ListQuestion, open_counts: Any, unfolded: Unfolded) -> dict[str, int] | None:
    if not question.is_counted or question.start is None:
        return None
    kept = figures(question.start, question.end, question.asked.job_id, unfolded)
    counts = {name: getattr(kept, name) for name in OUTCOMES}
    return counts | (open_counts if question.end == question.now else {})


def _live(question: ListQuestion, counts: dict[str, int] | None) -> Live:
    wrong = sum((counts or {}).get(name, 0) for name in ("failed", "timed_out", "lost", "missed"))
    say = _("%(n)s runs have failed or were missed.") % {"n": intcomma(wrong)} if wrong else ""
    every = EVERY if question.is_first_page else 0
    return Live.of(question.now, question.zone, every=every, status=str(wrong), say=say)


def _with_headings(rows: list[RunRow], now: datetime, zone: str) -> list[tuple[str, str, RunRow]]:
    """Each row with the heading that stands above it, if one does, and a name for that."""
    found, day = [], None
    for row in rows:
        heading = day_heading(row.day, now, zone) if row.day != day else ""
        found.append((heading, f"{row.day:%Y-%m-%d}", row))
        day = row.day
    return found


def _foot(
    question: ListQuestion,
    found: Found,
    rows: list[RunRow],
    counts: dict[str, int] | None,
    *,
    told_apart: int,
) -> list[tuple[str, str]]:
    """The last line, in pieces with the address where one leads: where it goes on, and how many there are."""
    foot = []
    over = rows[told_apart:]
    if over and not question.is_first_page:
        text = _("Later, after %(time)s") % {"time": _clock(over[0].at, question)}
        foot.append((text, question.link_to("after", Place(over[0].at, over[0].pk), at="")))
    if found.earlier is not None:
        text = _("Earlier, before %(time)s") % {"time": _clock(found.earlier.at, question)}
        foot.append((text, question.link_to("before", found.earlier)))
    if counts is not None and rows and question.is_first_page:
        statuses = question.asked.statuses or counts
        is_within = question.start is None or rows[-1].at >= question.start
        total = max(sum(counts.get(status, 0) for status in statuses), len(rows) if is_within else 0)
        text = _("1 to %(n)d of %(total)s in %(span)s") if is_within else _("%(total)s in %(span)s")
        foot.append((text % {"n": len(rows), "total": intcomma(total), "span": span_words(question)}, ""))
    foot += [(str(choice.title), choice.url) for choice in wider_spans(question)]
    if settings.HISTORY_MAX_AGE is not None:
        foot.append((_("runs are kept for %(n)d days") % {"n": settings.HISTORY_MAX_AGE}, ""))
    return foot


def _stopped(question: ListQuestion, found: Found) -> str:
    """That there may be more, where so many runs were looked at that the page ends."""
    if not found.is_stopped or found.earlier is None:
        return ""
    words = {"n": intcomma(MOST_LOOKED_AT), "time": _clock(found.earlier.at, question)}
    return _("%(n)s runs were looked at, back to %(time)s: there may be more.") % words


def _clock(at: datetime, question: ListQuestion) -> str:
    return times.clock(at, question.zone, question.now)


def _action_form(model_admin: RunAdmin, request: HttpRequest) -> Any:
    form: Any = model_admin.action_form(auto_id=None)
    form.fields["action"].choices = model_admin.get_action_choices(request)
    return form
