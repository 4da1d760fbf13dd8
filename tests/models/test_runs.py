"""A run's row: by what runs are ordered."""

from __future__ import annotations

import sqlite3
from datetime import timedelta

import pytest
from django.db import connection

from scheduled_jobs.models import JobChange, JobRun, ScheduledJob
from tests.support import SLOT, make_job, make_run, make_task

pytestmark = pytest.mark.django_db

ASKED, STARTED = SLOT - timedelta(minutes=1), SLOT + timedelta(seconds=2)


@pytest.fixture
def job() -> ScheduledJob:
    return make_job(make_task())


def test_a_run_is_placed_at_its_start_slot_or_request(
    job: ScheduledJob,
) -> None:
    asked = make_run(job, "queued", created_at=ASKED)
    missed = make_run(job, "missed", created_at=ASKED, scheduled_for=SLOT)
    ran = make_run(job, "failed", created_at=ASKED, scheduled_for=SLOT, started_at=STARTED, attempt=2)
    assert [JobRun.objects.get(pk=run.pk).at for run in (asked, missed, ran)] == [ASKED, SLOT, STARTED]


def test_the_place_of_a_run_moves_with_its_start(job: ScheduledJob) -> None:
    run = make_run(job, "queued", created_at=ASKED)
    JobRun.objects.filter(pk=run.pk).update(status="running", started_at=STARTED)
    assert JobRun.objects.order_by("-at").values_list("at", flat=True)[0] == STARTED


@pytest.mark.skipif(connection.vendor != "sqlite", reason="SQLite's limit can be set")
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("delete", ["job", "jobs", "runs"])
def test_a_long_history_is_deleted_within_sqlites_limit(delete: str) -> None:
    """With 300,000 runs a statement of all of them has too many variables; here the limit is lowered instead."""
    job = make_job(make_task())
    JobRun.objects.bulk_create(
        [JobRun(job=job, status="succeeded", trigger="manual", payload={}) for _ in range(2_500)]
    )
    first = JobRun.objects.order_by("pk").first()
    JobRun.objects.filter(pk__gt=first.pk).update(retry_of=first)  # type: ignore[union-attr]
    JobChange.objects.bulk_create(
        [JobChange(job=job, job_name=job.name, field="paused") for _ in range(2_500)]
    )
    ScheduledJob.objects.update(last_run=first)
    usual = connection.connection.setlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, 1_000)
    try:
        if delete == "job":
            job.delete()
        elif delete == "jobs":
            ScheduledJob.objects.filter(name=job.name).delete()
        else:
            job.runs.all().delete()
    finally:
        # Django does not close a connection to memory: what comes after would have the limit too.
        connection.connection.setlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, usual)
    assert not JobRun.objects.exists()
    assert ScheduledJob.objects.exists() is (delete == "runs")
