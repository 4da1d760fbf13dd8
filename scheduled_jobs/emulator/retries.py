"""When a failed attempt is tried again, as measured on the service (2026-10-05)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scheduled_jobs.emulator.messages import JobMessage

# After the doublings the gap grows by two seconds at a time, whatever the reference says about it: recorded
# gaps were 4 8 16 18 with min_backoff 4 s and max_doublings 2, and 2 4 8 16 18 with 2 s and 3.
LINEAR_STEP = timedelta(seconds=2)


def gap(retries: JobMessage, retry: int) -> timedelta:
    """The pause before the ``retry``-th retry (from 1), counted from the end of the attempt before it."""
    doublings = min(retry - 1, retries.max_doublings)
    pause: timedelta = retries.min_backoff_duration.ToTimedelta() * 2**doublings
    pause += LINEAR_STEP * (retry - 1 - doublings)
    longest: timedelta = retries.max_backoff_duration.ToTimedelta()
    return min(pause, longest)


def retry_time(
    retries: JobMessage, *, attempts: int, first: datetime, ended: datetime, next_slot: datetime | None
) -> datetime | None:
    """When to try again after ``attempts`` attempts, the first begun at ``first``; None: not again.

    Retries end when both limits, their count and their window, are used up (a count of 0 leaves the window
    alone, a window of 0 the count), and in any case at the job's next natural start.
    """
    window = retries.max_retry_duration.ToTimedelta()
    at = ended + gap(retries, attempts)
    if attempts > retries.retry_count and not (window and at - first <= window):
        return None
    return at if next_slot is None or at < next_slot else None
