"""The times at which a job starts, and what is due when.

Cron and the English-like form are the domain's; ``every N minutes`` is the service's own business: its next
start is the last one plus N, off the clock and with the fraction of a second of the job's first run
(recorded in production, 2026-10-05).
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Hashable
from datetime import UTC, datetime
from functools import lru_cache
from itertools import count
from typing import Generic, TypeVar

from scheduled_jobs.domain.schedules import Schedule
from scheduled_jobs.exceptions import InvalidSchedule, StoreError

Key = TypeVar("Key", bound=Hashable)

READABLE = re.compile(r"[\t -~]*")
"""Printable ASCII and tabs: what else Python takes for a blank is in no documentation of the service."""

# One text for both: the service never says which of the two is at fault (recorded 2026-10-01).
INVALID = "The provided schedule or timezone are invalid."


def utc_now() -> datetime:
    """The clock of this machine, in UTC."""
    return datetime.now(UTC)


@lru_cache(maxsize=20_000)
def _parse(expression: str, time_zone: str) -> Schedule:
    # "@daily" is in no documentation of the service, though the domain expands it: refused until someone
    # records otherwise. "utc" in any case is UTC by the reference of Job.time_zone.
    if expression.lstrip().startswith("@") or not READABLE.fullmatch(expression):
        raise InvalidSchedule(INVALID)
    return Schedule.parse(expression, "UTC" if time_zone.lower() in ("", "utc") else time_zone)


def check_schedule(expression: str, time_zone: str) -> None:
    """Raise StoreError(INVALID_ARGUMENT) unless the service would accept the two together."""
    try:
        _parse(expression, time_zone)
    except InvalidSchedule as error:
        raise StoreError("INVALID_ARGUMENT", INVALID) from error


# Thousands of jobs share a few schedules, and all of them ask at the same second.
@lru_cache(maxsize=20_000)
def _upcoming(expression: str, time_zone: str, after: datetime) -> datetime | None:
    occurrences = _parse(expression, time_zone).upcoming(after, 1)
    return occurrences[0].at if occurrences else None


def first_slot(expression: str, time_zone: str, now: datetime) -> datetime | None:
    """When a job made or resumed now starts first, in UTC; None if its schedule has no time left."""
    interval = _parse(expression, time_zone).interval
    if interval is None:
        return _upcoming(expression, time_zone, now.replace(microsecond=0))
    # Recorded: the first run of an interval falls on its boundary of the clock.
    whole = int(interval.total_seconds())
    return datetime.fromtimestamp((int(now.timestamp()) // whole + 1) * whole, UTC)


def following_slot(expression: str, time_zone: str, slot: datetime, started: datetime) -> datetime | None:
    """The first slot after both ``slot``, which has just come, and ``started``, when that was noticed.

    Slots between the two are skipped. Both are aware, and so is the answer, in UTC.
    """
    interval = _parse(expression, time_zone).interval
    if interval is None:
        return _upcoming(expression, time_zone, max(slot, started.replace(microsecond=0)))
    base = slot if slot.microsecond else max(slot, started)
    return base + interval * ((started - base) // interval + 1)


class Agenda(Generic[Key]):
    """One time for each key, the earliest found without looking at the others.

    A heap whose outdated entries are passed over when they reach the top. Not thread-safe.
    """

    def __init__(self) -> None:
        self._heap: list[tuple[datetime, int, Key]] = []
        self._current: dict[Key, int] = {}
        self._numbers = count()

    def put(self, key: Key, when: datetime | None) -> None:
        """Set the key's time; None takes the key out."""
        if when is None:
            self._current.pop(key, None)
            return
        number = next(self._numbers)
        self._current[key] = number
        heapq.heappush(self._heap, (when, number, key))

    def next_time(self) -> datetime | None:
        """The earliest time of all keys."""
        while self._heap and self._current.get(self._heap[0][2]) != self._heap[0][1]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def pop_due(self, now: datetime, limit: int) -> list[tuple[datetime, Key]]:
        """Take out at most ``limit`` of the keys whose time has come, the earliest first."""
        due: list[tuple[datetime, Key]] = []
        while len(due) < limit:
            when = self.next_time()
            if when is None or when > now:
                break
            key = heapq.heappop(self._heap)[2]
            del self._current[key]
            due.append((when, key))
        return due
