"""How the runs of thirty days ended, by day and by hour of the day, as inline SVG; from the roll-ups."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils.dateformat import format as date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from scheduled_jobs.admin.words import times
from scheduled_jobs.services.history.stats.figures import Series

DAYS, HOURS = 30, 24
TALL = 60.0
"""Height of a day's bar."""
LEAST_BAD = 4.0
"""What one failure of a thousand is still high."""
SHOWN_DAYS = 6
"""Every so many days have their date below them."""


@dataclass
class Ends:
    """How runs ended; ``other`` are those that say nothing of success: skipped, discarded, open."""

    succeeded: int = 0
    bad: int = 0
    other: int = 0

    def add(self, other: Ends) -> None:
        """Count those of another time too."""
        self.succeeded += other.succeeded
        self.bad += other.bad
        self.other += other.other

    @property
    def told(self) -> str:
        """The counts in words."""
        parts = [_("%(n)s succeeded"), _("%(n)s went wrong"), _("%(n)s skipped or open")]
        counts = (self.succeeded, self.bad, self.other)
        found = [text % {"n": intcomma(n)} for text, n in zip(parts, counts, strict=True) if n]
        return ", ".join(found) or _("no run")


@dataclass
class Month:
    """The ends by day of the month and by hour of it, in the zone of the job."""

    first: date
    by_hour: dict[tuple[int, int], Ends] = field(default_factory=lambda: defaultdict(Ends))

    def by(self, key: Callable[[tuple[int, int]], int]) -> dict[int, Ends]:
        """The ends added up, by what ``key`` makes of day and hour."""
        found: dict[int, Ends] = defaultdict(Ends)
        for place, ends in self.by_hour.items():
            found[key(place)].add(ends)
        return found


def begin_of_month(zone: str, now: datetime) -> datetime:
    """The midnight, in a zone, with which the thirty days begin that end today."""
    local = now.astimezone(times.zone_of(zone)) - timedelta(days=DAYS - 1)
    return local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)


def draw_month(series: Series, zone: str, now: datetime, link: Callable[[datetime, datetime], str]) -> Any:
    """Draw the figures of each hour; None where there are none. ``link`` leads to the runs of a time."""
    begin = begin_of_month(zone, now)
    month = Month(begin.date())
    for at, figures in series:
        local = at.astimezone(times.zone_of(zone))
        day = (local.date() - month.first).days
        if 0 <= day < DAYS:
            ends = Ends(figures.succeeded, figures.bad, figures.runs - figures.succeeded - figures.bad)
            month.by_hour[day, local.hour].add(ends)
    if not month.by_hour:
        return None
    days, hours = month.by(lambda place: place[0]), month.by(lambda place: place[1])
    sums = Ends()
    for ends in days.values():
        sums.add(ends)
    told = begin_of_days(begin)
    return {
        "summary": _summary(sums),
        "days": [_day(n, days[n], told[n], link(told[n], told[n + 1])) for n in range(DAYS)],
        "hours": [(f"{hour:02}:00", hours[hour].told) for hour in range(HOURS) if hour in hours],
        "ticks": [(f"{_x(n + 0.5):.2f}", date_format(told[n], "j M")) for n in range(0, DAYS, SHOWN_DAYS)],
        "paths": _paths(month),
    }


def begin_of_days(begin: datetime) -> list[datetime]:
    """The midnights of the days, and the one that ends the last; a day may have 23 or 25 hours."""
    return [begin + timedelta(days=n) for n in range(DAYS + 1)]


def _summary(sums: Ends) -> str:
    ends = sums.succeeded + sums.bad
    if not ends:
        return _("The last 30 days: %(told)s") % {"told": sums.told}
    # Rounded down: of a thousand runs of which one failed not all have succeeded.
    rate = int(1000 * sums.succeeded / ends) / 10
    text = ngettext(
        "The last 30 days: %(rate)g %% of %(n)s run succeeded",
        "The last 30 days: %(rate)g %% of %(n)s runs succeeded",
        ends,
    )
    return text % {"rate": rate, "n": intcomma(ends)}


def _x(day: float) -> float:
    return 6 + 94 * day / DAYS


def _day(n: int, ends: Ends, begin: datetime, url: str) -> dict[str, Any]:
    total = ends.succeeded + ends.bad
    bad = max(TALL * ends.bad / total, LEAST_BAD) if ends.bad else 0.0
    return {
        "label": f"{date_format(begin, 'D j M')}: {ends.told}",
        "day": date_format(begin, "D j M"),
        "told": ends.told,
        "url": url,
        "x": f"{_x(n + 0.12):.2f}",
        "width": f"{94 / DAYS * 0.76:.2f}",
        "is_empty": not total,
        "ok": f"{TALL - bad:.1f}",
        "bad": f"{bad:.1f}" if bad else "",
        "bad_y": f"{TALL - bad:.1f}",
    }


def _paths(month: Month) -> list[tuple[str, str]]:
    """Class and path of each kind of hour, in a box of thirty by twenty-four."""
    paths: dict[str, list[str]] = defaultdict(list)
    for (day, hour), ends in sorted(month.by_hour.items()):
        if not ends.succeeded + ends.bad:
            paths["m-disc"].append(_box(day + 0.35, hour + 0.35, 0.3, 0.3))
        if ends.succeeded:
            paths["m-ok"].append(_box(day + 0.12, hour + 0.15, 0.76, 0.7))
        if ends.bad:
            # Half an hour's box where some succeeded, the whole where none did.
            top = 0.5 if ends.succeeded else 0.0
            paths["m-bad"].append(_box(day, hour + top, 1, 1 - top))
    return [(css, "".join(parts)) for css, parts in paths.items()]


def _box(x: float, y: float, width: float, height: float) -> str:
    return f"M{x:g} {y:g}h{width:g}v{height:g}h-{width:g}z"
