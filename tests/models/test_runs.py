"""A run's row: by what runs are ordered."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from scheduled_jobs.models import JobRun
from tests.support import SLOT, make_job, make_run, make_task

if TYPE_CHECKING:
    from scheduled_jobs.models import ScheduledJob

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
