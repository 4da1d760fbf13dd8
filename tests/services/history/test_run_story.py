"""A run among its neighbours, by few rows however long the history."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from scheduled_jobs.models import JobRun, ScheduledJob
from scheduled_jobs.services.history import run_story
from scheduled_jobs.services.history.run_story import Story, story_of
from tests.support import make_job, make_run, make_task

if TYPE_CHECKING:
    from pytest_django import DjangoAssertNumQueries

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_tasks")]
SLOT = datetime(2026, 10, 22, 13, 0, tzinfo=UTC)
NOW = SLOT + timedelta(days=30)
Status = JobRun.Status


@pytest.fixture
def job() -> ScheduledJob:
    return make_job(make_task())


def ran(job: ScheduledJob, hours: float, status: str = Status.FAILED, **values: Any) -> JobRun:
    slot = SLOT + timedelta(hours=hours)
    return make_run(job, status, **{"scheduled_for": slot, "started_at": slot, **values})


def story(run: JobRun) -> Story:
    return story_of(JobRun.objects.select_related("job").get(pk=run.pk), NOW)


def test_the_run_before_and_after_is_no_other_attempt(job: ScheduledJob) -> None:
    before, run = ran(job, -1), ran(job, 0, attempt=2, started_at=SLOT + timedelta(minutes=2))
    ran(job, 0)
    ran(job, 0, attempt=3, started_at=SLOT + timedelta(minutes=4))
    after = ran(job, 1)
    ran(job, 2)
    found = story(run)
    assert (found.previous, found.next) == (before, after)
    assert [attempt.attempt for attempt in found.attempts] == [1, 2, 3]


def test_the_usual_duration_is_the_median_of_the_successes_that_are_near(
    job: ScheduledJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    for hours, seconds in ((-4, 50), (-3, 7), (-2, 5)):
        ran(job, hours, Status.SUCCEEDED, duration=timedelta(seconds=seconds))
    ran(job, -1, duration=timedelta(seconds=1))
    run = ran(job, 0)
    assert story(run).usual == timedelta(seconds=7)
    monkeypatch.setattr(run_story, "SAMPLE", 2)
    assert story(run).usual == timedelta(seconds=6)
    monkeypatch.setattr(run_story, "LOOKED_BACK", 1)
    assert story(run).usual is None


def test_the_last_success_of_all_is_told_where_none_is_near(
    job: ScheduledJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    success = ran(job, -3, Status.SUCCEEDED)
    older = ran(job, -4)
    ran(job, -1)
    run = ran(job, 0)
    assert story(run).last_success == success
    monkeypatch.setattr(run_story, "LOOKED_BACK", 1)
    assert story(run).last_success is None
    ScheduledJob.objects.update(last_success=success)
    assert story(run).last_success == success
    assert story(older).last_success is None


def test_reruns_are_found_soon_after_the_run_and_soon_before_now(job: ScheduledJob) -> None:
    run = ran(job, 0)
    first, forgotten, last = (
        make_run(job, Status.SUCCEEDED, trigger="retry", retry_of=run, started_at=at)
        for at in (SLOT + timedelta(days=2), SLOT + timedelta(days=9), NOW - timedelta(days=2))
    )
    assert story(run).reruns == [first, last]
    assert story(forgotten).retry_of == run


def test_the_number_of_queries_does_not_depend_on_the_history(
    job: ScheduledJob, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    run = JobRun.objects.select_related("job").get(pk=ran(job, 0).pk)
    for hours in range(1, 30):
        ran(job, hours)
        ran(job, -hours, Status.SUCCEEDED, duration=timedelta(seconds=1))
        make_run(job, Status.SUCCEEDED, trigger="retry", retry_of=run, started_at=SLOT)
    # The runs that are named, its reruns, its attempts, those before, the one after, the last list of Google.
    with django_assert_num_queries(7):
        found = story_of(run, NOW)
    assert len(found.reruns) == 29
