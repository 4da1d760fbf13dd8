"""The retry chains that were measured on the service, replayed."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import pytest

from scheduled_jobs.domain.jobs import RetryPolicy
from scheduled_jobs.domain.retries import retry_time

NOON = datetime(2026, 10, 5, 12, tzinfo=UTC)


def policy(
    count: int = 0, window: int = 0, least: int = 5, most: int = 3600, doublings: int = 5
) -> RetryPolicy:
    return RetryPolicy(
        retry_count=count,
        min_backoff=timedelta(seconds=least),
        max_backoff=timedelta(seconds=most),
        max_retry_duration=timedelta(seconds=window),
        max_doublings=doublings,
    )


def chain(given: RetryPolicy, took: float = 0.0, next_slot: datetime | None = None) -> list[float]:
    """Seconds from the first attempt at which all attempts begin, each taking so long to fail."""
    starts = [NOON]
    while True:
        at = retry_time(
            given,
            attempts=len(starts),
            first=NOON,
            ended=starts[-1] + timedelta(seconds=took),
            next_slot=next_slot,
        )
        if at is None:
            return [round((start - NOON).total_seconds(), 1) for start in starts]
        starts.append(at)


@pytest.mark.parametrize(
    ("given", "recorded"),
    [
        (policy(count=5), [0, 5.6, 16.3, 36.8, 77.3, 158.0]),
        (policy(count=4, least=4, most=50, doublings=2), [0, 4.6, 13.2, 29.7, 48.2]),
        (policy(), [0]),
        (policy(window=30, least=4, most=10), [0, 4.6, 13.2, 23.7]),
        (policy(count=3, window=20, least=4, most=10), [0, 4.6, 13.2, 23.7]),
    ],
)
def test_attempts_come_as_recorded(given: RetryPolicy, recorded: list[float]) -> None:
    assert chain(given, took=0.55) == pytest.approx(recorded, abs=0.6)


@pytest.mark.parametrize(
    ("given", "gaps"),
    [
        (policy(count=5, least=4, doublings=1), [4, 8, 10, 12, 14]),
        (policy(count=5, least=2, doublings=3), [2, 4, 8, 16, 18]),
        (policy(count=5, least=3000), [3000, 3600, 3600, 3600, 3600]),
    ],
)
def test_after_the_doublings_the_gap_grows_by_two_seconds(given: RetryPolicy, gaps: list[float]) -> None:
    assert [after - before for before, after in itertools.pairwise(chain(given))] == gaps


def test_no_retry_falls_on_or_after_the_next_start() -> None:
    assert chain(policy(count=5), next_slot=NOON + timedelta(seconds=35)) == [0, 5, 15]


def test_a_long_window_of_short_gaps_is_filled_to_its_end() -> None:
    starts = chain(policy(window=1500, least=1, most=1, doublings=2_000_000_000))
    assert starts == list(range(1501))


def test_a_retry_after_the_end_of_the_calendar_never_comes() -> None:
    ten_thousand_years = 315_576_000_000
    assert chain(policy(count=1, least=ten_thousand_years, most=ten_thousand_years)) == [0]
