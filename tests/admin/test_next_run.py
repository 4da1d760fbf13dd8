"""When a job runs next: the same on every screen and in the terminal."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import time_machine
from django.core.management import call_command

from scheduled_jobs.models import ScheduledJob
from tests.support.declaring import declare, row, schedule_tasks
from tests.support.pages import text_of
from tests.support.people import LIST, superuser

if TYPE_CHECKING:
    from django.test import Client

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_tasks", "google")]

NOW = datetime(2026, 10, 22, 13, 8, tzinfo=UTC)


@pytest.fixture(autouse=True)
def at_now() -> Any:
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def job() -> ScheduledJob:
    declare("Settle", "30 1 * * *")
    schedule_tasks()
    return row("Settle")


def read(client: Client, url: str) -> str:
    return text_of(client.get(url).content.decode())


def call(*args: str) -> str:
    stdout = io.StringIO()
    call_command("scheduled_jobs", *args, stdout=stdout)
    return stdout.getvalue()


def page(job: ScheduledJob, name: str = "change") -> str:
    return f"{LIST}{job.pk}/{name}/"


def test_an_interval_is_told_as_google_counts_it_on_every_screen(job: ScheduledJob) -> None:
    job.schedule_override = "every 90 minutes"
    job.save()
    ScheduledJob.objects.update(next_run_at=NOW + timedelta(minutes=17))
    client = superuser()
    assert "in 17 min 13:25" in read(client, LIST)
    said = read(client, page(job))
    assert "The first run is due Thu 22 Oct 13:25 UTC, in 17 min." in said
    assert "Next run Thu 22 Oct 13:25 in 17 min" in said
    said = read(client, f"{page(job)}?tab=upcoming")
    assert "13:25" in said
    assert "14:55" in said
    assert "13:25 14:55 16:25" in read(client, page(job, "pause"))
    assert "Next scheduled run: Thu 22 Oct 13:25" in read(client, page(job, "run-now"))
    (told,) = json.loads(call("list", "--json"))
    assert told["next_run_at"] == "2026-10-22T13:25:00Z"
    ahead = [run["at"] for run in json.loads(call("next", "-n", "2", "--json"))]
    assert ahead == ["2026-10-22T13:25:00Z", "2026-10-22T14:55:00Z"]
    declare("Other", "every 90 minutes")
    schedule_tasks()
    ScheduledJob.objects.filter(pk=row("Other").pk).update(next_run_at=NOW + timedelta(minutes=50))
    assert "The first run is due Thu 22 Oct 13:58 UTC" in read(client, page(row("Other")))
    assert "The first run is due Thu 22 Oct 13:25 UTC" in read(client, page(job))
