"""When Cloud Scheduler tries again after a failed attempt, as measured on the service (2026-10-05)."""

from __future__ import annotations

from datetime import datetime, timedelta

from scheduled_jobs.domain.jobs import RetryPolicy

# After the doublings the gap grows by two seconds at a time, whatever the reference says about it: recorded
# gaps were 4 8 16 18 with min_backoff 4 s and max_doublings 2, and 2 4 8 16 18 with 2 s and 3.
LINEAR_STEP = 2
SECOND = timedelta(seconds=1)
MOST_COUNTED = 1_000


def retry_time(
    policy: RetryPolicy, *, attempts: int, first: datetime, ended: datetime, next_slot: datetime | None
) -> datetime | None:
    """When Google tries again after ``attempts`` failed attempts; None where it does not.

    ``first`` is when the first of them began, ``ended`` when the last one ended. Retries end when both
    limits, their count and their window, are used up (a count of 0 leaves the window alone, a window of 0
    the count), and in any case at the job's next natural start.
    """
    try:
        at = ended + pause_before(policy, attempts)
    except OverflowError:  # after the year 9999
        return None
    window = policy.max_retry_duration
    if attempts > policy.retry_count and not (window and at - first <= window):
        return None
    return at if next_slot is None or at < next_slot else None


def last_retry_time(
    policy: RetryPolicy, *, attempts: int, first: datetime, ended: datetime, next_slot: datetime | None
) -> datetime | None:
    """When Google tries for the last time, each of its tries failing at once; None where it does not.

    What ``retry_time`` takes. Of more tries than anybody counts, that of the ``MOST_COUNTED``-th is told.
    """
    last = None
    for count in range(attempts, attempts + MOST_COUNTED):
        at = retry_time(policy, attempts=count, first=first, ended=last or ended, next_slot=next_slot)
        if at is None:
            break
        last = at
    return last


def pause_before(policy: RetryPolicy, retry: int) -> timedelta:
    """The pause before the ``retry``-th retry (from 1)."""
    doublings = min(retry - 1, policy.max_doublings)
    # Numbers, since a timedelta would overflow where a window leaves room for dozens of retries.
    seconds = policy.min_backoff // SECOND * 2**doublings + LINEAR_STEP * (retry - 1 - doublings)
    return timedelta(seconds=min(seconds, policy.max_backoff // SECOND))
