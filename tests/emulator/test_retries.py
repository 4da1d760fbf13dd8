"""The retry chains that were measured on the service, replayed."""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from scheduled_jobs.emulator.retries import retry_time
from tests.emulator.jobs import NOON, PARENT, http_job

if TYPE_CHECKING:
    from scheduled_jobs.emulator.store import Store


def chain(
    store: Store, config: dict[str, Any], took: float = 0.0, next_slot: datetime | None = None
) -> list[float]:
    """Seconds from the first attempt at which all attempts begin, each taking so long to fail."""
    retries = store.create_job(PARENT, http_job(retry_config=config)).retry_config
    starts = [NOON]
    while True:
        at = retry_time(
            retries,
            attempts=len(starts),
            first=NOON,
            ended=starts[-1] + timedelta(seconds=took),
            next_slot=next_slot,
        )
        if at is None:
            return [round((start - NOON).total_seconds(), 1) for start in starts]
        starts.append(at)


def config(
    count: int = 0, window: int = 0, least: int = 0, most: int = 0, doublings: int = 0
) -> dict[str, Any]:
    return {
        "retry_count": count,
        "max_retry_duration": {"seconds": window},
        "min_backoff_duration": {"seconds": least},
        "max_backoff_duration": {"seconds": most},
        "max_doublings": doublings,
    }


@pytest.mark.parametrize(
    ("given", "recorded"),
    [
        (config(count=5), [0, 5.6, 16.3, 36.8, 77.3, 158.0]),
        (config(count=4, least=4, most=50, doublings=2), [0, 4.6, 13.2, 29.7, 48.2]),
        (config(), [0]),
        (config(window=30, least=4, most=10), [0, 4.6, 13.2, 23.7]),
        (config(count=3, window=20, least=4, most=10), [0, 4.6, 13.2, 23.7]),
    ],
)
def test_attempts_come_as_recorded(store: Store, given: dict[str, Any], recorded: list[float]) -> None:
    assert chain(store, given, took=0.55) == pytest.approx(recorded, abs=0.6)


@pytest.mark.parametrize(
    ("given", "gaps"),
    [
        (config(count=5, least=4, doublings=1), [4, 8, 10, 12, 14]),
        (config(count=5, least=2, doublings=3), [2, 4, 8, 16, 18]),
        (config(count=5, least=3000), [3000, 3600, 3600, 3600, 3600]),
    ],
)
def test_after_the_doublings_the_gap_grows_by_two_seconds(
    store: Store, given: dict[str, Any], gaps: list[float]
) -> None:
    starts = chain(store, given)
    assert [after - before for before, after in itertools.pairwise(starts)] == gaps


def test_no_retry_falls_on_or_after_the_next_start(store: Store) -> None:
    assert chain(store, config(count=5), next_slot=NOON + timedelta(seconds=35)) == [0, 5, 15]
