"""What the screens ask of many runs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext

from scheduled_jobs.services.history.stats.figures import (
    Figures,
    figures,
    figures_by_job,
    most_failing,
    series,
    series_by_job,
    slowest,
)
from scheduled_jobs.services.history.stats.marks import marks_by_app, marks_by_job
from scheduled_jobs.services.history.stats.reading import Unfolded
from tests.support import make_job, make_run, make_task

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 10, 22, 14, 7, 30, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def test_figures_say_how_runs_ended_and_how_long_they_took() -> None:
    job = make_job(make_task())
    with time_machine.travel(NOW, tick=False):
        for n, (status, seconds) in enumerate([("succeeded", 4), ("succeeded", 8), ("failed", 1)]):
            slot = NOW - n * HOUR
            started = slot + timedelta(seconds=2 + n)
            make_run(
                job,
                status,
                scheduled_for=slot,
                started_at=started,
                finished_at=started + timedelta(seconds=seconds),
                duration=timedelta(seconds=seconds),
                deliveries=1 + n,
                trigger="schedule",
            )
        make_run(job, "queued", trigger="manual", created_at=NOW)
        make_run(job, "failed", scheduled_for=NOW - DAY)
        with CaptureQueriesContext(
            connection,
        ) as queries:
            told = figures(NOW - 3 * HOUR, NOW)
    assert len(queries) == 4
    assert (told.runs, told.succeeded, told.failed, told.delivered_twice) == (4, 2, 1, 3)
    assert told.success_rate == 2 / 3
    assert told.longest == timedelta(seconds=8)
    assert told.p95 is not None
    assert abs(told.p95.total_seconds() - 8) < 0.2
    assert told.longest_delay == timedelta(seconds=4)


def test_nothing_has_no_figures() -> None:
    assert figures(NOW - DAY, NOW) == Figures()
    assert figures(NOW - DAY, NOW).success_rate is None
    assert figures(NOW - DAY, NOW).median is None


def test_figures_are_told_by_step_job_and_app() -> None:
    job = make_job(make_task())
    other = make_job(make_task(name="Other"), name="shop--other")
    with time_machine.travel(NOW, tick=False):
        make_run(job, "succeeded", scheduled_for=NOW - HOUR, duration=MINUTE)
        make_run(job, "lost", scheduled_for=NOW - 5 * MINUTE)
        make_run(other, "missed", scheduled_for=NOW - 5 * MINUTE)
        start = NOW.replace(minute=0, second=0) - 5 * HOUR
        steps = [(at, told.runs, told.bad) for at, told in series(start, NOW, HOUR)]
        by_job = series_by_job(start, NOW, HOUR)
        by_app = marks_by_app(start, NOW, 2 * HOUR, ["shop"], Unfolded.read())
        marks = marks_by_job(start, NOW, HOUR, [job.pk], Unfolded.read())
        per_job = figures_by_job(start, NOW)
        slow = slowest(start, NOW, 5)
        bad = most_failing(start, NOW, 1)
    assert steps == [(start + 4 * HOUR, 1, 0), (start + 5 * HOUR, 2, 2)]
    assert {pk: [told.runs for _at, told in told] for pk, told in by_job.items()} == {
        job.pk: [1, 1],
        other.pk: [1],
    }
    assert by_app == {"shop": [(start + 4 * HOUR, start + 6 * HOUR, 1, 0, 1, 1, 0)]}
    assert marks == {
        job.pk: [
            (start + 4 * HOUR, start + 5 * HOUR, 1, 0, 0, 0, 0),
            (start + 5 * HOUR, start + 6 * HOUR, 0, 0, 1, 0, 0),
        ]
    }
    assert {pk: told.success_rate for pk, told in per_job.items()} == {job.pk: 0.5, other.pk: 0.0}
    assert [(pk, told.longest) for pk, told in slow] == [(job.pk, MINUTE)]
    assert [(pk, told.bad, told.runs) for pk, told in bad] == [(job.pk, 1, 2)]
