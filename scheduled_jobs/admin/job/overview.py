"""The last runs of one job as finished rows, the facts beside them, and the runs ahead; all masked."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from scheduled_jobs import registry
from scheduled_jobs.admin.words import (
    RUN_BADGES,
    SYNC_BADGES,
    attempt_of,
    masked_line,
    runs_ahead,
    times,
    trigger_words,
    why_no_time,
    write_duration,
)
from scheduled_jobs.conf import settings
from scheduled_jobs.domain.schedules import describe_schedule
from scheduled_jobs.models import JobRun, ScheduledJob
from scheduled_jobs.services.history.ahead_words import NOTICES, WHY_NONE
from scheduled_jobs.services.history.job_story import quantiles

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from scheduled_jobs.domain.ahead import Ahead
    from scheduled_jobs.services.history.job_story import Brief, Lasted

MAX_PAYLOAD_TEXT = 200
"""Characters of the payload in force."""
MAX_SAID = 160


def recent_rows(
    job: ScheduledJob, runs: Sequence[Brief], lasted: Sequence[Lasted], now: datetime
) -> list[dict[str, Any]]:
    """The rows of these runs; ``lasted`` are what their durations are measured by.

    ``share`` is a duration in percent of the job's 95th percentile, at most 100.
    """
    middle = quantiles(lasted)
    return [_row(job, brief, middle[1] if middle else 0.0, now) for brief in runs]


def _row(job: ScheduledJob, brief: Brief, p95: float, now: datetime) -> dict[str, Any]:
    run, zone = brief.run, job.time_zone
    icon, trigger, _note = trigger_words(run)
    at = run.scheduled_for or run.started_at or run.created_at
    seconds = run.duration.total_seconds() if run.duration else 0.0
    return {
        "pk": run.pk,
        "badge": RUN_BADGES[run.status],
        "icon": icon,
        "trigger": trigger,
        "at": times.element(at, zone, times.day_and_time(at, zone, now)),
        "started": _started(run),
        "duration": times.duration(run.duration),
        "share": min(round(100 * seconds / p95), 100)
        if p95 and run.status == JobRun.Status.SUCCEEDED
        else None,
        "attempt": attempt_of(run, job.retry_policy.retry_count),
        "said": _said(brief),
    }


def _started(run: JobRun) -> str:
    if run.scheduled_for is None:
        return _("not scheduled: asked for") if run.trigger != JobRun.Trigger.EAGER else _("not scheduled")
    if run.started_at is None:
        return _("never started")
    late = max(run.started_at - run.scheduled_for, timedelta(0))
    return _("started +%(time)s") % {"time": times.duration(late)}


def _said(brief: Brief) -> str:
    """The first line of the error, else the result, and why a person asked for it."""
    run, said = brief.run, ""
    if brief.error:
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
    job: ScheduledJob,
    ahead: Ahead,
    chart: dict[str, Any],
    success: JobRun | None,
    differing: int,
    looked_at: datetime | None,
    now: datetime,
) -> list[dict[str, Any]]:
    """The facts; ``success`` is the last one, ``differing`` how many fields differ in Google,
    and ``looked_at`` when it was last looked at there.
    """
    is_codes = job.origin == ScheduledJob.Origin.CODE
    facts = [
        _schedule(job, is_codes=is_codes),
        _next_run(ahead, job.time_zone, now),
        _fact(
            _("Payload"),
            masked_line(job.payload, MAX_PAYLOAD_TEXT),
            is_own=job.payload_override is not None,
        ),
        _last_success(success, job.time_zone, now),
        _durations(chart),
        _on_failure(job),
        _fact(
            _("Missed after"),
            _("%(time)s without a delivery") % {"time": times.duration(settings.MISSED_GRACE)},
        ),
        _overlap(job.task),
        _fact(_("Origin"), _("code") if is_codes else _("operator"), code=job.task),
        _in_google(job, differing, looked_at, now),
    ]
    return [fact for fact in facts if fact is not None]


def _fact(label: str, text: str, *notes: str, **more: Any) -> dict[str, Any]:
    """One line: its text with ``notes`` beneath; ``link`` is a run's key."""
    return {"label": label, "text": text, "notes": notes, **more}


def _schedule(job: ScheduledJob, *, is_codes: bool) -> dict[str, Any]:
    is_own = job.schedule_override is not None or job.time_zone_override is not None
    words = describe_schedule(job.schedule, job.time_zone).words
    return _fact(_("Schedule"), words, job.time_zone, code=job.schedule, is_own=is_own and is_codes)


def _next_run(ahead: Ahead, zone: str, now: datetime) -> dict[str, Any]:
    if why := why_no_time(ahead):
        text = _("none: %(why)s") % {"why": why.short} if ahead.why_none else str(why.short)
        return _fact(_("Next run"), text, *filter(None, [ahead.fault]))
    at = ahead.runs[0].at
    notes = (times.relative(at, now), *(str(NOTICES[notice]) for notice in ahead.notices))
    time = times.element(at, zone, times.day_and_time(at, zone, now))
    return _fact(_("Next run"), "", *notes, time=time)


def _last_success(run: JobRun | None, zone: str, now: datetime) -> dict[str, Any] | None:
    if run is None:
        return None
    at = run.scheduled_for or run.started_at or run.created_at
    lasted = times.duration(run.duration)
    time = times.clock_element(at, zone, now)
    return _fact(_("Last success"), f", {lasted}" if lasted else "", link=run.pk, time=time)


def _durations(chart: dict[str, Any]) -> dict[str, Any] | None:
    n = len(chart["bars"])
    if not n:
        return None
    head = ngettext("Last %(n)d run", "Last %(n)d runs", n) % {"n": n}
    middle = _("median %(median)s, p95 %(p95)s") % chart
    return _fact(head, chart["counts"], *([middle] if chart["median"] else []))


def _on_failure(job: ScheduledJob) -> dict[str, Any]:
    n, wait, window = job.retry_count, write_duration(job.min_backoff), job.max_retry_duration
    if n:
        text = ngettext("%(n)d retry after %(wait)s", "%(n)d retries, the first after %(wait)s", n)
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
    if known is None:
        return None
    words = _("skip: one run at a time") if known.overlap == "skip" else _("allow: runs may overlap")
    return _fact(_("Overlap"), words, _("set in the code"))


def _in_google(
    job: ScheduledJob, differing: int, looked_at: datetime | None, now: datetime
) -> dict[str, Any]:
    badge = SYNC_BADGES[job.sync_state]
    notes = [
        _("sent %(time)s") % {"time": times.relative(job.synced_at, now)}
        if job.synced_at
        else _("never sent")
    ]
    if job.sync_state == ScheduledJob.SyncState.DRIFTED and differing:
        notes.insert(0, ngettext("%(n)d field differs", "%(n)d fields differ", differing) % {"n": differing})
    if looked_at:
        notes.append(_("read %(time)s") % {"time": times.relative(looked_at, now)})
    return _fact(_("In Google"), str(badge.word), *notes, code=job.name, badge=badge)


# --- What lies ahead ------------------------------------------------------------------------------


def upcoming(job: ScheduledJob, ahead: Ahead, viewer_zone: str, now: datetime) -> dict[str, Any]:
    """The runs ahead under ``preview``; or under ``none`` why there are none."""
    if ahead.why_none is not None:
        return {"none": " ".join(filter(None, [str(WHY_NONE[ahead.why_none].sentence), ahead.fault]))}
    return {
        "preview": runs_ahead(ahead, job.schedule, job.time_zone, viewer_zone, now),
        "starts_later": job.is_paused(now),
    }
