from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduled_jobs.admin.words.durations import parse_duration, write_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30 s", 30), ("10 min", 600), ("1 h 30 min", 5400), ("90", 90), ("90s", 90), ("1h30min", 5400),
        ("2 days, 3 hours", 183_600), (" 5 MINUTES ", 300), ("0", 0), ("1 d", 86_400), ("3m", 180),
    ],
)  # fmt: skip
def test_lengths_are_read_as_people_write_them(text: str, seconds: int) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("soon", "“soon” is no number with a unit"),
        ("1.5 h", "Cloud Scheduler takes whole seconds, none of them negative"),
        ("-5 s", "Cloud Scheduler takes whole seconds, none of them negative"),
        ("5 weeks", "“weeks” is no unit"),
        ("1 h 30", "the number 30 has no unit"),
        ("30 s 1 min", "the units come once each, from the largest to the smallest"),
        ("1 h 2 h", "the units come once each, from the largest to the smallest"),
    ],
)
def test_an_error_says_what_is_wrong_and_what_to_write(text: str, why: str) -> None:
    with pytest.raises(ValueError, match="is not a length") as caught:
        parse_duration(text)
    assert str(caught.value) == (
        f"“{text}” is not a length of time: {why}. Write it as 30 s, 10 min or 1 h 30 min."
    )


@pytest.mark.parametrize("text", ["", "  "])
def test_nothing_is_no_length(text: str) -> None:
    with pytest.raises(ValueError, match=r"^Write a length of time, such as 30 s, 10 min or 1 h 30 min\.$"):
        parse_duration(text)


def test_a_length_beyond_the_calendar_is_refused() -> None:
    with pytest.raises(ValueError, match="is longer than can be counted"):
        parse_duration("999999999999 d")


@given(st.integers(0, 10**10))
def test_what_is_written_is_read_back_exactly(seconds: int) -> None:
    length = timedelta(seconds=seconds)
    assert parse_duration(write_duration(length)) == length
