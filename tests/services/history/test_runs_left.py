"""How many runs a job has, without counting a history of years."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from scheduled_jobs.models import JobRun, RunStats
from scheduled_jobs.services.history import job_story
from tests.support import make_job, make_task

pytestmark = pytest.mark.django_db


def test_few_runs_are_counted_and_many_are_told_by_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_story, "COUNTED", 5)
    job, now = make_job(make_task()), timezone.now()

    def add(number: int) -> None:
        JobRun.objects.bulk_create(
            JobRun(job=job, status="failed", trigger="manual", created_at=now - timedelta(minutes=n))
            for n in range(1, number + 1)
        )

    assert job_story.runs_left(job) == (0, False)
    add(5)
    assert job_story.runs_left(job) == (5, False)
    add(1)
    assert job_story.runs_left(job) == (5, True)
    day = now.replace(hour=0, minute=0, second=0, microsecond=0)
    for job_pk, length, days, number in (
        (job.pk, 1440, 0, 30), (job.pk, 1440, 1, 12), (job.pk, 1440, 3, 500), (job.pk, 60, 0, 7), (0, 1440, 0, 99)
    ):  # fmt: skip
        RunStats.objects.create(
            job=job_pk, length=timedelta(minutes=length), start=day - timedelta(days=days), runs=number
        )
    assert job_story.runs_left(job) == (30, True)
