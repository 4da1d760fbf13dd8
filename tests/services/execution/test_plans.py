"""A delivery reads the runs by an index, however many there are, and whatever the database knows of them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection
from django.utils import timezone

from scheduled_jobs.models import JobRun, ScheduledJob
from scheduled_jobs.services import scheduling
from tests.services.execution.calling import deliver
from tests.support import SLOT
from tests.support.plans import plans_about

if TYPE_CHECKING:
    from scheduled_jobs.tasks import PeriodicTask

Status = JobRun.Status


@pytest.mark.django_db
@pytest.mark.parametrize("has_statistics", [False, True])
@pytest.mark.parametrize("slot", [SLOT, None, timezone.now() + timedelta(days=1)])
@pytest.mark.skipif(connection.vendor != "sqlite", reason="reads SQLite's plans")
def test_no_statement_of_a_delivery_reads_the_table(
    job: ScheduledJob, task: type[PeriodicTask], slot: Any, *, has_statistics: bool
) -> None:
    JobRun.objects.bulk_create(
        JobRun(
            job=job, status=Status.FAILED if n % 10 else Status.MISSED, trigger="schedule", unfolded=None,
            scheduled_for=SLOT - timedelta(hours=n + 1), created_at=SLOT - timedelta(hours=n + 1),
        )
        for n in range(2000)
    )  # fmt: skip
    if has_statistics:
        connection.cursor().execute("ANALYZE")
    with plans_about("jobrun") as plans:
        deliver(job, task, slot=slot)
        scheduling.after_delivery(job.pk)
    assert plans
    assert {
        sql: plan
        for sql, plan in plans.items()
        if any("SCAN scheduled_jobs_jobrun" in step and "INDEX" not in step for step in plan)
    } == {}
