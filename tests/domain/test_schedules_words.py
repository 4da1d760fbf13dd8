"""Schedules as people read them: both dialects in English, with the zone."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest

from scheduled_jobs.domain.schedules import InvalidSchedule, Schedule
from tests.domain.random_crons import expression
from tests.domain.schedule_oracle import values


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("0 9 * * 1-5", "At 09:00, Monday to Friday"),
        ("0 9 * * MON-FRI", "At 09:00, Monday to Friday"),
        ("* * * * *", "Every minute"),
        ("*/5 * * * *", "Every 5 minutes"),
        ("0 * * * *", "Every hour"),
        ("0 */2 * * *", "Every 2 hours"),
        ("@daily", "At 00:00, every day"),
        ("@weekly", "At 00:00, every Sunday"),
        ("@monthly", "At 00:00, on the 1st of the month"),
        ("@yearly", "At 00:00, on the 1st of the month, in January"),
        ("30 13 * * 7", "At 13:30, every Sunday"),
        ("0 0 1,15 * MON", "At 00:00, on the 1st and 15th of the month, or on Monday"),
        ("15 8 * JAN,MAR *", "At 08:15, every day in January and March"),
        ("every 5 minutes from 10:00 to 14:00", "Every 5 minutes from 10:00 to 14:00"),
        ("every 1 hours from 22:00 to 4:30", "Every hour from 22:00 to 04:30 the next day"),
        ("every 12 hours synchronized", "Every 12 hours from midnight"),
        ("every 24 hours synchronized", "At 00:00, every day"),
        ("every 7 hours from 0:00 to 23:59", "Every 7 hours from midnight, each day anew"),
        ("every 5 minutes from 10:00 to 10:00", "At 10:00, every day"),
        ("every 99999 hours from 10:00 to 9:00", "At 10:00, every day"),
        ("every 4 hours from 10:00 to 14:00", "Every 4 hours from 10:00 to 14:00"),
        ("every day 9:00", "At 09:00, every day"),
        ("every monday 09:00", "At 09:00, every Monday"),
        ("every mon,tue,wed,thu,fri 9:00", "At 09:00, Monday to Friday"),
        ("every sat,sun of jul,aug 9:00", "At 09:00, every Sunday and Saturday in July and August"),
        ("every day of dec 9:00", "At 09:00, every day in December"),
        ("1st,third monday of month 17:00", "At 17:00 on the first and third Monday of every month"),
        ("1st friday of quarter 9:00", "At 09:00 on the first Friday of January, April, July and October"),
        ("1st day of month 0:00", "At 00:00 on the 1st of every month"),
        ("2,3,11,22,31 of jan 0:00", "At 00:00 on the 2nd, 3rd, 11th, 22nd and 31st of January"),
    ],
)
def test_a_schedule_in_words(text: str, words: str) -> None:
    assert Schedule.parse(text).describe() == f"{words}, UTC"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("*/15 * * * *", "Every 15 minutes"),
        ("0-59/15 * * * *", "Every 15 minutes"),
        ("0-5/10 * * * *", "Every hour"),
        ("*/45 * * * *", "At 0 and 45 minutes past the hour"),
        ("*/59 * * * *", "At 0 and 59 minutes past the hour"),
        ("*/7 * * * *", "Every 7 minutes, minutes 0 to 56 past the hour"),
        ("1-59/2 * * * *", "Every 2 minutes, minutes 1 to 59 past the hour"),
        ("0 */5 * * *", "At 00:00, 05:00, 10:00, 15:00 and 20:00, every day"),
        ("0 */23 * * *", "At 00:00 and 23:00, every day"),
        ("30 1-23/2 * * *", "At 30 minutes past the hour, every 2 hours, from 01:30 to 23:30"),
        ("0 0 */31 * *", "At 00:00, on the 1st of the month"),
        ("0 0 */2 * *", "At 00:00, every 2nd day, between day 1 and 31 of the month"),
        ("0 0 * */12 *", "At 00:00, every day in January"),
        ("0 0 * */3 *", "At 00:00, every day in January, April, July and October"),
        ("0 0 * 3-9/1 *", "At 00:00, every day, March to September"),
        ("0 0 * */5 *", "At 00:00, every day in January, June and November"),
        ("0 0 1 7-12/2 *", "At 00:00, on the 1st of the month, in July, September and November"),
        ("* * */2 * *", "Every minute, every 2nd day, between day 1 and 31 of the month"),
        ("0 0 * * */2", "At 00:00, every Tuesday, Thursday, Saturday and Sunday"),
        ("0 0 * * 1-5/2", "At 00:00, every Monday, Wednesday and Friday"),
    ],
)
def test_a_step_is_an_interval_only_where_it_never_breaks(text: str, words: str) -> None:
    assert Schedule.parse(text).describe() == f"{words}, UTC"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("0 0 13 * 5", "At 00:00, on the 13th of the month, or on Friday"),
        ("0 0 13 2 5", "At 00:00, in February, on the 13th of the month, or on Friday"),
        ("0 0 1-7 * 1-5", "At 00:00, between day 1 and 7 of the month, or Monday to Friday"),
        (
            "0 0 1-31/2 * 1-5/2",
            "At 00:00, every 2nd day, between day 1 and 31 of the month, or on Monday, Wednesday and Friday",
        ),
        ("0 0 1-31 * MON", "At 00:00, every day"),
        ("0 0 13 * 0-7", "At 00:00, every day"),
    ],
)
def test_days_that_match_either_field_are_joined_by_or(text: str, words: str) -> None:
    assert Schedule.parse(text).describe() == f"{words}, UTC"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("0 9-17 * * *", "Every hour, from 09:00 to 17:00"),
        ("30 9-17 * * 1-5", "Every hour, from 09:30 to 17:30, Monday to Friday"),
        ("0 1,2 * * *", "At 01:00 and 02:00, every day"),
        ("1 * * * *", "At 1 minute past the hour"),
        ("1 9-17 * * *", "Every hour, from 09:01 to 17:01"),
        ("0 9-11,14-16 * * *", "At 09:00, 10:00, 11:00, 14:00, 15:00 and 16:00, every day"),
        ("30 0-1,22-23 * * *", "At 00:30, 01:30, 22:30 and 23:30, every day"),
        ("*/15 3 * * *", "Every 15 minutes, between 03:00 and 03:59"),
        ("*/15 1,2 * * *", "Every 15 minutes, between 01:00 and 02:59"),
        ("0,30 3,9 * * *", "At 0 and 30 minutes past the hour, at 03:00 to 03:59 and 09:00 to 09:59"),
        ("*/5 */2 * * *", "Every 5 minutes, in every 2nd hour"),
        ("*/5 1-23/2 * * *", "Every 5 minutes, in every 2nd hour, between 01:00 and 23:59"),
        ("* 9 * * *", "Every minute, between 09:00 and 09:59"),
    ],
)
def test_minutes_are_said_of_the_hours_in_which_they_come(text: str, words: str) -> None:
    assert Schedule.parse(text).describe() == f"{words}, UTC"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("0 0 * * 5-7", "At 00:00, Friday to Sunday"),
        ("0 0 * * 6,0", "At 00:00, every Saturday and Sunday"),
        ("0 0 * * 1-5,0", "At 00:00, Sunday to Friday"),
        ("0 0 * * 7-7", "At 00:00, every Sunday"),
        ("0 0 * * 0-7", "At 00:00, every day"),
        ("0 0 1,1,2,2-3 * *", "At 00:00, between day 1 and 3 of the month"),
    ],
)
def test_days_are_said_once(text: str, words: str) -> None:
    assert Schedule.parse(text).describe() == f"{words}, UTC"


def test_two_schedules_of_the_same_words_come_at_the_same_times() -> None:
    rng, meant = random.Random(20261123), {}
    for _ in range(6_000):
        text = expression(rng)
        minutes, hours, *days = (frozenset(values(n, part)) for n, part in enumerate(text.split()))
        of_month, months, of_week = days
        either = "*" not in text.split()[2::2]
        everything = (either and (len(of_month) == 31 or len(of_week) == 7)) or len(of_month) + len(
            of_week
        ) == 38
        key = (minutes, hours, months, *(() if everything else (of_month, of_week)))
        try:
            told = Schedule.parse(text).describe()
        except InvalidSchedule:
            continue
        other_text, other = meant.setdefault(told, (text, key))
        assert other == key, (told, text, other_text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("every 2 hours", "Every 2 hours, counted from the last run"),
        ("every 1 minutes", "Every minute, counted from the last run"),
        ("every 90 mins", "Every 90 minutes, counted from the last run"),
        (timedelta(days=70), "Every 1680 hours, counted from the last run"),
    ],
)
def test_an_interval_that_no_clock_decides_names_no_zone(text: str | timedelta, words: str) -> None:
    assert Schedule.parse(text, "America/New_York").describe() == words


@pytest.mark.parametrize(
    ("zone", "words"),
    [
        ("UTC", "UTC"),
        ("Etc/UTC", "UTC"),
        ("America/New_York", "New York time"),
        ("America/Argentina/Buenos_Aires", "Buenos Aires time"),
        ("Europe/Lisbon", "Lisbon time"),
        ("Etc/GMT+5", "Etc/GMT+5 time"),
        ("EST5EDT", "EST5EDT time"),
        ("Japan", "Japan time"),
        ("Brazil/West", "Brazil/West time"),
        ("Australia/West", "Australia/West time"),
        ("US/Eastern", "US/Eastern time"),
    ],
)
def test_the_zone_is_said_by_its_place(zone: str, words: str) -> None:
    assert Schedule.parse("0 9 * * 1-5", zone).describe() == f"At 09:00, Monday to Friday, {words}"


def test_the_words_do_not_depend_on_the_locale(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("locale.getlocale", lambda *args: ("de_DE", "UTF-8"))
    assert Schedule.parse("0 21 * MAR 1-5").describe() == "At 21:00, Monday to Friday, in March, UTC"
