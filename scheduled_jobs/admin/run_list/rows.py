"""The rows of the run list as finished values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db.models import QuerySet
from django.db.models.functions import Left
from django.utils.dateformat import format as date_format
from django.utils.translation import gettext as _

from scheduled_jobs.admin.words import (
    RUN_BADGES,
    Badge,
    JobName,
    Share,
    attempt_of,
    first_line,
    is_gone,
    is_overdue,
    is_raised,
    progress_of,
    share_of,
    times,
    trigger_words,
)
from scheduled_jobs.models import JobRun
from scheduled_jobs.services.execution.decision import FORCED_BY

Status, Trigger = JobRun.Status, JobRun.Trigger

COLUMNS = (
    "id", "job_id", "status", "trigger", "created_at", "at", "scheduled_for", "attempt", "started_at",
    "finished_at", "duration", "progress_done", "progress_total", "progress_message", "requested_by",
    "lease_until", "deadline_at", "sent", "sent_at", "job__name", "job__task", "job__origin",
    "job__declared_retry_count", "job__retry_count_override",
)  # fmt: skip
"""What the list reads; not payloads, results and tracebacks, which may be large."""
ERROR_HEAD = 400
LONGEST_LINE = 200
LATE = timedelta(seconds=10)
"""A start this much after its slot is told."""


@dataclass(frozen=True)
class RunRow:
    """One run in the list. ``day`` is that of the heading above it, ``why`` its second line."""

    pk: int
    url: str
    at: datetime
    day: date
    badge: Badge
    name: JobName
    scheduled: str
    started: str
    is_started: bool
    delay: str
    duration: str
    share: Share | None
    mark: str
    attempt: str
    icon: str
    how: str
    why: str
    tone: str
    is_raised: bool
    """Whether ``why`` is what a task has raised, and no sentence of ours."""


def read_listed(pks: list[int], runs: QuerySet[JobRun]) -> list[dict[str, Any]]:
    """What is shown of these runs, in their order; in one query."""
    found = runs.filter(pk__in=pks).annotate(head=Left("error", ERROR_HEAD)).values("head", *COLUMNS)
    rows = {values["id"]: values for values in found}
    return [rows[pk] for pk in pks if pk in rows]


def run_rows(
    rows: Iterable[Mapping[str, Any]], p95: Mapping[int, timedelta | None], url: str, zone: str, now: datetime
) -> list[RunRow]:
    """The finished rows. ``p95`` is by job; ``url`` is the address of a run, with 0 for its key."""
    return [_row(dict(values), p95, url, zone, now) for values in rows]


def day_heading(day: date, now: datetime, zone: str) -> str:
    """ "Today, Thu 22 Oct"; another year is named."""
    today = now.astimezone(times.zone_of(zone)).date()
    text = date_format(day, "D j M" if day.year == today.year else "D j M Y")
    if day == today:
        return _("Today, %(day)s") % {"day": text}
    return _("Yesterday, %(day)s") % {"day": text} if day == today - timedelta(days=1) else text


def _row(
    values: dict[str, Any], p95: Mapping[int, timedelta | None], url: str, zone: str, now: datetime
) -> RunRow:
    job = {name[5:]: values.pop(name) for name in list(values) if name.startswith("job__")}
    head, at = values.pop("head"), values.pop("at")
    run = JobRun(**values)
    retries = (
        job["declared_retry_count"] if job["retry_count_override"] is None else job["retry_count_override"]
    )
    badge = RUN_BADGES[run.status]
    is_open = not run.is_over
    local = (now if is_open else at).astimezone(times.zone_of(zone))
    taken, usual = _taken(run, now), p95.get(run.job_id)
    why, tone = _why_of(run, head, now)
    icon, how = _how_of(run)
    return RunRow(
        pk=run.pk,
        url=url.replace("/0/", f"/{run.pk}/"),
        at=at,
        day=local.date(),
        badge=badge,
        name=JobName.from_columns(job["origin"], job["task"], job["name"]),
        scheduled=_near(run.scheduled_for, local, zone) if run.scheduled_for else "",
        started=_started(run, at, zone),
        is_started=run.started_at is not None,
        delay=_delay_of(run),
        duration=times.duration(taken),
        share=share_of(taken, usual.total_seconds() if usual else None),
        mark=f"m-{badge.tone if badge.tone in ('bad', 'run') else 'ok'}",
        attempt=_attempt(run, retries, badge),
        icon=icon,
        how=how,
        why=why,
        tone=tone or badge.tone,
        is_raised=is_raised(run.status, why),
    )


def _taken(run: JobRun, now: datetime) -> timedelta | None:
    if run.status == Status.RUNNING and run.started_at is not None:
        return timedelta(seconds=max((now - run.started_at).total_seconds(), 0) // 1)
    return run.duration


def _near(at: datetime, day: datetime, zone: str) -> str:
    """A time beside those of a day: "14:00", "Wed 02:15", "12 Oct 02:15", another year named."""
    local = at.astimezone(times.zone_of(zone))
    if local.date() == day.date():
        return times.told(local, "H:i")
    if abs(local.date() - day.date()) < timedelta(days=7):
        return times.told(local, "D H:i")
    return times.date_and_time(at, zone, day)


def _started(run: JobRun, at: datetime, zone: str) -> str:
    local = at.astimezone(times.zone_of(zone))
    if run.status == Status.QUEUED:
        return _("asked %(time)s") % {"time": times.told(local, "H:i:s")}
    if run.status == Status.MISSED:
        return _("never")
    arrived = run.started_at or run.finished_at or run.created_at
    return times.told(arrived.astimezone(times.zone_of(zone)), "H:i:s")


def _delay_of(run: JobRun) -> str:
    late = run.late_by() or timedelta()
    is_own_start = run.trigger == Trigger.SCHEDULE and run.attempt == 1
    return times.distance(late) if is_own_start and late > LATE else ""


def _attempt(run: JobRun, retries: int, badge: Badge) -> str:
    """Which attempt it was; nothing where there was one, and is no other."""
    is_told = run.attempt > 1 or (badge.tone == "bad" and retries and run.scheduled_for is not None)
    return attempt_of(run, retries) if is_told else ""


def _how_of(run: JobRun) -> tuple[str, str]:
    icon, word, note = trigger_words(run)
    if run.trigger == Trigger.SCHEDULE:
        return icon, _("schedule, retry") if note else word
    return icon, f"{word}, {run.requested_by}" if run.requested_by not in ("", FORCED_BY) else word


def _why_of(run: JobRun, head: str, now: datetime) -> tuple[str, str]:
    """The second line of a row, and its tone where that is not the one of the status."""
    if is_gone(run, now):
        return _("probably lost: no sign of life any more"), "warn"
    if is_overdue(run, now):
        return _("not delivered"), "warn"
    if run.status == Status.QUEUED and run.trigger in JobRun.IN_TURN and not run.sent:
        return _("waits for its turn"), ""
    if run.status == Status.RUNNING:
        progress = progress_of(run.progress_done, run.progress_total)
        if progress is not None:
            text = _("%(done)s of %(total)s, %(percent)d %%") % progress._asdict()
            return f"{text}: {run.progress_message}" if run.progress_message else text, ""
        if run.deadline_at is not None and run.deadline_at < now:
            return _("past its deadline"), "warn"
        return run.progress_message, ""
    line = first_line(head, LONGEST_LINE)
    if not line and run.status == Status.MISSED:
        return _("Nothing arrived from Google in time"), ""
    return line, ""
