"""Every time that is shown, held against an oracle that tries every minute.

The windows hold every change of the clocks from 2026 to 2028 in twelve zones; what differs may only be the
second occurrence of a time that is shown twice, at a fixed hour.
"""

from __future__ import annotations

import os
import random
from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import pytest

from scheduled_jobs.domain.schedules import InvalidSchedule, Schedule
from tests.domain.random_crons import expression
from tests.domain.schedule_oracle import Window, transitions, values

pytestmark = pytest.mark.uncounted
SCHEDULES = int(os.environ.get("ORACLE_SCHEDULES", "500"))
ZONES = [
    "America/New_York",
    "Europe/London",
    "Australia/Sydney",
    "Australia/Lord_Howe",  # half an hour
    "Asia/Kathmandu",  # 5:45, and never changed
    "Africa/Casablanca",  # put back for Ramadan
    "America/Havana",  # forward at midnight
    "Asia/Beirut",  # forward at midnight, back to the evening before
    "America/Nuuk",  # back from midnight to the evening before
    "America/Santiago",
    "Antarctica/Troll",  # two hours
    "UTC",
]
FIRST, LAST = datetime(2026, 1, 1, tzinfo=UTC), datetime(2029, 1, 1, tzinfo=UTC)
BEFORE, LENGTH = timedelta(hours=12), 24 * 60


@cache
def windows(zone: str) -> list[Window]:
    changes = transitions(ZoneInfo(zone), FIRST, LAST)
    # A zone without changes is tried where others have theirs, and on a leap day.
    changes = changes or [datetime(2026, 3, 29, 1, tzinfo=UTC), datetime(2028, 2, 29, 12, tzinfo=UTC)]
    return [Window(zone, change - BEFORE, LENGTH) for change in changes]


RARE = ["0 9 1-31 * 1", "0 9 1 * 0-6", "30 1 15 6 0-7", "*/20 0-3 1-31/1 * MON", "0 0 29 2 *", "0 0 31 * *"]
"""What chance seldom makes: a field that names every day beside one that does not, days that many months lack."""


@cache
def expressions(count: int, seed: int) -> list[str]:
    rng = random.Random(seed)
    found: dict[str, None] = dict.fromkeys(RARE)
    while len(found) < count:
        text = expression(rng)
        if never_comes(text):
            with pytest.raises(InvalidSchedule, match="never comes"):
                Schedule.parse(text)
        else:
            found[text] = None
    return list(found)


def never_comes(text: str) -> bool:
    """Whether the day of the month is one that none of the months has, a leap year's February included."""
    _, _, day, month, _ = (values(n, part) for n, part in enumerate(text.split()))
    leap_year = (FIRST.replace(year=2028) + timedelta(days=n) for n in range(366))
    return text.endswith(" *") and not any(at.month in month and at.day in day for at in leap_year)


def check(schedule: Schedule, window: Window) -> int:
    """Hold one schedule against the oracle over a window; the minutes at which it comes."""
    text = schedule.expression
    repeats = any(character in text.split()[1] for character in "*-/")
    shown = window.matches(text)
    expected = shown if repeats else shown & ~window.repeated
    occurrences = list(schedule.between(window.start, window.end))
    found = window.bits(occurrence.at for occurrence in occurrences)
    assert found == expected, (text, window.zone, window.spelled(found ^ expected))
    doubtful = window.bits(occurrence.at for occurrence in occurrences if occurrence.doubtful)
    assert doubtful == found & window.ambiguous, (text, window.zone, window.spelled(doubtful))
    skipped = window.skipped(text)
    told = [occurrence.notice for occurrence in occurrences if "skipped" in (occurrence.notice or "")]
    assert told == [said(skipped)] * len(told), (text, window.zone)
    if skipped and occurrences and occurrences[-1].at > window.leap:
        assert told, (text, window.zone)
    return expected


def said(skipped: list[datetime]) -> str | None:
    """The notice of what one change of the clocks leaves out."""
    if not skipped:
        return None
    first, last = skipped[0], skipped[-1]
    times = f"{first:%H:%M} does" if first == last else f"{first:%H:%M} to {last:%H:%M} do"
    return f"{times} not exist on {first.day} {first:%B %Y}: skipped"


@pytest.mark.parametrize("zone", ZONES)
def test_random_schedules_are_found_by_trying_every_minute(zone: str) -> None:
    rng = random.Random(zone)
    for text in expressions(SCHEDULES, seed=20261123):
        schedule = Schedule.parse(text, zone)
        chosen = rng.choice(windows(zone))
        for window in windows(zone):
            expected = check(schedule, window)
            if window is not chosen:
                continue
            moment = rng.randrange(LENGTH // 2 - 180, LENGTH // 2 + 180)
            before, after = expected & (1 << moment) - 1, expected >> moment + 1 << moment + 1
            assert neighbours(schedule, window, moment) == (
                before.bit_length() - 1 if before else None,
                (after & -after).bit_length() - 1 if after else None,
            ), (text, window.spelled(1 << moment))


@pytest.mark.parametrize(
    ("zone", "change"),
    [
        ("America/Argentina/Buenos_Aires", datetime(2007, 12, 30, 3, tzinfo=UTC)),
        ("Pacific/Apia", datetime(2011, 12, 30, 10, tzinfo=UTC)),  # left out a day
        ("Pacific/Kiritimati", datetime(1994, 12, 31, 10, 40, tzinfo=UTC)),  # left out the last of the year
        ("Pacific/Kwajalein", datetime(1993, 8, 21, 12, tzinfo=UTC)),
        ("Asia/Pyongyang", datetime(2015, 8, 14, 15, tzinfo=UTC)),  # half an hour back, for good
        ("America/St_Johns", datetime(2010, 11, 7, 2, 31, tzinfo=UTC)),  # back at one minute past midnight
        ("Africa/Casablanca", datetime(1985, 12, 31, 23, tzinfo=UTC)),  # back at the end of a year
        ("Africa/Sao_Tome", datetime(2019, 1, 1, 1, tzinfo=UTC)),  # and at the beginning of one
    ],
)
def test_every_time_at_a_change_of_the_past(zone: str, change: datetime) -> None:
    window = Window(zone, change - timedelta(hours=26), 52 * 60)
    for text in expressions(2000, seed=20261123)[:400]:
        check(Schedule.parse(text, zone), window)


def neighbours(schedule: Schedule, window: Window, minute: int) -> tuple[int | None, int | None]:
    """The minutes of the window before and after one, without it, at which the schedule comes."""
    moment = window.start + timedelta(minutes=minute)
    previous, [coming] = schedule.previous(moment), schedule.upcoming(moment, 1)
    return (
        (previous.at - window.start) // timedelta(minutes=1)
        if previous is not None and previous.at >= window.start
        else None,
        (coming.at - window.start) // timedelta(minutes=1) if coming.at < window.end else None,
    )


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Australia/Lord_Howe"])
def test_forward_and_back_are_the_same_way(zone: str) -> None:
    start = datetime(2026, 10, 1, tzinfo=UTC)
    for text in expressions(150, seed=7):
        schedule = Schedule.parse(text, zone)
        forward = [occurrence.at for occurrence in schedule.upcoming(start, 12)]
        assert forward == sorted(set(forward)), text
        before = forward[-1] + timedelta(seconds=1)
        backward = []
        for _ in forward:
            previous = schedule.previous(before)
            assert previous is not None
            before = previous.at
            backward.append(before)
        assert backward[::-1] == forward, text


def test_days_over_five_years_are_found_by_trying_every_day() -> None:
    rng = random.Random(5)
    start = datetime(2026, 1, 1, tzinfo=UTC)
    days = [start + timedelta(days=n) for n in range(5 * 366)]
    for dense in expressions(120, seed=11):
        minute, hour = rng.randint(0, 59), rng.randint(0, 23)
        text = f"{minute} {hour} {dense.split(maxsplit=2)[2]}"
        _, _, day, month, weekday = (values(n, part) for n, part in enumerate(text.split()))
        either = "*" not in (text.split()[2], text.split()[4])
        expected = [
            at + timedelta(hours=hour, minutes=minute)
            for at in days
            if at.month in month
            and (
                (at.day in day or at.isoweekday() % 7 in weekday)
                if either
                else (at.day in day and at.isoweekday() % 7 in weekday)
            )
        ]
        found = [at for at, _, _ in Schedule.parse(text).between(start, days[-1] + timedelta(days=1))]
        assert found == expected, text
