"""What was told of a run stands on its page, and of a webhook its host alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from scheduled_jobs.models import Alert, AlertRun, JobRun, ScheduledJob
from tests.support.pages import in_one_line, text_of
from tests.support.run_pages import failed, page

if TYPE_CHECKING:
    from django.test import Client
    from pytest_django.fixtures import SettingsWrapper

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_tasks")]


def told(run: JobRun, kind: str, *channels: tuple[str, str, str]) -> None:
    alert = Alert.objects.create(
        kind=kind,
        subject="x",
        text="x",
        channels=[
            {"channel": channel, "to": [to], "tries": 2, "sent_at": None if error else "x", "error": error}
            for channel, to, error in channels
        ],
    )
    AlertRun.objects.create(job_id=run.job_id, run=run, kind="failing", alert=alert)


def test_a_run_says_who_was_told_of_it(client: Client, job: ScheduledJob) -> None:
    run = failed(job)
    assert "Told" not in text_of(page(client, run))
    told(run, "failing", ("email", "ops@shop.example", ""), ("webhook", "chat.example", ""))
    told(run, "paused", ("webhook", "chat.example", "it answered 500"))
    text = in_one_line(text_of(page(client, run)))
    assert "Told ops@shop.example, webhook at chat.example " in text
    assert ", failing Not told webhook at chat.example " in text
    assert ", paused: it answered 500; tried 2 times" in text


def test_a_page_names_the_environment(client: Client, job: ScheduledJob, settings: SettingsWrapper) -> None:
    settings.DJANGO_CLOUD_TASKS_ENVIRONMENT = "staging of Lisbon"
    assert "staging of Lisbon" in text_of(page(client, failed(job)))
