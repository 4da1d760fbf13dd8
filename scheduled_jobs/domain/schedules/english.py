"""The English-like form: ``every 2 hours``, ``1st,third monday of month 17:00``.

The grammar is the one that Google publishes as Groc.g in the App Engine SDK for Java; its words are in lower
case, blanks between them are optional, and a time is required outside intervals.
"""

from __future__ import annotations

import re
from typing import NamedTuple, NoReturn

from scheduled_jobs.domain.schedules.cron import refuse_never
from scheduled_jobs.domain.schedules.intervals import DriftingInterval, RangedInterval
from scheduled_jobs.domain.schedules.messages import quoted
from scheduled_jobs.domain.schedules.occurrences import MONTHS
from scheduled_jobs.domain.schedules.wall_times import Days, WallTimes
from scheduled_jobs.domain.schedules.zones import DAY
from scheduled_jobs.exceptions import InvalidSchedule

ORDINALS = {"1st": 1, "2nd": 2, "3rd": 3, "4th": 4, "5th": 5}
ORDINALS |= {"first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5}
WEEKDAYS = {
    "sunday": 0, "monday": 1, "tuesday": 2, "wednesday": 3, "thursday": 4, "friday": 5, "saturday": 6,
}  # fmt: skip
WEEKDAYS |= {name[:3]: number for name, number in WEEKDAYS.items()}
MONTH_NAMES = {name.lower(): number for number, name in enumerate(MONTHS, 1)}
MONTH_NAMES |= {name[:3]: number for name, number in MONTH_NAMES.items()}
UNITS = {"hours": 3600, "minutes": 60, "mins": 60}
PLAIN = ("every", "day", "of", "month", "quarter", "from", "to", "synchronized")

KINDS = {word: word for word in PLAIN}
KINDS |= dict.fromkeys(ORDINALS, "ordinal") | dict.fromkeys(WEEKDAYS, "weekday")
KINDS |= dict.fromkeys(MONTH_NAMES, "month name") | dict.fromkeys(UNITS, "unit")

MISTAKES = (
    "hour", "hr", "hrs", "minute", "min", "m", "h", "s", "sec", "secs", "seconds", "days", "week", "weeks",
    "weekday", "midnight", "noon", "tues", "weds", "thur", "thurs", "sept", "am", "pm", "last", "st", "nd",
    "rd", "th", "at", "on", "and", "-", ".",
)  # fmt: skip
"""Words that people write, and of which a part is a word of the form or might be."""

TOKEN = re.compile(
    rf"\s*(?:(?P<mistake>(?:{'|'.join(map(re.escape, MISTAKES))})(?![a-z]))"
    r"|(?P<time>(?:[01][0-9]|2[0-3]|[0-9]):[0-5][0-9])"
    rf"|(?P<word>{'|'.join(sorted(KINDS, key=len, reverse=True))})"
    r"|(?P<number>[0-9]+)|(?P<comma>,)|(?P<unknown>[a-z]+|[0-9:]+|\S))"
)
ENGLISH = re.compile(rf"^\s*(?:every|{'|'.join((*ORDINALS, *WEEKDAYS))})(?![-/])|\bof\b|[0-9]:[0-9]")
TIME_LIKE = re.compile(r"[0-9]{1,2}:[0-9]{1,2}")


class SpecificTime(NamedTuple):
    """``time`` is seconds of the day; days are ``month_days``, or the ``ordinals`` of ``weekdays``.

    Sunday is 0. All five ordinals are every week, no weekday and no day of the month is every day.
    """

    time: int
    month_days: tuple[int, ...]
    ordinals: tuple[int, ...]
    weekdays: tuple[int, ...]
    months: tuple[int, ...]

    @property
    def every_week(self) -> bool:
        """Whether the weekdays are meant in every week of the month."""
        return len(self.ordinals) == 5

    @property
    def times(self) -> WallTimes:
        """The times; a time that occurs twice runs at its first occurrence, as at any fixed hour."""
        hour, minute = self.time // 3600, self.time // 60 % 60
        return WallTimes((minute,), (hour,), self._days(), repeats=False)

    def _days(self) -> Days:
        months = () if len(self.months) == 12 else self.months
        month_days = () if len(self.month_days) == 31 else self.month_days
        if self.every_week:
            weekdays = () if len(self.weekdays) == 7 else self.weekdays
            return Days(months=months, weekdays=weekdays)
        return Days(month_days, months, self.weekdays, self.ordinals)


def looks_english(text: str) -> bool:
    """Whether a person meant this form, well written or not."""
    # A star is cron's alone, whatever stands beside it.
    return "*" not in text and ENGLISH.search(text.lower()) is not None


class Token(NamedTuple):
    """One word, number, time or comma."""

    kind: str
    text: str


def parse_english(text: str) -> tuple[str, SpecificTime | RangedInterval | DriftingInterval]:
    """The expression to send and its times, or InvalidSchedule."""
    parser = _Parser(text.lower())
    found = parser.interval() if parser.is_interval() else parser.specific()
    if text != text.lower():
        raise InvalidSchedule(f"{quoted(text)} has capitals")
    return parser.normalised(), found


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = [self._token(match) for match in TOKEN.finditer(text.rstrip())]
        self._at = 0

    def _token(self, match: re.Match[str]) -> Token:
        kind, text = str(match.lastgroup), match[str(match.lastgroup)]
        if kind in ("unknown", "mistake") or (
            kind == "number" and self._text[match.end() : match.end() + 1] == ":"
        ):
            time = TIME_LIKE.match(self._text, match.start(kind))
            if time is not None:
                self._refuse(f"{quoted(time[0])} is not a time (0:00-23:59)")
            self._refuse(f"{quoted(text)} cannot stand")
        if kind == "number":
            if len(text) > 5:
                self._refuse(f"{quoted(text)} is too long a number (at most 5 digits)")
            return Token(kind, str(int(text)))
        return Token(KINDS[text] if kind == "word" else kind, text)

    # --- Walking over the tokens --------------------------------------------------------------

    def _peek(self, ahead: int = 0) -> str:
        position = self._at + ahead
        return self._tokens[position].kind if position < len(self._tokens) else "end"

    def _take(self, kind: str, wanted: str) -> str:
        if self._peek() != kind:
            found = "it ends" if self._peek() == "end" else f"{quoted(self._tokens[self._at].text)} stands"
            self._refuse(f"{found} where {wanted} is needed")
        self._at += 1
        return self._tokens[self._at - 1].text

    def _list(self, kind: str, wanted: str) -> list[str]:
        items = [self._take(kind, wanted)]
        while self._peek() == "comma":
            self._at += 1
            items.append(self._take(kind, wanted))
        return items

    def _end(self) -> None:
        if self._peek() != "end":
            self._refuse(f"{quoted(self._tokens[self._at].text)} is too much")

    def _refuse(self, what: str) -> NoReturn:
        raise InvalidSchedule(f"{what}, in {quoted(self._text)}")

    def normalised(self) -> str:
        """The tokens, one blank between words and none beside commas."""
        return " ".join(token.text for token in self._tokens).replace(" , ", ",")

    # --- The grammar --------------------------------------------------------------------------

    def is_interval(self) -> bool:
        return self._peek() == "every" and self._peek(1) in ("number", "unit")

    def interval(self) -> RangedInterval | DriftingInterval:
        self._take("every", "'every'")
        count = int(self._take("number", "a number"))
        unit = self._take("unit", "'hours' or 'minutes'")
        if count == 0:
            self._refuse("the shortest interval is one minute")
        seconds = count * UNITS[unit]
        if self._peek() == "from":
            self._at += 1
            start = _seconds(self._take("time", "a time (0:00-23:59)"))
            self._take("to", "'to'")
            end = _seconds(self._take("time", "a time (0:00-23:59)"))
            self._end()
            return RangedInterval(seconds, start, end)
        if self._peek() == "synchronized":
            self._at += 1
            self._end()
            if DAY % seconds:
                self._refuse("a synchronized interval must divide 24 hours evenly, as 6 and 8 hours do")
            return RangedInterval(seconds, 0, DAY - 60)
        self._end()
        return DriftingInterval(seconds)

    def specific(self) -> SpecificTime:
        if self._peek() == "number":
            days = sorted({int(day) for day in self._list("number", "a day of the month (1-31)")})
            for day in days:
                if not 1 <= day <= 31:
                    self._refuse(f"'{day}' is not a day of the month (1-31)")
            self._take("of", "'of month' or 'of' and the names of months")
            return self._at_time(tuple(days), (), (), self._months())
        is_every = self._peek() == "every"
        ordinals = self._ordinals()
        month_days: tuple[int, ...] = ()
        weekdays: tuple[int, ...] = ()
        if self._peek() == "day":
            self._at += 1
            if not is_every:
                # "1st day" is the first day of the month, not every day of the first week.
                month_days, ordinals = ordinals, ()
        else:
            wanted = "a day of the week or 'day'"
            weekdays = tuple(sorted({WEEKDAYS[day] for day in self._list("weekday", wanted)}))
        months: tuple[int, ...] = tuple(range(1, 13))
        if self._peek() == "of":
            self._at += 1
            months = self._months()
        return self._at_time(month_days, ordinals, weekdays, months)

    def _ordinals(self) -> tuple[int, ...]:
        if self._peek() == "every":
            self._at += 1
            return (1, 2, 3, 4, 5)
        wanted = "'every', '1st' to '5th', or a day of the month"
        return tuple(sorted({ORDINALS[text] for text in self._list("ordinal", wanted)}))

    def _months(self) -> tuple[int, ...]:
        if self._peek() == "month":
            self._at += 1
            return tuple(range(1, 13))
        if self._peek() == "quarter":
            self._at += 1
            return (1, 4, 7, 10)
        if self._peek() == "ordinal":
            offsets = {ORDINALS[text] for text in self._list("ordinal", "'1st', '2nd' or '3rd'")}
            if max(offsets) > 3:
                self._refuse("a quarter has three months")
            self._take("month", "'month of quarter'")
            self._take("of", "'of quarter'")
            self._take("quarter", "'quarter'")
            return tuple(sorted(first + offset - 1 for first in (1, 4, 7, 10) for offset in offsets))
        names = self._list("month name", "'month', 'quarter' or the name of a month")
        return tuple(sorted({MONTH_NAMES[name] for name in names}))

    def _at_time(
        self,
        month_days: tuple[int, ...],
        ordinals: tuple[int, ...],
        weekdays: tuple[int, ...],
        months: tuple[int, ...],
    ) -> SpecificTime:
        if self._peek() == "end":
            self._refuse("a time is missing")
        time = _seconds(self._take("time", "a time (0:00-23:59)"))
        self._end()
        if month_days:
            refuse_never(month_days, months, self._text)
        return SpecificTime(time, month_days, ordinals, weekdays, months)


def _seconds(time: str) -> int:
    hour, minute = time.split(":")
    return int(hour) * 3600 + int(minute) * 60
