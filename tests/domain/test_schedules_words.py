"""Schedules as people read them: both dialects in English, with the zone."""

from __future__ import annotations

import pytest

from scheduled_jobs.domain.schedules import Schedule


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("0 9 * * 1-5", "At 09:00, Monday to Friday"),
        ("0 9 * * MON-FRI", "At 09:00, Monday to Friday"),
        ("* * * * *", "Every minute"),
        ("*/5 * * * *", "Every 5 minutes"),
        ("0 * * * *", "Every hour"),
        ("0 */2 * * *", "Every 2 hours"),
        ("@daily", "At 00:00"),
        ("@weekly", "At 00:00, on Sunday"),
        ("@monthly", "At 00:00, on day 1 of the month"),
        ("@yearly", "At 00:00, on day 1 of the month, in January"),
        ("30 13 * * 7", "At 13:30, on Sunday"),
        ("0 0 1,15 * MON", "At 00:00, on day 1 and 15 of the month, or on Monday"),
        ("15 8 * JAN,MAR *", "At 08:15, in January and March"),
        ("every 2 hours", "Every 2 hours, counted from the last run"),
        ("every 1 minutes", "Every minute, counted from the last run"),
        ("every 90 mins", "Every 90 minutes, counted from the last run"),
        ("every 5 minutes from 10:00 to 14:00", "Every 5 minutes from 10:00 to 14:00"),
        ("every 1 hours from 22:00 to 4:30", "Every hour from 22:00 to 04:30 the next day"),
        ("every 12 hours synchronized", "Every 12 hours from midnight"),
        ("every 24 hours synchronized", "At 00:00, every day"),
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
    ],
)
def test_the_zone_is_said_by_its_place(zone: str, words: str) -> None:
    assert Schedule.parse("0 9 * * 1-5", zone).describe() == f"At 09:00, Monday to Friday, {words}"


def test_the_words_do_not_depend_on_the_locale(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("locale.getlocale", lambda *args: ("de_DE", "UTF-8"))
    assert Schedule.parse("0 21 * MAR 1-5").describe() == "At 21:00, Monday to Friday, in March, UTC"
