"""When jobs start: both dialects, drifting intervals, and the recorded answers to daylight saving."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from scheduled_jobs.emulator.slots import first_slot, following_slot
from tests.emulator.jobs import PARENT, Clock, http_job, utc

if TYPE_CHECKING:
    from scheduled_jobs.emulator.store import Store


@pytest.mark.parametrize(
    ("schedule", "time_zone", "now", "slot"),
    [
        # Recorded: the gap of 2027 is skipped, and the next 14 March without one is in 2028.
        ("30 2 14 3 *", "America/New_York", utc(2026, 10, 1), utc(2028, 3, 14, 6, 30)),
        # Recorded: of the two 01:30 the first.
        ("30 1 1 11 *", "America/New_York", utc(2026, 10, 1), utc(2026, 11, 1, 5, 30)),
        ("0 9 * * *", "Asia/Tokyo", utc(2026, 10, 5), utc(2026, 10, 6)),
        ("0 9 * * *", "uTc", utc(2026, 10, 5), utc(2026, 10, 5, 9)),
        ("* * * * *", "UTC", utc(2026, 10, 5, 12, 0, 30), utc(2026, 10, 5, 12, 1)),
        ("every monday 09:00", "UTC", utc(2026, 10, 5, 9), utc(2026, 10, 12, 9)),
        ("every 12 hours synchronized", "UTC", utc(2026, 10, 5, 9), utc(2026, 10, 5, 12)),
    ],
)
def test_the_first_slot_is_read_off_the_clock_of_the_zone(
    schedule: str, time_zone: str, now: datetime, slot: datetime
) -> None:
    assert first_slot(schedule, time_zone, now) == slot


def test_a_slot_on_this_very_second_is_past() -> None:
    now = utc(2026, 10, 5, 12).replace(microsecond=250_000)
    assert first_slot("* * * * *", "UTC", now) == utc(2026, 10, 5, 12, 1)


def test_the_first_run_of_an_interval_falls_on_its_boundary() -> None:
    assert first_slot("every 5 minutes", "Asia/Tokyo", utc(2026, 10, 5, 12, 3, 7)) == utc(2026, 10, 5, 12, 5)


def test_an_interval_keeps_the_fraction_of_its_first_start() -> None:
    started = utc(2026, 10, 5, 8, 40, 1).replace(microsecond=416_739)
    second = following_slot("every 1 minutes", "UTC", utc(2026, 10, 5, 8, 40), started)
    assert second == utc(2026, 10, 5, 8, 41, 1).replace(microsecond=416_739)
    late = second + timedelta(seconds=2)
    assert following_slot("every 1 minutes", "UTC", second, late) == second + timedelta(minutes=1)


def test_missed_slots_of_an_interval_are_skipped_in_phase() -> None:
    slot = utc(2026, 10, 5, 8, 40, 1).replace(microsecond=5)
    started = slot + timedelta(minutes=30)
    assert following_slot("every 7 minutes", "UTC", slot, started) == slot + timedelta(minutes=35)
    assert following_slot("every 7 minutes", "UTC", slot, slot + timedelta(minutes=28)) == slot + timedelta(
        minutes=35
    )


def test_slots_of_a_cron_schedule_that_were_missed_are_skipped() -> None:
    slot, started = utc(2026, 10, 5, 12), utc(2026, 10, 5, 12, 7, 30)
    assert following_slot("*/5 * * * *", "UTC", slot, started) == utc(2026, 10, 5, 12, 10)


@pytest.mark.parametrize(
    ("schedule", "second"),
    [
        ("every 5 minutes", utc(2026, 10, 5, 12, 5, 7)),
        ("every 5 mins", utc(2026, 10, 5, 12, 5, 7)),
        ("every 36 hours", utc(2026, 10, 7, 0, 0, 7)),
        ("every 5 minutes synchronized", utc(2026, 10, 5, 12, 5)),
        ("every 5 minutes from 10:00 to 14:00", utc(2026, 10, 5, 12, 5)),
        ("*/5 * * * *", utc(2026, 10, 5, 12, 5)),
    ],
)
def test_only_a_plain_interval_drifts(schedule: str, second: datetime) -> None:
    assert following_slot(schedule, "UTC", utc(2026, 10, 5, 12), utc(2026, 10, 5, 12, 0, 7)) == second


def test_a_daily_job_fires_once_on_each_day_of_the_autumn_change(store: Store, clock: Clock) -> None:
    clock.now = utc(2026, 10, 31, 12)
    store.create_job(PARENT, http_job(schedule="30 1 * * *", time_zone="America/New_York"))
    slots = []
    while (slot := store.next_time()) is not None and len(slots) < 3:
        slots.append(slot)
        clock.now = slot
        store.take_due(slot, 10)
    assert slots == [utc(2026, 11, 1, 5, 30), utc(2026, 11, 2, 6, 30), utc(2026, 11, 3, 6, 30)]
    assert slots[0].tzinfo is UTC
