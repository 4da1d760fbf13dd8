"""The sentence on top of a job's page, the facts beside it, and in which zone they are told."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from scheduled_jobs.admin.job.facts import lede_of
from scheduled_jobs.models import ScheduledJob
from scheduled_jobs.services.history.health import Health
from tests.support.job_page import job, text
from tests.support.people import LIST, superuser

NOW = datetime(2026, 11, 23, 8, 31, tzinfo=UTC)
ZONES = {"declared_schedule": "30 14 * * *", "declared_time_zone": "Europe/Berlin"}


def sentence(health: str = Health.NEW, **values: object) -> str:
    lede = lede_of(ScheduledJob(**{**ZONES, **values}), health, NOW)
    return f"{lede.strong} {lede.rest}"


def test_a_new_job_tells_its_first_run_and_another_the_next_one() -> None:
    assert sentence() == (
        "New. It has not run yet. The first run is due Mon 23 Nov 14:30 Europe/Berlin, in 4 h 59 min."
    )
    ran = sentence(Health.HEALTHY, last_run_at=NOW - timedelta(hours=2), last_status="succeeded")
    assert ran == (
        "Healthy. The last run succeeded 2 h ago. "
        "The next one is due Mon 23 Nov 14:30 Europe/Berlin, in 4 h 59 min."
    )


def test_the_first_run_of_a_job_may_have_been_missed() -> None:
    assert sentence(Health.MISSED).startswith("Missed. The next one is due Mon 23 Nov 14:30")


@pytest.mark.django_db
@pytest.mark.usefixtures("no_tasks")
def test_the_page_names_the_zone_of_its_clocks() -> None:
    row = job(
        declared_time_zone="Europe/Berlin", live_seen_at=NOW - timedelta(minutes=3), live={"state": "ENABLED"}
    )
    with time_machine.travel(NOW, tick=False):
        page = superuser().get(f"{LIST}{row.pk}/change/").content.decode()
    assert "times in Europe/Berlin" in text(page)
    assert "Live in Google was read at 09:28 Europe/Berlin." in text(page)


@pytest.mark.django_db
@pytest.mark.usefixtures("no_tasks")
def test_a_time_that_the_clocks_skip_stands_above_the_run_after_it() -> None:
    row = job(schedule_override="30 2 28 3 *", declared_time_zone="Europe/Berlin")
    with time_machine.travel(NOW, tick=False):
        page = superuser().get(f"{LIST}{row.pk}/change/?tab=upcoming").content.decode()
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
