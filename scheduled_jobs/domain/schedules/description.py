"""A schedule as people read it, remembered: many jobs share few schedules."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from scheduled_jobs.domain.schedules.schedule import Schedule
from scheduled_jobs.domain.schedules.words import zone_in_words
from scheduled_jobs.exceptions import InvalidSchedule


class Description(NamedTuple):
    """A schedule in words."""

    words: str
    """Without the zone, which stands beside it."""
    expression: str
    """What is sent to Google; empty where the words are the expression."""


@lru_cache(maxsize=8192)
def describe_schedule(expression: str, time_zone: str) -> Description:
    """Put a schedule into words; a faulty one stays as it stands."""
    try:
        schedule = Schedule.parse(expression, time_zone)
    except InvalidSchedule:
        return Description(expression, "")
    words = schedule.describe().removesuffix(f", {zone_in_words(time_zone)}")
    return Description(words, "" if words.casefold() == expression.casefold() else expression)
