"""All of a job that decides what a delivery may do, as it was at one moment: one statement.

The job itself is read with it where it is not known yet. The rows of its slot, what is running and what was
asked for are read together: a second look might show a world that never was beside the first.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any

from scheduled_jobs.models import JobRun, ScheduledJob
from scheduled_jobs.models.writer import writer
from scheduled_jobs.services.execution import sql
from scheduled_jobs.services.execution.statements import Slot, Status

COLUMNS = sql.Columns(JobRun, (
    "id", "status", "trigger", "attempt", "scheduled_for", "active_slot", "settled_slot", "overlap_lock",
    "lease_until", "created_at", "sent", "sent_at",
))  # fmt: skip
NEEDED = {
    "id", "name", "task", "declared_payload", "payload_override", "declared_attempt_deadline",
    "attempt_deadline_override", "declared_retry_count", "retry_count_override", "declared_min_backoff",
    "min_backoff_override", "declared_max_retry_duration", "max_retry_duration_override", "paused",
    "pause_reason", "paused_until", "retired_at", "deleting_at", "sync_state", "edited_at",
    "failures_in_a_row", "failing_since",
}  # fmt: skip
OF_JOB = sql.Columns(ScheduledJob, tuple(name for name in sql.columns_of(ScheduledJob) if name in NEEDED))
"""What of a job a delivery needs; whoever asks for more has it read then."""
MOST_QUEUED = 3
"""Runs that were asked for, of those that a look shows: the oldest."""


@dataclass(frozen=True, slots=True)
class SeenRun:
    """A run as a look shows it: without its payload and its texts."""

    pk: int
    status: str
    trigger: str
    attempt: int
    scheduled_for: datetime | None
    active_slot: datetime | None
    settled_slot: datetime | None
    overlap_lock: int | None
    lease_until: datetime | None
    created_at: datetime
    sent: int
    sent_at: datetime | None

    def is_out(self, now: datetime) -> bool:
        """Whether its lease is out: its process has given no sign of life for as long as one lasts."""
        return self.lease_until is not None and self.lease_until < now


@dataclass(frozen=True, slots=True)
class Situation:
    """``slot`` is the slot that was asked about, ``running`` and ``queued`` of the job, the oldest first."""

    slot: Slot | None
    running: list[SeenRun] = field(default_factory=list)
    queued: list[SeenRun] = field(default_factory=list)
    has_given_up: bool = False
    """Whether an attempt at the slot was given up: it may yet end, and changes no attempt by that."""

    @property
    def holder(self) -> SeenRun | None:
        """The run that other runs of the job must not overlap."""
        return next((row for row in self.running if row.overlap_lock is not None), None)

    @property
    def is_whole(self) -> bool:
        """Whether ``queued`` is all that there is."""
        return len(self.queued) < MOST_QUEUED


def oldest_queued(job_id: int, *, sent_by: datetime | None = None) -> SeenRun | None:
    """The oldest run that was asked for and whose RunJob was sent, at ``sent_by`` at the latest."""
    queued = JobRun.objects.queued().of_jobs([job_id]).filter(sent__gt=0)
    if sent_by is not None:
        queued = queued.filter(sent_at__lte=sent_by)
    values = queued.values_list(*COLUMNS.names).first()
    return None if values is None else SeenRun(*values)


def situation_of(job_id: int, at: datetime | None) -> Situation:
    """What is known of a job, and of its slot ``at`` if it is about one."""
    using = writer()
    about_slot = [] if at is None else [job_id, *_as_parameter(at, using)]
    found = sql.fetch_rows(using, _text(using, is_about_slot=at is not None), [*about_slot, job_id, job_id])
    rows = {values[0]: SeenRun(*values) for values in COLUMNS.converted(found, using)}
    ordered = [rows[pk] for pk in sorted(rows)]
    attempts = [row for row in ordered if at is not None and row.scheduled_for == at]
    return Situation(
        slot=None if at is None else Slot.of(at, attempts),
        running=[row for row in ordered if row.status == Status.RUNNING],
        # One of the slot's own may be younger than others that are not shown.
        queued=[row for row in ordered if row.status == Status.QUEUED][:MOST_QUEUED],
        has_given_up=any(row.status in (Status.LOST, Status.TIMED_OUT) for row in attempts),
    )


def job_and_situation(
    task: str, name: str, at: datetime | None
) -> tuple[ScheduledJob | None, Situation | None]:
    """The job of a task by its id in Google, None if there is none, and what is known of it: one statement.

    ``at`` is the slot that is asked about, if any is. Of most deliveries nothing is known yet; where there is
    anything, it is None here, and read by ``situation_of``: to read it here would cost all the others more.
    """
    using = writer()
    about_slot = [] if at is None else _as_parameter(at, using)
    text = _text_of_job(using, is_about_slot=at is not None)
    for *values, is_any in sql.fetch_rows(using, text, [*about_slot, task, name]):
        [read] = OF_JOB.converted([values], using)
        job = sql.loaded(ScheduledJob, OF_JOB.names, read, using)
        ScheduledJob.tracker.initialize_tracker(ScheduledJob, job)
        # MySQL compares without regard to case.
        if (job.task, job.name) == (task, name):
            return job, None if is_any else Situation(None if at is None else Slot(at))
    return None, None


def _as_parameter(at: datetime, using: str) -> list[Any]:
    return sql.as_parameters(JobRun, {"scheduled_for": at}, using)


@cache
def _text(using: str, *, is_about_slot: bool) -> str:
    name = sql.quoted_names(JobRun, using)
    select = f"SELECT {COLUMNS.text(using)} FROM {name.table} WHERE"  # noqa: S608 – names of our own
    # Each by its own index, and never by that of the job, which leads to its whole history.
    running = f"{select} {name.status} = '{Status.RUNNING}' AND {name.job_id} + 0 = %s"
    queued = f"{select} {name.status} = '{Status.QUEUED}' AND {name.job_id} + 0 = %s"
    oldest = f"SELECT * FROM ({queued} ORDER BY {name.id} + 0 LIMIT {MOST_QUEUED}) AS queued"  # noqa: S608
    parts = [running, oldest]
    if is_about_slot:
        parts.insert(0, f"{select} {name.job_id} = %s AND {name.scheduled_for} = %s")
    return " UNION ALL ".join(parts)


@cache
def _text_of_job(using: str, *, is_about_slot: bool) -> str:
    job, run = sql.quoted_names(ScheduledJob, using), sql.quoted_names(JobRun, using)
    job_id = f"{job.table}.{job.id}"
    is_open = f"{run.status} IN ('{Status.RUNNING}', '{Status.QUEUED}') AND {run.job_id} + 0 = {job_id}"
    asked = [f"{run.job_id} = {job_id} AND {run.scheduled_for} = %s"] if is_about_slot else []
    is_any = " OR ".join(f"EXISTS (SELECT 1 FROM {run.table} WHERE {where})" for where in [*asked, is_open])  # noqa: S608
    which = f"FROM {job.table} WHERE {job.task} = %s AND {job.name} = %s"
    return f"SELECT {OF_JOB.text(using)}, {is_any} {which}"
