"""The facts beside the runs of a job, and in which zone they are told."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine

from scheduled_jobs.models import ScheduledJob
from tests.support.job_page import job, text
from tests.support.people import LIST, superuser

NOW = datetime(2026, 11, 23, 8, 31, tzinfo=UTC)


@pytest.mark.django_db
@pytest.mark.usefixtures("no_tasks")
def test_the_page_names_the_zone_of_its_clocks() -> None:
    row = job(
        declared_time_zone="Europe/Berlin", live_seen_at=NOW - timedelta(minutes=3), live={"state": "ENABLED"}
    )
    with time_machine.travel(NOW, tick=False):
        page = superuser().get(f"{LIST}{row.pk}/settings/").content.decode()
    assert "times in Europe/Berlin" in text(page)
    assert "Live in Google was read at 09:28 Europe/Berlin." in text(page)


@pytest.mark.django_db
@pytest.mark.usefixtures("no_tasks")
def test_a_skipped_time_stands_above_the_run_after_it() -> None:
    row = job(schedule_override="30 2 28 3 *", declared_time_zone="Europe/Berlin")
    with time_machine.travel(NOW, tick=False):
        page = superuser().get(f"{LIST}{row.pk}/change/").content.decode()
    table = re.findall(r'<table class="sj-next">.*?</table>', page, re.DOTALL)[0]
    told = text(table)
    skipped = told.index("02:30 does not exist on 28 March 2027: skipped")
    assert skipped < told.index("Tue 28 Mar 2028 02:30")


@pytest.mark.django_db
@pytest.mark.usefixtures("no_tasks")
def test_a_job_whose_class_is_gone_cannot_be_run_and_says_why() -> None:
    row = job()
    client = superuser()
    address = f"{LIST}{row.pk}/change/"
    assert f'href="{LIST}{row.pk}/run-now/"' in client.get(address).content.decode()
    ScheduledJob.objects.filter(pk=row.pk).update(task="shop.reports.Gone")
    page = client.get(address).content.decode()
    why = "shop.reports.Gone is not in the code: nothing can be run until it is back."
    assert f'<span id="sj-refused">{why}</span>' in page
    assert 'aria-disabled="true"' in page
    assert f'href="{LIST}{row.pk}/run-now/"' not in page
    assert f'href="{LIST}{row.pk}/pause/"' in page


@pytest.mark.django_db
@pytest.mark.usefixtures("no_tasks")
def test_the_path_of_a_task_breaks_after_its_dots() -> None:
    row = job()
    page = superuser().get(f"{LIST}{row.pk}/change/").content.decode()
    origin = page.partition("<dt>Origin</dt>")[2].partition("</dd>")[0]
    assert "shop.<wbr>reports.<wbr>Settle</code>" in origin


@pytest.mark.django_db
@pytest.mark.usefixtures("no_tasks")
@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({}, "no retry each attempt may take 3 min"),
        ({"declared_retry_count": 1}, "1 retry after 5 s each attempt may take 3 min"),
        (
            {"declared_retry_count": 3, "attempt_deadline_override": timedelta(minutes=10)},
            "3 retries, the first after 5 s each attempt may take 10 min",
        ),
        (
            {"declared_max_retry_duration": timedelta(hours=1)},
            "retries for 1 h, the first after 5 s each attempt may take 3 min",
        ),
    ],
)
def test_what_follows_a_failure_is_told(values: dict[str, Any], told: str) -> None:
    row = job(**values)
    page = superuser().get(f"{LIST}{row.pk}/change/").content.decode()
    assert text(page.partition("<dt>On failure</dt>")[2].partition("</dd>")[0]) == told


@pytest.mark.django_db
@pytest.mark.usefixtures("no_tasks")
def test_the_payload_in_force_is_told_without_its_secrets() -> None:
    row = job(payload_override={"batch_size": 800, "api_token": "s3cret"})
    page = superuser().get(f"{LIST}{row.pk}/change/").content.decode()
    fact = text(page.partition("<dt>Payload</dt>")[2].partition("</dd>")[0])
    assert fact == '{"batch_size": 800, "api_token": "••••••••"} overridden'
