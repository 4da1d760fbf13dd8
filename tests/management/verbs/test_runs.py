"""``scheduled_jobs runs``: the history."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from scheduled_jobs.models import Alert, AlertRun, JobRun, ScheduledJob
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


def test_runs_tells_a_machine_what_was_told_of_them(job: ScheduledJob) -> None:
    at = datetime(2026, 11, 23, 9, tzinfo=UTC)
    missed = JobRun.objects.create(job=job, status="missed", trigger="schedule", scheduled_for=at)
    JobRun.objects.create(job=job, status="succeeded", trigger="schedule", started_at=at)
    to = {"channel": "webhook", "to": ["hooks.example.com"], "sent_at": None, "error": "it answered 500"}
    alert = Alert.objects.create(
        kind="missed", subject="s", text="t", created_at=at, channels=[{**to, "key": "k", "tries": 2}]
    )
    AlertRun.objects.create(job=job, run=missed, kind="missed", alert=alert)
    AlertRun.objects.create(job=job, run=missed, kind="missed")

    told = {run["status"]: run["told"] for run in json.loads(call("runs", "--json"))}
    assert told == {
        "succeeded": [],
        "missed": [{"kind": "missed", "at": "2026-11-23T09:00:00Z", "to": [to]}],
    }
