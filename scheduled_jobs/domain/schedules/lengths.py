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
ISO = re.compile(
    r"(?:R\d*/)?P(?=.)(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?"
)
PYTHON = re.compile(r"(?:(\d+) days?, )?(\d+):(\d\d):(\d\d)")
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


def length_alone(text: str) -> dict[str, str]:
    """The schedule of a length that stands alone, as ISO 8601, Python, Celery and others write it."""
    if found := ISO.fullmatch(text):
        years, months, *rest = (int(number or 0) for number in found.groups())
        if years or months:
            return {} if any(rest) else _every_months(12 * years + months)
        names = ("weeks", "days", "hours", "minutes", "seconds")
        return every(timedelta(**{name: min(n, 10**5) for name, n in zip(names, rest, strict=True)}))
    if found := re.fullmatch(r"(?:datetime\.)?timedelta\((.+)\)", text):
        return written_length(re.sub(r"(\w+)=([\d.]+)", r"\2 \1", found[1]))
    if found := PYTHON.fullmatch(text):
        days, hours, minutes, seconds = (min(int(number or 0), 10**5) for number in found.groups())
        meant = every(timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds))
        if days or hours > 23 or seconds:
            return meant
        time_of_day = {f"every day {hours}:{minutes:02}": " for a time of the day"}
        return time_of_day | dict.fromkeys(meant, " for an interval")
    if found := re.fullmatch(r"(\d{2,9})(?:\.0*)?", text):
        meant = every(timedelta(seconds=int(found[1])))
        return {**meant, **dict.fromkeys([*meant][-1:], " if these are seconds")}
    return written_length(text) if text[:1].isdigit() else {}


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
