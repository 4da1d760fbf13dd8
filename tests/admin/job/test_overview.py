"""The Overview of a job: its last runs as rows, the facts beside them."""

from __future__ import annotations

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
from tests.support.people import LIST, signed_in, staff, superuser

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
    assert "Healthy. The last run succeeded 2 h ago in 41 s. Next run:" in told
    assert f'href="/admin/scheduled_jobs/jobrun/{run.pk}/change/"' in page
    assert '"settled": 3' in told
    assert '"token": "••••••••"' in told
    assert "s3cret" not in page
    assert "Duration of the last 1 run. Median 41 s, p95 41 s. 1 succeeded." in page


def rows(row: ScheduledJob) -> list[dict[str, Any]]:
    return recent_rows(row, job_story.recent(row, 10), job_story.lasted(row, 60), NOW)


def test_a_bar_has_its_tick_at_the_longest_of_twenty() -> None:
    row = job()
    for seconds in (10, 20, 40):
        make_run(row, "succeeded", duration=timedelta(seconds=seconds))
    make_run(row, "failed", duration=timedelta(seconds=60))
    assert [run["share"] for run in rows(row)] == [(150, 75, 25), (100, 75, 0), (50, 38, 0), (25, 19, 0)]
    page = superuser().get(address(row)).content.decode()
    assert "bar: share of p95, 40 s" in page
    assert "<title>150 % of p95</title>" in page


def test_a_run_that_goes_on_is_measured_until_now() -> None:
    row = job()
    make_run(row, "running", started_at=NOW - timedelta(seconds=90), trigger="manual")
    make_run(row, "skipped", scheduled_for=NOW, error="paused: the printer is being replaced")
    assert [(run["duration"], run["attempt"], run["said"]) for run in rows(row)] == [
        ("", "", "paused: the printer is being replaced"), ("1 min 30 s", "1 of 1", ""),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("runs", "told"), [(1, "The run of this job"), (3, "All 3 runs of this job"), (4, "more than 3")]
)
def test_runs_are_counted_as_far_as_that_is_cheap(
    runs: int, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_story, "COUNTED", 3)
    row = job()
    for _n in range(runs):
        make_run(row, "succeeded")
    assert told in text(superuser().get(address(row)).content.decode())


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
    assert "Google read 3 min ago times in Europe/Berlin" in text(page)


@pytest.mark.usefixtures("no_tasks")
def test_a_skipped_time_stands_above_the_run_after_it() -> None:
    row = job(schedule_override="30 2 28 3 *", declared_time_zone="Europe/Berlin")
    with time_machine.travel(NOW, tick=False):
        page = superuser().get(f"{LIST}{row.pk}/change/").content.decode()
    told = text(re.findall(r'<ol class="sj-up">.*?</ol>', page, re.DOTALL)[0])
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
    code = page.partition("<dt>Code</dt>")[2].partition("</dd>")[0]
    assert "shop.<wbr>reports.<wbr>Settle</code>" in code


@pytest.mark.usefixtures("no_tasks")
@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({}, "no retry each attempt may take 3 min"),
        ({"declared_retry_count": 1}, "1 retry after 5 s each attempt may take 3 min"),
        (
            {"declared_retry_count": 3, "attempt_deadline_override": timedelta(minutes=10)},
            "3 retries, from 5 s apart each attempt may take 10 min",
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
@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({}, "Pending shop--settle never sent"),
        ({"sync_state": "synced", "synced_at": NOW - timedelta(days=9)}, "shop--settle sent 9 days ago"),
        (
            {"sync_state": "drifted", "synced_at": NOW, "live_seen_at": NOW - timedelta(minutes=2)},
            "Differs shop--settle sent now, read 2 min ago",
        ),
    ],
)
def test_how_it_stands_in_google_is_told_where_it_is_not_as_usual(values: dict[str, Any], told: str) -> None:
    row = job(**values)
    with time_machine.travel(NOW, tick=False):
        page = superuser().get(address(row)).content.decode()
    assert text(page.partition("<dt>In Google</dt>")[2].partition("</dd>")[0]) == told


def test_figures_errors_and_links_of_runs_are_for_those_who_may_view_runs() -> None:
    row = job()
    run = make_run(row, "failed", error="KeyError: 'PT-LIS-2'", duration=timedelta(seconds=3))
    link = f"/jobrun/{run.pk}/"
    blind = signed_in(staff("view", runs=False)).get(address(row)).content.decode()
    for told in ("KeyError", link, "sj-svg", "1 run<", "Recent runs"):
        assert told not in blind, told
    assert "New. It has not run yet." in text(blind)
    page = signed_in(staff("view", name="ana")).get(address(row)).content.decode()
    for told in ("KeyError", link, "sj-svg", "1 run<", "Recent runs"):
        assert told in page, told


def test_the_page_keeps_itself_up_to_date() -> None:
    row = job(failures_in_a_row=2, last_status="failed", last_run_at=timezone.now())
    page = superuser().get(address(row)).content.decode()
    assert "<title>(1) shop.reports.Settle" in page
    assert 'data-every="10"' in page
    assert 'data-say="Failing. The last 2 runs failed' in page
    parts = re.findall(r'data-part="(\w+)"', page.partition('class="sj-tabs"')[2])
    assert parts == ["tabs", "lede", "why", "runs", "upcoming", "facts"]
