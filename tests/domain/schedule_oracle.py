"""When a cron expression comes, found by trying every minute: slow, obvious, and sharing nothing with the package.

For a zone and a window the reading of the wall clock at every minute is taken from zoneinfo once, as columns of
bits (an int with one bit for each minute); an expression is then a handful of ands and ors.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from collections.abc import Iterable

MINUTE = timedelta(minutes=1)
MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
WEEKDAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]


def transitions(zone: ZoneInfo, start: datetime, end: datetime) -> list[datetime]:
    """The hours before which a change of the clocks is over, walking hour by hour."""
    found = []
    at = start
    offset = at.astimezone(zone).utcoffset()
    while at < end:
        at += timedelta(hours=1)
        now = at.astimezone(zone).utcoffset()
        if now != offset:
            found.append(at)
        offset = now
    return found


class Columns:
    """Readings of a clock, one bit each: field by field, value -> the readings that show it."""

    def __init__(self, readings: list[datetime]) -> None:
        self._all: list[dict[int, int]] = [{} for _ in range(5)]
        for n, at in enumerate(readings):
            shown = (at.minute, at.hour, at.day, at.month, at.isoweekday() % 7)
            for column, value in zip(self._all, shown, strict=True):
                column[value] = column.get(value, 0) | 1 << n

    def matches(self, expression: str) -> int:
        """The readings that are times of the expression."""
        fields = expression.split()
        minute, hour, day, month, weekday = (
            self._any(self._all[n], values(n, text)) for n, text in enumerate(fields)
        )
        days = day & weekday if "*" in (fields[2], fields[4]) else day | weekday
        return minute & hour & days & month

    @staticmethod
    def _any(column: dict[int, int], wanted: Iterable[int]) -> int:
        bits = 0
        for value in wanted:
            bits |= column.get(value, 0)
        return bits


@dataclass(frozen=True)
class Window:
    """Every minute from ``start`` (UTC) on."""

    zone: str
    start: datetime
    minutes: int

    @property
    def end(self) -> datetime:
        return self.start + self.minutes * MINUTE

    @cached_property
    def readings(self) -> list[datetime]:
        zone = ZoneInfo(self.zone)
        return [(self.start + n * MINUTE).astimezone(zone) for n in range(self.minutes)]

    @cached_property
    def left_out(self) -> list[datetime]:
        """The readings, naive, that the clock leaps over."""
        found = []
        for before, after in pairwise(at.replace(tzinfo=None) for at in self.readings):
            reading = before + MINUTE
            while reading < after:
                found.append(reading)
                reading += MINUTE
        return found

    @cached_property
    def leap(self) -> datetime:
        """The first moment at which the clock leaps over something."""
        for at, (before, after) in zip(self.readings[1:], pairwise(self.readings), strict=True):
            if after.replace(tzinfo=None) > before.replace(tzinfo=None) + MINUTE:
                return at.astimezone(UTC)
        return self.end

    @cached_property
    def repeated(self) -> int:
        """The minutes whose reading was shown before."""
        return sum(1 << n for n, at in enumerate(self.readings) if at.fold)

    @cached_property
    def ambiguous(self) -> int:
        """The minutes whose reading is shown twice."""
        return sum(
            1 << n
            for n, at in enumerate(self.readings)
            if at.replace(fold=0).utcoffset() > at.replace(fold=1).utcoffset()  # type: ignore[operator]
        )

    @cached_property
    def _columns(self) -> Columns:
        return Columns(self.readings)

    @cached_property
    def _left_out_columns(self) -> Columns:
        return Columns(self.left_out)

    def matches(self, expression: str) -> int:
        """The minutes at which the clock shows a time of the expression, one bit each."""
        return self._columns.matches(expression)

    def skipped(self, expression: str) -> list[datetime]:
        """The times of the expression that the clock leaps over."""
        bits = self._left_out_columns.matches(expression) if self.left_out else 0
        return [at for n, at in enumerate(self.left_out) if bits >> n & 1]

    def bits(self, moments: Iterable[datetime]) -> int:
        """Moments inside the window as bits."""
        bits = 0
        for at in moments:
            assert at.tzinfo is UTC
            minute, rest = divmod(at - self.start, MINUTE)
            assert not rest
            assert not bits >> minute & 1, "the same moment twice"
            bits |= 1 << minute
        return bits

    def spelled(self, bits: int) -> list[str]:
        """For messages: the first readings at these minutes."""
        return [f"{at:%Y-%m-%d %H:%M%z}" for n, at in enumerate(self.readings) if bits >> n & 1][:5]


def values(position: int, text: str) -> set[int]:
    """What one field of cron stands for."""
    low, high = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))[position]
    found: set[int] = set()
    for item in text.split(","):
        span, _, step = item.partition("/")
        if span == "*":
            first, last = low, high if position != 4 else 6
        else:
            ends = [_number(position, end) for end in span.split("-")]
            first, last = ends[0], ends[-1]
        found |= set(range(first, last + 1, int(step or 1)))
    return {0 if position == 4 and value == 7 else value for value in found}


def _number(position: int, text: str) -> int:
    if text.isdigit():
        return int(text)
    return MONTHS.index(text) + 1 if position == 3 else WEEKDAYS.index(text)
