"""The figures of runs by a plain look at each of them: what the kept ones are held against."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from scheduled_jobs.domain.histogram import ERROR, LEAST
from scheduled_jobs.models import JobRun

if TYPE_CHECKING:
    from datetime import datetime

    from scheduled_jobs.services.history.stats.figures import Figures

OUTCOMES = ("succeeded", "failed", "timed_out", "lost", "missed", "skipped", "discarded")


def counted(start: datetime, end: datetime, job_id: int | None = None) -> dict[str, Any]:
    """What is true of the runs of a span."""
    runs = JobRun.objects.order_by() if job_id is None else JobRun.objects.filter(job=job_id)
    within = [run for run in runs if start <= (run.scheduled_for or run.created_at) < end]
    took = [r.duration.total_seconds() for r in within if r.status == "succeeded" and r.duration is not None]
    delays = [
        (r.started_at - r.scheduled_for).total_seconds()
        for r in within
        if r.trigger == "schedule" and r.attempt == 1 and r.scheduled_for and r.started_at
    ]
    return {
        "runs": len(within),
        **{outcome: sum(run.status == outcome for run in within) for outcome in OUTCOMES},
        "delivered_twice": sum(max(run.deliveries - 1, 0) for run in within),
        "durations": sorted(took),
        "delays": sorted(delays),
    }


def assert_true(told: Figures, exact: dict[str, Any], *, longest: bool = True) -> None:
    """Fail where figures are not those of the runs, quantiles within the stated error."""
    counts = {name: exact[name] for name in ("runs", *OUTCOMES, "delivered_twice")}
    assert {name: getattr(told, name) for name in counts} == counts
    for lengths, histogram, most in (
        (exact["durations"], told.durations, told.longest),
        (exact["delays"], told.delays, told.longest_delay),
    ):
        assert histogram.total == len(lengths)
        for share in (0.5, 0.95) if lengths else ():
            rank = max(math.ceil(share * len(lengths)), 1)
            quantile = histogram.quantile(share)
            assert quantile is not None
            assert abs(quantile - lengths[rank - 1]) <= max(lengths[rank - 1] * ERROR * 1.000001, LEAST)
        if longest:
            assert (most.total_seconds() if most else None) == (lengths[-1] if lengths else None)
