"""What a cell holds, which cells a time has, and how a cell is made from its runs."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

from django.db.models import Q

from scheduled_jobs.domain.histogram import bucket_of
from scheduled_jobs.models import JobRun, ScheduledJob
from scheduled_jobs.models.runs import LATEST, SKEW
from scheduled_jobs.models.stats import Key, floor

Status = JobRun.Status

OUTCOMES = ("succeeded", "failed", "timed_out", "lost", "missed", "skipped", "discarded")
COUNTS = ("runs", *OUTCOMES, "delivered_twice")
LONGEST = ("longest", "longest_delay")
BUCKETS = ("durations", "delays")
COLUMNS = (*COUNTS, "seconds", *LONGEST, *BUCKETS)
BRANCHES = 100
"""Branches of one statement: SQLite takes 500."""


def ceiling(at: datetime, length: timedelta) -> datetime:
    """When the first cell begins that does not lie before a time."""
    return floor(at + length - timedelta(microseconds=1), length)


@lru_cache(maxsize=4096)
def app_of(task: str) -> str:
    """The app of a task by its dotted path: the package of its module ``tasks``."""
    names = task.split(".")[:-1]
    place = names.index("tasks") if "tasks" in names else 1
    return names[max(place - 1, 0)][:100] if names else ""


@dataclass(slots=True)
class Tally:
    """The figures of some runs, to be added up."""

    counts: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    longest: float = 0.0
    longest_delay: float = 0.0
    durations: Counter[int] = field(default_factory=Counter)
    delays: Counter[int] = field(default_factory=Counter)

    def count(self, run: Run) -> None:
        """Add a run."""
        self.counts["runs"] += 1
        if run.status in OUTCOMES:
            self.counts[run.status] += 1
        self.counts["delivered_twice"] += max(run.deliveries - 1, 0)
        if run.status == Status.SUCCEEDED and run.duration is not None:
            seconds = run.duration.total_seconds()
            self.seconds += seconds
            self.longest = max(self.longest, seconds)
            self.durations[bucket_of(seconds)] += 1
        if run.is_first and run.scheduled_for is not None and run.started_at is not None:
            delay = max((run.started_at - run.scheduled_for).total_seconds(), 0.0)
            self.longest_delay = max(self.longest_delay, delay)
            self.delays[bucket_of(delay)] += 1

    def add(self, values: Mapping[str, Any]) -> None:
        """Add the columns of a cell."""
        for name in COUNTS:
            if value := values[name]:  # most are none
                self.counts[name] += value
        self.seconds += values["seconds"]
        self.longest = max(self.longest, values["longest"])
        self.longest_delay = max(self.longest_delay, values["longest_delay"])
        for name in BUCKETS:
            buckets = getattr(self, name)
            for bucket, count in values.get(name, {}).items():
                buckets[int(bucket)] += count

    def values(self) -> dict[str, Any]:
        """The columns of a cell."""
        return {
            **{name: self.counts[name] for name in COUNTS},
            "seconds": self.seconds,
            "longest": self.longest,
            "longest_delay": self.longest_delay,
            "durations": {str(bucket): count for bucket, count in sorted(self.durations.items())},
            "delays": {str(bucket): count for bucket, count in sorted(self.delays.items())},
        }


class Run(NamedTuple):
    """What is read of a run to count it."""

    job: int
    scheduled_for: datetime | None
    created_at: datetime
    status: str
    deliveries: int
    started_at: datetime | None
    duration: timedelta | None
    trigger: str
    attempt: int

    @property
    def is_first(self) -> bool:
        """Whether it is the schedule's first attempt: only of that the delay is the server's."""
        return self.trigger == JobRun.Trigger.SCHEDULE and self.attempt == 1


READ = (
    "job_id", "scheduled_for", "created_at", "status", "deliveries", "started_at", "duration", "trigger",
    "attempt",
)  # fmt: skip


def count_runs(keys: Collection[Key]) -> dict[Key, Tally]:
    """Make these cells of jobs from their runs; in one query for up to fifty times."""
    found = {key: Tally() for key in keys}
    places = {(key.job, key.length, key.start): key for key in keys}
    lengths = {key.length for key in keys}
    for rows in _reads(keys):
        for row in rows:
            run = Run(*row)
            for length in lengths:
                start = floor(run.scheduled_for or run.created_at, length)
                key = places.get((run.job, length, start))
                if key is not None:
                    found[key].count(run)
    return found


def _reads(keys: Iterable[Key]) -> Iterator[Any]:
    """The runs of these cells, each once, as few sets as may be."""
    jobs = defaultdict(set)
    for key in keys:
        jobs[key.length, key.start].add(key.job)
    branches: list[Any] = []
    for (length, start), pks in sorted(jobs.items()):
        branches += _of_cell(pks, start, start + min(length, LATEST - start))
    for first in range(0, len(branches), BRANCHES):
        one, *others = branches[first : first + BRANCHES]
        # Django 6.1 gives what is put together the order of the model again.
        yield one.union(*others, all=True).order_by() if others else one


def _of_cell(pks: Collection[int], start: datetime, end: datetime) -> list[Any]:
    runs = JobRun.objects.filter(job__in=pks).order_by().values_list(*READ)
    # A run that was asked for starts then or later: any time later. Its index is that of the job and ``at``.
    return [
        runs.filter(scheduled_for__gte=start, scheduled_for__lt=end),
        runs.filter(scheduled_for=None, at__gte=start - SKEW, created_at__gte=start, created_at__lt=end),
    ]


Jobs = dict[int, "tuple[str, datetime | None]"]
"""Job -> its app, and until when its runs may be gone."""


def jobs_of(pks: Iterable[int]) -> Jobs:
    """What is told of these jobs, of those that are there."""
    rows = ScheduledJob.objects.filter(pk__in=list(pks)).order_by()
    return {pk: (app_of(task), until) for pk, task, until in rows.values_list("pk", "task", "pruned_until")}


def these(keys: Iterable[Key]) -> Q:
    """These cells."""
    alike = defaultdict(set)
    for key in keys:
        alike[key.app, key.length, key.start].add(key.job)
    condition = Q(pk__in=[])
    for (app, length, start), jobs in alike.items():
        condition |= Q(job__in=jobs, app=app, length=length, start=start)
    # Of the alternatives alone SQLite would read all cells of the one length that they have in common.
    apps, lengths, starts = zip(*alike, strict=True) if alike else ((), (), ())
    near = Q(app__in={*apps}, length__in={*lengths}, start__in={*starts})
    return near & Q(job__in={job for jobs in alike.values() for job in jobs}) & condition
