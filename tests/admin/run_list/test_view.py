"""The list of all runs: its rows, its filters, its search, its pages."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
import time_machine
from django.test import Client

from scheduled_jobs.models import JobRun, ScheduledJob
from scheduled_jobs.services.history import run_list
from tests.support import make_job, make_run, make_task
from tests.support.pages import text_of
from tests.support.people import signed_in, staff, superuser
from tests.support.run_pages import NOW, RUNS, SLOT, failed, queued, rows

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_tasks")]

Status, Trigger = JobRun.Status, JobRun.Trigger
MINUTE = timedelta(minutes=1)


def page(client: Client, query: str = "", status: int = 200) -> str:
    with time_machine.travel(NOW, tick=False):
        answer = client.get(f"{RUNS}{query}")
    assert answer.status_code == status
    return answer.content.decode()


def ran(job: ScheduledJob, minutes: int, status: str = Status.SUCCEEDED, **values: Any) -> JobRun:
    """A run that has started so many minutes before NOW."""
    at = NOW - minutes * MINUTE
    return make_run(job, status, **{"started_at": at, "created_at": at, **values})


def chips(html: str) -> list[str]:
    found = re.search(r'<ul class="sj-chips".*?</ul>', html, re.DOTALL)
    assert found is not None
    return [text_of(chip).strip() for chip in re.findall(r"<li>.*?</li>", found[0], re.DOTALL)]


def foot(html: str) -> str:
    return text_of(html[html.index('data-part="foot"') :].partition(">")[2].partition("</div>")[0]).strip()


def link(html: str, text: str) -> str:
    """The address of the link that begins so, as the page has it."""
    found = re.search(rf'<a [^>]*?href="([^"]*)"[^>]*>\s*{text}', html)
    assert found is not None, text
    return unescape(found[1])


def test_a_row_says_everything_about_a_run(client: Client, job: ScheduledJob) -> None:
    failed(job, started_at=SLOT + timedelta(minutes=7), attempt=2)
    ran(job, 8, scheduled_for=NOW - 8 * MINUTE - timedelta(seconds=14), duration=timedelta(seconds=10))
    queued(job, created_at=NOW - 5 * MINUTE, sent_at=NOW - 5 * MINUTE)
    assert rows(client) == [
        "Today, Thu 22 Oct",
        "Queued Report by hand asked 13:05:00 run now, rui not delivered",
        "Failed Report 13:00 13:07:00 4.2 s 2 of 3 schedule, retry KeyError: 'PT-LIS-2'",
        "Succeeded Report 13:01 13:02:00 14 s late 10 s schedule",
    ]


def test_of_one_job_the_times_are_those_of_its_page(client: Client, job: ScheduledJob) -> None:
    failed(job, started_at=SLOT + timedelta(minutes=7), attempt=2)
    assert rows(client)[1].startswith("Failed Report 13:00 13:07:00")
    html = page(client, f"?job={job.pk}")
    assert "times in Europe/Lisbon (UTC+01:00)" in text_of(html)
    assert rows(client, f"?job={job.pk}")[1].startswith("Failed Report 14:00 14:07:00")
    for query in ("&format=csv&start=2026-10-22T14:06", "&format=csv&start=2026-10-22T14:08"):
        answer = client.get(f"{RUNS}export/?job={job.pk}{query}")
        file = b"".join(answer.streaming_content).decode()  # type: ignore[attr-defined]
        assert ("KeyError" in file) is query.endswith("06")


def test_a_long_name_is_broken_where_a_word_begins(client: Client) -> None:
    failed(make_job(make_task(name="ReleaseExpiredReservations")))
    assert "Release<wbr>Expired<wbr>Reservations" in client.get(RUNS).content.decode()


def test_each_outcome_says_in_its_second_line_what_there_is(client: Client, job: ScheduledJob) -> None:
    ran(job, 1, Status.RUNNING, progress_done=48_210, progress_total=79_000, progress_message="batch 96",
        lease_until=NOW + MINUTE, overlap_lock=None)  # fmt: skip
    ran(job, 2, Status.RUNNING, lease_until=NOW - MINUTE, overlap_lock=None)
    ran(job, 3, Status.MISSED, started_at=None, scheduled_for=NOW - 3 * MINUTE)
    ran(
        job,
        4,
        Status.SKIPPED,
        started_at=None,
        finished_at=NOW - 4 * MINUTE,
        error="previous run still going",
    )
    ran(job, 24 * 60 + 5, trigger=Trigger.RETRY, requested_by="rui", scheduled_for=NOW - timedelta(days=3))
    found = rows(client)
    assert found == [
        "Today, Thu 22 Oct",
        "Running Report by hand 13:09:00 1 min schedule 48,210 of 79,000, 61 %: batch 96",
        "Running Report by hand 13:08:00 2 min schedule probably lost: no sign of life any more",
        "Missed Report 13:07 never schedule Nothing arrived from Google in time",
        "Skipped Report by hand 13:06:00 schedule previous run still going",
        "Yesterday, Wed 21 Oct",
        "Succeeded Report Mon 13:10 13:05:00 rerun, rui",
    ]


def test_only_the_first_line_of_an_error_is_listed(client: Client, job: ScheduledJob) -> None:
    failed(job, error="first\nsecond")
    assert rows(client)[-1].endswith("first")


def test_chips_count_the_runs_of_the_span(client: Client, job: ScheduledJob) -> None:
    other = make_job(make_task(name="Other"), "shop--other")
    for minutes, status in (
        (5, Status.FAILED),
        (6, Status.LOST),
        (7, Status.SUCCEEDED),
        (8, Status.SUCCEEDED),
    ):
        ran(job, minutes, status)
    ran(other, 9, Status.MISSED, started_at=None)
    ran(other, 50 * 60)
    queued(job)
    html = page(client)
    assert chips(html) == ["All 6", "Failed 1", "Lost 1", "Missed 1", "Queued 1", "Succeeded 2"]
    assert foot(html).startswith("6 in 24 h · runs are kept for 90 days")
    assert '<li class="help">in 24 h</li>' in html  # the rows go back further
    assert chips(page(client, f"?job={other.pk}&span=7d")) == ["All 2", "Missed 1", "Succeeded 1"]
    # What the figures do not know is not counted.
    assert chips(page(client, "?how=retry"))[:2] == ["All", "Failed"]
    assert chips(page(client, "?status=failing"))[1] == "Failed, timed out or lost"


def test_filters_narrow_the_list(client: Client, job: ScheduledJob) -> None:
    other = make_job(make_task(name="Other"), "shop--other")
    failed(job, error_key="A", deliveries=2)
    ran(other, 5, Status.LOST, duration=timedelta(seconds=61))
    ran(other, 6, trigger=Trigger.RETRY, scheduled_for=NOW - 9 * MINUTE)
    queued(job)
    for query, n in {
        "": 4, "status=failed": 1, "status=failing": 2, "status=open": 1, "how=retry": 1, "how=manual": 1,
        f"job={other.pk}": 2, f"job={other.pk}&status=lost": 1, "error=A": 1, "over=60": 1, "late=60": 1,
        "twice=1": 1, "job=99999": 0, "start=2026-10-22T13:04Z": 3, "end=2026-10-22T13:04Z": 1,
        # What means nothing is not asked for.
        "status=nonsense&how=x&over=nan&late=-1&twice=2&job=x&span=x&start=x&end=0001-01-01&at=31&e=1": 4,
    }.items():  # fmt: skip
        found = [row for row in rows(client, f"?{query}") if not row.startswith("Today")]
        assert len(found) == n, (query, found)


def test_menus_say_what_they_stand_at_and_lead_back(client: Client, job: ScheduledJob) -> None:
    ran(job, 5)
    html = page(
        client,
        f"?how=retry&over=90&late=60&twice=1&span=7d&job={job.pk}&error=KeyError&start=2026-10-22T12:00Z",
    )
    found = [text_of(menu).strip() for menu in re.findall(r"<summary>.*?</summary>", html, re.DOTALL)]
    assert found == [
        "Job: Report", "How: Rerun", "Duration: Over 1 min 30 s",
        "More: Over 1 min late, Delivered twice, In 7 d",
    ]  # fmt: skip
    assert "error=" not in link(html, "Equal errors: KeyError")
    assert "start=" not in link(html, "13:00 to 14:10")
    assert link(html, "Clear") == "?"


def test_of_many_jobs_the_menu_asks_for_a_part_of_the_name(client: Client, job: ScheduledJob) -> None:
    task = make_task(name="Many")
    for n in range(31):
        make_job(task, f"shop--many-{n}")
    html = page(client, f"?job={job.pk}&status=failed")
    menu = html[html.index("<summary>Job: Report") :].partition("</details>")[0]
    assert menu.count("<li>") == 32
    assert '<input type="hidden" name="status" value="failed">' in menu
    html = page(client, "?named=many-30")
    menu = html[html.index("<summary>Job</summary>") :].partition("</details>")[0]
    assert menu.count("<li>") == 3
    assert '<details class="sj-menu" open>' in html


def test_the_search_looks_back_as_far_as_the_span(client: Client, job: ScheduledJob) -> None:
    run = failed(job, error="KeyError: PT-LIS-2", payload={"api_token": "geheim"}, result={"a": "geheim"})
    ran(job, 30 * 60, Status.FAILED, error="KeyError: PT-LIS-2")
    assert len(rows(client, "?q=pt-lis")) == 2
    assert "Look in 7 d · Look in 30 d · Look in all times" in foot(page(client, "?q=pt-lis"))
    assert len(rows(client, "?q=pt-lis&span=7d")) == 4
    assert len(rows(client, f"?q=pt-lis&job={job.pk}")) == 4
    assert rows(client, f"?q=%23{run.pk}")[1].startswith("Failed")
    html = page(client, "?q=geheim")
    assert "No run of the last 24 h matches the search and the filters." in html
    assert "geheim" not in html.replace('value="geheim"', "").replace("q=geheim", "")


def test_pages_go_by_time_and_meet(
    client: Client, job: ScheduledJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_list.newest_runs, "__defaults__", (None, 3))
    monkeypatch.setattr(run_list.runs_after, "__defaults__", (3,))
    for minutes in range(8):
        ran(job, minutes, requested_by=f"p{minutes}", trigger=Trigger.RETRY)
    running = ran(job, 1, Status.RUNNING, lease_until=NOW + MINUTE)

    def shown(html: str) -> list[str]:
        return re.findall(r"rerun, (p\d)</span>", html)

    first = page(client)
    assert f'data-part="run-{running.pk}"' in first
    assert shown(first) == ["p0", "p1", "p2"]
    assert "Later" not in foot(first)
    second = page(client, link(first, "Earlier, before 13:08"))
    assert shown(second) == ["p3", "p4", "p5"]
    assert "data-every" not in second
    third = page(client, link(second, "Earlier, before 13:05"))
    assert shown(third) == ["p6", "p7"]
    assert "Earlier" not in foot(third)
    assert shown(page(client, link(third, "Later, after 13:04"))) == ["p3", "p4", "p5"]
    assert page(client, link(second, "Later, after 13:07"), 302) == ""
    jumped = page(client, "?at=2026-10-22T13:05")
    assert shown(jumped) == ["p5", "p6", "p7"]
    assert 'value="2026-10-22T13:06"' in jumped
    assert shown(page(client, link(jumped, "Later, after 13:05"))) == ["p2", "p3", "p4"]


def test_a_page_that_looks_at_too_many_runs_says_so(
    client: Client, job: ScheduledJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_list, "MOST_LOOKED_AT", 3)
    for minutes in range(5):
        ran(job, minutes)
    html = page(client, "?how=retry")
    assert foot(html).startswith(
        "10,000 runs were looked at, back to 13:08: there may be more. Earlier, before 13:08"
    )
    assert "earlier" not in foot(page(client, link(html, "Earlier, before 13:08")))


def test_an_empty_list_says_what_comes_next(client: Client) -> None:
    html = page(client)
    assert "A run appears here as soon as Google calls for a job, or somebody runs one now." in html
    assert "No run matches the search and the filters." in page(client, "?status=failed")


def test_who_may_not_view_runs_sees_none(job: ScheduledJob) -> None:
    run = failed(job)
    for client in (
        signed_in(staff("run", name="ann")),
        signed_in(staff("view", name="ben", runs=False)),
        Client(),
    ):
        for path in ("", f"{run.pk}/change/", f"{run.pk}/live/", "export/"):
            assert client.get(f"{RUNS}{path}").status_code in (302, 403, 404), path


def test_whoever_may_only_view_runs_has_no_boxes(job: ScheduledJob) -> None:
    failed(job)
    client = signed_in(staff("runs"))
    html = client.get(RUNS).content.decode()
    assert "action-select" not in html
    assert 'name="action"' not in html
    assert "action-select" in superuser().get(RUNS).content.decode()


@pytest.mark.parametrize("many", [1, 60])
def test_the_number_of_queries_does_not_grow(
    many: int, job: ScheduledJob, django_assert_num_queries: Any
) -> None:
    task = make_task(name="Many")
    for number in range(many):
        other = make_job(task, f"shop--many-{number}")
        ran(other, number, duration=timedelta(seconds=1))
    JobRun.objects.update(unfolded=None)
    client = superuser()
    client.get(RUNS)
    for query, n in {"": 11, "?status=failing": 9, "?q=x&span=7d": 7, f"?job={job.pk}&how=retry": 8}.items():
        with django_assert_num_queries(n):
            client.get(f"{RUNS}{query}")


@pytest.mark.parametrize(
    "query",
    [
        "before=9999-12-31T23:59:59_1", "before=0001-01-01T00:00_", "before=2026-10-22T13:00_x", "before=_",
        "before=" + "9" * 5000, "after=2026-10-22T13:00_" + "9" * 30, "at=9999-12-31T23:59", "at=2026-02-30T00:00",
        "start=9000-01-01T00:00Z&end=1900-01-01T00:00Z", "over=1e400&late=inf", "over=" + "9" * 400, "job=" + "9" * 18,
        "job=²", "q=%25_%5C'\"", "q=" + "x" * 5000, "q=" + "9" * 18, "q=%23" + "9" * 18, "error=%25", "named=%00%25",
        "q=a%00b", "status=open&how=eager&job=1&q=1&late=0&over=0&twice=1&error=1", "span=all&q=x", "span=1h&at=1970-01-01T00:00",
    ],
)  # fmt: skip
def test_no_address_takes_the_list_down(query: str, client: Client, job: ScheduledJob) -> None:
    failed(job)
    for path in ("", "export/"):
        answer = client.get(f"{RUNS}{path}?{query}", follow=True)
        assert answer.status_code == 200, (path, query)
        assert b"".join(answer) if path else True
