from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from scheduled_jobs.services.history import upcoming
from scheduled_jobs.services.history.upcoming import next_run, told

NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)


@pytest.fixture(autouse=True)
def forgotten() -> None:
    upcoming._next.clear()
    told.cache_clear()


def test_a_schedule_is_told_in_words_with_its_expression_beside() -> None:
    found = told("*/15 * * * *", "UTC")
    assert found.words == "Every 15 minutes"
    assert found.expression == "*/15 * * * *"
    assert not found.is_estimate


def test_words_that_are_the_expression_are_not_repeated() -> None:
    assert told("every 5 minutes from 10:00 to 14:00", "Europe/Lisbon").expression == ""


def test_a_drifting_interval_is_an_estimate() -> None:
    assert told("every 7 minutes", "UTC").is_estimate


def test_a_faulty_schedule_is_told_as_it_stands() -> None:
    assert told("sometimes", "UTC") == ("sometimes", "", False)
    assert next_run("sometimes", "UTC", NOW) is None


def test_the_next_run_is_strictly_after_and_right_for_every_moment() -> None:
    at = datetime(2026, 11, 23, 10, tzinfo=UTC)
    assert next_run("0 * * * *", "UTC", NOW) == at
    assert next_run("0 * * * *", "UTC", NOW + timedelta(minutes=29)) == at
    assert next_run("0 * * * *", "UTC", at) == at + timedelta(hours=1)
    assert next_run("0 * * * *", "UTC", NOW) == at, "also for a moment before the one remembered"


def test_what_is_remembered_is_not_computed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    first = next_run("0 * * * *", "UTC", NOW)
    monkeypatch.setattr(upcoming.Schedule, "parse", None)
    assert next_run("0 * * * *", "UTC", NOW + timedelta(minutes=1)) == first


def test_two_zones_are_two_schedules() -> None:
    assert next_run("0 12 * * *", "Europe/Lisbon", NOW) == datetime(2026, 11, 23, 12, tzinfo=UTC)
    assert next_run("0 12 * * *", "Europe/Berlin", NOW) == datetime(2026, 11, 23, 11, tzinfo=UTC)


def test_the_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upcoming, "KEPT", 2)
    for minute in range(5):
        next_run(f"{minute} * * * *", "UTC", NOW)
    assert len(upcoming._next) <= 2
