"""Times of the day on certain days, on a clock that is put forward and back: cron, ``every monday 09:00``."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scheduled_jobs.domain.schedules.occurrences import (
    Occurrence,
    SkippedTime,
    do_not_exist,
    moment,
    occurs_twice,
    wall_datetime,
)
from scheduled_jobs.domain.schedules.zones import DAY, END, START, WIDEST_CHANGE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scheduled_jobs.domain.schedules.days import Days
    from scheduled_jobs.domain.schedules.zones import Clock, Stretch

MOST_TRIES = 64
"""Gaps that may swallow a schedule one after the other before it is given up: a leap day meets none of them
for long, but "2nd sunday of mar 2:30" in New York is skipped every year."""


@dataclass(frozen=True, slots=True)
class WallTimes:
    """Every combination of ``hours`` and ``minutes``, each sorted, on certain days.

    ``repeats`` tells that both occurrences of an ambiguous time are given, as for ``*``, ranges and steps in
    the hour field; at a fixed hour the first only.
    """

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: Days
    repeats: bool

    def forward(self, clock: Clock, position: int) -> Iterator[Occurrence]:
        """The occurrences from a moment on."""
        walker = _Walker(self)
        searched, found = 0, -1
        skipped: list[str] = []
        stretch = clock.stretch(position)
        while position < END:
            if position >= stretch.end:
                stretch = clock.stretch(position)
            wall = -(-(position + stretch.offset) // 60) * 60
            if not searched <= wall <= found:
                searched, found = wall, walker.first(wall)
            at = found - stretch.offset
            if at >= stretch.end:
                gap = stretch.gap_after
                if gap and found < gap[1]:
                    skipped.append(do_not_exist(found, walker.last(gap[1] - 60)))
                    if len(skipped) > MOST_TRIES:
                        return
                position = stretch.end
                # Nothing comes before ``found``, unless the clocks are put back to before what was searched.
                if stretch.end + stretch.offset - WIDEST_CHANGE >= searched:
                    position = max(position, at - WIDEST_CHANGE)
                continue
            is_second = stretch.is_second(found)
            if is_second and not self.repeats:
                position = stretch.start + stretch.offset_before - stretch.offset
                continue
            if at >= END:
                return
            twice = is_second or stretch.is_first(found)
            yield _occurrence(at, found, clock, skipped, twice=twice)
            skipped = []
            position = at + 1

    def last_before(self, clock: Clock, position: int) -> Occurrence | None:
        """The last occurrence before a moment, with a notice of the times skipped in between."""
        walker = _Walker(self)
        searched, found = -1, 0
        skipped: list[str] = []
        while position > START:
            stretch = clock.stretch(position - 1)
            wall = (position - 1 + stretch.offset) // 60 * 60
            if not found <= wall <= searched:
                searched, found = wall, walker.last(wall)
            at = found - stretch.offset
            if at < stretch.start:
                gap_start = stretch.start + stretch.offset_before
                if found >= gap_start:
                    skipped.insert(0, do_not_exist(walker.first(gap_start), found))
                    if len(skipped) > MOST_TRIES:
                        return None
                position = stretch.start
                if stretch.start + stretch.offset + WIDEST_CHANGE <= searched:
                    position = min(position, at + WIDEST_CHANGE)
                continue
            is_second = stretch.is_second(found)
            if is_second and not self.repeats:
                position = stretch.start
                continue
            return _occurrence(at, found, clock, skipped, twice=is_second or stretch.is_first(found))
        return None

    def skipped(self, clock: Clock, start: int, end: int) -> Iterator[SkippedTime]:
        """The times that the clocks leave out at the changes in ``start <= t < end``."""
        walker = _Walker(self)
        start = max(start - 1, START)  # a change at ``start`` ends the stretch of the second before
        while start < end:
            stretch = clock.stretch(start)
            if stretch.gap_after and stretch.end < end:
                yield from self._in_gap(walker, stretch, *stretch.gap_after)
            start = stretch.end

    @staticmethod
    def _in_gap(walker: _Walker, stretch: Stretch, wall: int, gap_end: int) -> Iterator[SkippedTime]:
        found = walker.first(wall)
        while found < gap_end:
            yield SkippedTime(wall_datetime(found), moment(stretch.end), do_not_exist(found, found))
            found = walker.first(found + 60)


def _occurrence(at: int, wall: int, clock: Clock, skipped: list[str], *, twice: bool) -> Occurrence:
    if not twice and not skipped:
        return Occurrence(moment(at))
    notices = [*skipped, occurs_twice(wall, clock.name)] if twice else skipped
    return Occurrence(moment(at), "; ".join(notices), twice)


class _Walker:
    """Finds times on the clock's own calendar; remembers the day it found last."""

    def __init__(self, times: WallTimes) -> None:
        self._minutes = times.minutes
        self._hours = times.hours
        self._days = times.days
        self._known = (1, 0)  # no day from the first to before the second matches, the second does

    def first(self, wall: int) -> int:
        """The first time from ``wall`` on, a whole minute."""
        day, second = divmod(wall, DAY)
        found = self._next_day(day)
        if found == day:
            time = self._time_from(second // 60)
            if time is not None:
                return day * DAY + time
            found = self._next_day(day + 1)
        return found * DAY + self._hours[0] * 3600 + self._minutes[0] * 60

    def last(self, wall: int) -> int:
        """The last time up to ``wall``, a whole minute."""
        day, second = divmod(wall, DAY)
        found = self._days.on_or_before(day)
        if found == day:
            time = self._time_until(second // 60)
            if time is not None:
                return day * DAY + time
            found = self._days.on_or_before(day - 1)
        return found * DAY + self._hours[-1] * 3600 + self._minutes[-1] * 60

    def _time_from(self, minute_of_day: int) -> int | None:
        hour, minute = divmod(minute_of_day, 60)
        index = bisect_left(self._hours, hour)
        if index < len(self._hours) and self._hours[index] == hour:
            if minute <= self._minutes[-1]:
                return hour * 3600 + self._minutes[bisect_left(self._minutes, minute)] * 60
            index += 1
        if index == len(self._hours):
            return None
        return self._hours[index] * 3600 + self._minutes[0] * 60

    def _time_until(self, minute_of_day: int) -> int | None:
        hour, minute = divmod(minute_of_day, 60)
        index = bisect_right(self._hours, hour) - 1
        if index >= 0 and self._hours[index] == hour:
            if minute >= self._minutes[0]:
                return hour * 3600 + self._minutes[bisect_right(self._minutes, minute) - 1] * 60
            index -= 1
        if index < 0:
            return None
        return self._hours[index] * 3600 + self._minutes[-1] * 60

    def _next_day(self, day: int) -> int:
        low, high = self._known
        if not low <= day <= high:
            high = self._days.on_or_after(day)
            self._known = (day, high)
        return high
