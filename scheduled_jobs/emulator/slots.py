"""The times at which a job starts.

Cron and the English-like form are the domain's; ``every N minutes`` is the service's own business: its next
start is the last one plus N, off the clock and with the fraction of a second of the job's first run
(recorded in production, 2026-10-05).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from scheduled_jobs.domain.schedules import Schedule
from scheduled_jobs.exceptions import InvalidSchedule, StoreError

INTERVAL = re.compile(r"\s*every\s*(\d{1,5})\s*(hours|mins|minutes)\s*", re.ASCII)

# One text for both: the service never says which of the two is at fault (recorded 2026-10-01).
INVALID = "The provided schedule or timezone are invalid."


@lru_cache(maxsize=20_000)
def _parse(expression: str, time_zone: str) -> Schedule:
    # "@daily" is in no documentation of the service, though the domain expands it, and neither are the
    # blanks of Unicode, which the domain takes for blanks: refused until someone records otherwise. "utc" in
    # any case is UTC by the reference of Job.time_zone.
    if expression.lstrip().startswith("@") or not expression.isascii():
        raise InvalidSchedule(INVALID)
    return Schedule.parse(expression, "UTC" if time_zone.lower() in ("", "utc") else time_zone)


def check_schedule(expression: str, time_zone: str) -> None:
    """Raise StoreError(INVALID_ARGUMENT) unless the service would accept the two together."""
    try:
        _parse(expression, time_zone)
    except InvalidSchedule as error:
        raise StoreError("INVALID_ARGUMENT", INVALID) from error


@lru_cache(maxsize=20_000)
def interval_of(expression: str) -> timedelta | None:
    """The length of a drifting interval; None for a schedule that is read off the clock."""
    match = INTERVAL.fullmatch(expression)
    if match is None:
        return None
    count = int(match[1])
    return timedelta(hours=count) if match[2] == "hours" else timedelta(minutes=count)


# Thousands of jobs share a few schedules, and all of them ask at the same second.
@lru_cache(maxsize=20_000)
def _upcoming(expression: str, time_zone: str, after: datetime) -> datetime | None:
    occurrences = _parse(expression, time_zone).upcoming(after, 1)
    return occurrences[0].at if occurrences else None


def first_slot(expression: str, time_zone: str, now: datetime) -> datetime | None:
    """When a job made or resumed now starts first, in UTC; None if its schedule has no time left."""
    interval = interval_of(expression)
    if interval is None:
        return _upcoming(expression, time_zone, now.replace(microsecond=0))
    # Recorded: the first run of an interval falls on its boundary of the clock.
    whole = int(interval.total_seconds())
    return datetime.fromtimestamp((int(now.timestamp()) // whole + 1) * whole, UTC)


def following_slot(expression: str, time_zone: str, slot: datetime, started: datetime) -> datetime | None:
    """The first slot after both ``slot``, which has just come, and ``started``, when that was noticed.

    Slots between the two are skipped. Both are aware, and so is the answer, in UTC.
    """
    interval = interval_of(expression)
    if interval is None:
        return _upcoming(expression, time_zone, max(slot, started.replace(microsecond=0)))
    base = slot if slot.microsecond else max(slot, started)
    return base + interval * ((started - base) // interval + 1)
