"""The landing page reads runs by an index, whatever the database knows of them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from scheduled_jobs.models import JobRun, RunStats
from tests.support import make_job, make_run, make_task
from tests.support.people import LIST, superuser
from tests.support.plans import plans_about

Status = JobRun.Status


@pytest.mark.django_db
@pytest.mark.parametrize("has_statistics", [False, True])
@pytest.mark.parametrize("span", ["24h", "30d"])
@pytest.mark.skipif(connection.vendor != "sqlite", reason="reads SQLite's plans")
def test_the_landing_page_never_reads_all_runs_or_cells(span: str, *, has_statistics: bool) -> None:
    now = timezone.now()
    jobs = [make_job(make_task(name=f"Task{n}"), f"job-{n}", last_run_at=now) for n in range(70)]
    JobRun.objects.bulk_create(
        JobRun(
            job=jobs[n % 70], status=Status.FAILED if n % 10 else Status.LOST, trigger="schedule", unfolded=None,
            scheduled_for=now - timedelta(hours=n + 1), created_at=now - timedelta(hours=n + 1),
        )
        for n in range(2000)
    )  # fmt: skip
    RunStats.objects.bulk_create(
        RunStats(
            job=jobs[n % 70].pk,
            of_app="shop",
            length=timedelta(hours=1),
            runs=1,
            start=now - timedelta(hours=n),
        )
        for n in range(2000)
    )
    make_run(jobs[0], "running", started_at=now)
    client = superuser()
    if has_statistics:
        connection.cursor().execute("ANALYZE")
    with plans_about("scheduled_jobs_") as plans:
        client.get(f"{LIST}dashboard/?span={span}")
    read_whole = {
        sql: plan
        for sql, plan in plans.items()
        if any(f"SCAN scheduled_jobs_{table}" in step for table in ("jobrun", "runstats") for step in plan)
    }
    assert any("runstats" in sql for sql in plans)
    unsettled = [
        plan for sql, plan in plans.items() if sql.startswith("SELECT") and '."settled_slot" =' in sql
    ]
    assert [plan[0] for plan in unsettled if "jobrun" in plan[0]] == [
        "SEARCH scheduled_jobs_jobrun USING INDEX sj_run_status_at (status=? AND at>?)"
    ] * 2
    assert read_whole == {}
