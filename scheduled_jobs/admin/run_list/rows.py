"""The rows of the run list as finished values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.db.models.functions import Left
from django.utils.translation import gettext as _

from scheduled_jobs.admin.words import (
    RUN_BADGES,
    Badge,
    JobName,
    attempt_of,
    first_line,
    is_gone,
    is_overdue,
    progress_of,
    times,
    trigger_words,
)
from scheduled_jobs.conf import settings
from scheduled_jobs.models import JobRun

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

Status = JobRun.Status

RUN_COLUMNS = (
    "pk", "job_id", "status", "trigger", "created_at", "scheduled_for", "attempt", "started_at",
    "finished_at", "duration", "progress_done", "progress_total", "requested_by", "lease_until",
    "deadline_at", "sent", "sent_at", "job__name", "job__task", "job__origin",
    "job__declared_time_zone", "job__time_zone_override", "job__declared_retry_count",
    "job__retry_count_override",
)  # fmt: skip
"""What the list reads; not payloads, results and tracebacks, which may be large."""
ERROR_HEAD = 400


@dataclass(frozen=True)
class RunRow:
    """One run in the list; ``delay`` is empty while it is less than the grace."""

    pk: int
    badge: Badge
    note: str
    name: str
    icon: str
    trigger: str
    by: str
    zone: str
    zone_label: str
    scheduled_for: datetime | None
    scheduled: str
    at: datetime
    is_queued: bool
    started: str
    ago: str
    delay: str
    duration: str
    attempt: str
    error: str


def run_rows(pks: Sequence[int], now: datetime) -> list[RunRow]:
    """The finished rows of these runs in their order, in one query; ``now`` is aware."""
    fields = [name.replace("pk", "id") if name == "pk" else name for name in RUN_COLUMNS]
    runs = JobRun.objects.filter(pk__in=pks).order_by()
    found = {
        values["id"]: values
        for values in runs.annotate(head=Left("error", ERROR_HEAD)).values("head", *fields)
    }
    return [_row(found[pk], now) for pk in pks if pk in found]


def _row(values: dict[str, Any], now: datetime) -> RunRow:
    job = {name[5:]: values.pop(name) for name in list(values) if name.startswith("job__")}
    head = values.pop("head")
    run = JobRun(**values)
    name = JobName.from_columns(job["origin"], job["task"], job["name"])
    zone = job["time_zone_override"] or job["declared_time_zone"]
    retries = (
        job["declared_retry_count"] if job["retry_count_override"] is None else job["retry_count_override"]
    )
    icon, word, _note = trigger_words(run)
    at = run.started_at or run.created_at
    late = run.late_by() or timedelta()
    return RunRow(
        pk=run.pk,
        badge=RUN_BADGES[run.status],
        note=_note_of(run, now),
        name=name.html,
        icon=icon,
        trigger=word,
        by=run.requested_by,
        zone=zone,
        zone_label=times.zone_label(zone),
        scheduled_for=run.scheduled_for,
        scheduled=times.clock(run.scheduled_for, zone, now) if run.scheduled_for else "",
        at=at,
        is_queued=run.status == Status.QUEUED,
        started=times.clock(at, zone, now) if run.started_at else "",
        ago=times.relative(at, now),
        delay=times.distance(late) if late > min(settings.MISSED_GRACE, timedelta(minutes=1)) else "",
        duration=times.duration(run.duration),
        attempt=attempt_of(run, retries),
        error=first_line(head, 160),
    )


def _note_of(run: JobRun, now: datetime) -> str:
    if is_gone(run, now):
        return _("probably lost")
    if is_overdue(run, now):
        return _("not delivered")
    progress = progress_of(run.progress_done, run.progress_total)
    if run.status == Status.RUNNING and progress is not None:
        return _("%(percent)d %%") % {"percent": progress.percent}
    if run.status == Status.RUNNING and run.deadline_at is not None and run.deadline_at < now:
        return _("past its deadline")
    return ""
