"""What a monitor outside is told, at which address, and whom it is told."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import time_machine
from django.db import OperationalError, connection
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext

from scheduled_jobs.models import JobRun, LastWatch, ScheduledJob
from scheduled_jobs.services import monitoring
from scheduled_jobs.services.monitoring.metrics import metrics
from tests.support import make_job, make_task

if TYPE_CHECKING:
    from django.http import HttpResponse

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
TOKEN = "0123456789abcdef"
WITH_TOKEN = override_settings(
    DJANGO_CLOUD_TASKS_METRICS_TOKEN=TOKEN,
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.auth.middleware.LoginRequiredMiddleware",
    ],
)


def get(path: str, token: str = TOKEN, **options: Any) -> HttpResponse:
    with time_machine.travel(NOW, tick=False):
        return Client(headers={"Authorization": f"Bearer {token}"}).get(f"/tasks/{path}", **options)


def a_job(name: str, **values: Any) -> ScheduledJob:
    """A job that Google has, and that nothing is wrong with."""
    fine = {"sync_state": "synced", "edited_at": NOW - timedelta(days=1), "last_run_at": NOW}
    return make_job(make_task(), name=name, **{**fine, **values})


def ago(**lengths: float) -> datetime:
    return NOW - timedelta(**lengths)


# --- Who is answered ------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["metrics", "health"])
def test_only_whoever_has_the_token_is_answered(path: str) -> None:
    assert get(path, "").status_code == 404
    with override_settings(DJANGO_CLOUD_TASKS_METRICS_TOKEN=["no", "text"]):
        assert get(path, "").status_code == 404
    with WITH_TOKEN:
        for token in ("", TOKEN[:-1], "é" * 16):
            with CaptureQueriesContext(connection) as captured:
                refused = get(path, token)
            assert (refused.status_code, len(captured)) == (401, 0)
            assert refused.headers["WWW-Authenticate"] == "Bearer"
        answered = get(path)
        assert answered.status_code == 200
        assert "no-store" in answered.headers["Cache-Control"]
        assert "Set-Cookie" not in answered.headers
        for method in ("post", "put", "head", "delete"):
            response = getattr(Client(headers={"Authorization": f"Bearer {TOKEN}"}), method)(f"/tasks/{path}")
            assert (response.status_code, response.headers["Allow"]) == (405, "GET")


@WITH_TOKEN
@pytest.mark.parametrize("path", ["metrics", "health"])
def test_a_database_that_is_gone_is_503(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_: Any) -> Any:
        raise OperationalError("no")

    monkeypatch.setattr(monitoring, "metrics", gone)
    monkeypatch.setattr(monitoring, "health_report", gone)
    answered = get(path)
    assert answered.status_code == 503
    assert answered.json() == {"error": "the database did not answer: OperationalError"}


# --- Health ---------------------------------------------------------------------------------------


@WITH_TOKEN
def test_with_nothing_wrong_it_is_200(google: Any) -> None:
    assert get("health").json() == {
        "status": "ok", "overdue": [], "failing": [], "unreachable": [], "not_sent": [],
        "jobs": 0, "last_delivery_at": None, "last_watch_at": None,
    }  # fmt: skip
    LastWatch.objects.create(at=ago(minutes=2))
    a_job("fine", last_delivery_at=ago(minutes=1))
    a_job("just-edited", sync_state="pending", edited_at=ago(seconds=30), last_delivery_at=ago(minutes=2))
    a_job("gone", retired_at=NOW, failures_in_a_row=1)
    a_job("paused", paused=True, failures_in_a_row=3)
    answered = get("health")
    assert answered.status_code == 200
    assert answered.json() == {
        "status": "ok", "overdue": [], "failing": [], "unreachable": [], "not_sent": [],
        "jobs": 3, "last_delivery_at": "2026-11-23T11:59:00Z", "last_watch_at": "2026-11-23T11:58:00Z",
    }  # fmt: skip


@WITH_TOKEN
def test_jobs_that_want_somebody_are_named(google: Any) -> None:
    a_job("b-late", next_run_at=ago(hours=1), last_run_at=ago(days=1))
    a_job("a-late-and-failing", next_run_at=ago(hours=1), last_run_at=ago(days=1), failures_in_a_row=2)
    a_job("refused", sync_state="failed", paused=True)
    a_job("waiting", sync_state="pending", edited_at=ago(minutes=2))
    a_job("stopped", live={"state": "PAUSED"})
    answered = get("health")
    assert answered.status_code == 503
    assert answered.json() == {
        "status": "unhealthy",
        "overdue": ["a-late-and-failing", "b-late"],
        "failing": ["a-late-and-failing"],
        "unreachable": ["stopped"],
        "not_sent": ["refused", "waiting"],
        "jobs": 5,
        "last_delivery_at": None,
        "last_watch_at": None,
    }
    with override_settings(DJANGO_CLOUD_TASKS_PUSH="off"):
        assert get("health").json()["not_sent"] == []


# --- Metrics --------------------------------------------------------------------------------------


def add_run(job: ScheduledJob, status: str, **values: Any) -> None:
    JobRun.objects.create(
        job=job,
        status=status,
        trigger="schedule",
        created_at=ago(minutes=5),
        scheduled_for=ago(minutes=5),
        **values,
    )


@WITH_TOKEN
def test_prometheus_is_told_of_the_last_hour_and_of_each_job(google: Any) -> None:
    job = a_job(
        'say "hi"\\', last_success_at=ago(minutes=4), last_delivery_at=ago(seconds=90), failures_in_a_row=1,
        last_duration=timedelta(seconds=2.5),
    )  # fmt: skip
    add_run(job, "succeeded", started_at=ago(minutes=4), duration=timedelta(seconds=2), attempt=2)
    add_run(job, "failed", started_at=ago(minutes=5))
    a_job(
        "quiet",
        paused=True,
        next_run_at=ago(hours=2),
        last_run_at=ago(days=1),
        sync_state="failed",
        live={"state": "ENABLED"},
    )
    answered = get("metrics")
    assert answered.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    lines = answered.content.decode().splitlines()
    samples = [line for line in lines if not line.startswith("#")]
    label = r'job="say \"hi\"\\"'
    assert [line for line in samples if "_last_hour_seconds" not in line] == [
        "scheduled_jobs_jobs 2",
        "scheduled_jobs_last_delivery_age_seconds 90",
        *(
            f'scheduled_jobs_runs_last_hour{{{label},outcome="{outcome}"}} {number}'
            for outcome, number in {
                "succeeded": 1, "failed": 1, "timed_out": 0, "lost": 0, "missed": 0, "skipped": 0, "discarded": 0,
            }.items()
        ),
        f"scheduled_jobs_job_last_duration_seconds{{{label}}} 2.5",
        f"scheduled_jobs_job_last_success_age_seconds{{{label}}} 240",
        'scheduled_jobs_job_failures_in_a_row{job="quiet"} 0',
        f"scheduled_jobs_job_failures_in_a_row{{{label}}} 1",
        'scheduled_jobs_job_overdue{job="quiet"} 1',
        f"scheduled_jobs_job_overdue{{{label}}} 0",
        'scheduled_jobs_job_paused{job="quiet"} 1',
        f"scheduled_jobs_job_paused{{{label}}} 0",
        'scheduled_jobs_job_not_sent{job="quiet"} 1',
        f"scheduled_jobs_job_not_sent{{{label}}} 0",
    ]  # fmt: skip
    quantiles = dict(line.rsplit(" ", 1) for line in samples if "_last_hour_seconds" in line)
    assert list(quantiles) == [
        'scheduled_jobs_duration_last_hour_seconds{quantile="0.5"}',
        'scheduled_jobs_duration_last_hour_seconds{quantile="0.95"}',
        'scheduled_jobs_start_delay_last_hour_seconds{quantile="0.95"}',
    ]
    assert all(float(value) == pytest.approx(2, rel=0.2) for value in list(quantiles.values())[:2])
    assert answered.content.endswith(b"\n")
    for name in {re.match(r"\w+", line)[0] for line in samples}:  # type: ignore[index]
        assert sum(line.startswith(f"# TYPE {name} gauge") for line in lines) == 1


def test_its_statements_do_not_grow_with_jobs_and_runs(google: Any) -> None:
    def statements() -> int:
        with CaptureQueriesContext(connection) as captured:
            metrics(NOW)
            monitoring.health_report(NOW)
        return len(captured)

    first = a_job("first")
    add_run(first, "succeeded", started_at=ago(minutes=5))
    before = statements()
    for n in range(10):
        job = a_job(f"job-{n}")
        for attempt in range(3):
            add_run(job, "failed", started_at=ago(minutes=5), attempt=attempt)
    assert statements() == before <= 12


def test_every_metric_is_explained_and_no_other(google: Any) -> None:
    page = (Path(__file__).parents[3] / "docs/operating.md").read_text()
    told = set(re.findall(r"# TYPE (\w+) gauge", metrics(NOW)))
    assert told == set(re.findall(r"^\| `(scheduled_jobs_\w+)`", page, re.M))
