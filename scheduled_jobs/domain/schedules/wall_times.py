"""Times of the day on certain days, on a clock that is put forward and back: cron, ``every monday 09:00``.

croniter does the stepping wherever months, leap years and ordinals matter. What it does otherwise than Google
is kept away from it:

- it moves a time in the spring gap behind the gap, where Google skips it (recorded for ``30 2 14 3 *`` in
  New York, 2026-10-01), and gives a time that occurs twice at a fixed hour twice: so it is asked for days
  only, on a calendar without a zone, and ``wall_times`` reads the clock;
- it accepts ``L``, ``W``, ``?``, ``5-1`` and six fields, which Google refuses: so it is handed the numbers
  that ``cron`` and ``english`` have read and checked, which also saves the dearer half of its work;
- it takes a field that lists every day for ``*``, which turns "either field" into "both": so ``cron``
  resolves such a field.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from croniter import croniter

from scheduled_jobs.domain.schedules.occurrences import (
    NAIVE_EPOCH,
    Occurrence,
    do_not_exist,
    moment,
    occurs_twice,
)
from scheduled_jobs.domain.schedules.zones import DAY, END, WIDEST_CHANGE, Clock, Stretch

EPOCH_WEEKDAY = 4
"""1970-01-01 was a Thursday; 0 is Sunday."""

MIDNIGHT: croniter[datetime] = croniter("0 0 * * *", NAIVE_EPOCH, ret_type=datetime)
"""Copied for each step, never stepped itself."""


class Days(NamedTuple):
    """Days by their number in the month, by the day of the week, and in certain months.

    Each is sorted, and empty where it does not matter; 0 is Sunday. With both ``month_days`` and
    ``weekdays`` a day that is one of either matches. ``ordinals``, where not empty, say which of the
    ``weekdays`` in the month are meant. There is always a next day: what never comes was refused before.
    Days are counted from 1970-01-01, which is 0.
    """

    month_days: tuple[int, ...] = ()
    months: tuple[int, ...] = ()
    weekdays: tuple[int, ...] = ()
    ordinals: tuple[int, ...] = ()

    def on_or_after(self, day: int) -> int:
        """The first of the days from ``day`` on."""
        if not self.month_days and not self.months and not self.ordinals:
            if not self.weekdays:
                return day
            today = (day + EPOCH_WEEKDAY) % 7
            return day + min((weekday - today) % 7 for weekday in self.weekdays)
        # croniter gives what comes after its start: the second before the day begins. It gives up after 50
        # years without a match; a fifth Monday of February takes 40 at most.
        start = NAIVE_EPOCH + timedelta(days=day, seconds=-1)
        return (self._stepper().get_next(start_time=start) - NAIVE_EPOCH).days

    def _stepper(self) -> croniter[datetime]:
        if self.ordinals:
            months = ",".join(map(str, self.months)) or "*"
            days = ",".join(f"{weekday}#{ordinal}" for weekday in self.weekdays for ordinal in self.ordinals)
            return croniter(f"0 0 * {months} {days}", NAIVE_EPOCH, ret_type=datetime)
        stepper = copy(MIDNIGHT)
        fields = (self.month_days, self.months, self.weekdays)
        # The stubs of croniter know strings only; its own reader puts numbers and "*" there.
        stepper.expanded = [[0], [0], *(list(field) or ["*"] for field in fields)]  # type: ignore[list-item]
        return stepper


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
                if notice := walker.skipped(stretch):
                    skipped.append(notice)
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

    def skipped(self, clock: Clock, position: int, stop: int) -> Iterator[str]:
        """A notice for each change of the clocks between two moments that leaves out times of these."""
        walker = _Walker(self)
        stretch = clock.stretch(position)
        while stretch.end < stop:
            if notice := walker.skipped(stretch):
                yield notice
            stretch = clock.stretch(stretch.end)


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

    def skipped(self, stretch: Stretch) -> str | None:
        """The notice of the times that the clocks leave out at the end of a stretch, if there are any."""
        if stretch.gap_after is None:
            return None
        start, end = stretch.gap_after
        first = last = self.first(start)
        if first >= end:
            return None
        while (following := self.first(last + 60)) < end:
            last = following
        return do_not_exist(first, last)

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

    def _next_day(self, day: int) -> int:
        low, high = self._known
        if not low <= day <= high:
            high = self._days.on_or_after(day)
            self._known = (day, high)
        return high
