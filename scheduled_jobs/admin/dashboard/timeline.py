"""One row of the shared time axis as the paths of an SVG, drawn on the server."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, NamedTuple

from django.utils.dateformat import format as date_format
from django.utils.translation import gettext_lazy as _

from scheduled_jobs.admin.words import times
from scheduled_jobs.models.stats import LENGTHS
from scheduled_jobs.services.history.stats.marks import Mark

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

WIDTH = 1000
"""The view box is as wide, and is stretched."""
TICK = 5.6
GAP = 1.45
"""Marks that follow one another within so many of their lengths are one stretch."""
BAND = 3
"""So many of them are drawn as a band."""
TOP, BASE = 5, 19
"""A mark reaches from the one to the other."""
LEAST_RED = 3
NO_GAP = 0.1
"""What is less apart touches."""
MOST_MARKS = 4_000
"""Of many rows together."""
PATHS = ("t-held", "t-ok", "t-next", "t-skip", "t-lost", "t-bad", "t-miss", "t-run", "t-now")
"""What comes later lies above."""


@dataclass(frozen=True)
class Span:
    """How far a timeline reaches back and ahead of now, and how long a mark of it is."""

    name: str
    short: _StrPromise
    title: _StrPromise
    note: _StrPromise
    back: timedelta
    ahead: timedelta
    mark: timedelta
    every: timedelta
    """The distance of the labels; from midnight on."""
    pattern: str


MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
SPANS = {
    span.name: span
    for span in (
        Span("1h", _("1 h"), _("1 hour"), _("last 45 min and next 15"),
             45 * MINUTE, 15 * MINUTE, MINUTE, 10 * MINUTE, "H:i"),
        Span("24h", _("24 h"), _("24 hours"), _("18 h back, 6 h ahead"),
             18 * HOUR, 6 * HOUR, 10 * MINUTE, 3 * HOUR, "H:i"),
        Span("7d", _("7 d"), _("7 days"), _("6 days back, 1 ahead; one mark an hour"),
             6 * DAY, DAY, HOUR, DAY, "D j"),
        Span("30d", _("30 d"), _("30 days"), _("27 days back, 3 ahead; one mark every 6 hours"),
             27 * DAY, 3 * DAY, 6 * HOUR, 3 * DAY, "j M"),
    )
}  # fmt: skip
USUAL = "24h"


class Label(NamedTuple):
    """A label of the axis, at so many percent; some are left out where it is narrow."""

    percent: float
    text: str
    is_left_out: bool


class Axis:
    """The time axis of a span at ``now`` (aware), in a zone; it moves with the minute, or with a mark."""

    def __init__(self, span: Span, now: datetime, zone: str) -> None:
        self.span, self.zone = span, zone
        step = min(span.mark, 10 * MINUTE) / 10
        self.now = now - (now - now.replace(hour=0, minute=0, second=0, microsecond=0)) % step
        self.start, self.end = self.now - span.back, self.now + span.ahead
        self.marked_from = self.start - (self.start - self.start.replace(hour=0, minute=0)) % span.mark
        """When the first mark begins that is cut by the start."""
        self._x: dict[datetime, float] = {}
        self._marks: dict[datetime, tuple[float, float]] = {}

    def for_rows(self, rows: int) -> Axis:
        """The same with longer marks, where so many rows would have too many of them."""
        lengths = [length for length in reversed(LENGTHS) if length >= self.span.mark]
        fitting = (n for n in lengths if rows * (self.span.back // n) <= MOST_MARKS)
        mark = next(fitting, lengths[-1])
        return Axis(replace(self.span, mark=mark), self.now, self.zone) if mark > lengths[0] else self

    def x(self, at: datetime) -> float:
        """Where a time lies, inside the view box."""
        if (x := self._x.get(at)) is None:  # most rows have their marks at the same times
            x = self._x[at] = WIDTH * min(max((at - self.start) / (self.end - self.start), 0), 1)
        return x

    def mark(self, at: datetime) -> tuple[float, float]:
        """Where a mark of full width begins, and how wide it is up to the line of now."""
        if (found := self._marks.get(at)) is None:
            found = self._marks[at] = self.before_now(self.x(at), self.x(at) + self.mark_width)
        return found

    def before_now(self, left: float, right: float) -> tuple[float, float]:
        """Where what lies there begins, and how wide it is up to the line of now, but never hidden."""
        now = self.x(self.now) - 1
        left = min(left, now - TICK)
        return left, max(min(right, now) - left, 1)

    @cached_property
    def mark_width(self) -> float:
        """How wide a mark is."""
        return WIDTH * (self.span.mark / (self.end - self.start))

    @property
    def clock(self) -> str:
        """The time of now."""
        return f"{self.now.astimezone(times.zone_of(self.zone)):%H:%M}"

    @property
    def now_percent(self) -> float:
        """Where now lies."""
        return round(self.x(self.now) / 10, 2)

    @property
    def labels(self) -> list[Label]:
        """Times that are round in the zone, without those that the time of now would cover."""
        found, now = [], self.x(self.now) / 10
        for n, (at, text) in enumerate(self._round()):
            percent = round(self.x(at) / 10, 2)
            away = abs(percent - now)
            if away > 8 and 2 < percent < 97:
                found.append(Label(percent, text, bool(n % 2) or away <= 14))
        return found

    @cached_property
    def grid(self) -> str:
        """The lines at the labelled times."""
        return "".join(f"M{self.x(at):.1f} 0v24" for at, _text in self._round())

    def _round(self) -> Iterator[tuple[datetime, str]]:
        zone = times.zone_of(self.zone)
        local = self.start.astimezone(zone)
        midnight = local.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
        n = 0
        while True:
            # By the clock on the wall, which may be changed in between.
            at = (midnight + n * self.span.every).replace(tzinfo=zone)
            if at >= self.end:
                return
            if at >= self.start:
                yield at, date_format(at, self.span.pattern)
            n += 1


def draw(
    axis: Axis,
    marks: Sequence[Mark],
    *,
    running: Iterable[datetime] = (),
    coming: str = "",
    held: tuple[datetime, datetime] | None = None,
) -> list[tuple[str, str]]:
    """The class and the data of each path of a row, in the order in which they are drawn.

    ``marks`` are the earliest first. ``running`` is when what goes on began, ``coming`` what
    ``draw_coming`` has drawn, ``held`` from when until when the job is paused.
    """
    paths: dict[str, list[str]] = {name: [] for name in PATHS}
    if held:
        left, right = axis.x(held[0]), axis.x(held[1])
        paths["t-held"].append(box(left, 7, right - left, 10))
    for first, end in _stretches([mark.at for mark in marks], axis.span.mark):
        _draw_stretch(axis, marks[first:end], paths)
    paths["t-next"].append(coming)
    now = axis.x(axis.now)
    for began in running:
        left = min(axis.x(began), now - TICK)
        paths["t-run"].append(box(left, TOP, now - left, BASE - TOP))
    paths["t-now"].append(f"M{now:.1f} 0v24")
    return [(name, path) for name, data in paths.items() if (path := "".join(data))]


def draw_coming(axis: Axis, coming: Sequence[datetime]) -> str:
    """The path of what is still to come, of the first time in each mark."""
    boxes = []
    for first, end in _stretches(coming, axis.span.mark):
        if end - first >= BAND:
            left = max(axis.x(coming[first]), axis.x(axis.now) + 2)
            right = min(axis.x(coming[end - 1]) + axis.mark_width, WIDTH - 1)
            boxes.append(box(left, 8, right - left, 8))
        else:
            boxes += [box(axis.x(at), 7, 5, 11) for at in coming[first:end]]
    return "".join(boxes)


def _stretches(times: Sequence[datetime], length: timedelta) -> Iterator[tuple[int, int]]:
    """Where those begin and end that follow one another closely."""
    first, most = 0, GAP * length
    for n, (at, before) in enumerate(zip(times[1:], times, strict=False), 1):
        if at - before > most:
            yield first, n
            first = n
    if times:
        yield first, len(times)


def _draw_stretch(axis: Axis, marks: Sequence[Mark], paths: dict[str, list[str]]) -> None:
    ended = [mark for mark in marks if mark.ok or mark.bad]
    is_band = len(ended) >= BAND
    now, reds = axis.x(axis.now) - 1, _Reds()
    if is_band:
        left = axis.x(ended[0].at)
        right = min(max(axis.x(ended[-1].at) + axis.mark_width, _right(axis, ended[-1])), now)
        paths["t-ok"].append(box(left, TOP, max(right - left, 1), BASE - TOP))
    for mark in marks:
        at, _until, ok, bad, lost, missed, skipped = mark
        if is_band and not (bad or lost or missed or skipped):
            continue  # as most are: the band shows it
        left, width = axis.mark(at) if is_band else axis.before_now(axis.x(at), _right(axis, mark))
        if bad and (is_band or ok):
            height = _height(ok, bad)
            if not is_band:
                paths["t-ok"].append(box(left, TOP, width, BASE - TOP))
            reds.add(left, width, height)
        elif bad:
            paths["t-bad"] += [box(left, TOP, width, 11), box(left, BASE, width, 3)]
        elif ok and not is_band:
            paths["t-ok"].append(box(left, TOP, width, BASE - TOP))
        if lost:
            wide = max(8, _right(axis, mark) - left)
            paths["t-lost"].append(box(left, TOP, wide, 11))
            paths["t-bad"].append(box(left, BASE, wide, 3))
        if missed:
            paths["t-miss"].append(box(left, TOP, 7, 13))
        if skipped and not (ok or bad):
            paths["t-skip"].append(f"M{left:.1f} 4v16")
    for left, width, height in reds:
        paths["t-bad"] += [box(left, BASE - height, width, height), box(left, BASE + 1.5, width, 2)]


@lru_cache(maxsize=4096)
def _height(ok: int, bad: int) -> float:
    """How high red stands: as much as failed."""
    return min(max(round((BASE - TOP) * bad / (ok + bad), 1), LEAST_RED), BASE - TOP)


class _Reds(list[tuple[float, float, float]]):
    """Left, width and height of the shares that failed; neighbours of one height are one."""

    def add(self, left: float, width: float, height: float) -> None:
        if self:
            start, before, same = self[-1]
            if same == height and left - start - before < NO_GAP:
                self[-1] = start, left - start + width, height
                return
        self.append((left, width, height))


def _right(axis: Axis, mark: Mark) -> float:
    return max(axis.x(mark.at) + TICK, axis.x(mark.until) if mark.until else 0)


@lru_cache(maxsize=4096)
def box(x: float, y: float, width: float, height: float) -> str:
    """A rectangle as path data; many rows have the same."""
    return f"M{x:.1f} {y:.4g}h{width:.1f}v{height:.4g}h-{width:.1f}z"
