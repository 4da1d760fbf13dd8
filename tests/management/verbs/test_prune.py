"""``scheduled_jobs prune``: which runs are kept."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from django.test import override_settings

from scheduled_jobs.models import JobRun, ScheduledJob
from scheduled_jobs.services.history.retention import prune
from tests.management.verbs.calling import call
from tests.support.declaring import declare, row, schedule_tasks

if TYPE_CHECKING:
    from scheduled_jobs.backends.memory import MemoryBackend

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_tasks")]


NOW = datetime(2026, 11, 23, tzinfo=UTC)


def run(job: ScheduledJob, status: str, days: float) -> JobRun:
    return JobRun.objects.create(
        job=job, status=status, trigger="schedule", created_at=NOW - timedelta(days=days)
    )


def kept() -> list[int]:
    return list(JobRun.objects.order_by("pk").values_list("pk", flat=True))


@override_settings(DJANGO_CLOUD_TASKS_HISTORY_MAX_AGE=30, DJANGO_CLOUD_TASKS_HISTORY_MIN_RUNS=2)
def test_old_runs_go_and_the_last_good_and_bad_one_stay(job: ScheduledJob) -> None:
    """Guards against one history limit for all jobs, which lets minutely jobs evict monthly ones."""
    old_good, last_good = run(job, "succeeded", 90), run(job, "succeeded", 80)
    last_bad, waiting = run(job, "failed", 70), run(job, "queued", 60)
    skipped, newest = run(job, "skipped", 50), [run(job, "skipped", 49), run(job, "skipped", 1)]
    assert prune(NOW, write=False) == 2
    assert old_good.pk in kept()
    assert prune(NOW) == 2
    assert kept() == [last_good.pk, last_bad.pk, waiting.pk, *(r.pk for r in newest)]
    assert skipped.pk not in kept()
    assert call("prune", "--dry-run") == "0 runs would be deleted.\n"


@override_settings(DJANGO_CLOUD_TASKS_HISTORY_MAX_AGE=None)
def test_without_an_age_everything_is_kept(job: ScheduledJob) -> None:
    run(job, "succeeded", 9000)
    assert call("prune") == "0 runs deleted.\n"


def test_retention_is_per_job(google: MemoryBackend) -> None:
    declare("Often")
    declare("Rarely")
    schedule_tasks()
    rare = run(row("Rarely"), "skipped", 900)
    for _ in range(5):
        run(row("Often"), "skipped", 900)
    with override_settings(DJANGO_CLOUD_TASKS_HISTORY_MIN_RUNS=1):
        assert prune(NOW) == 4
    assert rare.pk in kept()
