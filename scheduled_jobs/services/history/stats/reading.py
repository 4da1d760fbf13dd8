"""Which cells tell a span, and how they are read: with what the runs say now where they are out of date."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db import connections
from django.db.models import DateTimeField, Value
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
from scheduled_jobs.models.writer import writer
from scheduled_jobs.services.history.stats.cells import (
    BUCKETS,
    LONGEST,
    Tally,
    ceiling,
    count_runs,
    jobs_of,
)

MOST = 500
"""Runs that are not folded yet, and cells of which runs were deleted, that a page looks at."""
UNSUMMED = frozenset((*BUCKETS, *LONGEST))
"""Columns that no database adds up."""


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
    """Whose cells, as a condition on job and app, and the column that tells them apart, if any does."""

    cells: str
    params: Sequence[Any] = ()
    column: str = ""
    jobs: Collection[int] | None = None

    @classmethod
    def of_one(cls, job_id: int | None) -> Scope:
        return cls("job = 0 AND app = ''") if job_id is None else cls.of_jobs([job_id])

    @classmethod
    def of_jobs(cls, job_ids: Collection[int] | None = None) -> Scope:
        jobs = "> 0" if job_ids is None else f"IN ({numbers(job_ids)})"
        return cls(f"job {jobs} AND app = ''", (), "job", job_ids)

    @classmethod
    def of_apps(cls, apps: Collection[str] | None) -> Scope:
        # By their names an index leads to their cells alone, past those of all jobs at the same times.
        names = "> ''" if apps is None else f"IN ({', '.join(['%s'] * len(apps)) or 'NULL'})"
        return cls(f"job = 0 AND app {names}", tuple(apps or ()), "app")

    def of(self, job: int, app: str) -> int | str:
        """For whom the cell of a job counts."""
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

    def number(self, at: datetime) -> int:
        """The number of the step that a time belongs to."""
        return 0 if self.step is None else max((at - self.origin) // self.step, 0)

    def begin(self, number: int) -> datetime:
        """When a step begins."""
        return self.start if self.step is None else self.origin + number * self.step


# --- Reading ---------------------------------------------------------------------------------------


Found = dict[Any, dict[int, "Sequence[Any]"]]
"""For whom -> the number of a step -> the values of some columns."""


def read_cells(
    span: CellSpan, scope: Scope, unfolded: Unfolded, columns: Sequence[str], some: Sequence[str] = ()
) -> Found:
    """Read these columns, or sums of them, such as "lost + missed", in one statement.

    With ``some``, of cells alone in which one of these is not zero.
    """
    now = {
        key: cell
        for key, cell in unfolded.cells.items()
        if span.start <= key.start < span.end and (scope.jobs is None or key.job in scope.jobs)
    }
    found: Found = defaultdict(dict)
    for of, number, sign, *values in _rows(span, scope, unfolded, now, columns, some) if span.ranges else ():
        steps, step = found[of], max(number, 0)
        is_new = sign > 0 and step not in steps
        steps[step] = values if is_new else _plus(columns, steps.get(step), values, sign)
    for key, (app, tally) in now.items():
        steps, step = found[scope.of(key.job, app)], span.number(key.start)
        told = tally.values()
        values = [
            told[name] if name in told else sum(told[part] for part in name.split(" + ")) for name in columns
        ]
        steps[step] = _plus(columns, steps.get(step), values, 1)
    return found


def _rows(
    span: CellSpan, scope: Scope, unfolded: Unfolded, now: Collection[Key], columns: Sequence[str],
    some: Sequence[str],
) -> Sequence[Sequence[Any]]:  # fmt: skip
    """For whom, the number of the step, whether it is to be added (1) or taken off (-1), the columns."""
    cells = _Cells(span)
    condition = cells.where(scope.cells, scope.params) + cells.times(span.ranges)
    condition += f" AND ({' OR '.join(f'{name} > 0' for name in some)})" if some else ""
    is_summed = any(length != span.step for length, *_times in span.ranges) and UNSUMMED.isdisjoint(columns)
    parts = [cells.select(scope.column or "0", 1, columns, condition, is_summed=is_summed)]
    # In the same statement: were they folded meanwhile, both have what they are now.
    of = "of_app" if scope.column == "app" else scope.column or "0"
    if now:
        parts.append(cells.select(of, -1, columns, cells.where("app = ''") + cells.those(now)))
    if unfolded.gone and scope.jobs is None:
        those = cells.where(f"job IN ({numbers(unfolded.gone)}) AND app = ''")
        parts.append(cells.select(of, -1, columns, those + cells.times(span.ranges)))
    return cells.read(" UNION ALL ".join(parts), columns)


class _Cells:
    """Parts of one statement about cells, and its parameters, in the order in which the parts were made.

    It is put together here: Django takes longer to make it than a database to answer, and a page reads
    cells seven times.
    """

    def __init__(self, span: CellSpan) -> None:
        self.span = span
        self.connection = connections[writer()]
        self.params: list[Any] = []

    def where(self, condition: str, params: Sequence[Any] = ()) -> str:
        self.params += params
        return condition

    def times(self, ranges: Iterable[tuple[timedelta, datetime, datetime]]) -> str:
        """Those of these lengths, from a time until before another."""
        parts = []
        for length, start, end in ranges:
            self._add(length=[length], start=[start, end])
            parts.append("length = %s AND start >= %s AND start < %s")
        return f" AND ({' OR '.join(parts)})"

    def those(self, keys: Collection[Key]) -> str:
        """These, of jobs."""
        alike = defaultdict(set)
        for key in keys:
            alike[key.length, key.start].add(key.job)
        # Of the alternatives alone SQLite would read all cells of the one length that they have in common.
        lengths, starts = {length for length, _start in alike}, {start for _length, start in alike}
        self._add(length=lengths, start=starts)
        near = f"length IN ({_places(lengths)}) AND start IN ({_places(starts)})"
        parts = []
        for (length, start), jobs in alike.items():
            self._add(length=[length], start=[start])
            parts.append(f"length = %s AND start = %s AND job IN ({numbers(jobs)})")
        return f" AND job IN ({numbers({key.job for key in keys})}) AND {near} AND ({' OR '.join(parts)})"

    def _add(self, **values: Iterable[Any]) -> None:
        for name, some in values.items():
            field: Any = RunStats._meta.get_field(name)
            self.params += [field.get_db_prep_value(value, self.connection) for value in some]

    def select(
        self, of: str, sign: int, columns: Sequence[str], condition: str, *, is_summed: bool = False
    ) -> str:
        read = ", ".join(map(self._sum, columns) if is_summed else columns)
        group = " GROUP BY 1, 2" if is_summed else ""
        places, table = f"{of}, {self._step()}, {sign}", RunStats._meta.db_table
        # Names of columns, numbers and conditions of these: nothing in it comes from outside.
        return f"SELECT {places}, {read} FROM {table} WHERE {condition}{group}"  # noqa: S608

    def _sum(self, column: str) -> str:
        is_decimal = self.connection.vendor == "mysql" and column != "seconds"
        return f"CAST(SUM({column}) AS SIGNED)" if is_decimal else f"SUM({column})"

    def _step(self) -> str:
        """The number of the step after ``origin`` in which a time lies; not above 0 where it lies before."""
        if self.span.step is None:
            return "0"
        seconds, by = {
            "postgresql": ("DATE_PART('epoch', start)::bigint", "/"),
            "mysql": ("TIMESTAMPDIFF(SECOND, '1970-01-01', start)", "DIV"),
        }.get(self.connection.vendor, ("CAST(strftime('%%s', start) AS INTEGER)", "/"))
        origin, step = int(self.span.origin.timestamp()), int(self.span.step.total_seconds())
        return f"(({seconds} - {origin}) {by} {step})"

    def read(self, statement: str, columns: Sequence[str]) -> Sequence[Sequence[Any]]:
        with self.connection.cursor() as cursor:
            cursor.execute(statement, self.params)
            rows: Sequence[Sequence[Any]] = cursor.fetchall()
        objects: dict[int, Any] = {
            n: RunStats._meta.get_field(name) for n, name in enumerate(columns, 3) if name in BUCKETS
        }
        if not objects:
            return rows
        return [
            [objects[n].from_db_value(value, None, self.connection) if n in objects else value
             for n, value in enumerate(row)]
            for row in rows
        ]  # fmt: skip


def numbers(jobs: Iterable[int]) -> str:
    """A list of jobs for ``IN``, which none is in where it is empty."""
    return ", ".join(str(int(job)) for job in jobs) or "NULL"


def _places(values: Collection[Any]) -> str:
    return ", ".join(["%s"] * len(values))


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
