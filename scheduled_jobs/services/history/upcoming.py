"""Schedules in words and their next runs, remembered: many jobs share few schedules."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from scheduled_jobs.domain.schedules import Schedule
from scheduled_jobs.domain.schedules.words import zone_in_words
from scheduled_jobs.exceptions import InvalidSchedule

if TYPE_CHECKING:
    from datetime import datetime

    from scheduled_jobs.models import ScheduledJob

KEPT = 8192


class Told(NamedTuple):
    """A schedule as people read it."""

    words: str
    """Without the zone, which stands beside it."""
    expression: str
    """What is sent to Google; empty where the words are the expression."""
    is_estimate: bool


@lru_cache(maxsize=KEPT)
def told(expression: str, time_zone: str) -> Told:
    """A schedule in words; a faulty one is told as it stands."""
    try:
        schedule = Schedule.parse(expression, time_zone)
    except InvalidSchedule:
        return Told(expression, "", is_estimate=False)
    words = schedule.describe().removesuffix(f", {zone_in_words(time_zone)}")
    same = words.casefold() == expression.casefold()
    return Told(words, "" if same else expression, schedule.is_estimate)


_next: dict[tuple[str, str], tuple[datetime, datetime | None]] = {}


def next_run(expression: str, time_zone: str, after: datetime) -> datetime | None:
    """The first run strictly after ``after`` (aware), in UTC; None for a faulty schedule.

    Where a clock decides, the answer for one moment is that for every later one until it has come.
    """
    key = (expression, time_zone)
    known = _next.get(key)
    if known is not None and known[0] <= after and (known[1] is None or after < known[1]):
        return known[1]
    try:
        coming = Schedule.parse(expression, time_zone).upcoming(after, 1)
    except InvalidSchedule:
        coming = []
    at = coming[0].at if coming else None
    if told(expression, time_zone).is_estimate:
        # Counted from ``after`` itself, which is another moment for each job.
        return at
    if len(_next) >= KEPT:
        _next.clear()
    _next[key] = (after, at)
    return at


def next_run_of(job: ScheduledJob, after: datetime) -> datetime | None:
    """The first run of a job after ``after`` (aware); the pause is the caller's."""
    if told(job.schedule, job.time_zone).is_estimate:
        after = job.counted_from(after)
    return next_run(job.schedule, job.time_zone, after)
