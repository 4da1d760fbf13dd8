"""The last runs of a job as rows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone

from scheduled_jobs.admin.job.runs import RecentRun, recent_rows
from scheduled_jobs.services.history import job_story
from tests.support import make_run
from tests.support.job_page import address, job, text
from tests.support.people import superuser

if TYPE_CHECKING:
    from scheduled_jobs.models import ScheduledJob

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 23, 8, 31, tzinfo=UTC)


def test_the_page_opens_with_a_sentence_and_links_its_runs() -> None:
    now = timezone.now()
    row = job(
        last_run_at=now - timedelta(hours=2), last_status="succeeded", last_duration=timedelta(seconds=41)
    )
    run = make_run(
        row, "succeeded", scheduled_for=now - timedelta(hours=2), started_at=now - timedelta(hours=2),
        duration=timedelta(seconds=41), result={"settled": 3, "token": "s3cret"},
    )  # fmt: skip
    page = superuser().get(address(row)).content.decode()
    told = text(page)
    assert "Healthy. The last run succeeded 2 h ago in 41 s. The next one is due" in told
    assert f'href="/admin/scheduled_jobs/jobrun/{run.pk}/change/"' in page
    assert '"settled": 3' in told
    assert '"token": "••••••••"' in told
    assert "s3cret" not in page
    assert "Duration of the last 1 run. Median 41 s, p95 41 s. 1 succeeded." in page


def rows(row: ScheduledJob) -> list[RecentRun]:
    return recent_rows(row, job_story.recent(row, 10), job_story.lasted(row, 60), NOW)


@pytest.mark.parametrize(
    ("values", "started"),
    [
        ({"scheduled_for": NOW, "started_at": NOW + timedelta(seconds=1.1)}, "started +1.1 s"),
        ({"scheduled_for": NOW, "started_at": NOW - timedelta(seconds=1)}, "started +0 ms"),
        ({"scheduled_for": NOW, "status": "missed"}, "never started"),
        ({"trigger": "manual", "started_at": NOW}, "not scheduled: asked for"),
        ({"trigger": "eager", "started_at": NOW}, "not scheduled"),
    ],
)
def test_a_run_tells_how_late_it_started(values: dict[str, Any], started: str) -> None:
    row = job()
    make_run(row, values.pop("status", "succeeded"), **values)
    assert [run.started for run in rows(row)] == [started]


def test_a_success_is_measured_by_the_longest_of_twenty() -> None:
    row = job()
    for seconds in (10, 20, 40):
        make_run(row, "succeeded", duration=timedelta(seconds=seconds))
    make_run(row, "failed", duration=timedelta(seconds=20))
    assert [run.share for run in rows(row)] == [None, 100, 50, 25]


def test_what_a_run_said_is_cut() -> None:
    row = job()
    make_run(row, "failed", error="E" * 400 + "\nmore", reason="Again", requested_by="rui")
    make_run(row, "succeeded", result={"token": "s3cret"}, reason="Why not")
    assert [run.said for run in rows(row)] == ['{"token": "••••••••"} · Why not', "E" * 159 + "…"]
