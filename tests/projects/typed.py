"""Somebody's tasks, never run: type checkers read them, ``make lint`` by mypy, ``nox -s typing`` by others too."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any, assert_type

from scheduled_jobs.models import JobRun, ScheduledJob
from scheduled_jobs.tasks import PeriodicTask
from scheduled_jobs.testing import running_cloud_scheduler


class Report(PeriodicTask):
    """Overrides ``run`` by a signature of its own, and hooks by narrower ones."""

    run_every = timedelta(hours=1)
    overlap = "allow"

    def run(self, day: date, *, region: str = "emea") -> dict[str, Any]:
        self.report_progress(1, 2, "half")
        return {"day": day, "slot": assert_type(self.metadata.scheduled_for, datetime)}

    @classmethod
    def schedule_use_oidc(cls) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        return False

    @classmethod
    def schedule_retries(cls) -> int:
        return 3

    @classmethod
    def schedule_body_payload(cls) -> dict[str, Any]:
        return {"day": date(2027, 1, 1)}


class Ticks(PeriodicTask):
    run_every = "* * * * *"
    schedule_use_oidc = False

    async def run(self) -> None: ...


def of_many(reason: str) -> None:
    jobs = ScheduledJob.objects.filter(task=Report.name())
    assert_type(jobs.pause(reason=reason), int)
    assert_type(jobs.active().overridden().first(), ScheduledJob | None)
    assert_type(ScheduledJob.objects.active().get(), ScheduledJob)
    assert_type(JobRun.objects.queued().first(), JobRun | None)


def of_one(job: ScheduledJob) -> None:
    job.pause(reason="x", until=datetime.now().astimezone() + timedelta(days=1))
    assert_type(job.run_now(by="maria", payload={"day": date(2027, 1, 1)}), JobRun)
    assert_type(job.runs.count(), int)


def in_a_test() -> None:
    with running_cloud_scheduler() as scheduler:
        scheduler.faults.refuse("CreateJob", "PERMISSION_DENIED", "no")
        assert_type(len(scheduler.advance(timedelta(hours=1))), int)
