"""The schedule of a job: what is sent to Google, and what an operator is told about when."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import islice
from typing import NamedTuple, Protocol

from scheduled_jobs.domain.schedules import words
from scheduled_jobs.domain.schedules.cron import parse_cron
from scheduled_jobs.domain.schedules.english import SpecificTime, looks_english, parse_english
from scheduled_jobs.domain.schedules.intervals import DriftingInterval, RangedInterval, interval_schedule
from scheduled_jobs.domain.schedules.meant import SHORTHANDS, explained
from scheduled_jobs.domain.schedules.messages import quoted
from scheduled_jobs.domain.schedules.occurrences import EPOCH, Occurrence
from scheduled_jobs.domain.schedules.wall_times import WallTimes
from scheduled_jobs.domain.schedules.words import cron_in_words
from scheduled_jobs.domain.schedules.zones import DAY, END, START, Clock, validate_time_zone
from scheduled_jobs.exceptions import InvalidSchedule

MAX_LENGTH = 500
"""Characters of a schedule: every value of every field written out takes fewer."""


class Timing(Protocol):
    """When a schedule comes, on the clock of a zone. Moments are whole seconds since 1970."""

    def forward(self, clock: Clock, position: int) -> Iterator[Occurrence]:
        """From ``position`` on."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a job starts, as Cloud Scheduler understands it. Made by ``Schedule.parse``; hashable, picklable.

    Two schedules are equal when the same expression is sent with the same zone.
    """

    expression: str
    """What is sent to Google: blanks collapsed, shorthands expanded, a timedelta in its words."""
    time_zone: str
    """A name of the tz database."""
    _timing: Timing = field(repr=False, compare=False)
    _words: Callable[[], str] = field(repr=False, compare=False)
    _clock: Clock = field(repr=False, compare=False)

    @classmethod
    def parse(cls, run_every: str | timedelta, time_zone: str = "UTC") -> Schedule:
        """Read what may be written as ``run_every``.

        Five fields of unix-cron, ``@daily`` and its like, the English-like form, or a timedelta of whole
        minutes. Raises InvalidSchedule (a ValueError), whose text tells a person what is wrong, where, and
        what to write instead; a schedule that can never come is refused too.
        """
        if isinstance(run_every, timedelta):
            run_every = interval_schedule(run_every)
        if not isinstance(run_every, str):
            shown = quoted(run_every)
            raise InvalidSchedule(explained(shown, f"{shown} is not a schedule", shown))
        if len(run_every) > MAX_LENGTH:
            raise InvalidSchedule(
                f"{quoted(run_every)} has {len(run_every)} characters; a schedule has at most {MAX_LENGTH}"
            )
        if not isinstance(time_zone, str):
            validate_time_zone(time_zone)
        return _parse(run_every, time_zone)

    def __reduce__(self) -> tuple[Callable[[str, str], Schedule], tuple[str, str]]:
        return Schedule.parse, (self.expression, self.time_zone)

    @property
    def is_estimate(self) -> bool:
        """Whether Google counts from the last run, so that the times given here are a guess."""
        return self.interval is not None

    @property
    def interval(self) -> timedelta | None:
        """What Google counts from the last run; None where a clock decides."""
        timing = self._timing
        return timedelta(seconds=timing.seconds) if isinstance(timing, DriftingInterval) else None

    @property
    def crontab(self) -> str | None:
        """The same in five fields, for whoever reads nothing else; None where these cannot say it."""
        timing = self._timing
        if not looks_english(self.expression):
            return self.expression
        if not isinstance(timing, WallTimes) or timing.days.ordinals:
            return None
        days = timing.days
        parts = (timing.minutes, timing.hours, days.month_days, days.months, days.weekdays)
        return " ".join(",".join(map(str, part)) or "*" for part in parts)

    def describe(self) -> str:
        """In English, with the zone: "At 09:00, Monday to Friday, New York time".

        Without it where no clock decides: "Every 90 minutes, counted from the last run".
        """
        if self.is_estimate:
            return self._words()
        return f"{self._words()}, {words.zone_in_words(self.time_zone)}"

    def upcoming(self, after: datetime, n: int) -> list[Occurrence]:
        """The next ``n`` occurrences strictly after ``after`` (aware); fewer at the end of the calendar.

        A time in the spring gap is left out, and the occurrence that follows says so. Of a time that occurs
        twice at a fixed hour the first is given, of ``*``, ranges and steps in the hour field both; whether
        Cloud Scheduler does so is not recorded, hence ``doubtful``. For a drifting interval the times are
        those after a run that would start at ``after``.
        """
        position = _floor(after, "after")
        if not self.is_estimate:  # an estimate is counted from the minute of ``after`` itself
            position += 1
        return list(islice(self._timing.forward(self._clock, position), max(n, 0)))

    def previous(self, before: datetime) -> Occurrence | None:
        """The last occurrence strictly before ``before`` (aware), with a notice of times skipped in between.

        None for a drifting interval, whose past only Google and the history know, and before 1970.
        """
        position = _ceiling(before, "before")
        if self.is_estimate:
            return None
        start, reach = position, 3600
        while start > START and not self._comes(start, position):
            start, reach = max(position - reach, START), reach * 4
        # Up to the last one something comes before ``position``, after it nothing does.
        is_over = bisect_left(range(start, position), x=True, key=lambda at: not self._comes(at, position))
        last = start + is_over - 1
        if last < start:
            return None
        occurrence = next(self._timing.forward(self._clock, last))
        notices = [occurrence.notice] if occurrence.notice else []
        if isinstance(self._timing, WallTimes):
            notices = [*self._timing.skipped(self._clock, last, position), *notices]
        return occurrence._replace(notice="; ".join(notices) or None)

    def _comes(self, position: int, stop: int) -> bool:
        return next(self._between(position, stop), None) is not None

    def between(self, start: datetime, end: datetime) -> Iterator[Occurrence]:
        """The occurrences in ``start <= at < end`` (both aware), in order."""
        position = _ceiling(start, "start")
        stop = _ceiling(end, "end")
        return self._between(position, stop)

    def _between(self, position: int, stop: int) -> Iterator[Occurrence]:
        limit = EPOCH + timedelta(seconds=stop)
        if position < stop:
            for occurrence in self._timing.forward(self._clock, position):
                if occurrence.at >= limit:
                    return
                yield occurrence


# Many jobs share few schedules, and lists of them are read again and again.
@lru_cache(maxsize=4096)
def _parse(text: str, time_zone: str) -> Schedule:
    return parse_uncached(text, time_zone)


def parse_uncached(text: str, time_zone: str) -> Schedule:
    """What ``Schedule.parse`` does with a text it has not seen."""
    zone = validate_time_zone(time_zone)
    clock = Clock.of(zone)
    fields = text.split()
    if not fields:
        raise InvalidSchedule("the schedule is empty: write one such as '0 9 * * *' or 'every 2 hours'")
    try:
        if looks_english(text):
            return _english(" ".join(fields), zone, clock)
        if fields[0].startswith("@"):
            fields = _expand(" ".join(fields)).split()
        expression, times = parse_cron(fields)
    except InvalidSchedule as error:
        raise InvalidSchedule(explained(text, str(error))) from None
    return Schedule(expression, zone, times, lambda: cron_in_words(expression), clock)


def _expand(text: str) -> str:
    if text in SHORTHANDS:
        return SHORTHANDS[text]
    raise InvalidSchedule(f"{quoted(text)} is not one of {', '.join(SHORTHANDS)}")


def _english(text: str, zone: str, clock: Clock) -> Schedule:
    expression, form = parse_english(text)
    if isinstance(form, SpecificTime):
        times = form.times
        schedule = Schedule(expression, zone, times, lambda: words.specific_in_words(form), clock)
        if form.ordinals and not form.every_week and not _ever_comes(schedule):
            raise InvalidSchedule(
                f"{quoted(expression)} never comes: the clocks of {zone} leave out that time each year"
            )
        return schedule
    if isinstance(form, RangedInterval):
        return Schedule(expression, zone, form, lambda: words.ranged_in_words(form), clock)
    return Schedule(expression, zone, form, lambda: words.drifting_in_words(form), clock)


def _ever_comes(schedule: Schedule) -> bool:
    """Only a weekday of a month can meet every change of the clocks: "2nd sunday of mar 2:30"."""
    return next(schedule._timing.forward(schedule._clock, RULES_HOLD_FROM), None) is not None  # noqa: SLF001


RULES_HOLD_FROM = 60 * 365 * DAY
"""About 2030: the changes that the tz database foretells are regular by then."""


def _since_epoch(when: datetime, name: str) -> timedelta:
    if not isinstance(when, datetime) or when.utcoffset() is None:
        raise ValueError(f"{name} must be a datetime with a time zone, not {when!r}")
    return when - EPOCH


def _floor(when: datetime, name: str) -> int:
    since = _since_epoch(when, name)
    return min(max(since.days * DAY + since.seconds, START - 1), END)


def _ceiling(when: datetime, name: str) -> int:
    since = _since_epoch(when, name)
    return min(max(since.days * DAY + since.seconds + (since.microseconds > 0), START), END)


class Description(NamedTuple):
    """A schedule in words."""

    words: str
    """Without the zone, which stands beside it."""
    expression: str
    """What is sent to Google; empty where the words are the expression."""


@lru_cache(maxsize=8192)
def describe_schedule(expression: str, time_zone: str) -> Description:
    """Put a schedule into words, which are remembered; a faulty one stays as it stands."""
    try:
        schedule = Schedule.parse(expression, time_zone)
    except InvalidSchedule:
        return Description(expression, "")
    text = schedule.describe().removesuffix(f", {words.zone_in_words(time_zone)}")
    return Description(text, "" if text.casefold() == expression.casefold() else expression)
