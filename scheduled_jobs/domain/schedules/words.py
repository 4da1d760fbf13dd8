"""Both forms in English, and zones by their places.

cron-descriptor reads the text of each field by itself, and says more than is true where that is not enough:

- a step that does not divide its field, or that reaches one value only, reads as an interval (``*/45`` as
  "every 45 minutes", though it comes at :00 and :45): such fields are handed over as their values;
- a step of months reads as if the job came once in so many of them;
- with both fields for days restricted, either of which may match, a range reads as if both had to: these
  are described one by one and joined by "or";
- several minutes in certain hours read as if only the full hours were meant, and one minute in several
  ranges of hours as if all of their minutes were.
"""

from __future__ import annotations

import re

from cron_descriptor import DescriptionTypeEnum, ExpressionDescriptor, Options

from scheduled_jobs.domain.schedules.cron import (
    DAY_OF_WEEK,
    FIELDS,
    HOUR,
    MINUTE,
    MONTH,
    CronField,
    Parsed,
    read_fields,
)
from scheduled_jobs.domain.schedules.english import SpecificTime
from scheduled_jobs.domain.schedules.intervals import DriftingInterval, RangedInterval, elapsed_in_words
from scheduled_jobs.domain.schedules.messages import ORDINALS, listed
from scheduled_jobs.domain.schedules.occurrences import MONTHS
from scheduled_jobs.domain.schedules.zones import DAY

UTC_NAMES = frozenset({"UTC", "Etc/UTC", "Etc/UCT", "UCT", "Etc/Universal", "Universal", "Etc/Zulu", "Zulu"})
REGIONS = (
    "Africa",
    "America",
    "Antarctica",
    "Arctic",
    "Asia",
    "Atlantic",
    "Australia",
    "Europe",
    "Indian",
    "Pacific",
)
"""The first part of a name whose last is a place."""
DIRECTIONS = frozenset({"North", "South", "West"})
"""Of Australia: not the names of places."""
WEEKDAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
WORKDAYS = (1, 2, 3, 4, 5)


def zone_in_words(name: str) -> str:
    """ "New York time" for ``America/New_York``; names that are no place stand as they are."""
    if name in UTC_NAMES:
        return "UTC"
    region, _, place = name.partition("/")
    place = place.rpartition("/")[2]
    if region not in REGIONS or place in DIRECTIONS or place.isupper():
        return f"{name} time"
    return f"{place.replace('_', ' ')} time"


def specific_in_words(form: SpecificTime) -> str:
    """One time of the day, as in "At 17:00 on the first and third Monday of every month"."""
    time = f"At {_time(form.time)}"
    months = "every month" if len(form.months) == 12 else listed([MONTHS[month - 1] for month in form.months])
    if form.month_days:
        return f"{time} on the {listed([ordinal(day) for day in form.month_days])} of {months}"
    names = listed([WEEKDAYS[day] for day in form.weekdays])
    if form.weekdays and not form.every_week:
        return f"{time} on the {listed([ORDINALS[n - 1] for n in form.ordinals])} {names} of {months}"
    if not form.weekdays or len(form.weekdays) == 7:
        days = "every day"
    else:
        days = "Monday to Friday" if form.weekdays == WORKDAYS else f"every {names}"
    return f"{time}, {days}" if len(form.months) == 12 else f"{time}, {days} in {months}"


def ranged_in_words(form: RangedInterval) -> str:
    """An interval counted from a time of each day."""
    if form.seconds > (form.end - form.start) % DAY:
        return f"At {_time(form.start)}, every day"
    every = f"Every {elapsed_in_words(form.seconds)}"
    if (form.start, form.end) == (0, DAY - 60):
        return (
            f"{every} from midnight" if DAY % form.seconds == 0 else f"{every} from midnight, each day anew"
        )
    overnight = " the next day" if form.end < form.start else ""
    return f"{every} from {_time(form.start)} to {_time(form.end)}{overnight}"


def drifting_in_words(form: DriftingInterval) -> str:
    """An interval that no clock and no zone decides."""
    return f"Every {elapsed_in_words(form.seconds)}, counted from the last run"


def _time(seconds: int) -> str:
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}"


def ordinal(number: int) -> str:
    """ "1st", "22nd"."""
    suffix = "th" if 10 <= number % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{suffix}"


EVENLY_DIVIDED = (MINUTE, HOUR)
"""A step that divides one of these goes on over its end: the next hour or day begins with the next step."""

WORDING = ((" through ", " to "), ("only on ", "on "), ("only in ", "in "), (", and ", " and "))

TIMES = re.compile(r"At \d\d:\d\d")
"""How a schedule begins that comes at times of the day: on which days, the English-like form says as well."""

SHORT_LIST = 5
"""Values of a step that are told one by one; more of them are told as a range and its step."""


def cron_in_words(expression: str) -> str:
    """Five checked fields, as in "At 09:00, Monday to Friday"."""
    read = read_fields(expression.split(), expression)
    fields = [_spoken(field, parsed) for field, parsed in zip(FIELDS, read, strict=True)]
    minute, hour, day, month, weekday = fields
    many_minutes = len(read[0].values) > 1
    if many_minutes and "/" not in hour and hour != "*":
        hour = _runs(HOUR, read[HOUR.position].values, least=1)
    elif "," in hour:
        hour = ",".join(map(str, read[HOUR.position].values))
    if "*" in (day, weekday):
        if expression.split()[2] != "*" and expression.split()[4] != "*":
            day = weekday = "*"
        words = _described(minute, hour, day, month, weekday)
        if TIMES.match(words):
            words = words.replace(", only on ", ", every ")
            if day == weekday == "*":
                months = _part(DescriptionTypeEnum.MONTH, *fields)
                words = f"{words.removesuffix(months)}, every day{months.replace(', only in ', ' in ')}"
    else:
        # The months before the days: they hold for both.
        of_month = _part(DescriptionTypeEnum.DAYOFMONTH, minute, hour, day, month, "*")
        of_week = _part(DescriptionTypeEnum.DAYOFWEEK, minute, hour, "*", month, weekday)
        words = f"{_described(minute, hour, '*', month, '*')}{of_month}, or {of_week.removeprefix(', ')}"
    for theirs, ours in WORDING:
        words = words.replace(theirs, ours)
    if many_minutes:
        words = re.sub(
            r", every (\d+) hours", lambda match: f", in every {ordinal(int(match[1]))} hour", words
        )
    else:
        words = re.sub(r"between (\d\d):00 and (\d\d):59", rf"from \1:{minute:0>2} to \2:{minute:0>2}", words)
        words = words.replace(f"At {minute} minutes past the hour, from", "Every hour, from")
    words = re.sub(r", every (\d+) days", lambda match: f", every {ordinal(int(match[1]))} day", words)
    words = re.sub(r"on day ([\d, and]+) of the month", _on_the, words)
    return words.replace("At 1 minutes past", "At 1 minute past")


def _on_the(match: re.Match[str]) -> str:
    days = re.sub(r"\d+", lambda day: ordinal(int(day[0])), match[1])
    return f"on the {days} of the month"


def _described(*fields: str) -> str:
    words = _part(DescriptionTypeEnum.FULL, *fields)
    # A minute that repeats every hour, day or month says nothing by it.
    return re.sub(r", every (?:hour|day|month)(?=,|$)", "", words)


def _part(part: DescriptionTypeEnum, *fields: str) -> str:
    options = Options(locale_code="en_US", use_24hour_time_format=True)
    words: str = ExpressionDescriptor(" ".join(fields), options).get_description(part)
    return words


def _spoken(field: CronField, parsed: Parsed) -> str:
    """A field that takes the same values, of whose text every word is true."""
    values, text = parsed
    if len(values) == len(field.values):
        return "*"
    if "/" not in text or "," in text:
        return _runs(field, values)
    step = int(text.rpartition("/")[2])
    if step == 1 or field is MONTH:
        return _runs(field, values)
    goes_on = field in EVENLY_DIVIDED and values[0] == field.low
    if goes_on and len(field.values) == step * len(values) and len(values) > 1:
        return f"*/{step}"
    if field is DAY_OF_WEEK or len(values) <= SHORT_LIST:
        return _runs(field, values)
    return f"{values[0]}-{values[-1]}/{step}"


def _runs(field: CronField, values: tuple[int, ...], *, least: int = 3) -> str:
    """The values, of which at least so many that follow each other are a range."""
    if field is DAY_OF_WEEK and {0, 6} <= set(values):
        values = (*values[1:], 7)
    runs: list[list[int]] = []
    for value in values:
        if runs and value == runs[-1][-1] + 1:
            runs[-1].append(value)
        else:
            runs.append([value])
    texts = (f"{run[0]}-{run[-1]}" if len(run) >= least else ",".join(map(str, run)) for run in runs)
    return ",".join(texts)
