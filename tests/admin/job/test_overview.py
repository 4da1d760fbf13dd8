"""The Overview of a job: its last runs as rows, the facts beside them."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from scheduled_jobs.admin.job.overview import recent_rows
from scheduled_jobs.models import ScheduledJob
from scheduled_jobs.services.history import job_story
from tests.support import make_run
from tests.support.job_page import address, job, text
from tests.support.people import LIST, superuser

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


def rows(row: ScheduledJob) -> list[dict[str, Any]]:
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
    assert [run["started"] for run in rows(row)] == [started]


def test_a_success_is_measured_by_the_longest_of_twenty() -> None:
    row = job()
    for seconds in (10, 20, 40):
        make_run(row, "succeeded", duration=timedelta(seconds=seconds))
    make_run(row, "failed", duration=timedelta(seconds=20))
    assert [run["share"] for run in rows(row)] == [None, 100, 50, 25]


def test_what_a_run_said_is_cut() -> None:
    row = job()
    make_run(row, "failed", error="E" * 400 + "\nmore", reason="Again", requested_by="rui")
    make_run(row, "succeeded", result={"token": "s3cret"}, reason="Why not")
    assert [run["said"] for run in rows(row)] == ['{"token": "••••••••"} · Why not', "E" * 159 + "…"]


# --- The facts, and in which zone they are told ---------------------------------------------------


@pytest.mark.usefixtures("no_tasks")
def test_the_page_names_the_zone_of_its_clocks() -> None:
    row = job(
        declared_time_zone="Europe/Berlin", live_seen_at=NOW - timedelta(minutes=3), live={"state": "ENABLED"}
    )
    with time_machine.travel(NOW, tick=False):
        page = superuser().get(f"{LIST}{row.pk}/settings/").content.decode()
    assert "times in Europe/Berlin" in text(page)
    assert "Live in Google was read at 09:28 Europe/Berlin." in text(page)


@pytest.mark.usefixtures("no_tasks")
def test_a_skipped_time_stands_above_the_run_after_it() -> None:
    row = job(schedule_override="30 2 28 3 *", declared_time_zone="Europe/Berlin")
    with time_machine.travel(NOW, tick=False):
        page = superuser().get(f"{LIST}{row.pk}/change/").content.decode()
    table = re.findall(r'<table class="sj-next">.*?</table>', page, re.DOTALL)[0]
    told = text(table)
    skipped = told.index("02:30 does not exist on 28 March 2027: skipped")
    assert skipped < told.index("Tue 28 Mar 2028 02:30")


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


@pytest.mark.usefixtures("no_tasks")
def test_the_path_of_a_task_breaks_after_its_dots() -> None:
    row = job()
    page = superuser().get(f"{LIST}{row.pk}/change/").content.decode()
    origin = page.partition("<dt>Origin</dt>")[2].partition("</dd>")[0]
    assert "shop.<wbr>reports.<wbr>Settle</code>" in origin


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


@pytest.mark.usefixtures("no_tasks")
def test_the_payload_in_force_is_told_without_its_secrets() -> None:
    row = job(payload_override={"batch_size": 800, "api_token": "s3cret"})
    page = superuser().get(f"{LIST}{row.pk}/change/").content.decode()
    fact = text(page.partition("<dt>Payload</dt>")[2].partition("</dd>")[0])
    shown, _, mark = fact.rpartition(" ")
    # In which order the keys come is the database's business.
    assert (json.loads(shown), mark) == ({"batch_size": 800, "api_token": "••••••••"}, "overridden")
