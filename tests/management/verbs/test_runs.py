"""``scheduled_jobs runs``: the history."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from scheduled_jobs.models import JobRun, ScheduledJob
from tests.management.verbs.calling import NAME, call

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_tasks")]


def test_runs_tells_the_history(job: ScheduledJob) -> None:
    JobRun.objects.create(
        job=job,
        status="failed",
        trigger="schedule",
        scheduled_for=datetime(2026, 11, 23, 9, tzinfo=UTC),
        started_at=datetime(2026, 11, 23, 9, 0, 1, tzinfo=UTC),
        duration=timedelta(seconds=4.2),
        error="ValueError: no\nmore",
        payload={"password": "hunter2"},
    )
    (line,) = call("runs", NAME, "--status", "failed").splitlines()[1:]
    assert line.split()[2:] == [
        "failed", "schedule", "2026-11-23", "09:00:00Z", "2026-11-23", "09:00:01Z", "4.2", "s", "1", "ValueError:", "no",
    ]  # fmt: skip
    assert "hunter2" not in call("runs", "--json")
    assert call("runs", "--status", "lost").splitlines()[1:] == []
