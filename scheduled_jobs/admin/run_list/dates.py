"""Years, months and days above the run list.

Django's own date hierarchy asks the database which days have runs, and reads the whole history for it.
"""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING

from django.utils import timezone
from django.utils.dateformat import format as date_format
from django.utils.translation import gettext as _

from scheduled_jobs.models import JobRun

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

NAMES = ("created_at__year", "created_at__month", "created_at__day")

Link = tuple[str, str]
"""A title and the query string that leads there."""


@dataclass(frozen=True)
class Dates:
    """The way back, where we are, and what may be chosen within it."""

    back: Link | None = None
    here: str = ""
    choices: list[Link] = field(default_factory=list)


def span() -> tuple[date, date] | None:
    """The days of the oldest and the newest run; None before the first."""
    runs = JobRun.objects.values_list("at", flat=True)
    first, last = runs.order_by("at").first(), runs.order_by("-at").first()
    if first is None or last is None:
        return None
    first_day, last_day = timezone.localdate(first), timezone.localdate(last)
    return min(first_day, last_day), max(first_day, last_day)


def dates_of(asked: Mapping[str, str], link: Callable[..., str]) -> Dates:
    """What stands above the list. ``link`` makes a query string, as ``ChangeList.get_query_string``."""
    within = span()
    year, month, day = (_number(asked.get(name)) for name in NAMES)
    if within is None:
        return Dates()
    first, last = within

    def to(*parts: int) -> str:
        return link(dict(zip(NAMES, parts, strict=False)), list(NAMES))

    if year and month and day and _is_day(year, month, day):
        chosen = date(year, month, day)
        return Dates((date_format(chosen, "F Y"), to(year, month)), date_format(chosen, "j F Y"))
    if year and month and _is_day(year, month, 1):
        chosen = date(year, month, 1)
        return Dates((str(year), to(year)), date_format(chosen, "F Y"), _days(chosen, first, last, to))
    if year:
        return Dates((_("All dates"), to()), str(year), _months(year, first, last, to))
    if (first.year, first.month) == (last.year, last.month):
        return Dates(choices=_days(first, first, last, to))
    if first.year == last.year:
        return Dates(choices=_months(first.year, first, last, to))
    return Dates(choices=[(str(number), to(number)) for number in range(first.year, last.year + 1)])


def _months(year: int, first: date, last: date, to: Callable[..., str]) -> list[Link]:
    months = [date(year, month, 1) for month in range(1, 13)]
    return [
        (date_format(month, "F"), to(year, month.month))
        for month in months
        if first.replace(day=1) <= month <= last
    ]


def _days(month: date, first: date, last: date, to: Callable[..., str]) -> list[Link]:
    days = [month.replace(day=n + 1) for n in range(monthrange(month.year, month.month)[1])]
    return [
        (date_format(day, "j M"), to(day.year, day.month, day.day)) for day in days if first <= day <= last
    ]


def is_part_of_a_date(name: str, values: Sequence[str]) -> bool:
    """Whether the database can look for these years, months or days."""
    most = dict(zip(NAMES, (9998, 12, 31), strict=True))[name]
    return all(1 <= (_number(value) or 0) <= most for value in values)


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) < 5 else None


def _is_day(year: int, month: int, day: int) -> bool:
    return 1 <= month <= 12 and 1 <= year <= 9999 and 1 <= day <= monthrange(year, month)[1]
