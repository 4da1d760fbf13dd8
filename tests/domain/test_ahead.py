"""What runs next, and if nothing does, why."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduled_jobs.domain.ahead import NOTHING_RUNS, Ahead, Facts, Notice, WhyNone, ahead, left_out

NOW = datetime(2026, 11, 23, 8, 31, 7, tzinfo=UTC)
NINE = datetime(2026, 11, 23, 9, tzinfo=UTC)
DAY = timedelta(days=1)
DAILY = Facts("0 9 * * *", "UTC")
EVERY_90 = Facts("every 90 minutes", "UTC")


def times(found: Ahead) -> list[datetime]:
    return [run.at for run in found.runs]


def test_the_next_runs_are_those_of_the_schedule() -> None:
    found = ahead(DAILY, NOW, 2)
    assert (times(found), found.why_none, found.notices) == ([NINE, NINE + DAY], None, ())


def test_a_run_that_is_due_this_very_moment_does_not_lie_ahead() -> None:
    assert ahead(DAILY, NINE, 1).next_at == NINE + DAY
    assert ahead(DAILY, NINE - timedelta(microseconds=1), 1).next_at == NINE


@pytest.mark.parametrize(
    ("end", "first"),
    [
        (NINE, NINE),
        (NINE - timedelta(microseconds=1), NINE),
        (NINE + timedelta(microseconds=1), NINE + DAY),
        (NINE + timedelta(seconds=1), NINE + DAY),
        (NOW, NINE),
        (NOW - DAY, NINE),
    ],
)
def test_the_run_at_the_end_of_a_pause_takes_place(end: datetime, first: datetime) -> None:
    assert ahead(DAILY.paused(end), NOW, 1).next_at == first


def test_a_pause_that_ends_now_holds_nothing_back() -> None:
    assert ahead(DAILY.paused(NINE), NINE, 1).next_at == NINE + DAY


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"is_retired": True, "is_paused": True}, WhyNone.RETIRED),
        ({"is_deleting": True, "google_state": "PAUSED"}, WhyNone.DELETING),
        ({"is_paused": True, "google_state": "PAUSED"}, WhyNone.PAUSED),
        ({"google_state": "PAUSED"}, WhyNone.PAUSED_IN_GOOGLE),
        ({"is_paused": True, "paused_until": NINE, "google_state": "PAUSED"}, WhyNone.PAUSED_IN_GOOGLE),
        ({"google_state": "DISABLED"}, WhyNone.DISABLED_IN_GOOGLE),
    ],
)
def test_why_nothing_runs(values: dict[str, Any], why: WhyNone) -> None:
    assert ahead(replace(DAILY, **values), NOW, 3) == Ahead([], why)


@pytest.mark.parametrize("state", ["", "ENABLED", "UPDATE_FAILED", "STATE_UNSPECIFIED"])
def test_any_other_state_in_google_fires(state: str) -> None:
    assert ahead(replace(DAILY, google_state=state), NOW, 1).next_at == NINE


def test_a_schedule_without_another_time_says_so() -> None:
    late = datetime(8999, 12, 31, 12, tzinfo=UTC)
    assert ahead(DAILY, late, 1) == Ahead([], WhyNone.NEVER)


# --- A schedule that cannot be read -----------------------------------------------------------------

FAULTY = Facts("sometimes", "UTC")
FAULT = "'sometimes' has 1 field; cron has five: minute, hour, day of month, month, day of week"


def test_googles_time_stands_in_for_an_unreadable_schedule() -> None:
    found = ahead(replace(FAULTY, google_next=NINE), NOW, 3)
    assert (times(found), found.why_none, found.notices) == ([NINE], None, (Notice.TOLD_BY_GOOGLE,))
    assert found.fault.startswith("'sometimes'")


@pytest.mark.parametrize("told", [None, NOW, NOW - DAY])
def test_without_googles_time_nothing_is_known(told: datetime | None) -> None:
    found = ahead(replace(FAULTY, google_next=told), NOW, 3)
    assert (found.runs, found.why_none) == ([], WhyNone.UNREADABLE)
    assert found.fault.startswith("'sometimes'")


def test_googles_time_in_a_pause_is_skipped_but_not_at_its_end() -> None:
    told = replace(FAULTY, google_next=NINE)
    assert ahead(told.paused(NINE + DAY), NOW, 1).why_none == WhyNone.UNREADABLE
    assert ahead(told.paused(NINE), NOW, 1).next_at == NINE


# --- Intervals --------------------------------------------------------------------------------------


def test_an_interval_is_counted_from_the_run_that_google_told() -> None:
    told = NOW + timedelta(minutes=17, seconds=3)
    found = ahead(replace(EVERY_90, google_next=told), NOW, 2)
    assert (times(found), found.notices) == ([told, told + timedelta(minutes=90)], (Notice.ESTIMATE,))


@pytest.mark.parametrize("told", [None, NOW, NOW - DAY])
def test_an_interval_is_a_guess_where_google_told_no_run_ahead(told: datetime | None) -> None:
    found = ahead(replace(EVERY_90, google_next=told), NOW, 1)
    minute = NOW.replace(second=0)
    assert (times(found), found.notices) == ([minute + timedelta(minutes=90)], (Notice.COUNTED_FROM_NOW,))


def test_the_deliveries_that_a_pause_answers_are_counted_too() -> None:
    told = replace(EVERY_90, google_next=NINE)
    end = NINE + timedelta(minutes=180)
    assert ahead(told.paused(end), NOW, 1).next_at == end
    assert ahead(told.paused(end + timedelta(seconds=1)), NOW, 1).next_at == end + timedelta(minutes=90)


def test_an_interval_paused_for_millennia_is_found_at_once() -> None:
    end = datetime(8999, 12, 1, tzinfo=UTC)
    assert ahead(Facts("every 1 minutes", "UTC").paused(end), NOW, 1).next_at == end


def test_a_class_that_this_process_lacks_is_noticed() -> None:
    found = ahead(replace(DAILY, is_in_code=False), NOW, 1)
    assert (found.next_at, found.notices) == (NINE, (Notice.NOT_IN_CODE,))
    interval = ahead(replace(EVERY_90, is_in_code=False), NOW, 1)
    assert interval.notices == (Notice.COUNTED_FROM_NOW, Notice.NOT_IN_CODE)


# --- What a pause leaves out ------------------------------------------------------------------------


def test_a_pause_leaves_out_what_is_due_before_its_end() -> None:
    assert left_out(DAILY, NOW, NINE, 10) == []
    assert left_out(DAILY, NOW, NINE + DAY, 10) == [NINE]
    assert left_out(DAILY, NOW, NINE + DAY * 30, 3) == [NINE, NINE + DAY, NINE + DAY * 2]


@pytest.mark.parametrize("values", [{"is_paused": True}, {"google_state": "PAUSED"}])
def test_a_pause_is_counted_as_if_there_was_none_before(values: dict[str, Any]) -> None:
    assert left_out(replace(DAILY, **values), NOW, NINE + DAY, 10) == [NINE]


@pytest.mark.parametrize("values", [{"is_retired": True}, {"is_deleting": True}, {"schedule": "sometimes"}])
def test_a_job_that_runs_nothing_misses_nothing(values: dict[str, Any]) -> None:
    assert left_out(replace(DAILY, **values), NOW, NINE + DAY, 10) == []


SCHEDULES = [
    "* * * * *",
    "0 9 * * *",
    "*/7 8-17 * * 1-5",
    "every 7 minutes",
    "every 5 minutes from 10:00 to 14:00",
]


@given(
    schedule=st.sampled_from(SCHEDULES),
    zone=st.sampled_from(["UTC", "Europe/Lisbon", "America/New_York"]),
    seconds=st.integers(1, 200_000),
    told=st.none() | st.integers(-5000, 5000),
)
def test_what_is_left_out_and_what_follows_is_the_schedule(
    schedule: str, zone: str, seconds: int, told: int | None
) -> None:
    google_next = None if told is None else NOW + timedelta(seconds=told)
    facts, end = Facts(schedule, zone, google_next=google_next), NOW + timedelta(seconds=seconds)
    missed, after = left_out(facts, NOW, end, 9999), times(ahead(facts.paused(end), NOW, 2))
    assert [*missed, *after] == times(ahead(facts, NOW, len(missed) + 2))


# --- The tables -------------------------------------------------------------------------------------


def test_each_reason_that_needs_no_schedule_is_asked_for_once() -> None:
    asked = [why for why, _ in NOTHING_RUNS]
    assert sorted([*asked, WhyNone.UNREADABLE, WhyNone.NEVER], key=lambda why: why.value) == list(WhyNone)


def test_a_schedule_in_google_that_cannot_be_read_is_googles_own_affair() -> None:
    """Somebody gave it ``*/60 * * * *`` in the console, as a README of Google's own has it."""
    there = replace(DAILY, google_schedule="*/60 * * * *", google_next=NOW + timedelta(minutes=29))
    found = ahead(there, NOW, 3)
    assert (times(found), found.notices) == ([NOW + timedelta(minutes=29)], (Notice.TOLD_BY_GOOGLE,))
    assert "'*/60'" in found.fault
    assert ahead(replace(there, google_next=None), NOW, 3).why_none == WhyNone.UNREADABLE
    assert ahead(there.pushed(), NOW, 1).next_at == NINE
