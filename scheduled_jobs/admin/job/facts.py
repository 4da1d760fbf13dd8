"""The facts beside the runs of a job."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from scheduled_jobs import registry
from scheduled_jobs.admin.words import SYNC_BADGES, Badge, masked_line, times, why_no_time, write_duration
from scheduled_jobs.conf import settings
from scheduled_jobs.domain.schedules import describe_schedule
from scheduled_jobs.models import JobRun, ScheduledJob
from scheduled_jobs.services.history.ahead_words import NOTICES

if TYPE_CHECKING:
    from datetime import datetime

    from django.utils.safestring import SafeString

    from scheduled_jobs.admin.job.chart import Chart
    from scheduled_jobs.domain.ahead import Ahead

MAX_PAYLOAD_TEXT = 200
"""Characters of the payload in force."""


@dataclass(frozen=True)
class Fact:
    """One line beside the runs; ``link`` is a run's key."""

    label: str
    text: str
    notes: tuple[str, ...] = ()
    code: str = ""
    is_own: bool = False
    link: int | None = None
    time: SafeString | None = None
    badge: Badge | None = None


def facts_of(
    job: ScheduledJob, ahead: Ahead, chart: Chart, success: JobRun | None, differing: int, now: datetime
) -> list[Fact]:
    """The facts; ``success`` is the last one, ``differing`` how many fields differ in Google."""
    facts = [
        _schedule(job),
        _next_run(ahead, job.time_zone, now),
        _payload(job),
        _last_success(success, job.time_zone, now),
        _durations(chart),
        _on_failure(job),
        Fact(
            _("Missed after"),
            _("%(time)s without a delivery") % {"time": times.duration(settings.MISSED_GRACE)},
        ),
        _overlap(job.task),
        Fact(_("Origin"), _("code") if _is_codes(job) else _("operator"), code=job.task),
        _in_google(job, differing, now),
    ]
    return [fact for fact in facts if fact is not None]


def _is_codes(job: ScheduledJob) -> bool:
    return job.origin == ScheduledJob.Origin.CODE


def _schedule(job: ScheduledJob) -> Fact:
    is_own = job.schedule_override is not None or job.time_zone_override is not None
    words = describe_schedule(job.schedule, job.time_zone).words
    return Fact(_("Schedule"), words, (job.time_zone,), code=job.schedule, is_own=is_own and _is_codes(job))


def _next_run(ahead: Ahead, zone: str, now: datetime) -> Fact:
    if why := why_no_time(ahead):
        text = _("none: %(why)s") % {"why": why.short} if ahead.why_none else str(why.short)
        return Fact(_("Next run"), text, (ahead.fault,) if ahead.fault else ())
    at = ahead.runs[0].at
    notes = (times.relative(at, now), *(str(NOTICES[notice]) for notice in ahead.notices))
    return Fact(_("Next run"), "", notes, time=times.element(at, zone, times.day_and_time(at, zone, now)))


def _payload(job: ScheduledJob) -> Fact:
    is_own = job.payload_override is not None
    return Fact(_("Payload"), masked_line(job.payload, MAX_PAYLOAD_TEXT), is_own=is_own)


def _last_success(run: JobRun | None, zone: str, now: datetime) -> Fact | None:
    if run is None:
        return None
    at = run.scheduled_for or run.started_at or run.created_at
    lasted = times.duration(run.duration)
    time = times.clock_element(at, zone, now)
    return Fact(_("Last success"), f", {lasted}" if lasted else "", link=run.pk, time=time)


def _durations(chart: Chart) -> Fact | None:
    n = len(chart.bars)
    if not n:
        return None
    head = ngettext("Last %(n)d run", "Last %(n)d runs", n) % {"n": n}
    middle = _("median %(median)s, p95 %(p95)s") % {"median": chart.median, "p95": chart.p95}
    return Fact(head, chart.counts, (middle,) if chart.median else ())


def _on_failure(job: ScheduledJob) -> Fact:
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
    return Fact(_("On failure"), text, (deadline,))


def _overlap(task: str) -> Fact | None:
    known = registry.get(task)
    if known is None:
        return None
    words = _("skip: one run at a time") if known.overlap == "skip" else _("allow: runs may overlap")
    return Fact(_("Overlap"), words, (_("set in the code"),))


def _in_google(job: ScheduledJob, differing: int, now: datetime) -> Fact:
    badge = SYNC_BADGES[job.sync_state]
    notes = [
        _("sent %(time)s") % {"time": times.relative(job.synced_at, now)}
        if job.synced_at
        else _("never sent")
    ]
    if job.sync_state == ScheduledJob.SyncState.DRIFTED and differing:
        notes.insert(0, ngettext("%(n)d field differs", "%(n)d fields differ", differing) % {"n": differing})
    if job.live_seen_at:
        notes.append(_("read %(time)s") % {"time": times.relative(job.live_seen_at, now)})
    return Fact(_("In Google"), str(badge.word), tuple(notes), code=job.name, badge=badge)
