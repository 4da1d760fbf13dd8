"""The watch reads the runs by an index, however many there are, and whatever the database knows of them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.db import connection

from scheduled_jobs.models import JobRun, ScheduledJob
from scheduled_jobs.services.monitoring import watch
from scheduled_jobs.testing import running_cloud_scheduler
from tests.support import SLOT, make_task
from tests.support.plans import plans_about

if TYPE_CHECKING:
    from pytest_django.fixtures import SettingsWrapper

Status = JobRun.Status
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("no_tasks")
@pytest.mark.parametrize("has_statistics", [False, True])
@pytest.mark.skipif(connection.vendor != "sqlite", reason="reads SQLite's plans")
def test_no_statement_of_a_step_reads_the_table(settings: SettingsWrapper, *, has_statistics: bool) -> None:
    settings.DJANGO_CLOUD_TASKS_ALERT_RECIPIENTS = ["ops@shop.example"]
    with running_cloud_scheduler(SLOT) as google:
        jobs = [
            make_task(name=name, run_every=when).schedule()
            for name, when in (
                ("Hourly", "0 * * * *"),
                ("Every", "* * * * *"),
                ("Interval", "every 7 minutes"),
            )
        ]
        JobRun.objects.bulk_create(
            JobRun(
                job=jobs[n % 3], status=Status.FAILED if n % 10 else Status.MISSED, trigger="schedule", unfolded=None,
                scheduled_for=SLOT - n * MINUTE, started_at=SLOT - n * MINUTE,
                finished_at=SLOT - n * MINUTE,
            )
            for n in range(1, 3000)
        )  # fmt: skip
        watch.step(google.now)
        if has_statistics:
            connection.cursor().execute("ANALYZE")
        # Nothing comes: all is missed, judged beside the runs before it, and told.
        google.now = SLOT + 2 * HOUR
        with plans_about("jobrun") as plans:
            found = watch.step(google.now)

    assert {run.job_id for run in found.missed} == set(ScheduledJob.objects.values_list("pk", flat=True))
    assert {
        sql: plan
        for sql, plan in plans.items()
        if any("SCAN" in step and "jobrun" in step and "INDEX" not in step for step in plan)
    } == {}
