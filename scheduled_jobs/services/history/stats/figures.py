"""What the screens ask: how many runs, how they ended, how long they took.

A figure is read from cells, and cells of which a run was written since they were made are replaced by what
their runs say now: it is true to the second, as long as no more than ``MOST`` such runs wait to be folded.
A span is widened to whole cells: ten minutes, for times older than ``FINE`` hours, and days where the runs
may be gone; of many jobs hours (``by_job`` below).
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import timedelta
from functools import reduce
from typing import TYPE_CHECKING, Any

from django.db import router
from django.db.models import ExpressionWrapper, F, FloatField, Max, Q, Sum, Value
from django.db.models.functions import NullIf
from django.utils import timezone

from scheduled_jobs.domain.histogram import Histogram
from scheduled_jobs.models import JobRun
from scheduled_jobs.models.stats import (
    DAY,
    HOUR,
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
    COLUMNS,
    COUNTS,
    LONGEST,
    Tally,
    app_of,
    ceiling,
    count_runs,
    stats,
    these,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Hashable, Iterable
    from datetime import datetime

    from django.db.models.expressions import Combinable

    from scheduled_jobs.models.runs import JobRunQuerySet

MOST = 500
"""Runs that are not folded yet and that a page reads."""
BRIEF = timedelta(hours=3)
"""Up to this length a span of many jobs is exact to ten minutes, else to an hour."""


@dataclass(frozen=True)
class Figures:
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
    durations: Histogram = field(default_factory=Histogram)
    delays: Histogram = field(default_factory=Histogram)
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

    @property
    def worst_delay(self) -> timedelta | None:
        """The longest delay."""
        return self.longest_delay


Series = list[tuple["datetime", Figures]]


def together(parts: Iterable[Figures]) -> Figures:
    """The figures of several times, or of several jobs, as those of one."""
    some = list(parts)
    whole: dict[str, Any] = {name: sum(getattr(part, name) for part in some) for name in COUNTS}
    for name in BUCKETS:
        whole[name] = reduce(Histogram.plus, (getattr(part, name) for part in some), Histogram())
    for name in LONGEST:
        whole[name] = max(filter(None, (getattr(part, name) for part in some)), default=None)
    return Figures(**whole)


def figures(start: datetime, end: datetime, job_id: int | None = None) -> Figures:
    """The figures of all jobs, or of one, from ``start`` until before ``end`` (aware)."""
    found = _read(_Span(start, end), _of_all() if job_id is None else _of_jobs([job_id]))
    return together(map(tally_figures, found.values()))


def figures_by_job(
    start: datetime, end: datetime, job_ids: Collection[int] | None = None
) -> dict[int, Figures]:
    """Job -> its figures; of all jobs that had runs without their durations and delays, or of these with."""
    scope = _of_jobs(job_ids)
    span = _Span(start, end, least=_least(start, end))
    found = _read(span, scope) if job_ids is not None else _read_sums(span, scope)
    return {job: tally_figures(tally) for (job, _at), tally in found.items() if tally.counts["runs"]}


def slowest(start: datetime, end: datetime, most: int) -> list[tuple[int, Figures]]:
    """The jobs whose successes took longest on the average, the slowest first, each with its figures."""
    average = ExpressionWrapper(
        Sum("seconds") / NullIf(Sum("succeeded"), Value(0)), output_field=FloatField()
    )
    averages = [
        (tally.seconds / tally.counts["succeeded"], job)
        for job, tally in _foremost(start, end, most, average).items()
        if tally.counts["succeeded"]
    ]
    jobs = [job for _average, job in sorted(averages, reverse=True)[:most]]
    found = figures_by_job(start, end, jobs)
    return [(job, found[job]) for job in jobs if job in found]


def most_failing(start: datetime, end: datetime, most: int) -> list[tuple[int, Figures]]:
    """The jobs of which most runs went wrong, the worst first, without their durations and delays."""
    bad = Sum(F("failed") + F("timed_out") + F("lost") + F("missed"))
    found = [(job, tally_figures(tally)) for job, tally in _foremost(start, end, most, bad).items()]
    return sorted((item for item in found if item[1].bad), key=lambda item: -item[1].bad)[:most]


def series(start: datetime, end: datetime, step: timedelta, job_id: int | None = None) -> Series:
    """The figures of each ``step`` (of whole ten minutes) from ``start`` on, of all jobs or of one.

    Only steps with runs are told, by their begin. A time whose cells are longer than a step is told as a
    whole in the step in which the cell begins.
    """
    found = _read(_Span(start, end, step), _of_all() if job_id is None else _of_jobs([job_id]))
    return _by_scope(found).get(job_id or 0, [])


def series_by_job(
    start: datetime, end: datetime, step: timedelta, job_ids: Collection[int] | None = None
) -> dict[int, Series]:
    """The same of each of these jobs, or of all that had runs, without durations and delays."""
    return _by_scope(_read(_Span(start, end, step), _of_jobs(job_ids), buckets=False))


def series_by_app(start: datetime, end: datetime, step: timedelta) -> dict[str, Series]:
    """The same of each app, by its label."""
    return _by_scope(_read(_Span(start, end, step), _of_apps(), buckets=False))


# --- Which cells --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Scope:
    """Whose cells: ``cells`` finds them, ``of`` names for whom those of a job and its app are counted."""

    cells: Q
    holds: Callable[[Key], bool]
    of: Callable[[int, str], Hashable]
    jobs: Collection[int] | None = None


def _of_all() -> _Scope:
    return _Scope(Q(job=0, app=""), lambda key: not key.job and not key.app, lambda _job, _app: 0)


def _of_jobs(job_ids: Collection[int] | None) -> _Scope:
    cells = Q(job__gt=0) if job_ids is None else Q(job__in=job_ids)
    return _Scope(
        cells & Q(app=""),
        lambda key: key.job > 0 and (job_ids is None or key.job in job_ids),
        lambda job, _app: job,
        job_ids,
    )


def _of_apps() -> _Scope:
    return _Scope(Q(job=0, app__gt=""), lambda key: bool(key.app), lambda _job, app: app)


def _least(start: datetime, end: datetime) -> timedelta:
    return TEN_MINUTES if end - start <= BRIEF else HOUR


class _Span:
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
            at += length
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

    def reads(self, key: Key) -> bool:
        """Whether the cell is one of those by which the span is told."""
        return any(key.length == length and start <= key.start < end for length, start, end in self.ranges)

    def place(self, at: datetime) -> datetime:
        """The begin of the step that a time belongs to."""
        if self.step is None:
            return self.start
        return self.origin + max((at - self.origin) // self.step, 0) * self.step


# --- Reading ----------------------------------------------------------------------------------------

_Found = dict[tuple[Any, "datetime"], Tally]


def _read(span: _Span, scope: _Scope, *, buckets: bool = True) -> _Found:
    touched = _touched(span, scope)
    columns = [name for name in COLUMNS if buckets or name not in BUCKETS]
    in_scope = scope.cells & span.condition()
    rows = stats().filter(in_scope | these(touched)).values("job", "app", "length", "start", *columns)
    found: _Found = defaultdict(Tally)
    stored: dict[Key, Tally] = defaultdict(Tally)
    for row in rows if span.ranges else ():
        key = Key(row["job"], row["app"], row["length"], row["start"])
        if key in touched:
            stored[key].add(row)
            if not (scope.holds(key) and span.reads(key)):
                continue
        found[scope.of(key.job, key.app), span.place(key.start)].add(row)
    _replace(found, touched, stored, span, scope)
    return found


def _read_sums(span: _Span, scope: _Scope) -> _Found:
    """The same without durations and delays, added up by the database."""
    touched = _touched(span, scope)
    sums: dict[str, Any] = {f"_{name}": Sum(name) for name in (*COUNTS, "seconds")}
    sums |= {f"_{name}": Max(name) for name in LONGEST}
    found: _Found = defaultdict(Tally)
    rows: Any = stats().filter(scope.cells, span.condition()).values("job", "app").annotate(**sums)
    for row in rows:
        tally = found[scope.of(row["job"], row["app"]), span.start]
        tally.add({name[1:]: row[name] for name in sums})
    stored: dict[Key, Tally] = defaultdict(Tally)
    for row in stats().filter(these(touched)).values() if touched else ():
        key = Key(row["job"], "", row["length"], row["start"])
        stored[key].add(row)
    _replace(found, touched, stored, span, scope)
    return found


def _foremost(start: datetime, end: datetime, most: int, measure: Combinable) -> dict[int, Tally]:
    """The sums of the jobs that come first by a measure, and of those whose cells are out of date."""
    span = _Span(start, end, least=_least(start, end))
    jobs = {key.job for key in _touched(span, _of_jobs(None))}
    rows = stats().filter(Q(job__gt=0, app=""), span.condition()).values("job").annotate(_measure=measure)
    first = rows.order_by(F("_measure").desc(nulls_last=True), "job").values_list("job", flat=True)
    found = _read_sums(span, _of_jobs(jobs.union(first[:most])))
    return {job: tally for (job, _at), tally in found.items()}


def _touched(span: _Span, scope: _Scope) -> dict[Key, str]:
    """The cells of which a run was written since they were made -> the task of their job."""
    using = router.db_for_write(JobRun)
    runs: JobRunQuerySet = JobRun.objects.using(using).filter(unfolded=1).order_by()
    if scope.jobs is not None:
        runs = runs.of_jobs(scope.jobs)
    touched = {}
    rows = runs.values_list("job", "scheduled_for", "created_at", "job__task", "job__pruned_until")[:MOST]
    for job, slot, created, task, pruned_until in rows:
        key = cell_of(job, slot, created, span.now)
        if span.start <= key.start < span.end and not is_frozen(key, pruned_until):
            touched[key] = task
    return touched


def _replace(
    found: _Found, touched: dict[Key, str], stored: dict[Key, Tally], span: _Span, scope: _Scope
) -> None:
    for key, live in count_runs(touched).items() if touched else ():
        place = scope.of(key.job, app_of(touched[key])), span.place(key.start)
        found[place].replace(stored.get(key, Tally()), live)


# --- Telling ----------------------------------------------------------------------------------------


def tally_figures(tally: Tally) -> Figures:
    """The figures of a tally."""
    return Figures(
        **{name: tally.counts[name] for name in COUNTS},
        durations=Histogram(tally.durations),
        delays=Histogram(tally.delays),
        longest=timedelta(seconds=tally.longest) if tally.counts["succeeded"] else None,
        longest_delay=timedelta(seconds=tally.longest_delay) if tally.delays.total() else None,
    )


def _by_scope(found: _Found) -> dict[Any, Series]:
    by: dict[Any, Series] = defaultdict(list)
    for (of, at), tally in sorted(found.items(), key=lambda item: item[0][1]):
        if tally.counts["runs"]:
            by[of].append((at, tally_figures(tally)))
    return dict(by)


def _length(seconds: float | None, longest: timedelta | None) -> timedelta | None:
    if seconds is None:
        return None
    length = timedelta(seconds=seconds)
    return length if longest is None else min(length, longest)
