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
from tests.support.pages import text_of as page_text
from tests.support.people import LIST, signed_in, staff, superuser

pytestmark = pytest.mark.django_db
Status = JobRun.Status


def job(name: str = "Report", job_id: str = "", **values: Any) -> ScheduledJob:
    schedule = values.pop("declared_schedule", None)
    values.setdefault("sync_state", "synced")
    row = make_job(make_task(name=name), job_id or f"shop--{name.lower()}", **values)
    if schedule is not None:
        ScheduledJob.objects.filter(pk=row.pk).update(declared_schedule=schedule)
    return row


def rows(client: Client, query: str = "") -> list[str]:
    """The text of every row, cells apart by bars."""
    response = client.get(LIST + query)
    assert response.status_code == 200, query
    body = response.content.decode().partition('id="result_list"')[2].partition("</table>")[0]
    return [text_of(row) for row in body.split("<tbody")[1:]]


def job_in(text: str) -> str:
    """The name of the job whose row this is."""
    return text.split("|")[3].split(maxsplit=1)[0]


def text_of(html: str) -> str:
    parts: list[str] = []

    class Reader(HTMLParser):
        def handle_data(self, data: str) -> None:
            parts.append(data)

        def handle_starttag(self, tag: str, attrs: Any) -> None:
            parts.append("|" if tag in ("td", "th") else " " if tag in ("span", "br", "q") else "")

    Reader().feed("<tbody" + html)
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
            error="KeyError: 'PT-LIS-2'\nof the third warehouse",
        )
    client = superuser()
    html = client.get(LIST).content.decode()
    [text] = rows(client)
    _start, _box, state, name, schedule, runs, following, _actions, _none, why = text.split("|")
    assert state.strip() == "Failing 4 in a row"
    assert name.strip() == "Report shop.reports · Mail the report."
    assert schedule.strip() == "Every hour 0 * * * *"
    assert why.strip() == "KeyError: 'PT-LIS-2'"
    assert "Last 4 runs: 4 failed" in runs
    assert "7 min ago, failed in 4.2 s" in runs
    assert re.search(r"in (\d+ (min|s)|1 h) (\w{3} )?\d\d:00", following)
    assert "Google" not in state, "that it is the same there is not said"
    assert '<path class="p-bad"' in html
    assert 'aria-label="Last 4 runs: 4 failed"' in html
    assert re.search(r'<time class="sj-num" datetime="20\d\d-\d\d-\d\dT\d\d:00:00Z" title="[^"]+ UTC">', html)
    assert "compared with Google" in html


def state_cell(row: ScheduledJob, client: Client | None = None) -> str:
    [text] = rows(client or superuser())
    return text.split("|")[2].strip()


def test_a_running_job_shows_its_progress() -> None:
    row = job()
    make_run(row, Status.RUNNING, started_at=timezone.now(), progress_done=48190, progress_total=79000)
    client = superuser()
    assert state_cell(row, client) == "Running 61 % of 79,000"
    assert '<progress max="100" value="61" aria-label="61 % of 79,000">' in client.get(LIST).content.decode()


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
    assert text.split("|")[6].strip() == "paused no end set"


def test_a_retired_job_is_kept_for_its_history_and_has_no_actions() -> None:
    job(retired_at=timezone.now(), sync_state="synced")
    [text] = rows(superuser())
    assert text.split("|")[2].strip().startswith("Retired since ")
    assert "No longer in the code; history and settings are kept." in text
    assert text.split("|")[6].strip() == "never retired"
    assert text.split("|")[7].strip() == ""


def test_the_tab_says_on_each_page_how_many_jobs_ought_to_run() -> None:
    job()
    job("Gone", retired_at=timezone.now(), sync_state="synced")
    client = superuser()
    pages = [page_text(client.get(url).content.decode()) for url in (LIST, f"{LIST}dashboard/")]
    assert ["Overview Jobs 1 Runs" in page for page in pages] == [True, True]
    assert "All 2" in pages[0]
    assert "1 job, 1 retired, problems first" in pages[0]


def test_a_job_that_is_being_deleted_waits_for_google() -> None:
    job(deleting_at=timezone.now(), sync_state="pending")
    [text] = rows(superuser())
    assert text.split("|")[2].strip() == "Deleting waiting for Google"
    assert text.split("|")[6].strip() == "is being deleted"


def test_a_missed_and_a_lost_and_a_late_job_say_when() -> None:
    now = timezone.now()
    missed = job("Missed", last_status="missed", last_run_at=now - timedelta(minutes=17))
    make_run(missed, Status.MISSED, scheduled_for=now - timedelta(minutes=17))
    lost = job("Lost", last_status="lost", failures_in_a_row=1, last_run_at=now - timedelta(minutes=37))
    make_run(lost, Status.LOST, started_at=now - timedelta(minutes=37))
    job("Late", sync_state="synced", next_run_at=now - timedelta(minutes=9))
    texts = {job_in(text): text.split("|")[2] for text in rows(superuser())}
    assert re.search(r"Missed .*\d\d:\d\d run", texts["Missed"])
    assert re.search(r"Lost .*\d\d:\d\d run", texts["Lost"])
    assert re.search(r"Late expected .*\d\d:\d\d", texts["Late"])


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


@pytest.mark.parametrize(
    ("values", "said", "why"),
    [
        ({"sync_state": "drifted"}, "Google differs", None),
        ({"sync_state": "pending"}, "waiting to be sent", None),
        (
            {"sync_state": "failed", "sync_error": "No permission\nat all", "live": {"state": "ENABLED"}},
            "not sent to Google",
            r"The change of \d\d:\d\d has not reached Google, which goes on as it was: No permission",
        ),
        (
            {"sync_state": "failed", "sync_error": "No permission"},
            "not sent to Google",
            "It has not reached Google, so nothing runs: No permission",
        ),
    ],
)
def test_what_is_not_the_same_in_google_is_said(values: dict[str, Any], said: str, why: str | None) -> None:
    job(last_status="succeeded", last_run_at=timezone.now(), **values)
    [text] = rows(superuser())
    assert text.split("|")[2].strip() == f"Healthy {said}"
    assert why is None or re.fullmatch(why, text.split("|")[9].strip())


def test_a_lost_and_a_missed_run_are_told_in_a_sentence() -> None:
    now = timezone.now()
    at = {"lost": now - timedelta(minutes=37), "missed": now - timedelta(minutes=17)}
    lost = job("Lost", last_status="lost", failures_in_a_row=1, last_run_at=at["lost"])
    make_run(lost, Status.LOST, started_at=at["lost"], lease_until=now - timedelta(minutes=30))
    missed = job("Missed", last_status="succeeded", last_run_at=now)
    make_run(missed, Status.MISSED, scheduled_for=at["missed"])
    make_run(missed, Status.SUCCEEDED, scheduled_for=now - timedelta(minutes=7), started_at=now)
    texts = {job_in(text): text.split("|")[9].strip() for text in rows(superuser())}
    assert re.fullmatch(
        r"The (\w+ )?\d\d:\d\d run started and never finished: no sign of life since (\w+ )?\d\d:\d\d\."
        r" Its process has probably died\.",
        texts["Lost"],
    )
    assert re.fullmatch(
        r"Nothing arrived from Google for the (\w+ )?\d\d:\d\d run\."
        r" The (\w+ )?\d\d:\d\d run arrived and succeeded\.",
        texts["Missed"],
    )


def test_a_zone_is_named_once_and_another_beside_its_job() -> None:
    for name in ("One", "Two"):
        job(name, time_zone_override="Europe/Lisbon")
    job("Other", time_zone_override="Asia/Kathmandu")
    client = superuser()
    assert "times in Europe/Lisbon" in client.get(LIST).content.decode()
    zones = {job_in(text): "Kathmandu" in text or "Lisbon" in text for text in rows(client)}
    assert zones == {"One": False, "Two": False, "Other": True}


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
    assert cell == "black-friday shop.reports.Report"
    assert text.split("|")[4].strip().endswith("made here")
    assert "overridden" not in text


def test_an_interval_that_drifts_shows_what_google_said() -> None:
    now = timezone.now()
    job("Known", declared_schedule="every 7 minutes", next_run_at=now + timedelta(minutes=4, seconds=30))
    job("Unknown", declared_schedule="every 7 minutes", next_run_at=now - timedelta(minutes=4))
    texts = {job_in(text): text.split("|")[6] for text in rows(superuser())}
    assert "in 4 min" in texts["Known"]
    assert texts["Unknown"].strip() == "after the last run"


def test_a_schedule_that_cannot_be_read_is_shown_as_it_stands() -> None:
    job(declared_schedule="sometimes")
    [text] = rows(superuser())
    assert "sometimes" in text.split("|")[4]
    assert text.split("|")[6].strip() == "the schedule cannot be read"


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
    ours = html.partition('id="content-main"')[2].partition('id="footer"')[0]
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
    own = {"origin": "operator", "schedule_override": "0 * * * *", "sync_state": "pending"}
    job("Epsilon", **own, paused=True, pause_reason="x")


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
        ("?task=shop.reports.Beta&nonsense=\0", {"Alpha", "Beta", "Gamma", "Delta", "epsilon"}),
    ],
)
def test_a_filter_shows_the_jobs_that_are_so(query: str, expected: set[str]) -> None:
    html = superuser().get(LIST + query).content.decode()
    found = re.findall(r'aria-label="Select (?:shop--)?(\w+) for an action"', html)
    assert set(found) == expected


def choices(html: str) -> dict[str, int]:
    """Menu and choice, or the word of a chip -> the number beside it."""
    chips = html.partition('class="sj-chips"')[2].partition("</ul>")[0]
    found = {
        re.sub("<[^>]+>", "", label).strip(): int(count)
        for label, count in re.findall(r"<a [^>]+>(.*?)<b>(\d+)</b>", chips, re.DOTALL)
    }
    for title, block in re.findall(r"<summary>(.*?)</summary>(.*?)</details>", html, re.DOTALL):
        for label, count in re.findall(r"<a [^>]+>(.*?)<span>(\d+)</span>", block, re.DOTALL):
            found[f"{title.partition(':')[0]}: {label.strip()}"] = int(count)
    return found


@pytest.mark.usefixtures("five")
def test_every_choice_says_how_many_jobs_it_would_show() -> None:
    client = superuser()
    found = choices(client.get(LIST).content.decode())
    assert {chip: n for chip, n in found.items() if ":" not in chip} == {
        "All": 5, "Failing": 1, "Healthy": 2, "New": 1, "Paused": 1,
    }  # fmt: skip
    assert found["Last outcome: Timed out"] == 0
    assert found["Settings: Overridden"] == 1
    assert found["Settings: Overridden, code changed since"] == 1
    assert found["Settings: Follow the code"] == 4
    narrowed = client.get(LIST + "?google=synced").content.decode()
    found = choices(narrowed)
    assert (found["All"], found["Healthy"]) == (3, 1)
    assert found["Google: Differs"] == 1, "its own filter does not count against it"
    assert found["Google: All"] == 5
    assert "<summary>Google: Same as here</summary>" in narrowed
    assert re.search(r'3 of 5 jobs\s+· <a href="\?">Clear</a>', narrowed)


def test_a_job_that_fails_and_is_paused_is_counted_as_both_and_says_both() -> None:
    values = {"last_status": "skipped", "failures_in_a_row": 3, "paused": True, "paused_by": "rui"}
    row = job(pause_reason="The printer is replaced", **values)
    failed = make_run(row, Status.FAILED, error="ConnectionRefusedError: [Errno 111] printer-opo:9100")
    make_run(row, Status.SKIPPED)
    job("Other", last_status="succeeded", last_run_at=timezone.now(), sync_state="synced")
    client = superuser()
    found = choices(client.get(LIST).content.decode())
    assert (found["Failing"], found["Paused"], found["Healthy"], found["All"]) == (1, 1, 1, 2)
    for query in ("?state=failing", "?state=paused"):
        [text] = rows(client, query)
        assert text.split("|")[2].strip().startswith("Failing paused, no end"), query
        assert text.split("|")[6].strip() == "paused no end set"
        assert text.split("|")[9].strip() == (
            "ConnectionRefusedError: [Errno 111] printer-opo:9100 · 3 in a row before rui paused it"
        )
    assert f'href="/admin/scheduled_jobs/jobrun/{failed.pk}/change/"' in client.get(LIST).content.decode()


def test_errors_and_figures_of_runs_are_for_those_who_may_view_runs() -> None:
    row = job(last_status="failed", failures_in_a_row=2, last_run_at=timezone.now())
    make_run(row, Status.FAILED, error="KeyError: 'PT-LIS-2'", duration=timedelta(seconds=4))
    html = signed_in(staff("view", runs=False)).get(LIST).content.decode()
    assert "2 in a row" in html
    for secret in ("PT-LIS-2", "Last 30 runs", "failed in", "sj-strip", "/jobrun/"):
        assert secret not in html, secret
    assert "KeyError" in signed_in(staff("view", name="ines")).get(LIST).content.decode()


@pytest.mark.usefixtures("five")
def test_filters_search_and_order_stay_in_the_address() -> None:
    html = superuser().get(LIST + "?google=synced&q=shop&o=2").content.decode()
    assert 'href="?google=synced&amp;o=2&amp;q=shop&amp;state=healthy"' in html
    assert '<input type="hidden" name="google" value="synced">' in html


@pytest.mark.usefixtures("five")
def test_problems_come_first_and_what_asks_for_nothing_last() -> None:
    assert names_of(superuser()) == ["Gamma", "Beta", "Alpha", "Delta", "epsilon"]


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
def test_the_title_counts_what_has_a_problem() -> None:
    html = superuser().get(LIST + "?state=healthy").content.decode()
    assert "<title>(1) Jobs" in html
    assert 'data-status="1 failing"' in html
    ScheduledJob.objects.filter(failures_in_a_row=1).update(failures_in_a_row=0, last_status="succeeded")
    calm = superuser("calm").get(LIST).content.decode()
    assert "<title>Jobs" in calm
    assert 'data-say="No job has a problem."' in calm
    assert "data-wrong>" not in calm


@pytest.mark.usefixtures("five")
def test_where_nothing_matches_the_page_says_so_and_leads_back() -> None:
    html = superuser().get(LIST + "?q=nothing-like-it").content.decode()
    assert "No job matches" in html
    assert '<a href="?">Show all jobs</a>' in html
    assert "No jobs yet" not in html


def test_pages_hold_sixty_jobs_and_a_page_too_far_leads_back() -> None:
    ScheduledJob.objects.bulk_create(
        ScheduledJob(name=f"j{n:03}", task=f"shop.tasks.J{n:03}", declared_schedule="0 * * * *")
        for n in range(250)
    )
    client = superuser()
    assert len(rows(client)) == 60
    assert len(rows(client, "?p=5")) == 10
    assert "250 jobs" in client.get(LIST).content.decode()
    response = client.get(LIST + "?p=6")
    assert (response.status_code, response["Location"]) == (302, f"{LIST}?e=1")


# --- Nothing there --------------------------------------------------------------------------------


@pytest.mark.usefixtures("no_tasks")
def test_an_empty_list_says_the_next_step() -> None:
    html = superuser().get(LIST).content.decode()
    assert "No jobs yet" in html
    assert "python manage.py schedule_tasks" in html
    assert "sample_project.shop.tasks" in html
    assert "not yet compared with Google" in html
    assert "8 apps were searched." in html or "apps were searched." in html
    assert 'role="search"' not in html


def test_an_empty_list_names_the_tasks_that_are_without_a_job() -> None:
    make_task(name="Digest")
    html = superuser().get(LIST).content.decode()
    assert f"The code has {len(list(registry.tasks()))} tasks without a job." in html
    assert "<code>shop.reports.Digest</code>" in html


# --- Who sees what --------------------------------------------------------------------------------


def test_a_viewer_sees_the_list_and_no_control() -> None:
    job()
    html = signed_in(staff("view")).get(LIST).content.decode()
    assert "shop.reports" in html
    assert 'class="actions"' not in html
    assert 'type="checkbox"' not in html
    assert "/run-now/" not in html
    assert "/pause/" not in html
    assert "Add a job" not in html


@pytest.mark.parametrize(
    ("verb", "shown"), [("run", "/run-now/"), ("pause", "/pause/"), ("add", "Add a job")]
)
def test_a_control_is_shown_to_those_who_may(verb: str, shown: str) -> None:
    job()
    assert shown in signed_in(staff("view", verb)).get(LIST).content.decode()


def test_a_job_whose_class_is_gone_cannot_be_run_and_says_why(no_tasks: None) -> None:
    row = ScheduledJob.objects.create(
        name="shop--gone", task="shop.reports.Gone", declared_schedule="0 9 * * *"
    )
    why = "shop.reports.Gone is not in the code: nothing can be run until it is back."
    html = superuser().get(LIST).content.decode()
    [refused] = re.findall(r'<span\s+class="sj-refused"[^>]*>', html)
    for attribute in ('role="link"', 'aria-disabled="true"', 'tabindex="0"', f'title="{why}"',
                      f'aria-label="Run Gone now… {why}"'):  # fmt: skip
        assert attribute in refused
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


def test_a_thousand_jobs_take_no_more_queries_than_ten(
    django_assert_num_queries: Any,
) -> None:
    client = superuser()
    queries = ["", "?state=healthy", "?overridden=yes", "?q=filled", "?o=-2&p=1"]
    fill(10)
    for query in queries:
        with django_assert_num_queries(11):
            client.get(LIST + query)
    fill(1_000)
    for query in queries:
        with django_assert_num_queries(11):
            client.get(LIST + query)
