"""A thousand jobs of twelve apps beside those of the shop, one in fifty with the same error."""

from __future__ import annotations

from datetime import timedelta

from scheduled_jobs.models import JobRun, RunStats, ScheduledJob
from tests.browser.screens.code import NOW

JOBS = 1_000
APPS = (
    "payments", "orders", "inventory", "shipping", "fraud", "catalog", "customers", "marketing", "newsletter",
    "reports", "backups", "core",
)  # fmt: skip
MARK = timedelta(minutes=10)
ERROR = 'OperationalError: connection to server at "10.12.0.3", port 5432 failed: timeout expired'
KEY = "OperationalError: connection to server at …, port … failed: timeout expired"


def fill_with_many() -> None:
    """Insert them, once."""
    shop = ScheduledJob.objects.count()
    if shop >= JOBS:
        return
    at = NOW - timedelta(minutes=6)
    usual = {"last_status": "succeeded", "last_run_at": at, "sync_state": "synced", "live_seen_at": at}
    ScheduledJob.objects.bulk_create(
        ScheduledJob(
            name=f"many-{n}", task=f"{APPS[n % 12]}.tasks.Job{n}", declared_schedule="*/10 * * * *", **usual
        )
        for n in range(JOBS - shop)
    )
    broken = list(ScheduledJob.objects.filter(name__startswith="many-").order_by("pk")[::52])
    JobRun.objects.bulk_create(
        JobRun(
            job=job, status="failed", trigger="schedule", scheduled_for=at, started_at=at, finished_at=at,
            error=ERROR, error_key=KEY, unfolded=None,
        )
        for job in broken
    )  # fmt: skip
    for run in JobRun.objects.filter(error_key=KEY):
        ScheduledJob.objects.filter(pk=run.job_id).update(
            last_failure=run, last_failure_at=at, failing_since=at - 2 * MARK, failures_in_a_row=3,
            last_status="failed",
        )  # fmt: skip
    first = at.replace(minute=0, second=0) - timedelta(hours=24)
    RunStats.objects.bulk_create(
        RunStats(
            app=app, length=length, start=first + n * length, runs=runs, failed=bad,
            succeeded=runs - bad, durations={"280": runs - bad}, delays={"178": runs}, longest=3,
            longest_delay=2, seconds=runs,
        )
        for place, app in enumerate(["", *APPS])
        for length, number in ((MARK, 145), (timedelta(hours=1), 24))
        for n in range(number)
        for runs in [(84 if app else 1_000) * (length // MARK)]
        for bad in [20 if n > 140 and place < 3 else 2 if (n * 7 + place * 11) % 61 == 0 else 0]
    )  # fmt: skip
