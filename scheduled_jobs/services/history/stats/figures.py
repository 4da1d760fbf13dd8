"""What the screens ask: how many runs, how they ended, how long they took.

A figure is read from cells, and cells of which a run was written or deleted since they were made are replaced
by what their runs say now: it is true to the second, as long as no more than ``MOST`` such runs, and
``MOST_STALE`` cells with deleted ones, wait to be folded. A page reads them once, as ``Unfolded``.
A span is widened to whole cells: ten minutes, for times older than ``FINE`` hours, and days where the runs
may be gone; of many jobs hours (``by_job`` below).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial, reduce
from heapq import nsmallest
from typing import Any, NamedTuple

from scheduled_jobs.domain.histogram import Histogram
from scheduled_jobs.models.stats import HOUR, TEN_MINUTES
from scheduled_jobs.services.history.stats.cells import BUCKETS, COLUMNS, COUNTS, LONGEST
from scheduled_jobs.services.history.stats.reading import CellSpan, Scope, Unfolded, read_cells

BAD = ("failed", "timed_out", "lost", "missed")
WITH_DURATIONS = (*COUNTS, "longest", "durations")
BRIEF = timedelta(hours=3)
"""Up to this length a span of many jobs is exact to ten minutes, else to an hour."""


class Figures(NamedTuple):
    """The figures of some runs. ``runs`` counts all, also those that have not ended.

    ``durations`` are of the runs that succeeded, ``delays`` those between slot and start of first attempts
    that the schedule has made; lengths are in seconds.
    """

    runs: int = 0
    succeeded: int = 0
    failed: int = 0
    timed_out: int = 0
    lost: int = 0
    missed: int = 0
    skipped: int = 0
    discarded: int = 0
    delivered_twice: int = 0
    """Deliveries beyond the first of each run."""
    durations: Histogram = Histogram()
    delays: Histogram = Histogram()
    longest: timedelta | None = None
    longest_delay: timedelta | None = None

    @property
    def bad(self) -> int:
        """Runs that failed, were timed out, lost or missed."""
        return self.failed + self.timed_out + self.lost + self.missed

    @property
    def success_rate(self) -> float | None:
        """The share of successes in what succeeded or went wrong; None where nothing did."""
        ends = self.succeeded + self.bad
        return self.succeeded / ends if ends else None

    @property
    def median(self) -> timedelta | None:
        """The median duration, true to ``histogram.ERROR``; None before the first success."""
        return _length(self.durations.quantile(0.5), self.longest)

    @property
    def p95(self) -> timedelta | None:
        """The duration that 95 % of the successes did not exceed."""
        return _length(self.durations.quantile(0.95), self.longest)

    @property
    def started_within(self) -> timedelta | None:
        """The delay that 95 % of the starts did not exceed."""
        return _length(self.delays.quantile(0.95), self.longest_delay)


Series = list[tuple[datetime, Figures]]


def together(parts: Iterable[Figures]) -> Figures:
    """The figures of several times, or of several jobs, as those of one."""
    some = list(parts)
    whole: dict[str, Any] = {name: sum(getattr(part, name) for part in some) for name in COUNTS}
    for name in BUCKETS:
        whole[name] = reduce(Histogram.plus, (getattr(part, name) for part in some), Histogram())
    for name in LONGEST:
        whole[name] = max(filter(None, (getattr(part, name) for part in some)), default=None)
    return Figures(**whole)


def figures(
    start: datetime, end: datetime, job_id: int | None = None, unfolded: Unfolded | None = None
) -> Figures:
    """The figures of all jobs, or of one, from ``start`` until before ``end`` (aware)."""
    scope = Scope.of_one(job_id)
    found = read_cells(CellSpan(start, end), scope, unfolded or Unfolded.read(scope.jobs), COLUMNS)
    return next((_with_lengths(COLUMNS, *steps[0]) for steps in found.values()), Figures())


def figures_by_job(
    start: datetime, end: datetime, job_ids: Collection[int] | None = None, unfolded: Unfolded | None = None
) -> dict[int, Figures]:
    """Job -> its figures; of all jobs that had runs, or of these and with their durations."""
    columns = COUNTS if job_ids is None else WITH_DURATIONS
    return _by_job(_of_many(start, end), job_ids, unfolded or Unfolded.read(job_ids), columns)


def _by_job(
    span: CellSpan, job_ids: Collection[int] | None, unfolded: Unfolded, columns: Sequence[str]
) -> dict[int, Figures]:
    found = read_cells(span, Scope.of_jobs(job_ids), unfolded, columns)
    made = _maker(columns)
    return {job: made(*steps[0]) for job, steps in found.items() if steps[0][0]}


def slowest(
    start: datetime, end: datetime, most: int, unfolded: Unfolded | None = None
) -> list[tuple[int, Figures]]:
    """The jobs whose successes took longest on the average, the slowest first, with their durations."""
    unfolded = unfolded or Unfolded.read()
    span = _of_many(start, end)
    found = read_cells(span, Scope.of_jobs(), unfolded, ("seconds", "succeeded"))
    averages = {job: steps[0][0] / steps[0][1] for job, steps in found.items() if steps[0][1]}
    return _foremost(span, averages, most, unfolded, WITH_DURATIONS)


def most_failing(
    start: datetime, end: datetime, most: int, unfolded: Unfolded | None = None
) -> list[tuple[int, Figures]]:
    """The jobs of which most runs went wrong, the worst first."""
    unfolded = unfolded or Unfolded.read()
    span = _of_many(start, end)
    found = read_cells(span, Scope.of_jobs(), unfolded, BAD, BAD)
    bad = {job: n for job, steps in found.items() if (n := sum(steps[0]))}
    return _foremost(span, bad, most, unfolded, COUNTS)


def _foremost(
    span: CellSpan, measures: Mapping[int, float], most: int, unfolded: Unfolded, columns: Sequence[str]
) -> list[tuple[int, Figures]]:
    jobs = nsmallest(most, measures, key=lambda job: (-measures[job], job))
    found = _by_job(span, jobs, unfolded, columns) if jobs else {}
    return [(job, found[job]) for job in jobs if job in found]


def series(
    start: datetime,
    end: datetime,
    step: timedelta,
    job_id: int | None = None,
    unfolded: Unfolded | None = None,
) -> Series:
    """The figures, but durations, of each ``step`` (of whole ten minutes), of all jobs or of one.

    Only steps with runs are told, by their begin. A time whose cells are longer than a step is told as a
    whole in the step in which the cell begins.
    """
    scope = Scope.of_one(job_id)
    columns = (*COUNTS, "longest_delay", "delays")
    found = _series(CellSpan(start, end, step), scope, unfolded or Unfolded.read(scope.jobs), columns)
    return found.get(job_id or 0, [])


def series_by_job(
    start: datetime,
    end: datetime,
    step: timedelta,
    job_ids: Collection[int] | None = None,
    unfolded: Unfolded | None = None,
) -> dict[int, Series]:
    """The same of each of these jobs, or of all that had runs, without durations and delays."""
    return _series(
        CellSpan(start, end, step), Scope.of_jobs(job_ids), unfolded or Unfolded.read(job_ids), COUNTS
    )


# --- Telling ----------------------------------------------------------------------------------------


def _of_many(start: datetime, end: datetime) -> CellSpan:
    return CellSpan(start, end, least=TEN_MINUTES if end - start <= BRIEF else HOUR)


def _with_lengths(columns: Sequence[str], *row: Any) -> Figures:
    values = dict(zip(columns, row, strict=True))
    values.pop("seconds", None)
    for name in BUCKETS:
        values[name] = Histogram({int(bucket): n for bucket, n in values.get(name, {}).items()})
    for name, is_known in (("longest", values["succeeded"]), ("longest_delay", values["delays"].total)):
        values[name] = timedelta(seconds=values[name]) if is_known and name in values else None
    return Figures(**values)


def _maker(columns: Sequence[str]) -> Callable[..., Figures]:
    return Figures if columns == COUNTS else partial(_with_lengths, columns)


def _series(span: CellSpan, scope: Scope, unfolded: Unfolded, columns: Sequence[str]) -> dict[Any, Series]:
    found = read_cells(span, scope, unfolded, columns)
    times = {step: span.begin(step) for step in set().union(*found.values())}
    made = _maker(columns)
    by: dict[Any, Series] = {}
    for of, steps in found.items():
        told = [(times[step], made(*steps[step])) for step in sorted(steps) if steps[step][0]]
        if told:
            by[of] = told
    return by


def _length(seconds: float | None, longest: timedelta | None) -> timedelta | None:
    if seconds is None:
        return None
    length = timedelta(seconds=seconds)
    return length if longest is None else min(length, longest)
