"""The list of all runs: its rows, its filters, its search."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client

from scheduled_jobs.models import JobRun, ScheduledJob
from tests.support import make_job, make_run, make_task
from tests.support.pages import text_of
from tests.support.people import signed_in, staff, superuser
from tests.support.run_pages import NOW, RUNS, SLOT, failed, page, queued, rows

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_tasks")]

Status, Trigger = JobRun.Status, JobRun.Trigger


def test_a_row_says_everything_about_a_run(client: Client, job: ScheduledJob) -> None:
    run = failed(job, started_at=SLOT + timedelta(minutes=7), attempt=2)
    assert rows(client) == [
        f"Failed shop.reports. Report #{run.pk} schedule 14:00 Europe/Lisbon 3 min ago 7 min late 4.2 s 2 of 3 "
        "KeyError: 'PT-LIS-2'"
    ]


def test_a_time_that_comes_twice_stands_twice_told_apart(client: Client, job: ScheduledJob) -> None:
    slot = datetime(2025, 10, 26, 0, 30, tzinfo=UTC)
    one, two = (
        make_run(
            job, Status.SUCCEEDED, scheduled_for=slot + timedelta(hours=n), duration=timedelta(seconds=1)
        )
        for n in range(2)
    )
    times = ("Sun 26 Oct 2025 01:30 WEST", "Sun 26 Oct 2025 01:30 WET")
    assert [re.findall(r"Sun .*?WE?S?T", row)[0] for row in rows(client)] == list(reversed(times))
    for run, time in zip((one, two), times, strict=True):
        assert f"{time.replace(' 2025', '')} Europe/Lisbon" in text_of(page(client, run))


def test_only_the_first_line_of_an_error_is_listed(client: Client, job: ScheduledJob) -> None:
    failed(job, error="first\nsecond")
    assert rows(client)[0].endswith("first")


def test_a_manual_run_has_no_slot_and_names_who_asked(client: Client, job: ScheduledJob) -> None:
    queued(job, created_at=NOW - timedelta(minutes=5), sent_at=NOW - timedelta(minutes=5))
    [row] = rows(client)
    assert row.startswith("Queued not delivered shop.reports. Report #")
    assert "run now rui no scheduled time not yet asked for 5 min ago" in row


def test_filters_narrow_by_status_trigger_and_job(client: Client, job: ScheduledJob) -> None:
    other = make_job(make_task(name="Other"), "shop--other")
    failed(job)
    make_run(other, Status.LOST, scheduled_for=SLOT)
    make_run(other, Status.SUCCEEDED, scheduled_for=SLOT + timedelta(hours=1), trigger=Trigger.RETRY)
    queued(job)
    assert len(rows(client)) == 4
    assert len(rows(client, "?status=failed")) == 1
    assert len(rows(client, "?status=failing")) == 2
    assert len(rows(client, "?status=open")) == 1
    assert len(rows(client, "?how=retry")) == 1
    assert len(rows(client, f"?job={other.pk}")) == 2
    assert len(rows(client, f"?job={other.pk}&status=lost")) == 1
    assert len(rows(client, "?status=nonsense")) == 4
    assert rows(client, "?job=nonsense") == []


def test_the_search_finds_errors_people_jobs_and_numbers(client: Client, job: ScheduledJob) -> None:
    run = failed(job, error="KeyError: PT-LIS-2")
    queued(job, reason="acquirer called")
    assert len(rows(client, "?q=pt-lis")) == 1
    assert len(rows(client, "?q=acquirer")) == 1
    assert len(rows(client, "?q=reports.Report")) == 2
    assert rows(client, f"?q=%23{run.pk}")[0].startswith("Failed")


def test_the_search_is_no_way_to_guess_a_secret(client: Client, job: ScheduledJob) -> None:
    failed(job, payload={"api_token": "geheim"}, result={"password": "geheim"})
    assert rows(client, "?q=geheim") == []


def test_the_dates_above_the_list_narrow_it(client: Client, job: ScheduledJob) -> None:
    failed(job, created_at=NOW)
    failed(job, scheduled_for=SLOT - timedelta(days=40), created_at=NOW - timedelta(days=40))
    assert len(rows(client, "?created_at__year=2026&created_at__month=9")) == 1


def links(client: Client, query: str = "") -> list[str]:
    with time_machine.travel(NOW, tick=False):
        html = client.get(f"{RUNS}{query}", follow=True).content.decode()
    found = re.search(r'<nav class="sj-dates".*?</nav>', html, re.DOTALL)
    return [text_of(item).strip() for item in re.findall(r"<li>.*?</li>", found[0])] if found else []


def test_the_dates_lead_from_years_to_days_and_back(client: Client, job: ScheduledJob) -> None:
    assert links(client) == []
    early = failed(job, scheduled_for=None, created_at=datetime(2026, 8, 30, tzinfo=UTC))
    failed(job, created_at=datetime(2026, 10, 21, 12, tzinfo=UTC))
    failed(job, scheduled_for=SLOT - timedelta(days=1), created_at=NOW)
    assert links(client) == ["August", "September", "October"]
    JobRun.objects.filter(pk=early.pk).update(created_at=datetime(2024, 5, 5, tzinfo=UTC))
    assert links(client) == ["2024", "2025", "2026"]
    assert links(client, "?created_at__year=2026") == [
        "‹ All dates", "2026", "January", "February", "March", "April", "May", "June", "July", "August",
        "September", "October",
    ]  # fmt: skip
    assert links(client, "?created_at__year=2024&created_at__month=5")[:3] == ["‹ 2024", "May 2024", "5 May"]
    query = "?created_at__year=2024&created_at__month=5&created_at__day=5"
    assert links(client, query) == ["‹ May 2024", "5 May 2024"]
    assert len(rows(client, query)) == 1
    early.delete()
    assert links(client) == ["21 Oct", "22 Oct"]


def test_with_many_jobs_the_filter_names_only_the_chosen_one(client: Client, job: ScheduledJob) -> None:
    failed(job)
    task = make_task(name="Many")
    for n in range(31):
        make_job(task, f"shop--many-{n}")
    assert "By job" not in client.get(RUNS).content.decode()
    html = client.get(f"{RUNS}?job={job.pk}").content.decode()
    assert "By job" in html
    assert "shop.reports.Report" in html.replace("<wbr>", "")


def test_an_empty_list_says_what_comes_next(client: Client) -> None:
    html = client.get(RUNS).content.decode()
    assert "A run appears here as soon as Google fires a job, or somebody runs one now." in html
    assert "No run is as the search and the filters ask." in client.get(f"{RUNS}?q=zzz").content.decode()


def test_runs_are_counted_only_so_far(
    client: Client, job: ScheduledJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scheduled_jobs.admin.run_list.changelist.MAX_COUNTED_RUNS", 2)
    for hours in range(4):
        failed(job, scheduled_for=SLOT - timedelta(hours=hours))
    html = client.get(RUNS).content.decode()
    assert "Only the newest 10,000 are counted." in html


def test_who_may_not_view_sees_no_runs(job: ScheduledJob) -> None:
    run = failed(job)
    for client in (signed_in(staff("run")), Client()):
        assert client.get(RUNS).status_code in (302, 403)
        assert client.get(f"{RUNS}{run.pk}/change/").status_code in (302, 403)


@pytest.mark.parametrize("n", [1, 60])
def test_the_number_of_queries_does_not_grow(
    n: int, job: ScheduledJob, django_assert_num_queries: Any
) -> None:
    task = make_task(name="Many")
    for number in range(n):
        other = make_job(task, f"shop--many-{number}")
        failed(other)
        run = failed(job, attempt=number + 1)
    client = superuser()
    client.get(RUNS)
    with django_assert_num_queries(10):
        client.get(RUNS)
    with django_assert_num_queries(11):
        client.get(f"{RUNS}{run.pk}/change/")
