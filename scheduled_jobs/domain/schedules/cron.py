"""Five fields of unix-cron, as Google's page "Cron job format and time zone" describes them.

What that page allows is accepted, everything else refused, also where other crons agree on a meaning: Google
refuses a job without saying why, or runs it as nobody expected. Where the page is silent:

- A step belongs to a range or to ``*``, and is at most the largest value of its field.
- ``*`` stands alone: in a list write the range.
- ``*/2`` in one field for days beside a restricted other one is refused. The page joins the two by "or"
  unless one is ``*``; whether ``*/2`` counts as ``*`` is unknown, and crons differ (croniter runs on days
  that match either field, cronsim on those that match both). ``1-31/2`` is a range, and leaves no doubt.
- ``FRI-SUN`` runs backwards, since SUN is 0; ``5-7`` does not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, NoReturn

from scheduled_jobs.domain.schedules.messages import ORDINALS, listed, quoted
from scheduled_jobs.domain.schedules.occurrences import MONTHS
from scheduled_jobs.domain.schedules.wall_times import Days, WallTimes
from scheduled_jobs.exceptions import InvalidSchedule

MONTH_NAMES = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
DAY_NAMES = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
LONGEST_MONTHS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
COUNTS = ("no fields", "one field", "two fields", "three fields", "four fields", "five fields", "six fields")


@dataclass(frozen=True, slots=True)
class CronField:
    """One of the five: what it is called, and the values it takes."""

    position: int
    noun: str
    low: int
    high: int
    """The largest value of the range that ``*`` stands for."""
    names: tuple[str, ...] = ()
    alias: int | None = None
    """A value beyond ``high``: 7 for Sunday."""

    @property
    def values(self) -> tuple[int, ...]:
        """What ``*`` stands for."""
        return tuple(range(self.low, self.high + 1))


MINUTE = CronField(0, "a minute (0-59)", 0, 59)
HOUR = CronField(1, "an hour (0-23)", 0, 23)
DAY_OF_MONTH = CronField(2, "a day of the month (1-31)", 1, 31)
MONTH = CronField(3, "a month (1-12 or JAN-DEC)", 1, 12, MONTH_NAMES)
DAY_OF_WEEK = CronField(4, "a day of the week (0-7 or SUN-SAT)", 0, 6, DAY_NAMES, alias=7)
FIELDS = (MINUTE, HOUR, DAY_OF_MONTH, MONTH, DAY_OF_WEEK)
ALL = {field: field.values for field in FIELDS}


class Parsed(NamedTuple):
    """The values of one field, sorted, and its text with zeros in front of numbers left out."""

    values: tuple[int, ...]
    text: str


def parse_cron(fields: list[str]) -> tuple[str, WallTimes]:
    """The expression to send and its times, or InvalidSchedule."""
    expression = " ".join(fields)
    if len(fields) != 5:
        _refuse_count(fields, expression)
    minute, hour, day, month, weekday = read_fields(fields, expression)
    days = _days(day, month, weekday, expression)
    repeats = not hour.text.replace(",", "").isdigit()
    return (
        f"{minute.text} {hour.text} {day.text} {month.text} {weekday.text}",
        WallTimes(minute.values, hour.values, days, repeats),
    )


def read_fields(fields: list[str], expression: str) -> list[Parsed]:
    """Each of the five by itself, or InvalidSchedule, which quotes ``expression``."""
    return [
        Parsed(ALL[field], text) if text == "*" else _FieldReader(field, expression).read(text)
        for field, text in zip(FIELDS, fields, strict=True)
    ]


def _refuse_count(fields: list[str], expression: str) -> NoReturn:
    count = COUNTS[len(fields)] if len(fields) < len(COUNTS) else f"{len(fields)} fields"
    raise InvalidSchedule(
        f"{quoted(expression)} has {count}; a cron schedule has five: minute, hour, day of the month, month, "
        "day of the week"
    )


def _days(day: Parsed, month: Parsed, weekday: Parsed, expression: str) -> Days:
    if day.text != "*" and weekday.text != "*":
        for field, mine, other in ((DAY_OF_MONTH, day, "week"), (DAY_OF_WEEK, weekday, "month")):
            if mine.text.startswith("*/"):
                raise InvalidSchedule(
                    f"{quoted(mine.text)} beside a day of the {other} is not defined by Cloud Scheduler, "
                    f"in the {ORDINALS[field.position]} field of {quoted(expression)}"
                )
    every_day, every_weekday = len(day.values) == 31, len(weekday.values) == 7
    months = () if len(month.values) == 12 else month.values
    if weekday.text == "*" and not every_day:
        refuse_never(day.values, month.values, expression)
    if day.text != "*" and weekday.text != "*" and (every_day or every_weekday):
        # Days that match either field, one of which every day matches.
        return Days(months=months)
    return Days(() if every_day else day.values, months, () if every_weekday else weekday.values)


def refuse_never(days: tuple[int, ...], months: tuple[int, ...], expression: str) -> None:
    """Raise InvalidSchedule where none of the months has the first of the days, which are sorted."""
    longest = max(LONGEST_MONTHS[month - 1] for month in months)
    if days[0] > longest:
        names = listed([MONTHS[month - 1] for month in months])
        have = "has" if len(months) == 1 else "have"
        raise InvalidSchedule(f"{quoted(expression)} never comes: {names} {have} at most {longest} days")


class _FieldReader:
    """Reads one field; its errors say where they are."""

    def __init__(self, field: CronField, expression: str) -> None:
        self._field = field
        self._expression = expression

    def read(self, text: str) -> Parsed:
        if "," not in text:
            values, text = self._item(text)
            return Parsed(self._sorted(values), text)
        found: set[int] = set()
        texts: list[str] = []
        for item in text.split(","):
            if item == "*" or item.startswith("*/"):
                raise self._error(f"{quoted(item)} cannot stand in a list")
            values, item_text = self._item(item)
            found.update(values)
            texts.append(item_text)
        return Parsed(self._sorted(found), ",".join(texts))

    def _sorted(self, values: range | set[int]) -> tuple[int, ...]:
        alias = self._field.alias
        if alias is None or alias not in values:
            return tuple(sorted(values))
        return tuple(sorted({self._field.low if value == alias else value for value in values}))

    def _item(self, item: str) -> tuple[range, str]:
        body, slash, step_text = item.partition("/")
        if body == "*" and slash:
            step = self._step(step_text, item)
            return range(self._field.low, self._field.high + 1, step), f"*/{step}"
        first_text, hyphen, last_text = body.partition("-")
        if not hyphen:
            value = self._value(body)
            if slash:
                self._step(step_text, item)
                raise self._error(f"a step follows a range or '*', not a number as in {quoted(item)}")
            return range(value, value + 1), self._text(body)
        first, last = self._value(first_text), self._value(last_text)
        if first > last:
            raise self._error(f"{quoted(item)} runs backwards")
        text = f"{self._text(first_text)}-{self._text(last_text)}"
        if not slash:
            return range(first, last + 1), text
        step = self._step(step_text, item)
        return range(first, last + 1, step), f"{text}/{step}"

    def _value(self, text: str) -> int:
        field = self._field
        if not text:
            raise self._error("something is missing before or after ',', '-' or '/'")
        if text.isascii() and text.isdigit() and len(text) <= 2:
            value = int(text)
            if field.low <= value <= field.high or value == field.alias:
                return value
        elif text in field.names:
            return field.low + field.names.index(text)
        raise self._error(f"{quoted(text)} is not {field.noun}")

    def _step(self, text: str, item: str) -> int:
        if text.isascii() and text.isdigit() and len(text) <= 2 and 1 <= int(text) <= self._field.high:
            return int(text)
        raise self._error(f"{quoted(text)} in {quoted(item)} is not a step (1-{self._field.high})")

    @staticmethod
    def _text(text: str) -> str:
        return str(int(text)) if text.isdigit() else text

    def _error(self, what: str) -> InvalidSchedule:
        where = f"in the {ORDINALS[self._field.position]} field of {quoted(self._expression)}"
        return InvalidSchedule(f"{what}, {where}")
