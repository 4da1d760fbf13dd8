from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from scheduled_jobs.admin.words import times

NOW = datetime(2026, 10, 22, 14, 7, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0004, "0 ms"),
        (0.25, "250 ms"),
        (3.14, "3.1 s"),
        (9.96, "9 s"),
        (59.9, "59 s"),
        (60, "1 min"),
        (108, "1 min 48 s"),
        (3600, "1 h"),
        (7500, "2 h 5 min"),
        (90000, "1 d 1 h"),
    ],
)
def test_a_duration_has_the_two_figures_that_matter(seconds: float, text: str) -> None:
    assert times.duration(timedelta(seconds=seconds)) == text


def test_no_duration_is_no_text() -> None:
    assert times.duration(None) == ""


@pytest.mark.parametrize(
    ("away", "text"),
    [
        (timedelta(), "now"),
        (timedelta(seconds=40), "in 40 s"),
        (timedelta(minutes=-7), "7 min ago"),
        (timedelta(hours=1, minutes=53), "in 1 h 53 min"),
        (timedelta(hours=-12, minutes=-9), "12 h ago"),
        (timedelta(hours=4, minutes=59, seconds=59), "in 4 h 59 min"),
        (timedelta(hours=24), "in 1 day"),
        (timedelta(hours=47, minutes=1), "in 1 day 23 h"),
        (timedelta(days=2, hours=23), "in 2 days"),
        (timedelta(days=3384), "in 3,384 days"),
        (timedelta(days=-21), "21 days ago"),
    ],
)
def test_a_time_is_told_from_now(away: timedelta, text: str) -> None:
    assert times.relative(NOW + away, NOW) == text


def test_the_clock_is_as_short_as_it_stays_clear() -> None:
    assert times.clock(NOW + timedelta(minutes=8), "UTC", NOW) == "14:15"
    assert times.clock(NOW + timedelta(hours=10, minutes=23), "Europe/Lisbon", NOW) == "Fri 23 Oct 01:30"
    assert times.clock(NOW + timedelta(days=100), "UTC", NOW) == "Sat 30 Jan 2027 14:07"


def test_the_exact_time_names_its_zone() -> None:
    assert times.exact(NOW, "Europe/Lisbon") == "2026-10-22 15:07:00 Europe/Lisbon"
    assert times.machine(NOW) == "2026-10-22T14:07:00Z"


def test_a_zone_that_this_machine_does_not_know_is_shown_in_utc() -> None:
    assert times.clock(NOW, "Mars/Olympus", NOW) == "14:07"
    assert times.zone_label("America/New_York") == "New York"


@pytest.mark.parametrize(
    ("zone", "first", "apart", "names"),
    [
        ("America/New_York", datetime(2026, 11, 1, 5, 30, tzinfo=UTC), 60, ("01:30 EDT", "01:30 EST")),
        ("Europe/Lisbon", datetime(2026, 10, 25, 0, 30, tzinfo=UTC), 60, ("01:30 WEST", "01:30 WET")),
        ("Australia/Lord_Howe", datetime(2026, 4, 4, 14, 45, tzinfo=UTC), 30, ("01:45 UTC+11:00", "01:45 UTC+10:30")),
        # Both had the same name that night.
        ("Europe/Moscow", datetime(2014, 10, 25, 21, 30, tzinfo=UTC), 60, ("01:30 UTC+04:00", "01:30 UTC+03:00")),
    ],
)  # fmt: skip
def test_a_time_that_comes_twice_is_told_apart(
    zone: str, first: datetime, apart: int, names: tuple[str, str]
) -> None:
    second = first + timedelta(minutes=apart)
    assert (times.clock(first, zone, second), times.clock(second, zone, first)) == names
    day = f"{first.astimezone(times.zone_of(zone)):%a %-d %b}"
    for at, name in zip((first, second), names, strict=True):
        clock, _, which = name.partition(" ")
        assert times.dated(at, zone) == f"{day} {name} {zone}"
        assert times.day_and_time(at, zone, first) == f"{day} {name}"
        assert times.date_and_time(at, zone, first) == f"{day.partition(' ')[2]} {name}"
        assert times.to_tenths(at, zone, first) == f"{clock}:00.0 {which}"
        assert times.exact(at, zone).endswith(f" {clock}:00 {which} {zone}")


def test_a_time_that_comes_once_names_no_clock() -> None:
    before, after = datetime(2026, 11, 1, 4, 59, tzinfo=UTC), datetime(2026, 11, 1, 7, tzinfo=UTC)
    assert times.clock(before, "America/New_York", after) == "00:59"
    assert times.clock(after, "America/New_York", after) == "02:00"
    assert times.clock(datetime(2026, 3, 8, 7, tzinfo=UTC), "America/New_York", after) == "Sun 8 Mar 03:00"
