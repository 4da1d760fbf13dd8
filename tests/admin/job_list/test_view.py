from __future__ import annotations

import re
from datetime import timedelta
from html.parser import HTMLParser
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from scheduled_jobs import registry
from scheduled_jobs.models import JobChange, JobRun, ScheduledJob
from tests.support import make_job, make_run, make_task
from tests.support.people import LIST, signed_in, staff, superuser

pytestmark = pytest.mark.django_db
Status = JobRun.Status


def job(name: str = "Report", job_id: str = "", **values: Any) -> ScheduledJob:
    schedule = values.pop("declared_schedule", None)
    row = make_job(make_task(name=name), job_id or f"shop--{name.lower()}", **values)
    if schedule is not None:
        ScheduledJob.objects.filter(pk=row.pk).update(declared_schedule=schedule)
    return row


def rows(client: Client, query: str = "") -> list[str]:
    """The text of every row, cells apart by bars."""
    response = client.get(LIST + query)
    assert response.status_code == 200, query
    body = response.content.decode().partition("<tbody")[2].partition("</tbody>")[0]
    return [text_of(row) for row in body.split("<tr")[1:]]


def text_of(html: str) -> str:
    parts: list[str] = []

    class Reader(HTMLParser):
        def handle_data(self, data: str) -> None:
            parts.append(data)

        def handle_starttag(self, tag: str, attrs: Any) -> None:
            parts.append("|" if tag in ("td", "th") else " " if tag in ("span", "br", "q") else "")

    Reader().feed("<tr" + html)
    return re.sub(r"\s+", " ", "".join(parts)).strip()


# --- What stands in a row -------------------------------------------------------------------------


def test_a_row_tells_all_that_a_job_is_known_by() -> None:
    now = timezone.now()
    row = job(
        declared_description="Mail the report.",
        sync_state="synced",
        last_status="failed",
        failures_in_a_row=4,
        last_run_at=now - timedelta(minutes=7),
        live_seen_at=now,
    )
    for _n in range(4):
        make_run(
            row,
            Status.FAILED,
            started_at=now - timedelta(minutes=7),
            finished_at=now,
            duration=timedelta(seconds=4.2),
        )
    html = superuser().get(LIST).content.decode()
    [text] = [text_of(part) for part in html.partition("<tbody")[2].partition("</tbody>")[0].split("<tr")[1:]]
    _start, _box, state, name, schedule, runs, following, google, _actions = text.split("|")
    assert state.strip() == "Failing 4 in a row"
    assert name.strip() == "shop.reports.Report Mail the report."
    assert "0 * * * *" in schedule
    assert "UTC" in schedule
    assert "Last 4 runs: 4 failed" in runs
    assert "7 min ago, failed in 4.2 s" in runs
    assert re.search(r"in (\d+ (min|s)|1 h) (\w{3} \d+ \w{3} (\d{4} )?)?\d\d:00", following)
    assert google.strip() == "Synced"
    assert '<path class="p-bad"' in html
    assert 'aria-label="Last 4 runs: 4 failed"' in html
    assert re.search(r'<time datetime="20\d\d-\d\d-\d\dT\d\d:00:00Z" title="[^"]+ UTC">', html)
    assert "compared with Google" in html


def state_cell(row: ScheduledJob, client: Client | None = None) -> str:
    [text] = rows(client or superuser())
    return text.split("|")[2].strip()


def test_a_running_job_shows_its_progress() -> None:
    row = job()
    make_run(row, Status.RUNNING, started_at=timezone.now(), progress_done=48190, progress_total=79000)
    client = superuser()
    assert state_cell(row, client) == "Running 48,190 of 79,000"
    assert (
        '<progress max="100" value="61" aria-label="48,190 of 79,000">' in client.get(LIST).content.decode()
    )


def test_a_running_job_without_progress_shows_since_when() -> None:
    row = job()
    make_run(row, Status.RUNNING, started_at=timezone.now())
    assert re.fullmatch(r"Running since \d\d:\d\d", state_cell(row))


def test_a_queued_run_shows_who_asked_for_it() -> None:
    row = job()
    make_run(row, Status.QUEUED, requested_by="Rui", created_at=timezone.now() - timedelta(seconds=8))
    assert re.fullmatch(r"Queued by Rui, [89] s ago", state_cell(row))


def test_a_queued_run_that_nobody_put_his_name_to() -> None:
    row = job()
    make_run(row, Status.QUEUED, created_at=timezone.now() - timedelta(minutes=2, seconds=1))
    assert state_cell(row) == "Queued 2 min ago"


def test_a_failing_job_that_runs_again_says_both() -> None:
    row = job(last_status="failed", failures_in_a_row=1, last_run_at=timezone.now())
    make_run(row, Status.RUNNING)
    assert state_cell(row) == "Failing once, running again"


def test_a_failing_job_that_is_queued_again_says_both() -> None:
    row = job(last_status="failed", failures_in_a_row=2, last_run_at=timezone.now())
    make_run(row, Status.QUEUED)
    assert state_cell(row) == "Failing 2 in a row, queued again"


def test_a_pause_shows_its_reason_and_its_end() -> None:
    until = timezone.now() + timedelta(days=3)
    job(paused=True, pause_reason="Legal rewords the text", paused_until=until)
    [text] = rows(superuser())
    cells = text.split("|")
    assert cells[2].strip().startswith("Paused until ")
    assert "Legal rewords the text" in cells[3]
    assert "in 3 days" in cells[6] or "in 72 h" in cells[6]


def test_a_pause_without_an_end_has_no_next_run() -> None:
    job(paused=True, pause_reason="Printer is replaced")
    [text] = rows(superuser())
    assert text.split("|")[2].strip() == "Paused no end set"
    assert text.split("|")[6].strip() == "— paused"


def test_a_retired_job_is_deleted_in_google_and_has_no_actions() -> None:
    job(retired_at=timezone.now(), sync_state="synced")
    [text] = rows(superuser())
    assert text.split("|")[2].strip().startswith("Retired since ")
    assert text.split("|")[6].strip() == "— not in the code"
    assert text.split("|")[7].strip() == "Deleted"


def test_a_job_that_is_being_deleted_waits_for_google() -> None:
    job(deleting_at=timezone.now())
    [text] = rows(superuser())
    assert text.split("|")[2].strip() == "Deleting waiting for Google"
    assert text.split("|")[6].strip() == "— is being deleted"


def test_a_missed_and_a_lost_and_a_late_job_say_when() -> None:
    now = timezone.now()
    missed = job("Missed", last_status="missed", last_run_at=now - timedelta(minutes=17))
    make_run(missed, Status.MISSED, scheduled_for=now - timedelta(minutes=17))
    lost = job("Lost", last_status="lost", failures_in_a_row=1, last_run_at=now - timedelta(minutes=37))
    make_run(lost, Status.LOST, started_at=now - timedelta(minutes=37))
    job("Late", sync_state="synced", next_run_at=now - timedelta(minutes=9))
    texts = {text.split("|")[3].split(".")[2].split()[0]: text.split("|")[2] for text in rows(superuser())}
    assert re.search(r"Missed .*\d\d:\d\d, 17 min ago", texts["Missed"])
    assert re.search(r"Lost started .*\d\d:\d\d, never ended", texts["Lost"])
    assert re.search(r"Late since .*\d\d:\d\d", texts["Late"])


@pytest.mark.parametrize(
    ("status", "values", "words"),
    [
        (Status.SUCCEEDED, {"duration": timedelta(seconds=108)}, "5 min ago, 1 min 48 s"),
        (Status.SKIPPED, {}, "5 min ago, skipped"),
        (Status.DISCARDED, {"duration": timedelta(seconds=1)}, "5 min ago, discarded"),
        (Status.RUNNING, {}, "started 5 min ago"),
        (Status.LOST, {"finished_after": timedelta(minutes=4)}, "5 min ago, lost after 4 min"),
        (Status.TIMED_OUT, {"finished_after": timedelta(minutes=3)}, "5 min ago, timed out after 3 min"),
    ],
)
def test_the_last_run_is_told_in_words(status: str, values: dict[str, Any], words: str) -> None:
    at = timezone.now() - timedelta(minutes=5, seconds=1)
    if after := values.pop("finished_after", None):
        values["finished_at"] = at + after
    if status != Status.SKIPPED:
        values["started_at"] = at
    make_run(job(), status, created_at=at, **values)
    [text] = rows(superuser())
    assert words in text.split("|")[5]


def test_a_job_without_runs_says_so() -> None:
    job()
    assert "no run yet" in rows(superuser())[0]


def test_a_drifted_job_stays_healthy_and_says_google_differs() -> None:
    row = job(sync_state="drifted", last_status="succeeded", last_run_at=timezone.now())
    assert state_cell(row) == "Healthy Google differs"


def test_an_override_is_marked_and_a_change_of_the_code_since() -> None:
    row = job(schedule_override="5 * * * *")
    JobChange.record(row, {"schedule": (None, "5 * * * *")})
    [text] = rows(superuser())
    assert "overridden" in text
    assert "5 * * * *" in text
    assert "code changed since" not in text
    JobChange.record(row, {"declared_schedule": ("0 * * * *", "1 * * * *")})
    assert "code changed since" in rows(signed_in(staff("view")))[0]


def test_an_operators_own_job_shows_its_name_and_its_task() -> None:
    job(job_id="black-friday", origin="operator", schedule_override="5 * * * *")
    [text] = rows(superuser())
    cell = text.split("|")[3].strip()
    assert cell.startswith("black-friday")
    assert "operator’s own shop.reports.Report" in cell
    assert "overridden" not in text.replace("operator", "")


def test_an_interval_that_drifts_shows_what_google_said() -> None:
    now = timezone.now()
    job("Known", declared_schedule="every 7 minutes", next_run_at=now + timedelta(minutes=4, seconds=30))
    job("Unknown", declared_schedule="every 7 minutes", next_run_at=now - timedelta(minutes=4))
    texts = {text.split("|")[3].split(".")[2].strip(): text.split("|")[6] for text in rows(superuser())}
    assert "in 4 min" in texts["Known"]
    assert texts["Unknown"].strip() == "— after the last run"


def test_a_schedule_that_cannot_be_read_is_shown_as_it_stands() -> None:
    job(declared_schedule="sometimes")
    [text] = rows(superuser())
    assert "sometimes" in text.split("|")[4]
    assert text.split("|")[6].strip() == "— the schedule cannot be read"


def test_markup_in_names_texts_and_reasons_stays_text() -> None:
    evil = "<script>alert(1)</script>"
    row = job(
        job_id=f"x{evil}", origin="operator", schedule_override="0 * * * *", paused=True, pause_reason=evil
    )
    ScheduledJob.objects.filter(pk=row.pk).update(
        declared_description=evil, task=f"a.{evil}", time_zone_override=f"A/{evil}"
    )
    make_run(row, Status.QUEUED, requested_by=evil)
    html = superuser().get(LIST).content.decode()
    assert evil not in html
    assert "&lt;script&gt;alert(1)" in html


def test_no_style_and_no_script_stands_in_what_is_ours() -> None:
    make_run(job(), Status.RUNNING, progress_done=1, progress_total=2)
    html = superuser().get(LIST).content.decode()
    ours = html.partition('id="changelist"')[2].partition("</form>")[2].partition('id="changelist-filter"')[0]
    assert "style=" not in ours
    assert "<script" not in ours


# --- Filters, search, order -----------------------------------------------------------------------


@pytest.fixture
def five() -> None:
    now = timezone.now()
    done = {"last_status": "succeeded", "last_run_at": now}
    job("Alpha", **done, sync_state="synced")
    job("Beta", sync_state="drifted", **done)
    job("Gamma", sync_state="synced", last_status="failed", failures_in_a_row=1, last_run_at=now)
    overridden = job("Delta", sync_state="synced", retry_count_override=3)
    JobChange.record(overridden, {"retry_count": (None, 3)})
    JobChange.record(overridden, {"declared_retry_count": (0, 1)})
    job("Epsilon", origin="operator", schedule_override="0 * * * *", paused=True, pause_reason="x")


@pytest.mark.usefixtures("five")
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", {"Alpha", "Beta", "Gamma", "Delta", "epsilon"}),
        ("?state=healthy", {"Alpha", "Beta"}),
        ("?state=failing", {"Gamma"}),
        ("?state=paused", {"epsilon"}),
        ("?outcome=succeeded", {"Alpha", "Beta"}),
        ("?outcome=none", {"Delta", "epsilon"}),
        ("?overridden=yes", {"Delta"}),
        ("?overridden=changed", {"Delta"}),
        ("?overridden=no", {"Alpha", "Beta", "Gamma", "epsilon"}),
        ("?google=drifted", {"Beta"}),
        ("?google=pending", {"epsilon"}),
        ("?origin=operator", {"epsilon"}),
        ("?origin=code&google=synced&state=healthy", {"Alpha"}),
        ("?q=alph", {"Alpha"}),
        ("?q=reports+gamma", {"Gamma"}),
        ("?q=a&state=healthy", {"Alpha", "Beta"}),
        ("?state=nonsense", {"Alpha", "Beta", "Gamma", "Delta", "epsilon"}),
        ("?task=shop.reports.Beta", {"Beta"}),
    ],
)
def test_a_filter_shows_the_jobs_that_are_so(query: str, expected: set[str]) -> None:
    html = superuser().get(LIST + query).content.decode()
    found = re.findall(r'aria-label="Select (?:shop--)?(\w+) for an action"', html)
    assert set(found) == expected


def choices(html: str) -> dict[str, int]:
    return {
        f"{title}: {re.sub('<[^>]+>', '', label).strip()}": int(count)
        for title, block in re.findall(r'data-filter-title="(.*?)".*?<ul>(.*?)</ul>', html, re.DOTALL)
        for label, count in re.findall(
            r'<a href=[^>]+>(.*?)<span class="sj-filtercount">\((\d+)\)', block, re.DOTALL
        )
    }


@pytest.mark.usefixtures("five")
def test_every_choice_says_how_many_jobs_it_would_show() -> None:
    client = superuser()
    found = choices(client.get(LIST).content.decode())
    assert found["state: All"] == 5
    assert found["state: Healthy"] == 2
    assert "state: Lost" not in found
    assert found["last outcome: Timed out"] == 0
    assert found["override: Overridden"] == 1
    assert found["override: Overridden, and the code changed since"] == 1
    assert found["override: Follows the code"] == 4
    narrowed = choices(client.get(LIST + "?google=synced").content.decode())
    assert narrowed["state: Healthy"] == 1
    assert narrowed["Google: Differs"] == 1, "its own filter does not count against it"
    assert narrowed["Google: All"] == 5


@pytest.mark.usefixtures("five")
def test_filters_search_and_order_stay_in_the_address() -> None:
    html = superuser().get(LIST + "?google=synced&q=shop&o=2").content.decode()
    assert 'href="?google=synced&amp;o=2&amp;q=shop&amp;state=healthy"' in html
    assert '<input type="hidden" name="google" value="synced">' in html


@pytest.mark.usefixtures("five")
def test_problems_come_first_and_what_asks_for_nothing_last() -> None:
    assert names_of(superuser()) == ["Gamma", "Alpha", "Beta", "Delta", "epsilon"]


@pytest.mark.usefixtures("five")
def test_the_list_can_be_sorted_by_name_and_backwards() -> None:
    client = superuser()
    assert names_of(client, "?o=2") == ["Alpha", "Beta", "Delta", "epsilon", "Gamma"]
    assert names_of(client, "?o=-2") == ["Gamma", "epsilon", "Delta", "Beta", "Alpha"]
    assert names_of(client, "?o=-1")[0] == "epsilon"


def names_of(client: Client, query: str = "") -> list[str]:
    html = client.get(LIST + query).content.decode()
    return re.findall(r'aria-label="Select (?:shop--)?(\w+) for an action"', html)


@pytest.mark.usefixtures("five")
def test_the_tally_counts_states_and_leads_to_their_filter() -> None:
    html = superuser().get(LIST).content.decode()
    tally = html.partition('class="sj-tally"')[2].partition("</ul>")[0]
    entries = re.findall(r'href="([^"]+)".*?<span>(.*?)</span>', tally, re.DOTALL)
    assert entries == [
        ("?state=failing", "1 failing"),
        ("?google=drifted", "1 differs"),
        ("?state=healthy", "2 healthy"),
        ("?state=new", "1 new"),
        ("?state=paused", "1 paused"),
    ]


@pytest.mark.usefixtures("five")
def test_where_nothing_matches_the_page_says_so_and_leads_back() -> None:
    html = superuser().get(LIST + "?q=nothing-like-it").content.decode()
    assert "No job matches" in html
    assert '<a href="?">Show all jobs</a>' in html
    assert "No jobs yet" not in html


def test_pages_hold_a_hundred_jobs_and_a_page_too_far_leads_back() -> None:
    ScheduledJob.objects.bulk_create(
        ScheduledJob(name=f"j{n:03}", task=f"shop.tasks.J{n:03}", declared_schedule="0 * * * *")
        for n in range(250)
    )
    client = superuser()
    assert len(rows(client)) == 100
    assert len(rows(client, "?p=3")) == 50
    assert "250 scheduled jobs" in client.get(LIST).content.decode()
    response = client.get(LIST + "?p=4")
    assert (response.status_code, response["Location"]) == (302, f"{LIST}?e=1")


# --- Nothing there --------------------------------------------------------------------------------


@pytest.mark.usefixtures("no_tasks")
def test_an_empty_list_says_the_next_step() -> None:
    html = superuser().get(LIST).content.decode()
    assert "No jobs yet" in html
    assert "python manage.py schedule_tasks" in html
    assert "sample_project.shop.tasks" in html
    assert "not yet compared with Google" in html
    assert 'id="changelist-filter"' not in html
    assert 'id="searchbar"' not in html


def test_an_empty_list_names_the_tasks_that_are_not_seeded_yet() -> None:
    make_task(name="Digest")
    html = superuser().get(LIST).content.decode()
    assert f"The code has {len(list(registry.tasks()))} tasks that are not seeded yet." in html
    assert "<code>shop.reports.Digest</code>" in html


# --- Who sees what --------------------------------------------------------------------------------


def test_a_viewer_sees_the_list_and_no_control() -> None:
    job()
    html = signed_in(staff("view")).get(LIST).content.decode()
    assert "shop.<wbr>reports.<wbr>" in html
    assert 'class="actions"' not in html
    assert 'type="checkbox"' not in html
    assert "/run-now/" not in html
    assert "/pause/" not in html
    assert "Add job" not in html


@pytest.mark.parametrize(("verb", "shown"), [("run", "/run-now/"), ("pause", "/pause/"), ("add", "Add job")])
def test_a_control_is_shown_to_those_who_may(verb: str, shown: str) -> None:
    job()
    assert shown in signed_in(staff("view", verb)).get(LIST).content.decode()


def test_a_job_whose_class_is_gone_cannot_be_run_and_says_why(no_tasks: None) -> None:
    row = ScheduledJob.objects.create(
        name="shop--gone", task="shop.reports.Gone", declared_schedule="0 9 * * *"
    )
    why = "shop.reports.Gone is not in the code: nothing can be run until it is back."
    html = superuser().get(LIST).content.decode()
    [refused] = re.findall(r'<span class="sj-refused"[^>]*>', html)
    assert 'role="link" aria-disabled="true" tabindex="0"' in refused
    assert f'title="{why}" aria-label="Run Gone now… {why}"' in refused
    assert f"/{row.pk}/run-now/" not in html
    assert f"/{row.pk}/pause/" in html
    assert "sj-refused" not in signed_in(staff("view")).get(LIST).content.decode()


def test_a_paused_job_can_be_resumed_and_run() -> None:
    row = job(paused=True, pause_reason="x")
    html = superuser().get(LIST).content.decode()
    assert f"/{row.pk}/resume/" in html
    assert f"/{row.pk}/run-now/" in html
    assert f"/{row.pk}/pause/" not in html


def test_the_filter_is_kept_on_the_way_to_a_job_and_back() -> None:
    row = job()
    html = superuser().get(LIST + "?origin=code").content.decode()
    assert f'href="{LIST}{row.pk}/change/?_changelist_filters=origin%3Dcode"' in html


@pytest.mark.parametrize("user", ["nobody", "staff"])
def test_those_who_may_not_view_see_nothing(user: str) -> None:
    client = signed_in(staff("run", "pause")) if user == "staff" else Client()
    response = client.get(LIST)
    assert response.status_code == (403 if user == "staff" else 302)


# --- Cost -----------------------------------------------------------------------------------------


def fill(count: int) -> None:
    now = timezone.now()
    first = ScheduledJob.objects.count()
    ScheduledJob.objects.bulk_create(
        ScheduledJob(
            name=f"filled-{n}",
            task=f"shop.tasks.Filled{n}",
            declared_schedule=f"{n % 60} * * * *",
            schedule_override="5 * * * *" if n % 3 == 0 else None,
            last_status="succeeded",
            last_run_at=now,
        )
        for n in range(first, count)
    )
    filled = ScheduledJob.objects.filter(name__startswith="filled-")
    jobs = {*filled.order_by("task")[:100], *filled.order_by("-task")[:100]}
    JobRun.objects.bulk_create(JobRun(job=row, status="succeeded", trigger="schedule") for row in jobs)


def test_ten_thousand_jobs_take_no_more_queries_than_ten(
    django_assert_num_queries: Any,
) -> None:
    client = superuser()
    queries = ["", "?state=healthy", "?overridden=yes", "?q=filled", "?o=-2&p=1"]
    fill(10)
    for query in queries:
        with django_assert_num_queries(12):
            client.get(LIST + query)
    fill(10_000)
    for query in queries:
        with django_assert_num_queries(12):
            client.get(LIST + query)
