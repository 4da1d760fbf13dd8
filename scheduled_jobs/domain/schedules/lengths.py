"""Lengths of time as people and programs write them, as a schedule of that interval."""

from __future__ import annotations

import re
from datetime import timedelta

from scheduled_jobs.domain.schedules.intervals import interval_schedule
from scheduled_jobs.exceptions import InvalidSchedule

SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
UNIT = re.compile(
    r"(\d+(?:\.\d+)?|half(?: an?)?|an?|) ?(s|m|h|d|w)(?:ec(?:ond)?|in(?:ute)?|r|our|ay|eek)?s?(?![a-z])"
)
MONTHS = {"month": 1, "quarter": 3, "year": 12}
SHORTEST = " for every minute, the shortest interval"


def written_length(text: str) -> dict[str, str]:
    """The schedule of a length in words: "5 minutes", "1h30m", "other week" is none."""
    if found := re.fullmatch(r"(\d*) ?(month|quarter|year)s?", text):
        return _every_months(int(found[1] or 1) * MONTHS[found[2]])
    seconds, rest = 0.0, text.lower()
    while rest:
        found = UNIT.match(rest)
        if not found:
            return {}
        number = 0.5 if found[1].startswith("half") else float(found[1]) if found[1][:1].isdigit() else 1
        seconds += number * SECONDS[found[2]]
        rest = re.sub(r"^(?:[ ,]|and )+", "", rest[found.end() :])
    return every(timedelta(seconds=min(seconds, 10**9)))


def every(length: timedelta) -> dict[str, str]:
    """The schedule of a length, or the two nearest of whole minutes; none for one that is too long."""
    if length < timedelta(minutes=1):
        return {"* * * * *": SHORTEST} if length else {}
    whole = length - length % timedelta(minutes=1)
    choices = [whole] if whole == length else [whole, whole + timedelta(minutes=1)]
    try:
        return {interval_schedule(choice): "" for choice in choices}
    except InvalidSchedule:
        return {}


def _every_months(count: int) -> dict[str, str]:
    if count == 0 or 12 % count:
        return {}
    return {{1: "@monthly", 12: "@yearly"}.get(count, f"0 0 1 */{count} *"): ""}
