"""Any text either parses or gives a message, and hostile text costs no more than other text."""

from __future__ import annotations

import re
import tracemalloc
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduled_jobs.domain.schedules import InvalidSchedule, Schedule
from scheduled_jobs.domain.schedules.english import KINDS
from scheduled_jobs.domain.schedules.schedule import MAX_LENGTH
from scheduled_jobs.domain.schedules.wall_times import Days, _Walker

NOW = datetime(2026, 11, 23, 12, 3, tzinfo=UTC)
ZONES = st.sampled_from(["UTC", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"])

cron_fields = st.one_of(
    st.sampled_from(
        ["*", "*/2", "*/15", "1-5", "0", "7", "1-5/2", "1,2,3", "MON-FRI", "SUN,SAT", "JAN,DEC", "L", "?"]
    ),
    st.integers(-1, 70).map(str),
    st.text("0123456789*/-,LW#?JANMOn ", max_size=8),
)
cron_like = st.lists(cron_fields, min_size=3, max_size=7).map(" ".join)
words = st.sampled_from(
    [*sorted(KINDS), ",", "1", "2", "12", "31", "9:00", "17:30", "24:00", "seconds", "at", " "]
)
english_like = st.lists(words, max_size=12).map(" ".join) | st.lists(words, max_size=6).map("".join)
proper_english = st.one_of(
    st.builds(
        "{} {} of {} {}".format,
        st.sampled_from(["every", "1st", "2nd,fourth", "first,third,5th"]),
        st.sampled_from(["day", "monday", "tue,thu", "sunday", "mon,tue,wed,thu,fri,sat,sun"]),
        st.sampled_from(
            ["month", "quarter", "jan,july", "2nd month of quarter", "1st,third month of quarter", "feb"]
        ),
        st.sampled_from(["0:00", "09:30", "23:59", "1:30", "2:30"]),
    ),
    st.builds("every {} {} synchronized".format, st.sampled_from([1, 2, 3, 12, 24]), st.just("hours")),
    st.builds(
        "every {} {} from {} to {}".format,
        st.integers(1, 99_999),
        st.sampled_from(["mins", "minutes", "hours"]),
        st.sampled_from(["0:00", "2:15", "22:00"]),
        st.sampled_from(["0:00", "2:45", "23:59"]),
    ),
    st.builds("every {} {}".format, st.integers(1, 99_999), st.sampled_from(["mins", "minutes", "hours"])),
)
anything = st.one_of(
    st.text(max_size=60), cron_like, english_like, proper_english, st.sampled_from(["@daily", "@yearly"])
)


@given(anything, ZONES)
def test_any_text_either_parses_or_gives_a_message(text: str, zone: str) -> None:
    try:
        schedule = Schedule.parse(text, zone)
    except InvalidSchedule as error:
        message = str(error)
        assert len(message) > 10
        assert len(message) < 400
        message.encode()  # a lone surrogate would not go into a database or on a page
        for suggested in (
            re.findall(r"'([^']+)'", message.rpartition(": write ")[2]) if ": write " in message else []
        ):
            assert Schedule.parse(suggested), (text, suggested)
        return
    again = Schedule.parse(schedule.expression, zone)
    assert again == schedule
    assert again.expression == schedule.expression
    assert again.upcoming(NOW, 3) == schedule.upcoming(NOW, 3)
    words = schedule.describe()
    assert words == again.describe()
    assert words.strip()
    assert words.isprintable()


@given(st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=80)))
def test_any_timedelta_either_parses_or_gives_a_message(length: timedelta) -> None:
    whole = length - length % timedelta(minutes=1)
    if length != whole or not whole:
        with pytest.raises(
            InvalidSchedule, match="whole minutes|longer than an interval" if whole else "too short"
        ):
            Schedule.parse(length)
    if timedelta(0) < whole <= timedelta(minutes=99_999):
        first, second = Schedule.parse(whole).upcoming(NOW, 2)
        assert second.at - first.at == whole


HOSTILE = [
    "0 0 1--100000000 * *",
    "9" * 10_000,
    "9" * 400,
    "0 0 * * " + "9" * 400,
    "*/0 * * * *",
    "*/" + "9" * 300 + " * * * *",
    "0-99999999 * * * *",
    "0-59/99999999 * * * *",
    "\ud800 * * * *",
    "\udfff",
    "every \ud800 minutes",
    "every 99999999999999999999 hours",
    "every " + "1st," * 120 + "1st",
    "1," * 2_000_000 + "1 * * * *",
    "0 0 30 2 *",
    "0 0 31 2,4,6,9,11 *",
    "30 of feb 0:00",
    "\x00 * * * *",
    "* * * * *\x00",
    "(" * 300,
    "0 0 \U0001f600 * *",
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_is_refused_before_any_time_is_tried(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_Walker, "first", lambda *args: pytest.fail("a time was tried"))
    monkeypatch.setattr(Days, "on_or_after", lambda *args: pytest.fail("a day was tried"))
    tracemalloc.start()
    try:
        with pytest.raises(InvalidSchedule) as caught:
            Schedule.parse(text)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 300_000
    assert len(str(caught.value).encode()) < 400


def test_a_text_longer_than_any_schedule_is_refused() -> None:
    with pytest.raises(InvalidSchedule) as caught:
        Schedule.parse("9" * 10_000)
    assert str(caught.value) == f"'{'9' * 59}…' has 10000 characters; a schedule has at most 500"
    every_value = [
        ",".join(map(str, values)) for values in (range(60), range(24), range(1, 32), range(1, 13), range(7))
    ]
    assert len(" ".join(every_value)) < MAX_LENGTH
    assert Schedule.parse(" ".join(every_value)).upcoming(NOW, 1)


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The times from which a next or a previous one was looked for."""
    walls: list[int] = []

    first = _Walker.first

    def counted(self: _Walker, wall: int) -> int:
        walls.append(wall)
        return first(self, wall)

    monkeypatch.setattr(_Walker, "first", counted)
    return walls


@pytest.mark.parametrize(
    "text",
    ["0 0 29 2 *", "5th monday of feb 12:00", "30 2 14 3 *", "0 0 31 12 *", "59 23 29 FEB *", "* * * * *"],
)
@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Africa/Casablanca"])
def test_few_candidates_are_tried_for_a_seldom_time(text: str, zone: str, tried: list[int]) -> None:
    schedule = Schedule.parse(text, zone)
    tried.clear()
    assert schedule.upcoming(NOW, 1)
    assert len(tried) < 20
    tried.clear()
    assert schedule.previous(NOW)
    assert len(tried) < 200


def test_few_candidates_are_tried_for_a_time_that_never_comes(tried: list[int]) -> None:
    with pytest.raises(InvalidSchedule, match="never comes"):
        Schedule.parse("2nd sunday of mar 2:45", "America/New_York")
    assert 64 < len(tried) < 300
