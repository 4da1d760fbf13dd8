"""Time zones: their names, and the stretches between two changes of their clocks.

zoneinfo answers for one moment at a time; stepping through a schedule needs to know how far an answer holds.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import get_close_matches
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple
from zoneinfo import TZPATH, ZoneInfo, available_timezones

from scheduled_jobs.domain.schedules.messages import quoted
from scheduled_jobs.domain.schedules.occurrences import moment, wall_datetime
from scheduled_jobs.exceptions import InvalidSchedule

HOUR, DAY = 3600, 86_400
START = 0
END = int(datetime(9000, 1, 1, tzinfo=UTC).timestamp())
"""Schedules are known from 1970-01-01 to here: no zone had rules before, no datetime is left much later."""

WIDEST_CHANGE = 26 * HOUR
"""More than any clock was ever changed by: Samoa left out a whole day in 2011."""

OFFSET = re.compile(r"(?:etc/)?(?:utc|gmt)?_*[+-]_*\d{1,2}(?::?\d\d)?")

ABBREVIATIONS = {
    "pst": "America/Los_Angeles", "pdt": "America/Los_Angeles", "pt": "America/Los_Angeles",
    "mdt": "America/Denver", "cst": "America/Chicago", "cdt": "America/Chicago", "edt": "America/New_York",
    "et": "America/New_York", "bst": "Europe/London", "west": "Europe/Lisbon", "cest": "Europe/Berlin",
    "eest": "Europe/Athens", "msk": "Europe/Moscow", "sast": "Africa/Johannesburg", "ist": "Asia/Kolkata",
    "jst": "Asia/Tokyo", "kst": "Asia/Seoul", "aest": "Australia/Sydney",
    "aedt": "Australia/Sydney", "nzst": "Pacific/Auckland", "nzdt": "Pacific/Auckland",
}  # fmt: skip
"""What clocks are called in some part of the year, and a zone in which they are."""

# Files beside the zones of the tz database that name no place.
NO_ZONES = frozenset({"Factory", "localtime", "posixrules"})
NO_PLACES = ("Etc/", "posix/", "right/", "SystemV/")
"""How names begin that are of no place, or of one with leap seconds."""


@lru_cache(maxsize=1)
def time_zones() -> frozenset[str]:
    """The names of the tz database on this machine."""
    return frozenset(available_timezones()) - NO_ZONES


@lru_cache(maxsize=1)
def offered_zones() -> tuple[str, ...]:
    """Those that a field for a zone offers: each that is named after a place, and UTC."""
    return ("UTC", *sorted(z for z in time_zones() if "/" in z and not z.startswith(NO_PLACES)))


@lru_cache(maxsize=1)
def _by_casefold() -> dict[str, str]:
    names = {name.casefold(): name for name in sorted(time_zones())}
    # The place alone is what people type: "berlin".
    places = {name.rpartition("/")[2]: full for name, full in sorted(names.items(), reverse=True)}
    return {**places, **names}


def validate_time_zone(name: str) -> str:
    """The name as it is sent to Google: "utc" in any case is UTC, by the reference of ``Job.time_zone``.

    Raises InvalidSchedule, with the nearest name, for what the tz database does not know.
    """
    if not isinstance(name, str):
        raise InvalidSchedule(f"{quoted(name)} is not a time zone: write a name such as 'Europe/Lisbon'")
    if name in time_zones():
        return name
    wanted = name.strip().casefold().replace(" ", "_")
    if wanted == "utc":
        return "UTC"
    if OFFSET.fullmatch(wanted):
        # 'Etc/GMT+2' is two hours *behind* UTC: nobody who writes an offset means it.
        raise InvalidSchedule(
            f"{quoted(name)} is an offset and not a time zone of the tz database: "
            "write the name of a place, such as 'Europe/Lisbon'"
        )
    if wanted in ABBREVIATIONS:
        raise InvalidSchedule(
            f"{quoted(name)} is an abbreviation and not a time zone of the tz database: "
            f"write the name of a place, such as {ABBREVIATIONS[wanted]!r}"
        )
    near = get_close_matches(wanted, _by_casefold(), n=1, cutoff=0.85) if 0 < len(wanted) <= 60 else []
    advice = f"did you mean {_by_casefold()[near[0]]!r}?" if near else "write a name such as 'Europe/Lisbon'"
    raise InvalidSchedule(f"{quoted(name)} is not a time zone of the tz database: {advice}")


def is_same_zone(one: str, other: str) -> bool:
    """Whether two names are of one zone: ``Etc/UTC`` is ``UTC``, ``Asia/Calcutta`` is ``Asia/Kolkata``.

    The tz database keeps a zone under each of its names: what is told of it is the same to the byte.
    """
    return one == other or (_rules(one) is not None and _rules(one) == _rules(other))


@lru_cache(maxsize=1024)
def _rules(name: str) -> bytes | None:
    if name not in time_zones():
        return None
    for folder in TZPATH:
        path = Path(folder, name)
        if path.is_file():
            return path.read_bytes()
    return files("tzdata").joinpath("zoneinfo", *name.split("/")).read_bytes()


class Stretch(NamedTuple):
    """A time in which the clocks of a zone are not changed: ``start <= t < end``, in seconds since 1970.

    The offsets are seconds east of UTC: in the stretch, before it and after it. A stretch may end without a
    change, where the table of its year does.
    """

    start: int
    end: int
    offset: int
    offset_before: int
    offset_after: int

    def is_second(self, wall: int) -> bool:
        """Whether the clocks showed this time before, in the stretch that ended with this one's start."""
        return wall < self.start + self.offset_before

    def is_first(self, wall: int) -> bool:
        """Whether the clocks will show this time again, in the stretch that follows."""
        return wall >= self.end + self.offset_after

    @property
    def gap_after(self) -> tuple[int, int] | None:
        """The times, from and before, that the clocks leave out at the end of the stretch."""
        if self.offset_after <= self.offset:
            return None
        return self.end + self.offset, self.end + self.offset_after


ALWAYS = Stretch(START - WIDEST_CHANGE, END + WIDEST_CHANGE, 0, 0, 0)


@lru_cache(maxsize=4096)
def _stretches(zone: ZoneInfo, year: int) -> tuple[list[int], list[Stretch]]:
    """The stretches of one year and of two days on either side, so that a change near New Year is seen."""

    def offset(at: int) -> int:
        shift = datetime.fromtimestamp(at, zone).utcoffset()
        assert shift is not None  # noqa: S101 – a ZoneInfo always has one
        return shift.days * DAY + shift.seconds

    low = int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) - 2 * DAY
    high = int(datetime(year + 1, 1, 1, tzinfo=UTC).timestamp()) + 2 * DAY
    starts, offsets = [low], [offset(low)]
    for day in range(low, high, DAY):
        before, after = offset(day), offset(day + DAY)
        if before != after:
            left, right = day, day + DAY
            while right - left > 1:
                middle = (left + right) // 2
                if offset(middle) == before:
                    left = middle
                else:
                    right = middle
            starts.append(right)
            offsets.append(after)
    before_each = [offsets[0], *offsets[:-1]]
    after_each = [*offsets[1:], offsets[-1]]
    ends = [*starts[1:], high]
    return starts, [
        Stretch(*parts) for parts in zip(starts, ends, offsets, before_each, after_each, strict=True)
    ]


@dataclass(frozen=True, slots=True)
class Clock:
    """The wall clock of a zone. Moments are seconds since 1970, walls seconds of the clock's own reading."""

    name: str
    zone: ZoneInfo

    @classmethod
    @lru_cache(maxsize=1024)
    def of(cls, name: str) -> Clock:
        """The clock of a validated zone."""
        return cls(name, ZoneInfo(name))

    def stretch(self, at: int) -> Stretch:
        """The stretch that holds a moment."""
        if self.name == "UTC":
            return ALWAYS
        starts, stretches = _stretches(self.zone, moment(at).year)
        return stretches[bisect_right(starts, at) - 1]

    def moments(self, wall: int) -> list[int]:
        """When the clock shows this: once, twice in the hour that is repeated, never in the gap."""
        first, second = self.offsets(wall)
        if first == second:
            return [wall - first]
        return [wall - first, wall - second] if first > second else []

    def offsets(self, wall: int) -> tuple[int, int]:
        """The offsets before and after the change at which the clock shows this, or leaves it out."""
        naive = wall_datetime(wall)
        shifts = [naive.replace(tzinfo=self.zone, fold=fold).utcoffset() for fold in (0, 1)]
        first, second = (shift.days * DAY + shift.seconds for shift in shifts if shift is not None)
        return first, second
