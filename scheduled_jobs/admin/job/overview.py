"""The last runs of one job as finished rows, the facts beside them, and the runs ahead; all masked."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from scheduled_jobs import registry
from scheduled_jobs.admin.job.chart import MARKS
from scheduled_jobs.admin.job.fields import missed_after, overlap_words
from scheduled_jobs.admin.words import (
    RUN_BADGES,
    SYNC_BADGES,
    attempt_of,
    masked_line,
    runs_ahead,
    share_of,
    times,
    write_duration,
)
from scheduled_jobs.domain.ahead import Ahead, WhyNone, ahead
from scheduled_jobs.domain.schedules import describe_schedule
from scheduled_jobs.domain.tolerances import Tolerances
from scheduled_jobs.models import JobRun, ScheduledJob
from scheduled_jobs.services.history.ahead_words import NOTICES, WHY_NONE
from scheduled_jobs.services.history.job_story import Brief, Lasted, quantiles

MAX_SAID = 160


def recent_rows(
    job: ScheduledJob, runs: Sequence[Brief], lasted: Sequence[Lasted], now: datetime
) -> list[dict[str, Any]]:
    """The rows of these runs; ``lasted`` are what their durations are measured by."""
    middle = quantiles(lasted)
    return [_row(job, brief, middle[1] if middle else None, now) for brief in runs]


def _row(job: ScheduledJob, brief: Brief, p95: float | None, now: datetime) -> dict[str, Any]:
    run, zone = brief.run, job.time_zone
    at = run.scheduled_for or run.started_at or run.created_at
    duration = run.duration
    if run.status == JobRun.Status.RUNNING and run.started_at is not None:
        duration = max(now - run.started_at, timedelta())
    return {
        "pk": run.pk,
        "badge": RUN_BADGES[run.status],
        "mark": MARKS[run.status],
        "at": times.element(at, zone, times.day_and_time(at, zone, now)),
        "duration": times.duration(duration),
        "share": share_of(duration, p95),
        "attempt": attempt_of(run, job.retry_policy.retry_count) if run.started_at else "",
        "said": _said(brief),
    }


def _said(brief: Brief) -> str:
    """The first line of the error, else the result, and why a person asked for it."""
    run, said = brief.run, ""
    if run.status == JobRun.Status.MISSED:
        said = _("Nothing arrived")
    elif brief.error:
        said = brief.error.strip().partition("\n")[0]
    elif brief.has_long_result:
        said = _("a long result")
    elif brief.result is not None:
        said = masked_line(brief.result)
    if run.reason:
        why = f"{run.requested_by}: {run.reason}" if run.requested_by else run.reason
        said = " · ".join(filter(None, [said, why]))
    return said if len(said) <= MAX_SAID else said[: MAX_SAID - 1] + "…"


# --- The facts ------------------------------------------------------------------------------------


def facts_of(
    job: ScheduledJob, chart: dict[str, Any] | None, looked_at: datetime | None, now: datetime
) -> list[dict[str, Any]]:
    """The facts; ``chart`` counts the last runs, and ``looked_at`` is when Google was last looked at."""
    facts = [
        _schedule(job),
        _durations(chart) if chart else None,
        _on_failure(job),
        _fact(
            _("Missed"),
            _("%(time)s after its scheduled time")
            % {"time": missed_after(Tolerances.of(registry.get(job.task)))},
        ),
        _overlap(job.task),
        _fact(_("Code"), "", code=job.task),
        _in_google(job, looked_at, now),
    ]
    return [fact for fact in facts if fact is not None]


def _fact(label: str, text: str, *notes: str, **more: Any) -> dict[str, Any]:
    """One line: its text with ``notes`` beneath."""
    return {"label": label, "text": text, "notes": notes, **more}


def _schedule(job: ScheduledJob) -> dict[str, Any]:
    is_own = job.schedule_override is not None or job.time_zone_override is not None
    words = describe_schedule(job.schedule, job.time_zone).words
    is_codes = job.origin == ScheduledJob.Origin.CODE
    return _fact(_("Schedule"), words, code=job.schedule, after=job.time_zone, is_own=is_own and is_codes)


def _durations(chart: dict[str, Any]) -> dict[str, Any]:
    n = chart["shown"]
    middle = _("median %(median)s, p95 %(p95)s") % chart
    head = ngettext("%(n)d run", "%(n)d runs", n) % {"n": n}
    return _fact(head, chart["counts"], *([middle] if chart["median"] else []))


def _on_failure(job: ScheduledJob) -> dict[str, Any]:
    n, wait, window = job.retry_count, write_duration(job.min_backoff), job.max_retry_duration
    if n:
        text = ngettext("%(n)d retry after %(wait)s", "%(n)d retries, from %(wait)s apart", n)
        text %= {"n": n, "wait": wait}
    elif window:
        text = _("retries for %(time)s, the first after %(wait)s")
        text %= {"time": write_duration(window), "wait": wait}
    else:
        text = _("no retry")
    deadline = _("each attempt may take %(time)s") % {"time": write_duration(job.attempt_deadline)}
    return _fact(_("On failure"), text, deadline)


def _overlap(task: str) -> dict[str, Any] | None:
    known = registry.get(task)
    return None if known is None else _fact(_("Overlap"), overlap_words(known.overlap))


def _in_google(job: ScheduledJob, looked_at: datetime | None, now: datetime) -> dict[str, Any]:
    values = {}
    if job.synced_at:
        values["sent"] = times.relative(job.synced_at, now)
    if looked_at:
        values["read"] = times.relative(looked_at, now)
    text = {
        (): _("never sent"),
        ("sent",): _("sent %(sent)s"),
        ("read",): _("never sent, read %(read)s"),
        ("sent", "read"): _("sent %(sent)s, read %(read)s"),
    }[tuple(values)]
    # What is as it is wanted has no state: that is the normal.
    badge = None if job.sync_state == ScheduledJob.SyncState.SYNCED else SYNC_BADGES[job.sync_state]
    return _fact(_("In Google"), "", text % values, code=job.name, badge=badge)


# --- What lies ahead ------------------------------------------------------------------------------


def upcoming(job: ScheduledJob, found: Ahead, now: datetime) -> dict[str, Any]:
    """The ``runs`` ahead with ``notes``; without runs, the notes say why there are none."""
    if found.why_none is None:
        notes = [str(NOTICES[notice]) for notice in found.notices]
        if job.is_paused(now):
            notes.insert(0, _("The first runs after the pause."))
        return {"runs": runs_ahead(found, job.time_zone, now), "notes": notes}
    why = str(WHY_NONE[found.why_none].sentence)
    if first := first_after_pause(job, found, now):
        why = _("None while it is paused. On resuming: %(time)s.") % {"time": first}
    return {"runs": [], "notes": [*filter(None, [why, found.fault])]}


def first_after_pause(job: ScheduledJob, found: Ahead, now: datetime) -> str:
    """When a job whose pause has no end would run next if it were resumed now; empty for any other."""
    resumed = ahead(job.facts.resumed(), now, 1).runs if found.why_none == WhyNone.PAUSED else []
    return times.day_and_time(resumed[0].at, job.time_zone, now) if resumed else ""
