"""What needs somebody's attention now: one matter for each cause, the worst first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from itertools import starmap
from typing import Any, NamedTuple

from django.db import transaction
from django.db.models import BooleanField, ExpressionWrapper, Max, Q, QuerySet
from django.db.models.functions import Left

from scheduled_jobs.models import JobRun, ScheduledJob
from scheduled_jobs.models.changes import label_of
from scheduled_jobs.models.in_force import seen_differences
from scheduled_jobs.services.history.health import PLACE, Health, health, paused, unsettled
from scheduled_jobs.services.history.last_attempts import IN_LIVE, READ, Told, told_by

Status = JobRun.Status
SyncState = ScheduledJob.SyncState

SINGLE = 3
"""Jobs that each have an error of their own and are told one by one; more of them are one line."""
MOST_RUNS = 200
"""Lost runs, and missed ones, that are read."""
MOST_MARKED = 5_000
AT_ONCE = 500
ERROR = 500
"""Characters of an error that are read."""
COMPARED = 2
"""Jobs of which it is told what differs."""


class Kind(StrEnum):
    """What is the matter, the worst first."""

    FAILING = "failing"
    LOST = "lost"
    MISSED = "missed"
    UNREACHABLE = "unreachable"
    NO_RUN_HERE = "no_run_here"
    STOPPED = "stopped"
    LATE = "late"
    NOT_SENT = "not_sent"
    DIFFERS = "differs"
    FAILING_PAUSED = "failing_paused"
    """Somebody has decided that it can wait."""


class JobNow(NamedTuple):
    """How a job is; ``is_held`` is whether it is paused now."""

    pk: int
    name: str
    task: str
    origin: str
    sync_state: str
    failures_in_a_row: int
    failing_since: datetime | None
    last_failure_id: int | None
    health: Health
    is_held: bool


READ_OF_JOB = JobNow._fields[: JobNow._fields.index("health")]


class Failure(NamedTuple):
    """The last failed run of a job."""

    pk: int
    status: str
    at: datetime
    error_key: str
    error: str
    acknowledged_at: datetime | None


class Trouble(NamedTuple):
    """A run that was lost, or missed; the last two are told of one that is so alone."""

    pk: int
    job_id: int
    at: datetime
    scheduled_for: datetime | None = None
    started_at: datetime | None = None


READ_OF_MANY = Trouble._fields[:3]


@dataclass(frozen=True)
class Matter:
    """One cause. ``key`` is that by which it can be dealt with; empty where that says nothing.

    ``failure`` is that of the first job, ``runs`` the newest first. ``details`` has what else is to be told
    of some of the jobs: columns of their row, what differs in Google, or what its last attempt met.
    """

    kind: Kind
    jobs: Sequence[JobNow]
    key: str = ""
    failure: Failure | None = None
    runs: Sequence[Trouble] = ()
    is_mixed: bool = False
    details: dict[int, Any] = field(default_factory=dict)

    @property
    def is_joined(self) -> bool:
        """Whether several jobs have the same error."""
        return self.kind == Kind.FAILING and len(self.jobs) > 1 and not self.is_mixed


def jobs_now(jobs: QuerySet[ScheduledJob], now: datetime) -> list[JobNow]:
    """Those of these jobs that ought to run, the most urgent first, in one query."""
    rows = (
        jobs.filter(retired_at=None, deleting_at=None)
        .order_by()
        .annotate(_health=health(now), _held=ExpressionWrapper(paused(now), output_field=BooleanField()))
        .values_list(*READ_OF_JOB, "_health", "_held")
    )
    found = (JobNow._make((*row[:-2], Health(row[-2]), bool(row[-1]))) for row in rows)
    return sorted(found, key=_urgency)


def last_failure_of(jobs: Sequence[JobNow]) -> datetime | None:
    """When one of these jobs failed last; of each it would be read in vain while something is wrong."""
    rows = ScheduledJob.objects.filter(pk__in=[job.pk for job in jobs])
    at: datetime | None = rows.aggregate(at=Max("last_failure_at"))["at"]
    return at


def _urgency(job: JobNow) -> tuple[int, bool, int, str, str]:
    place = PLACE[job.health]
    if place >= PLACE[Health.RUNNING] and job.sync_state in (SyncState.FAILED, SyncState.DRIFTED):
        place = PLACE[Health.LATE]
    return place, job.is_held, -job.failures_in_a_row, job.task, job.name


def matters(jobs: Sequence[JobNow], now: datetime) -> list[Matter]:
    """What needs attention, of these jobs; at most eight queries, each where there is something to ask."""
    of = {job.pk: job for job in jobs}
    failing = [job for job in jobs if job.health == Health.FAILING]
    failures = _failures(failing)
    found = [
        *_failing([job for job in failing if not job.is_held], failures),
        *_gone(of, failing, failures, now),
        *_at_google(jobs),
        *_differing(Kind.STOPPED, [job for job in jobs if _is_stopped(job)]),
        *_each(Kind.LATE, [job for job in jobs if job.health == Health.LATE]),
        *_each(
            Kind.NOT_SENT,
            [job for job in jobs if job.sync_state == SyncState.FAILED],
            "sync_error", "synced_at", "edited_at",
        ),
        *_differing(
            Kind.DIFFERS,
            [job for job in jobs if job.sync_state == SyncState.DRIFTED and job.health != Health.STOPPED],
        ),
    ]  # fmt: skip
    held = [job for job in failing if job.is_held and not _is_dealt_with(job, failures)]
    columns = ("pause_reason", "paused_by", "paused_at", "paused_until")
    for some in [held] if len(held) > SINGLE else [[job] for job in held]:
        for matter in _each(Kind.FAILING_PAUSED, some, *columns):
            failure = failures.get(some[0].pk)
            found.append(_with(matter, failure, is_mixed=len(some) > 1))
    return found


def _with(matter: Matter, failure: Failure | None, *, is_mixed: bool) -> Matter:
    key = failure.error_key if failure and not is_mixed else ""
    return Matter(matter.kind, matter.jobs, key, failure, is_mixed=is_mixed, details=matter.details)


# --- What fails -------------------------------------------------------------------------------------


def _failures(failing: Sequence[JobNow]) -> dict[int, Failure]:
    pks = {job.last_failure_id: job.pk for job in failing if job.last_failure_id is not None}
    rows = (
        JobRun.objects.filter(pk__in=pks)
        .order_by()
        .values_list("pk", "status", "at", "error_key", Left("error", ERROR), "acknowledged_at")
    )
    return {pks[row[0]]: Failure(*row) for row in rows} if pks else {}


def _is_dealt_with(job: JobNow, failures: dict[int, Failure]) -> bool:
    return job.pk in failures and failures[job.pk].acknowledged_at is not None


def _failing(failing: Sequence[JobNow], failures: dict[int, Failure]) -> list[Matter]:
    alike: dict[Any, list[JobNow]] = defaultdict(list)
    for job in failing:
        if not _is_dealt_with(job, failures):
            failure = failures.get(job.pk)
            alike[failure.error_key if failure and failure.error_key else job.pk].append(job)
    groups = sorted(alike.items(), key=lambda group: (-len(group[1]), -group[1][0].failures_in_a_row))
    single = [some[0] for _key, some in groups if len(some) == 1]
    is_mixed = len(single) > SINGLE
    found = [
        Matter(Kind.FAILING, some, key if isinstance(key, str) else "", failures.get(some[0].pk))
        for key, some in groups
        if len(some) > 1 or not is_mixed
    ]
    if is_mixed:
        found.append(Matter(Kind.FAILING, single, "", failures.get(single[0].pk), is_mixed=True))
    return found


def _gone(
    of: dict[int, JobNow], failing: Sequence[JobNow], failures: dict[int, Failure], now: datetime
) -> list[Matter]:
    """Runs that were lost, and runs that were missed; not those of a job that fails by losing its runs."""
    losing = {job.pk for job in failing if job.pk in failures and failures[job.pk].status == Status.LOST}
    found: list[Matter] = []
    # Whoever had one is told by it, or fails.
    if not {job.health for job in of.values()} & {Health.FAILING, Health.LOST, Health.MISSED}:
        return found
    for kind, status, others in ((Kind.LOST, Status.LOST, losing), (Kind.MISSED, Status.MISSED, ())):
        # Each by itself: of both SQLite, once it has statistics, would read all runs of a day by their time.
        # In the order of the index alone: with another the database finds all of them before it sorts them.
        rows = unsettled(now, status).order_by("-at").values_list(*READ_OF_MANY)[:MOST_RUNS]
        some = [run for run in starmap(Trouble, rows) if run.job_id in of and run.job_id not in others]
        if some:
            concerned = {run.job_id for run in some}
            jobs = [job for pk, job in of.items() if pk in concerned]
            details = {}
            if len(some) == 1:
                rows = JobRun.objects.filter(pk=some[0].pk).values_list(*Trouble._fields)
                some, details = [*starmap(Trouble, rows)] or some, _details(jobs, "last_run_at")
            found.append(Matter(kind, jobs, status, runs=some, details=details))
    return found


# --- What Google has, and does ----------------------------------------------------------------------


def _each(kind: Kind, jobs: Sequence[JobNow], *columns: str) -> list[Matter]:
    return [Matter(kind, jobs, details=_details(jobs, *columns) if columns else {})] if jobs else []


def _details(jobs: Sequence[JobNow], *columns: str) -> dict[int, dict[str, Any]]:
    rows = ScheduledJob.objects.filter(pk__in=[jobs[0].pk]).values("pk", *columns)
    return {row.pop("pk"): row for row in rows}


def _at_google(jobs: Sequence[JobNow]) -> list[Matter]:
    """Jobs of whose last attempt at Google nothing arrived, by what it met there."""
    unserved = {job.pk: job for job in jobs if job.health in (Health.UNREACHABLE, Health.NO_RUN_HERE)}
    if not unserved:
        return []
    rows = ScheduledJob.objects.filter(pk__in=unserved).order_by().annotate(**IN_LIVE)
    told: dict[int, Told] = {}
    for row in rows.values("pk", *READ, *IN_LIVE):
        if found := told_by(row, is_running=False):
            told[row["pk"]] = found
    causes: dict[tuple[Health, int | None], list[JobNow]] = defaultdict(list)
    for pk, job in unserved.items():
        causes[job.health, told[pk].code if pk in told else None].append(job)
    return [
        Matter(Kind(state), some, details={job.pk: told[job.pk] for job in some[:1] if job.pk in told})
        for (state, _code), some in sorted(causes.items(), key=lambda cause: -len(cause[1]))
    ]


def _is_stopped(job: JobNow) -> bool:
    # What could not be sent may be that it goes on: that is the cause, and told as one.
    return job.health == Health.STOPPED and job.sync_state != SyncState.FAILED


def _differing(kind: Kind, jobs: Sequence[JobNow]) -> list[Matter]:
    if not jobs:
        return []
    rows = ScheduledJob.objects.filter(pk__in=[job.pk for job in jobs[:COMPARED]]).defer("sync_error")
    return [Matter(kind, jobs, details={row.pk: seen_differences(row) for row in rows})]


# --- Dealing with it --------------------------------------------------------------------------------


def deal_with(key: str, seen_at: datetime, by: Any, *, at: datetime) -> int:
    """Mark the runs of this key that had ended by ``seen_at`` as dealt with at ``at``; returns how many.

    The matter is off the list until a newer run has its key; nothing else is changed. ``by`` is a user or a
    name, times are aware. The newest ``MOST_MARKED`` are marked: no page looks at older ones.
    """
    ended = Q(finished_at=None) | Q(finished_at__lte=seen_at)
    return _mark(_alike(key).filter(ended, at__lte=seen_at, acknowledged_at=None), at, label_of(by))


def take_back(key: str, marked_at: datetime) -> int:
    """Undo what ``deal_with`` did to the runs of this key at ``marked_at``; returns how many."""
    return _mark(_alike(key).filter(at__lte=marked_at, acknowledged_at=marked_at), None, "")


def _alike(key: str) -> QuerySet[JobRun]:
    # What was lost or missed is one matter, whatever it was about.
    alike = Q(status=key) if key in (Status.LOST, Status.MISSED) else Q(error_key=key)
    return JobRun.objects.filter(alike)


def _mark(runs: QuerySet[JobRun], at: datetime | None, by: str) -> int:
    pks = list(runs.order_by("-at").values_list("pk", flat=True)[:MOST_MARKED])
    # By their keys: SQLite without statistics would look all runs of the cause through for each chunk.
    same = JobRun.objects.using(runs.db).filter(acknowledged_at__isnull=at is not None)
    marked = 0
    for chunk in _chunks(pks):
        with transaction.atomic(using=runs.db):
            marked += same.filter(pk__in=chunk).update(acknowledged_at=at, acknowledged_by=by)
    return marked


def deal_with_run(run: JobRun, by: Any, *, at: datetime) -> bool:
    """Mark one run as dealt with; returns whether nobody had done so before."""
    return bool(_mark(_this(run).filter(acknowledged_at=None), at, label_of(by)))


def take_back_run(run: JobRun) -> bool:
    """Undo that one run was dealt with; returns whether it was."""
    return bool(_mark(_this(run).exclude(acknowledged_at=None), None, ""))


def _this(run: JobRun) -> QuerySet[JobRun]:
    return JobRun.objects.filter(pk=run.pk)


def _chunks(pks: Sequence[int]) -> Iterable[Sequence[int]]:
    return (pks[first : first + AT_ONCE] for first in range(0, len(pks), AT_ONCE))
