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
from scheduled_jobs.services.execution import sql
from scheduled_jobs.services.execution.statements import Slot, Status, database, runs

COLUMNS = sql.Columns(JobRun, (
    "id", "status", "trigger", "attempt", "scheduled_for", "active_slot", "settled_slot", "overlap_lock",
    "lease_until", "created_at", "sent", "sent_at",
))  # fmt: skip
NEEDED = {
    "id", "name", "task", "declared_payload", "payload_override", "declared_attempt_deadline",
    "attempt_deadline_override", "declared_retry_count", "retry_count_override", "declared_min_backoff",
    "min_backoff_override", "declared_max_retry_duration", "max_retry_duration_override", "paused",
    "pause_reason", "paused_until", "retired_at", "deleting_at", "sync_state", "edited_at",
    "failures_in_a_row", "last_status",
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
    queued = runs().queued().of_jobs([job_id]).filter(sent__gt=0)
    if sent_by is not None:
        queued = queued.filter(sent_at__lte=sent_by)
    values = queued.values_list(*COLUMNS.names).first()
    return None if values is None else SeenRun(*values)


def situation_of(job_id: int, at: datetime | None) -> Situation:
    """What is known of a job, and of its slot ``at`` if it is about one."""
    using = database()
    about_slot = [] if at is None else [job_id, *_as_parameter(at, using)]
    text = _text(using, is_about_slot=at is not None)
    return _made_of(sql.fetch_rows(using, text, [*about_slot, job_id, job_id]), at, using)


def job_and_situation(task: str, name: str, at: datetime | None) -> tuple[ScheduledJob | None, Situation]:
    """The job of a task by its id in Google, None if there is none, and what is known of it: one statement.

    ``at`` is the slot that is asked about, if any is.
    """
    using = database()
    who = [task, name]
    about_slot = [] if at is None else [*who, *_as_parameter(at, using)]
    text = _text_with_job(using, is_about_slot=at is not None)
    rows = sql.fetch_rows(using, text, [*who, *about_slot, *who, *who])
    width = len(OF_JOB.names)
    seen = _made_of([row[width:] for row in rows if row[0] is None], at, using)
    for values in OF_JOB.converted([row[:width] for row in rows if row[0] is not None], using):
        job = sql.loaded(ScheduledJob, OF_JOB.names, values, using)
        ScheduledJob.tracker.initialize_tracker(ScheduledJob, job)
        # MySQL compares without regard to case.
        if (job.task, job.name) == (task, name):
            return job, seen
    return None, seen


def _as_parameter(at: datetime, using: str) -> list[Any]:
    return sql.as_parameters(JobRun, {"scheduled_for": at}, using)


def _made_of(found: list[tuple[Any, ...]], at: datetime | None, using: str) -> Situation:
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


@cache
def _text(using: str, *, is_about_slot: bool) -> str:
    return _parts(using, "%s", "", is_about_slot=is_about_slot)


@cache
def _text_with_job(using: str, *, is_about_slot: bool) -> str:
    name = sql.quoted_names(ScheduledJob, using)
    of_job = f"FROM {name.table} WHERE {name.task} = %s AND {name.name} = %s"
    read = f"SELECT {OF_JOB.text(using)}, {COLUMNS.nothing} {of_job}"
    job_id = f"(SELECT {name.id} {of_job})"
    return f"{read} UNION ALL {_parts(using, job_id, f'{OF_JOB.nothing}, ', is_about_slot=is_about_slot)}"


def _parts(using: str, job_id: str, before: str, *, is_about_slot: bool) -> str:
    """What is read of the runs; ``before`` stands before their columns."""
    name = sql.quoted_names(JobRun, using)
    read = f"{COLUMNS.text(using)} FROM {name.table} WHERE"
    # Each by its own index, and never by that of the job, which leads to its whole history.
    running = f"SELECT {before}{read} {name.status} = '{Status.RUNNING}' AND {name.job_id} + 0 = {job_id}"
    queued = f"SELECT {read} {name.status} = '{Status.QUEUED}' AND {name.job_id} + 0 = {job_id}"
    oldest = f"({queued} ORDER BY {name.id} + 0 LIMIT {MOST_QUEUED})"
    parts = [running, f"SELECT {before}queued.* FROM {oldest} AS queued"]  # noqa: S608
    if is_about_slot:
        of_slot = f"SELECT {before}{read} {name.job_id} = {job_id} AND {name.scheduled_for} = %s"
        parts.insert(0, of_slot)
    return " UNION ALL ".join(parts)
