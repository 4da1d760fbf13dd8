"""``every N minutes|mins|hours``: counted from the last run, or from a time of each day.

The rules are those of Google's published parser of the form (GrocTimeSpecification.java of the App Engine
SDK); that Cloud Scheduler runs the same is an inference.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from scheduled_jobs.domain.schedules.occurrences import (
    Occurrence,
    day_in_words,
    moment,
    occurs_twice,
    wall_datetime,
)
from scheduled_jobs.domain.schedules.zones import DAY, END, HOUR, Clock
from scheduled_jobs.exceptions import InvalidSchedule

LARGEST_NUMBER = 99_999
"""Of minutes or hours in an interval: the English-like form takes numbers of five digits."""

FOUR_DIGITS = re.compile(r"every \d{4} [a-z]+\b")
"""An interval whose number Google's published parser does not read: it takes one to three digits, or five."""


def interval_schedule(length: timedelta) -> str:
    """A schedule of this interval: cron where its fields divide evenly, so that runs do not drift.

    Else the English-like form, in hours where it can be. Raises InvalidSchedule for a length that is none.
    """
    minutes, rest = divmod(length, timedelta(minutes=1))
    if length < timedelta(minutes=1):
        raise InvalidSchedule(f"{length} is too short: the shortest interval is timedelta(minutes=1)")
    hours, rest_of_hour = divmod(minutes, 60)
    if minutes > LARGEST_NUMBER and (rest or rest_of_hour or hours > LARGEST_NUMBER):
        raise InvalidSchedule(
            f"{length} is longer than an interval may be ({LARGEST_NUMBER} minutes or whole hours): "
            "write a cron schedule"
        )
    if rest:
        raise InvalidSchedule(
            f"{length} is not a number of whole minutes: "
            f"write timedelta(minutes={minutes}) or timedelta(minutes={minutes + 1})"
        )
    if minutes == 1:
        return "* * * * *"
    if 60 % minutes == 0:
        return f"*/{minutes} * * * *" if minutes < 60 else "0 * * * *"
    if rest_of_hour:
        return f"every {minutes} minutes"
    if 24 % hours == 0:
        return f"0 */{hours} * * *" if hours < 24 else "0 0 * * *"
    if hours == 7 * 24:
        return "0 0 * * 0"
    # Four digits are read by nobody for sure; as minutes these have five.
    return (
        f"every {minutes} minutes" if hours >= 1_000 and minutes <= LARGEST_NUMBER else f"every {hours} hours"
    )


def elapsed_in_words(seconds: int) -> str:
    """ "90 minutes", "2 hours"; one of them is "minute" and "hour"."""
    count, unit = (seconds // HOUR, "hour") if seconds % HOUR == 0 else (seconds // 60, "minute")
    return unit if count == 1 else f"{count} {unit}s"


@dataclass(frozen=True, slots=True)
class DriftingInterval:
    """Every ``seconds``, counted from the last run: when that was is known to Google alone."""

    seconds: int

    def forward(self, clock: Clock, position: int) -> Iterator[Occurrence]:  # noqa: ARG002 – no clock is read
        """Estimates, counted from a moment as if a run had started then; Google cuts the seconds."""
        notice = f"an estimate: Cloud Scheduler counts {elapsed_in_words(self.seconds)} from the last run"
        at = position // 60 * 60 + self.seconds
        while at < END:
            yield Occurrence(moment(at), notice, doubtful=True)
            at += self.seconds


@dataclass(frozen=True, slots=True)
class RangedInterval:
    """From ``start`` every ``seconds`` to ``end`` inclusive, begun anew each day; both seconds of the day.

    The steps are counted in elapsed time, also where the clocks change on the way. ``end`` before ``start``
    is that of the next day.
    """

    seconds: int
    start: int
    end: int

    def forward(self, clock: Clock, position: int) -> Iterator[Occurrence]:
        """The occurrences from a moment on."""
        day = (position + clock.stretch(position).offset) // DAY - 2
        while day * DAY < END:
            for at in self._of_day(clock, day):
                if position <= at < END:
                    yield self._occurrence(clock, day, at)
            day += 1

    def _of_day(self, clock: Clock, day: int) -> range:
        start = _moment_of(clock, day * DAY + self.start)
        ends = (_moment_of(clock, other * DAY + self.end) for other in (day, day + 1, day + 2))
        end = next(end for end in ends if end >= start)
        return range(start, min(end + 1, _moment_of(clock, (day + 1) * DAY + self.start)), self.seconds)

    def _occurrence(self, clock: Clock, day: int, at: int) -> Occurrence:
        wall = at + clock.stretch(at).offset
        if len(clock.moments(wall)) != 1:
            return Occurrence(moment(at), occurs_twice(wall, clock.name), doubtful=True)
        start = _moment_of(clock, day * DAY + self.start)
        if clock.stretch(start).offset == clock.stretch(at).offset and clock.moments(day * DAY + self.start):
            return Occurrence(moment(at))
        changed = day_in_words(wall_datetime(wall))
        notice = f"counted across the change of the clocks on {changed} in {clock.name}"
        return Occurrence(moment(at), notice, doubtful=True)


def _moment_of(clock: Clock, wall: int) -> int:
    """The earlier of two, or the full hour, by the clock before the change, of one in the gap."""
    moments = clock.moments(wall)
    return moments[0] if moments else wall // HOUR * HOUR - clock.offsets(wall)[0]
