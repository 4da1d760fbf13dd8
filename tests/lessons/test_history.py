"""The history of runs: whose it is, how long it is kept, and what it tells."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django.test import override_settings

from tests.lessons.doors import (
    declare,
    job_page,
    page_of,
    row,
    run_page,
    schedule_tasks,
    superuser,
    terminal,
    text_of,
)
from tests.support import make_run

if TYPE_CHECKING:
    from scheduled_jobs.tasks import PeriodicTask
    from scheduled_jobs.testing import CloudScheduler


def grow(google: CloudScheduler, name: str, statuses: list[str], *, every: timedelta) -> None:
    """A history that ends now."""
    job = row(name)
    for age, status in zip(range(len(statuses) - 1, -1, -1), statuses, strict=True):
        at = google.now - every * age
        make_run(job, status, created_at=at, started_at=at, finished_at=at, scheduled_for=at)


@override_settings(DJANGO_CLOUD_TASKS_HISTORY_MAX_AGE=1, DJANGO_CLOUD_TASKS_HISTORY_MIN_RUNS=3)
def test_a_job_of_every_minute_pushes_out_no_monthly_history(
    google: CloudScheduler,
) -> None:
    """Koed00/django-q PR #605: one limit for all lets the busy jobs evict the others."""
    declare("Minutely", "* * * * *")
    declare("Monthly", "0 0 1 * *")
    schedule_tasks()
    grow(google, "Monthly", ["succeeded"] * 4, every=timedelta(days=30))
    grow(google, "Minutely", ["succeeded"] * 30, every=timedelta(hours=2))
    terminal("prune")
    # A day of the one, and so many of the other whatever their age.
    assert row("Minutely").runs.count() == 13
    assert row("Monthly").runs.count() == 3


@override_settings(
    DJANGO_CLOUD_TASKS_HISTORY_MAX_AGE=1,
    DJANGO_CLOUD_TASKS_HISTORY_FAILURES_MAX_AGE=1,
    DJANGO_CLOUD_TASKS_HISTORY_MIN_RUNS=1,
)
def test_the_last_success_and_the_last_failure_are_always_kept(google: CloudScheduler) -> None:
    """django-celery-results #430: the cleanup removes the one result that was still wanted."""
    declare("Digest")
    schedule_tasks()
    statuses = ["failed", "failed", "succeeded", "succeeded", "skipped", "skipped"]
    grow(google, "Digest", statuses, every=timedelta(days=10))
    google.now += timedelta(days=10)
    job = row("Digest")
    assert terminal("prune", "--dry-run") == "3 runs would be deleted.\n"
    assert terminal("prune") == "3 runs deleted.\n"
    kept = job.runs.order_by("pk").values_list("status", flat=True)
    assert list(kept) == ["failed", "succeeded", "skipped"]
    assert terminal("prune") == "0 runs deleted.\n"


def test_a_job_and_its_results_lead_to_one_another(google: CloudScheduler) -> None:
    """django-celery-results #342: results are not linked to the periodic task."""
    declare("Digest", run=lambda self: {"sent": 42})
    declare("Other")
    schedule_tasks()
    google.advance(timedelta(hours=1))
    run = row("Digest").runs.get()
    client = superuser()
    assert run_page(run) in page_of(client, job_page(row("Digest")))
    assert run_page(run) not in page_of(client, job_page(row("Other")))
    page = page_of(client, run_page(run))
    assert job_page(row("Digest")) in page
    assert "42" in text_of(page)
    assert "shop--shop-tasks-Digest" in terminal("runs", "shop.tasks.Digest")
    assert "shop--shop-tasks-Other" not in terminal("runs", "shop.tasks.Digest")


def test_a_jobs_page_shows_how_long_its_runs_take(google: CloudScheduler) -> None:
    """healthchecks #712: no average and no graph of durations."""

    def work(self: PeriodicTask) -> None:
        google.now += timedelta(seconds=4)

    declare("Digest", "0 * * * *", run=work)
    schedule_tasks()
    google.advance(timedelta(hours=30))
    said = text_of(page_of(superuser(), job_page(row("Digest"))))
    assert "Duration of the last 30 runs" in said
    assert "median 4.0 s, p95 4.0 s" in said
