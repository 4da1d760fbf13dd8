"""The pages of runs as tests read them; ``client`` and ``job`` are the fixtures of these tests."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import time_machine

from scheduled_jobs.models import JobRun, ScheduledJob
from tests.support import make_job, make_run, make_task
from tests.support.pages import text_of
from tests.support.people import superuser

if TYPE_CHECKING:
    from django.test import Client

RUNS = "/admin/scheduled_jobs/jobrun/"
NOW = datetime(2026, 10, 22, 13, 10, tzinfo=UTC)
SLOT = datetime(2026, 10, 22, 13, 0, tzinfo=UTC)
Status, Trigger = JobRun.Status, JobRun.Trigger


@pytest.fixture
def client() -> Client:
    return superuser()


@pytest.fixture
def job() -> ScheduledJob:
    return make_job(
        make_task(),
        declared_time_zone="Europe/Lisbon",
        declared_retry_count=2,
        declared_payload={"region": "emea", "api_token": "geheim"},
    )


def page(client: Client, run: JobRun, part: str = "change", now: datetime = NOW) -> str:
    with time_machine.travel(now, tick=False):
        answer = client.get(f"{RUNS}{run.pk}/{part}/" if "?" not in part else f"{RUNS}{run.pk}/{part}")
    assert answer.status_code == 200
    return answer.content.decode()


def headline(client: Client, run: JobRun, now: datetime = NOW) -> str:
    html = page(client, run, now=now)
    found = re.search(r'data-part="lede">(.*?)<div data-part="steps"', html, re.DOTALL)
    assert found is not None
    return text_of(found[1]).strip().replace(" ,", ",").replace(" .", ".").replace(" :", ":")


def failed(job: ScheduledJob, **values: Any) -> JobRun:
    defaults: dict[str, Any] = {
        "scheduled_for": SLOT,
        "started_at": SLOT + timedelta(seconds=1),
        "finished_at": SLOT + timedelta(seconds=5.2),
        "duration": timedelta(seconds=4.2),
        "error": "KeyError: 'PT-LIS-2'\nsecond line",
        "deliveries": 1,
    }
    return make_run(job, Status.FAILED, **{**defaults, **values})


def queued(job: ScheduledJob, **values: Any) -> JobRun:
    return make_run(job, Status.QUEUED, trigger=Trigger.MANUAL, requested_by="rui", sent=1, **values)


def rows(client: Client, query: str = "") -> list[str]:
    with time_machine.travel(NOW, tick=False):
        answer = client.get(f"{RUNS}{query}", follow=True)
    assert answer.status_code == 200
    html = answer.content.decode()
    return [" ".join(text_of(row).split()) for row in re.findall(r"<tbody.*?</tbody>", html, re.DOTALL)]
