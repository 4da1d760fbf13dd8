"""Jobs and clocks for the tests of the emulator."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from scheduled_jobs.emulator.messages import Job, JobMessage

PARENT = "projects/shop/locations/europe-west1"
NOON = datetime(2026, 10, 5, 12, 0, 30, tzinfo=UTC)


class Clock:
    """A clock that a test moves."""

    def __init__(self, now: datetime = NOON) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def move_to(self, now: datetime) -> None:
        self.now = now


def name_of(job_id: str) -> str:
    return f"{PARENT}/jobs/{job_id}"


def http_job(job_id: str = "report", schedule: str = "0 9 * * *", **fields: Any) -> JobMessage:
    """A job with an HTTP target, as short as the service takes it."""
    fields = {"http_target": {"uri": "https://shop.example/tasks/report"}, **fields}
    return Job(name=name_of(job_id) if job_id else "", schedule=schedule, **fields)


def utc(year: int, month: int, day: int, hour: int = 0, minute: int = 0, second: int = 0) -> datetime:
    return datetime(year, month, day, hour, minute, second, tzinfo=UTC)
