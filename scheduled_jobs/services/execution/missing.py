"""The rows of runs that did not come, and what they say on their jobs.

They are written with the mark up to which their job is watched, in one transaction: whoever is killed in
between leaves neither, and of two who watch at once one finds the mark moved.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Q

from scheduled_jobs import signals
from scheduled_jobs.domain.attempts import code_meaning
from scheduled_jobs.domain.missed import FailedAttempt
from scheduled_jobs.models import JobRun, ScheduledJob
from scheduled_jobs.models.last_run import note_not_come
from scheduled_jobs.models.writer import writer
from scheduled_jobs.models.writing import persistent
from scheduled_jobs.services import alerts
from scheduled_jobs.services.execution.telling import send

Status = JobRun.Status
UNREACHABLE, GOOGLE_BUSY = "unreachable", "google-busy"
BUSY = "Google fires no run while an earlier one of the job is going on, or is being tried again"
AT_ONCE = 200
"""Jobs whose rows are written in one transaction."""


@dataclass(frozen=True, slots=True)
class Missed:
    """A scheduled time that nothing came for, or ``count`` of them, from ``since`` on."""

    slot: datetime
    attempt: FailedAttempt | None = None
    """Google's own attempt at it, which failed."""
    count: int = 1
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Judged:
    """What is found out of one job: nothing is owed before ``until``, but for these."""

    job: int
    since: datetime | None
    """Up to where it had been watched when it was looked at."""
    until: datetime | None
    missed: Sequence[Missed] = ()
    busy: Sequence[datetime] = field(default=())


def write_missed(found: Sequence[Judged], now: datetime) -> list[JobRun]:
    """Write what was found out, and tell the signals; returns the missed runs that this call has written.

    A delivery that comes at this very moment has its row first, or takes this one over: there is one row by
    UNIQUE(job, scheduled_for, attempt).
    """
    in_order = sorted(found, key=lambda judged: judged.job)
    runs: list[JobRun] = []
    for start in range(0, len(in_order), AT_ONCE):
        runs += _write(in_order[start : start + AT_ONCE], now)
    return runs


def move_marks(found: Sequence[Judged]) -> None:
    """Move the marks of jobs of which nothing is to be written but that."""
    by_mark: dict[datetime, list[int]] = {}
    for judged in found:
        if judged.until is not None:
            by_mark.setdefault(judged.until, []).append(judged.job)
    for until, pks in by_mark.items():
        older = Q(watched_until=None) | Q(watched_until__lt=until)
        for some in ScheduledJob.objects.in_batches(sorted(pks)):
            some.filter(older).update(watched_until=until)


@persistent
def _write(found: Sequence[Judged], now: datetime) -> list[JobRun]:
    with transaction.atomic(using=writer()):
        jobs = ScheduledJob.objects
        # Of two who watch at once the second waits here, and then finds the mark moved. A write first: SQLite
        # lets no transaction write that has read while another wrote.
        ours = [
            one
            for one in found
            if jobs.filter(pk=one.job, watched_until=one.since).update(watched_until=one.until)
        ]
        rows = [_row(one.job, missed, now) for one in ours for missed in one.missed]
        rows += [_busy_row(one.job, slot, now) for one in ours for slot in one.busy]
        if not rows:
            return []
        JobRun.objects.bulk_create(rows, ignore_conflicts=True)
        first = min(row.scheduled_for for row in rows if row.scheduled_for is not None)
        written = JobRun.objects.filter(
            job__in=[one.job for one in ours], at__gte=first, status=Status.MISSED, created_at=now
        )
        wanted = {(row.job_id, row.scheduled_for) for row in rows}
        runs = [run for run in written.order_by("at", "pk") if (run.job_id, run.scheduled_for) in wanted]
        for run in {run.job_id: run for run in runs}.values():
            note_not_come(run)
        alerts.owe_missed(runs)
        for run in runs:
            send(signals.run_missed, run)
    return runs


def _row(job: int, missed: Missed, now: datetime) -> JobRun:
    told: dict[str, Any] = {"reason": UNREACHABLE if missed.attempt else ""}
    if missed.attempt is not None:
        told |= {"attempt_at": missed.attempt.at.isoformat(), "code": missed.attempt.code}
    if missed.since is not None:
        told |= {"slots": missed.count, "since": missed.since.isoformat()}
    return JobRun(
        job_id=job,
        status=Status.MISSED,
        trigger=JobRun.Trigger.SCHEDULE,
        scheduled_for=missed.slot,
        created_at=now,
        error=_sentence(missed, now),
        error_key=UNREACHABLE if missed.attempt else Status.MISSED,
        context={"missed": told},
    )


def _busy_row(job: int, slot: datetime, now: datetime) -> JobRun:
    """It settles nothing: a delivery that comes after all is the slot's next attempt."""
    return JobRun(
        job_id=job,
        status=Status.SKIPPED,
        trigger=JobRun.Trigger.SCHEDULE,
        scheduled_for=slot,
        created_at=now,
        finished_at=now,
        error=BUSY,
        error_key=GOOGLE_BUSY,
    )


def _sentence(missed: Missed, now: datetime) -> str:
    if missed.since is not None:
        return (
            f"{missed.count:,} scheduled times from {missed.since:%Y-%m-%d %H:%M} to "
            f"{missed.slot:%Y-%m-%d %H:%M} UTC have passed, and nothing arrived for them."
        )
    by = f"{now:%H:%M}" if now.date() == missed.slot.date() else f"{now:%Y-%m-%d %H:%M}"
    text = f"Due at {missed.slot:%Y-%m-%d %H:%M} UTC, and nothing had arrived by {by}."
    if missed.attempt is None:
        return text
    meaning = code_meaning(missed.attempt.code)
    return (
        f"{text} Google's attempt at {missed.attempt.at:%Y-%m-%d %H:%M:%S} UTC {meaning.told} "
        f"({meaning.name})."
    )
