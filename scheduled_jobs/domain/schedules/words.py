"""The English-like form in English, from what was read of it, and zones by their places."""

from __future__ import annotations

from scheduled_jobs.domain.schedules.english import SpecificTime
from scheduled_jobs.domain.schedules.intervals import DriftingInterval, RangedInterval, elapsed_in_words
from scheduled_jobs.domain.schedules.messages import ORDINALS, listed
from scheduled_jobs.domain.schedules.occurrences import MONTHS
from scheduled_jobs.domain.schedules.zones import DAY

UTC_NAMES = frozenset({"UTC", "Etc/UTC", "Etc/UCT", "UCT", "Etc/Universal", "Universal", "Etc/Zulu", "Zulu"})
REGIONS = (
    "Africa",
    "America",
    "Antarctica",
    "Arctic",
    "Asia",
    "Atlantic",
    "Australia",
    "Europe",
    "Indian",
    "Pacific",
)
"""The first part of a name whose last is a place."""
DIRECTIONS = frozenset({"North", "South", "West"})
"""Of Australia: not the names of places."""
WEEKDAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
WORKDAYS = (1, 2, 3, 4, 5)


def zone_in_words(name: str) -> str:
    """ "New York time" for ``America/New_York``; names that are no place stand as they are."""
    if name in UTC_NAMES:
        return "UTC"
    region, _, place = name.partition("/")
    place = place.rpartition("/")[2]
    if region not in REGIONS or place in DIRECTIONS or place.isupper():
        return f"{name} time"
    return f"{place.replace('_', ' ')} time"


def specific_in_words(form: SpecificTime) -> str:
    """One time of the day, as in "At 17:00 on the first and third Monday of every month"."""
    time = f"At {_time(form.time)}"
    months = "every month" if len(form.months) == 12 else listed([MONTHS[month - 1] for month in form.months])
    if form.month_days:
        return f"{time} on the {listed([ordinal(day) for day in form.month_days])} of {months}"
    names = listed([WEEKDAYS[day] for day in form.weekdays])
    if form.weekdays and not form.every_week:
        return f"{time} on the {listed([ORDINALS[n - 1] for n in form.ordinals])} {names} of {months}"
    if not form.weekdays or len(form.weekdays) == 7:
        days = "every day"
    else:
        days = "Monday to Friday" if form.weekdays == WORKDAYS else f"every {names}"
    return f"{time}, {days}" if len(form.months) == 12 else f"{time}, {days} in {months}"


def ranged_in_words(form: RangedInterval) -> str:
    """An interval counted from a time of each day."""
    if form.seconds > (form.end - form.start) % DAY:
        return f"At {_time(form.start)}, every day"
    every = f"Every {elapsed_in_words(form.seconds)}"
    if (form.start, form.end) == (0, DAY - 60):
        return (
            f"{every} from midnight" if DAY % form.seconds == 0 else f"{every} from midnight, each day anew"
        )
    overnight = " the next day" if form.end < form.start else ""
    return f"{every} from {_time(form.start)} to {_time(form.end)}{overnight}"


def drifting_in_words(form: DriftingInterval) -> str:
    """An interval that no clock and no zone decides."""
    return f"Every {elapsed_in_words(form.seconds)}, counted from the last run"


def _time(seconds: int) -> str:
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}"


def ordinal(number: int) -> str:
    """ "1st", "22nd"."""
    suffix = "th" if 10 <= number % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{suffix}"
