"""Which cells tell a span, and how they are read: with what the runs say now where they are out of date."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db.models import DateTimeField, F, Field, Func, Q, Sum, Value
from django.utils import timezone

from scheduled_jobs.models import JobRun, RunStats
from scheduled_jobs.models.leases import Lease
from scheduled_jobs.models.stats import (
    DAY,
    FOLDED,
    LENGTHS,
    TEN_MINUTES,
    Key,
    cell_of,
    finest,
    floor,
    is_frozen,
)
from scheduled_jobs.services.history.stats.cells import (
    BUCKETS,
    COUNTS,
    LONGEST,
    Tally,
    ceiling,
    count_runs,
    jobs_of,
    these,
)

MOST = 500
"""Runs that are not folded yet, and cells of which runs were deleted, that a page looks at."""
ALL = Q()
SUMMED = frozenset((*COUNTS, "seconds"))
"""Columns that a database can add up."""


@dataclass(frozen=True)
class Unfolded:
    """What is true now of cells that are out of date. Read once, it serves all that a page tells."""

    cells: Mapping[Key, tuple[str, Tally]]
    """A job's cell -> its app, and its figures."""
    gone: Collection[int] = ()
    """Jobs that are no more, and whose cells are still there."""
    as_of: datetime | None = None
    """Of what time the figures are, where more has happened since than a page looks at; else None: of now."""

    @classmethod
    def read(cls, job_ids: Collection[int] | None = None) -> Unfolded:
        """The cells of all jobs, or of these, of which runs were written or deleted since they were made."""
        now = timezone.now()
        runs = JobRun.objects.filter(unfolded__gte=1).order_by()
        of_runs = runs.values_list("job_id", "scheduled_for", "created_at")
        stale = RunStats.objects.filter(stale__gte=1).order_by()
        of_stale = stale.values_list("job", "start", Value(None, DateTimeField()))
        rows: list[Any] = list(of_runs.union(of_stale, all=True).order_by()[: MOST + 1])
        if len(rows) > MOST or not all(job for job, *_times in rows):  # some, or sums of them
            return cls({}, as_of=_folded_until())
        # Of these jobs here: a database would take the index that leads to their whole history.
        keys = {
            cell_of(job, slot, created or slot, now)
            for job, slot, created in rows
            if job_ids is None or job in job_ids
        }
        jobs = jobs_of({key.job for key in keys}) if keys else {}
        there = [key for key in keys if key.job in jobs and not is_frozen(key, jobs[key.job][1])]
        tallies = count_runs(there) if there else {}
        cells = {key: (jobs[key.job][0], tally) for key, tally in tallies.items()}
        return cls(cells, gone={key.job for key in keys} - jobs.keys())


def _folded_until() -> datetime | None:
    """When all runs were last in the figures; where they never were, when the first one was."""
    folded = Lease.objects.filter(name=FOLDED).values_list("until", flat=True)
    return folded.first() or JobRun.objects.order_by("at").values_list("at", flat=True).first()


class Scope(NamedTuple):
    """Whose cells, and the column by which they are told apart, if they are."""

    cells: Q
    column: str = ""
    jobs: Collection[int] | None = None

    @classmethod
    def of_one(cls, job_id: int | None) -> Scope:
        return cls(Q(job=0, app="")) if job_id is None else cls.of_jobs([job_id])

    @classmethod
    def of_jobs(cls, job_ids: Collection[int] | None = None) -> Scope:
        cells = Q(job__gt=0) if job_ids is None else Q(job__in=job_ids)
        return cls(cells & Q(app=""), "job", job_ids)

    @classmethod
    def of_apps(cls, apps: Collection[str] | None) -> Scope:
        # By their names an index leads to their cells alone, past those of all jobs at the same times.
        return cls(Q(job=0) & (Q(app__gt="") if apps is None else Q(app__in=apps)), "app")

    @property
    def of_cells(self) -> Any:
        """For whom one of these cells counts."""
        return F(self.column) if self.column else Value(0, Field())

    @property
    def of_parts(self) -> Any:
        """For whom the cell of a job counts."""
        return F("of_app") if self.column == "app" else self.of_cells

    def of(self, job: int, app: str) -> int | str:
        """The same of a job and its app."""
        if not self.column:
            return 0
        return app if self.column == "app" else job


class CellSpan:
    """The cells of a span, from the longest that fit into it and its steps."""

    def __init__(
        self,
        start: datetime,
        end: datetime,
        step: timedelta | None = None,
        *,
        least: timedelta = TEN_MINUTES,
    ) -> None:
        self.now = timezone.now()
        self.start = floor(start, max(least, finest(start, self.now)))
        self.end = ceiling(end, max(least, finest(end, self.now)))
        if self.end > self.now:  # nothing is kept of times to come
            self.end = ceiling(self.end, DAY)
        self.step = step
        self.origin = floor(start, TEN_MINUTES)
        lengths = [length for length in LENGTHS if self._fits(length)]
        self.ranges: list[tuple[timedelta, datetime, datetime]] = []
        at = self.start
        while at < self.end:
            length = self._longest(at, lengths)
            begin = self.ranges.pop()[1] if self.ranges and self.ranges[-1][0] == length else at
            # No later time has longer ones.
            is_longest = length == lengths[0] >= finest(at, self.now)
            at += (self.end - at) // length * length if is_longest else length
            self.ranges.append((length, begin, at))

    def _fits(self, length: timedelta) -> bool:
        if self.step is None or length == TEN_MINUTES:
            return True
        return not self.step % length and floor(self.origin, length) == self.origin

    def _longest(self, at: datetime, lengths: list[timedelta]) -> timedelta:
        # Shorter ones than the finest of a time are still there where its end cuts one in two.
        usable = [length for length in LENGTHS if length in lengths or length <= finest(at, self.now)]
        fitting = (n for n in usable if floor(at, n) == at and at + n <= self.end)
        return next(fitting, TEN_MINUTES)

    def condition(self) -> Q:
        """The cells of the span."""
        condition = Q()
        for length, start, end in self.ranges:
            condition |= Q(length=length, start__gte=start, start__lt=end)
        return condition

    def step_of(self, column: str) -> Any:
        """The number of the step that the time in a column belongs to; up to 0 for the first."""
        return Value(0, Field()) if self.step is None else _Step(column, self.origin, self.step)

    def number(self, at: datetime) -> int:
        """The number of the step that a time belongs to."""
        return 0 if self.step is None else max((at - self.origin) // self.step, 0)

    def begin(self, number: int) -> datetime:
        """When a step begins."""
        return self.start if self.step is None else self.origin + number * self.step


class _Step(Func):
    """The number of the step after ``origin`` in which a time lies; not above 0 where it lies before."""

    output_field = Field()
    template = "((CAST(strftime('%%%%s', %(expressions)s) AS INTEGER) - %(origin)d) / %(step)d)"

    def __init__(self, column: str, origin: datetime, step: timedelta) -> None:
        super().__init__(F(column), origin=int(origin.timestamp()), step=int(step.total_seconds()))

    def as_postgresql(self, compiler: Any, connection: Any, **options: Any) -> Any:
        template = "((EXTRACT(EPOCH FROM %(expressions)s)::bigint - %(origin)d) / %(step)d)"
        return super().as_sql(compiler, connection, template=template, **options)

    def as_mysql(self, compiler: Any, connection: Any, **options: Any) -> Any:
        template = "((TIMESTAMPDIFF(SECOND, '1970-01-01', %(expressions)s) - %(origin)d) DIV %(step)d)"
        return super().as_sql(compiler, connection, template=template, **options)


# --- Reading ---------------------------------------------------------------------------------------


class _Sum(Sum):
    """A sum as the database gives it: what Django would make of each costs more than to add them up."""

    def __init__(self, column: str) -> None:
        super().__init__(column, output_field=Field())

    def as_mysql(self, compiler: Any, connection: Any, **options: Any) -> Any:
        return super().as_sql(
            compiler, connection, template="CAST(SUM(%(expressions)s) AS SIGNED)", **options
        )


Found = dict[Any, dict[int, "Sequence[Any]"]]
"""For whom -> the number of a step -> the values of some columns."""


def read_cells(
    span: CellSpan, scope: Scope, unfolded: Unfolded, columns: Sequence[str], where: Q = ALL
) -> Found:
    """Read these columns, in one statement; ``where`` leaves out cells of zeros."""
    now = {
        key: cell
        for key, cell in unfolded.cells.items()
        if span.start <= key.start < span.end and (scope.jobs is None or key.job in scope.jobs)
    }
    places = {"_of": scope.of_cells, "_step": span.step_of("start"), "_sign": Value(1, Field())}
    rows: Any = RunStats.objects.filter(scope.cells, span.condition(), where).order_by()
    if any(length != span.step for length, _start, _end in span.ranges) and SUMMED.issuperset(columns):
        sums = {f"_{name}": Sum(name) if name == "seconds" else _Sum(name) for name in columns}
        rows = rows.values(**places).annotate(**sums).values_list(*places, *sums)
    else:
        rows = rows.annotate(**places).values_list(*places, *columns)
    outdated = [these(now)] if now else []
    if unfolded.gone and scope.jobs is None:
        outdated.append(Q(span.condition(), job__in=unfolded.gone))
    if outdated:
        # In the same statement: were they folded meanwhile, both have what they are now.
        places |= {"_of": scope.of_parts, "_sign": Value(-1, Field())}
        parts = (RunStats.objects.filter(cells).order_by().annotate(**places) for cells in outdated)
        rows = rows.union(*(part.values_list(*places, *columns) for part in parts), all=True).order_by()
    found: Found = defaultdict(dict)
    for of, number, sign, *values in rows if span.ranges else ():
        steps, step = found[of], max(number, 0)
        is_new = sign > 0 and step not in steps
        steps[step] = values if is_new else _plus(columns, steps.get(step), values, sign)
    for key, (app, tally) in now.items():
        steps, step = found[scope.of(key.job, app)], span.number(key.start)
        told = tally.values()
        steps[step] = _plus(columns, steps.get(step), [told[name] for name in columns], 1)
    return found


def _plus(columns: Sequence[str], one: Sequence[Any] | None, other: Sequence[Any], sign: int) -> list[Any]:
    """Two rows of columns together, or the one without the other."""
    together = []
    for name, a, b in zip(
        columns, one or [{} if name in BUCKETS else 0 for name in columns], other, strict=True
    ):
        if name in BUCKETS:
            for bucket, count in b.items():
                a[bucket] = a.get(bucket, 0) + sign * count
            together.append(a)
        else:
            together.append(max(a, b) if name in LONGEST else a + sign * b)
    return together
