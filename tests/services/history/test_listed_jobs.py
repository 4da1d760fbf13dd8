from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from scheduled_jobs.models import JobRun, ScheduledJob
from scheduled_jobs.services.history.health import Health
from scheduled_jobs.services.history.listed_jobs import ListedJob, listed_jobs
from tests.support import make_job, make_run, make_task

pytestmark = pytest.mark.django_db
Status = JobRun.Status


def only(job: ScheduledJob, state: Health, **values: Any) -> ListedJob:
    [listed] = listed_jobs({job.pk: state}, timezone.now(), **values)
    return listed


def test_the_newest_run_and_the_one_going_on_are_told_apart() -> None:
    job, now = make_job(make_task()), timezone.now()
    running = make_run(job, Status.RUNNING, started_at=now, progress_done=3, progress_total=4)
    skipped = make_run(job, Status.SKIPPED, created_at=now + timedelta(seconds=1))
    make_run(job, Status.QUEUED, created_at=now - timedelta(seconds=1))
    found = only(job, Health.RUNNING)
    assert found.last is not None
    assert found.active is not None
    assert found.last.pk == skipped.pk
    assert (found.active.pk, found.active.progress_done) == (running.pk, 3.0), "what runs, not what waits"
    assert found.wrong is None


@pytest.mark.parametrize(
    ("state", "ended"),
    [
        (Health.FAILING, Status.FAILED),
        (Health.FAILING, Status.TIMED_OUT),
        (Health.LOST, Status.LOST),
        (Health.MISSED, Status.MISSED),
    ],
)
def test_the_run_that_explains_a_state_is_told(state: Health, ended: Status) -> None:
    job = make_job(make_task())
    wrong = make_run(job, ended, error="E")
    make_run(job, Status.SUCCEEDED)
    found = only(job, state)
    assert found.wrong is not None
    assert (found.wrong.pk, found.wrong.error) == (wrong.pk, "E")


def test_a_failure_before_a_long_pause_still_explains_it() -> None:
    job = make_job(make_task())
    failed = make_run(job, Status.FAILED, error="E", started_at=timezone.now() - timedelta(days=40))
    for _ in range(31):
        make_run(job, Status.SKIPPED)
    ScheduledJob.objects.filter(pk=job.pk).update(last_failure=failed)
    found = only(job, Health.FAILING)
    assert found.wrong is not None
    assert found.wrong.pk == failed.pk


def test_without_runs_two_queries_are_not_made(django_assert_num_queries: Any) -> None:
    job = make_job(make_task())
    make_run(job, Status.FAILED)
    with django_assert_num_queries(3):
        only(job, Health.FAILING)
    with django_assert_num_queries(1):
        found = only(job, Health.FAILING, with_runs=False)
    assert (list(found.bars), found.last, found.wrong) == ([], None, None)
