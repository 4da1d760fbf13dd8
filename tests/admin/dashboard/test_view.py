"""The landing page: what it says of the jobs, to whom, at which addresses, and at what cost."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import time_machine
from django.contrib.admin import AdminSite
from django.test import override_settings
from django.urls import include, path

from scheduled_jobs.admin import JobRunAdmin, ScheduledJobAdmin
from scheduled_jobs.admin.dashboard.figures import _of_how_many
from scheduled_jobs.models import JobRun, LastWatch, ScheduledJob
from scheduled_jobs.models.in_force import values_in_force
from scheduled_jobs.services.history.stats import fold, reading
from scheduled_jobs.services.history.stats.figures import Figures
from scheduled_jobs.services.monitoring import watch
from scheduled_jobs.services.monitoring.metrics import metrics
from tests.support import make_job, make_run, make_task
from tests.support.pages import Page
from tests.support.people import LIST, signed_in, staff, superuser
from tests.support.requests import RUNS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.test import Client

pytestmark = pytest.mark.django_db

URL = f"{LIST}dashboard/"
INDEX = "/admin/scheduled_jobs/"
NOW = datetime(2026, 11, 23, 9, 30, 20, tzinfo=UTC)
MINUTE = timedelta(minutes=1)

other_site = AdminSite(name="ops")
other_site.register(ScheduledJob, ScheduledJobAdmin)
other_site.register(JobRun, JobRunAdmin)
urlpatterns = [
    path("ops/", other_site.urls),
    path("", include("sample_project.urls")),
]


@pytest.fixture(autouse=True)
def _at_half_past_nine() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


def job(name: str, **values: Any) -> ScheduledJob:
    values = {"last_run_at": NOW - MINUTE, "last_status": "succeeded", "sync_state": "synced", **values}
    return make_job(make_task(name=name), name, **values)


def failing(name: str, error: str, key: str = "E", times: int = 1, **values: Any) -> JobRun:
    since = NOW - times * 15 * MINUTE
    row = job(name, last_status="failed", failures_in_a_row=times, failing_since=since, **values)
    at = NOW - 15 * MINUTE
    run = make_run(row, "failed", started_at=at, finished_at=at, error=error, error_key=key, scheduled_for=at)
    ScheduledJob.objects.filter(pk=row.pk).update(last_failure=run, last_failure_at=at)
    return run


def text(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html)).replace(" ,", ",").replace(" .", ".")


def said(client: Client, url: str = URL) -> str:
    html = client.get(url).content.decode()
    return text(html.partition('<p class="sj-say">')[2].partition("</p>")[0]).replace(" ;", ";").strip()


def matters(client: Client) -> list[str]:
    html = client.get(URL).content.decode().partition('<ul class="sj-need">')[2].partition("</ul>")[0]
    return [text(part).strip() for part in html.split("<li>")[1:]]


# --- What it says -----------------------------------------------------------------------------------


def test_all_well_is_one_sentence_and_no_list_of_matters() -> None:
    job("A", last_failure_at=NOW - timedelta(days=9))
    job("B")
    client = superuser()
    assert said(client) == (
        "All 2 jobs are healthy. The last failure was 9 days ago. Google is the same as here."
    )
    html = client.get(URL).content.decode()
    assert "Needs attention" not in html
    assert "<title>Scheduled jobs |" in html
    assert "data-wrong" not in html.partition('<div class="sj-head">')[0]


def test_where_nobody_watches_it_says_so_with_the_line_to_add() -> None:
    job("A")
    client = superuser()
    note = text(client.get(URL).content.decode().partition('<div class="sj-note"')[2].partition("</div>")[0])
    assert note.partition("> ")[2].strip() == (
        "Nobody watches: a run that does not come is told to nobody. Add DJANGO_CLOUD_TASKS_BUILTIN_TASKS = "
        "[&quot;scheduled_jobs.builtin.WatchJobs&quot;] to the settings and run python manage.py schedule_tasks."
    )
    with override_settings(DJANGO_CLOUD_TASKS_BUILTIN_TASKS=[watch.WATCH_JOBS]):
        assert (
            "scheduled_jobs.builtin.WatchJobs is named in the settings, and there is no job of it yet: run "
            "python manage.py schedule_tasks." in text(client.get(URL).content.decode())
        )
        watching = job("W")
        ScheduledJob.objects.filter(pk=watching.pk).update(task=watch.WATCH_JOBS)
        html = client.get(URL).content.decode()
        ScheduledJob.objects.filter(pk=watching.pk).update(last_run_at=None, last_status="")
        untried = client.get(URL).content.decode()
    assert "scheduled_jobs.builtin.WatchJobs has not run for a day: its page says why." in text(html)
    assert "scheduled_jobs.builtin.WatchJobs has not run yet." in text(untried)
    assert f'<a href="{LIST}{watching.pk}/change/">scheduled_jobs.builtin.WatchJobs</a>' in html
    LastWatch.objects.create(at=NOW - timedelta(days=1))
    assert "Nobody watches" not in client.get(URL).content.decode()


@pytest.mark.parametrize(
    ("figures", "told"),
    [
        (Figures(runs=96, failed=6), "6 of 96"),
        (Figures(runs=48, lost=1), "1 lost of 48"),
        (Figures(runs=1440, missed=2), "2 missed of 1,440"),
        (Figures(runs=96, failed=3, lost=1, missed=2), "4 of 96, and 2 missed"),
    ],
)
def test_what_did_not_come_is_not_counted_among_what_failed(figures: Figures, told: str) -> None:
    assert _of_how_many(figures) == told


def test_each_trouble_is_a_link_to_the_jobs_that_have_it() -> None:
    failing("A", "KeyError: 'x'", times=5)
    failing("P", "OSError: gone", "O", paused=True, pause_reason="replaced", paused_by="rui", paused_at=NOW)
    make_run(job("L"), "lost", started_at=NOW - 30 * MINUTE, error_key="lost")
    make_run(job("M"), "missed", scheduled_for=NOW - 40 * MINUTE, error_key="missed")
    job("D", sync_state="drifted")
    job("S", sync_state="failed", sync_error="No right to do it. Ask for it.", synced_at=NOW)
    job("Q", paused=True)
    client = superuser()
    assert said(client) == (
        "0 of 7 jobs are healthy. 2 are failing, one of them paused; 1 has lost a run and 1 has missed a run. "
        "1 is paused. Google differs in 1 job and 1 could not be sent."
    )
    page = Page(client.get(URL).content.decode())
    links = [e.attrs["href"] for e in page.elements if e.tag == "a" and "sj-say" in
             [p.attrs.get("class") for p in e.parents]]  # fmt: skip
    assert links[:3] == [f"{LIST}?state=failing", f"{LIST}?state=lost", f"{LIST}?state=missed"]
    assert links[-1] == f"{LIST}plan/"
    assert matters(client) == [
        "Failing A has failed 5 times in a row since 08:15 KeyError: &#x27;x&#x27; "
        "See the error Rerun… Mark as dealt with",
        "Lost L 09:00 started and never finished Its process is gone; part of its work may be done. "
        "See the run Rerun… Mark as dealt with",
        "Missed M 08:50 never arrived The job has run since, at 09:29. Why? Run for 08:50… Mark as dealt with",
        "Not sent S still runs as Google had it before No right to do it, since 09:30 Compare and try again…",
        "Differs D is not the same in Google Compare and decide…",
        "Failing, paused P failed once before rui paused it, now “replaced”; no end is set "
        "See the error Mark as dealt with",
    ]
    html = client.get(URL).content.decode()
    assert "<title>(5) Scheduled jobs |" in html
    assert html.count("sj-btn go") == 1


def test_a_job_that_was_paused_in_google_is_said_not_to_be_called() -> None:
    paused = {"sync_state": "drifted", "live_seen_at": NOW, "synced_at": NOW}
    row = job("S", **paused)
    live = {**values_in_force(row), "state": "PAUSED", "schedule": "0 5 * * *"}
    ScheduledJob.objects.filter(pk=row.pk).update(live=live)
    client = superuser()
    assert said(client) == "0 of 1 job is healthy. 1 is stopped in Google. Google differs in 1 job."
    assert matters(client) == [
        "Stopped Google does not call S As last seen there: paused by somebody in the console. "
        "Differs too: schedule. Compare and decide…"
    ]
    job("T", live={"state": "DISABLED"}, **paused)
    assert matters(client) == [
        "Stopped Google does not call S and T As last seen there: paused by somebody in the console, "
        "or disabled. Compare and decide…"
    ]


def test_a_job_that_could_not_be_resumed_is_not_sent_and_no_more() -> None:
    job("S", sync_state="failed", sync_error="No right", live={"state": "PAUSED"}, live_seen_at=NOW)
    assert matters(superuser()) == [
        "Not sent S is still stopped in Google No right, since 09:30 Compare and try again…"
    ]


def test_runs_of_one_minute_never_arrived_at_it() -> None:
    for name in ("A", "B"):
        make_run(job(name), "missed", scheduled_for=NOW - 40 * MINUTE, error_key="missed")
    client = superuser()
    assert matters(client)[0].startswith("2 missed 2 runs of A and B never arrived at 08:50 See the last")
    make_run(job("C"), "missed", scheduled_for=NOW - 38 * MINUTE, error_key="missed")
    assert "3 runs of 3 jobs never arrived between 08:50 and 08:52 See the last" in matters(client)[0]


def test_equal_errors_are_one_line_and_one_button() -> None:
    for name in ("A", "B", "C"):
        failing(name, "OperationalError: timeout expired", "OperationalError: …")
    client = superuser()
    assert said(client).startswith("0 of 3 jobs are healthy. 3 are failing, all with one and the same error.")
    assert matters(client) == [
        "3 failing 3 jobs fail with the same error since 09:15 OperationalError: timeout expired "
        "See the error The 3 jobs Mark as dealt with"
    ]
    assert "1 matter, 3 jobs; equal errors are one line" in text(client.get(URL).content.decode())


def test_dealing_with_a_matter_takes_it_off_the_list_until_it_returns() -> None:
    run = failing("A", "KeyError: 'x'")
    client = superuser()
    fields = Page(client.get(URL).content.decode()).fields()
    answer = client.post(f"{URL}dealt-with/", {"key": fields["key"], "seen": fields["seen"]}, follow=True)
    assert answer.redirect_chain == [(URL, 302)]
    assert "1 run is marked as dealt with. The matter returns with the next run of its kind." in text(
        answer.content.decode()
    )
    run.refresh_from_db()
    assert (run.acknowledged_by, run.acknowledged_at) == ("maria", NOW)
    assert matters(client) == []
    assert said(client).startswith("0 of 1 job is healthy. 1 is failing.")
    again = client.post(f"{URL}dealt-with/", {"key": "E", "seen": "2026-99-99T00:00:00"}, follow=True)
    assert "somebody has dealt with it already" in text(again.content.decode())


def test_dealing_with_a_matter_can_be_undone_from_its_message() -> None:
    run = failing("A", "KeyError: <b>'x'</b>")
    client = superuser()
    before = matters(client)
    fields = Page(client.get(URL).content.decode()).fields()
    answer = client.post(f"{URL}dealt-with/", {"key": fields["key"], "seen": fields["seen"]}, follow=True)
    page = Page(answer.content.decode())
    undo = page.fields(next(form for form in page.elements if form.attrs.get("class") == "sj-undo"))
    assert undo == {"key": run.error_key, "undo": NOW.isoformat()}
    back = client.post(f"{URL}dealt-with/", undo, follow=True)
    assert "1 run needs attention again." in text(back.content.decode())
    assert matters(client) == before
    for wrong in (undo, {"key": "E", "undo": "2026-99-99T00:00:00"}, {"undo": "2026-01-01T00:00:00"}):
        said = client.post(f"{URL}dealt-with/", wrong, follow=True)
        assert "There was nothing to undo." in text(said.content.decode())


# --- The timeline, the figures ----------------------------------------------------------------------


def rows(html: str) -> dict[str, str]:
    found = re.findall(r'<svg role="img" aria-label="([^"]+)"[^>]*>(.*?)</svg>', html, re.DOTALL)
    return {
        label.partition(":")[0]: f"{label} {' '.join(re.findall('class=.(t-[a-z]+)', svg))}"
        for label, svg in found
    }


def test_every_job_has_a_row_with_what_was_and_what_comes() -> None:
    row = job("A", schedule_override="*/30 * * * *")
    for minutes in (30, 60, 90):
        at = NOW.replace(second=0) - minutes * MINUTE
        make_run(row, "succeeded", scheduled_for=at, started_at=at, finished_at=at + MINUTE)
    make_run(row, "failed", started_at=NOW - 120 * MINUTE, finished_at=NOW)
    job("B", paused=True, paused_at=NOW - timedelta(days=1))
    make_run(job("R"), "running", started_at=NOW - MINUTE)
    client = superuser()
    assert rows(client.get(URL).content.decode()) == {
        "R": "R: 1 running or queued; 6 to come t-grid t-next t-run t-now",
        "A": "A: 3 succeeded, 1 failed; 11 to come t-grid t-ok t-next t-bad t-now",
        "B": "B: no run; 0 to come t-grid t-held t-now",
    }
    for span, title in (("1h", "1 hour"), ("7d", "7 days"), ("30d", "30 days"), ("x", "24 hours")):
        html = client.get(f"{URL}?span={span}").content.decode()
        assert f"All jobs, {title}" in html
        assert rows(html)["A"].startswith("A: ")


def test_more_than_sixty_jobs_are_told_by_app_after_those_with_a_problem() -> None:
    task = make_task(name="Many")
    ScheduledJob.objects.bulk_create(
        ScheduledJob(name=f"j{n}", task=task.name(), declared_schedule="0 * * * *", last_run_at=NOW, sync_state="synced",
                     last_status="succeeded")
        for n in range(61)
    )  # fmt: skip
    failing("Broken", "KeyError: 'x'")
    html = superuser().get(URL).content.decode()
    assert "1 single job with a problem of its own" in html
    assert "All 62 jobs by app; red is the share of runs that failed in 10 min" in html
    assert list(rows(html)) == ["Broken", "shop"]
    assert "62 jobs, 1 failing" in html
    assert "Problems, then every app, 24 hours" in html


def test_the_four_figures_lead_to_the_runs_that_they_count() -> None:
    row = job("A")
    for minutes in range(10, 210, 10):
        at = NOW.replace(second=0) - minutes * MINUTE
        make_run(
            row, "failed" if minutes == 10 else "succeeded", scheduled_for=at, started_at=at + timedelta(seconds=2),
            finished_at=at + MINUTE, duration=timedelta(seconds=58), deliveries=2 if minutes == 50 else 1,
        )  # fmt: skip
    html = superuser().get(URL).content.decode()
    four = html.partition('<dl class="sj-four"')[2].partition("</dl>")[0]
    assert text(four.partition(">")[2]).strip() == (
        "Runs, 24 h 20 fewer than one an hour Succeeded 95 % 1 failed or lost "
        "Started within (95 %) 2.0 s of the scheduled time; worst 2.0 s Delivered twice, run once 1 the day before 0"
    )
    start = "start=2026-11-22T09%3A30%3A00Z"
    links = re.findall(r'<dd><a href="([^"]+)"', four)
    assert [link.replace("&amp;", "&") for link in links] == [
        f"{RUNS}?{start}",
        f"{RUNS}?status=failing&{start}",
        f"{RUNS}?{start}&late=2",
        f"{RUNS}?{start}&twice=1",
    ]
    two = html.partition('<div class="sj-two"')[2].partition("</section>")[0]
    assert "Slowest 7 days Job Median p95 p95, as a bar A 58 s 58 s" in text(two)
    assert "Most failing 24 hours Job Failed Rate Rate, as a bar A 1 of 20 5 %" in text(two)


def test_pages_whose_figures_are_not_of_now_say_of_what_time_they_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    row, client = job("A"), superuser()
    make_run(row, "failed", scheduled_for=NOW - MINUTE)
    fold()
    monkeypatch.setattr(reading, "MOST", 1)
    one = f"{LIST}{row.pk}/change/"
    told = "The figures are those of Mon 23 Nov 09:30: more has happened since than a page counts."
    missed = make_run(row, "missed", scheduled_for=NOW)
    of_run = f"{RUNS}{missed.pk}/change/"
    assert [told in text(client.get(url).content.decode()) for url in (URL, RUNS, one)] == [False] * 3
    assert "1 of 2 in 24 h" in client.get(of_run).content.decode()
    make_run(row, "failed", scheduled_for=NOW - 2 * MINUTE)
    assert [told in text(client.get(url).content.decode()) for url in (URL, RUNS, one)] == [True] * 3
    assert "in 24 h" not in client.get(of_run).content.decode()
    assert "scheduled_jobs_figures_age_seconds 60" in metrics(NOW + MINUTE)


# --- Before anything has run ------------------------------------------------------------------------


def test_before_the_first_run_it_says_when_that_is_and_offers_one_by_hand() -> None:
    row = make_job(make_task(name="First"), "first", sync_state="synced")
    client = superuser()
    html = client.get(URL).content.decode()
    assert "1 job was found in the code. It has not run yet." in text(html)
    make_job(make_task(name="Held"), "held", sync_state="synced", paused=True)
    html = client.get(URL).content.decode()
    assert "2 jobs were found in the code. None has run yet." in text(html)
    assert "First run: 10:00, in 29 min" in text(html)
    assert f'href="{LIST}{row.pk}/run-now/"' in html
    assert "/tasks/" in html
    assert "sj-four" not in html
    assert "Run First now…" in text(html)
    viewer = signed_in(staff("view")).get(URL).content.decode()
    assert "Run First now" not in viewer
    assert "First run: 10:00" in text(viewer)


def test_without_a_job_it_says_how_to_make_one(no_tasks: None) -> None:
    html = superuser().get(URL).content.decode()
    assert "No jobs yet" in html
    assert '<table class="sj-time"' not in html


# --- To whom, and where -----------------------------------------------------------------------------


def test_who_may_not_see_runs_sees_no_error_no_figure_and_no_link_of_one() -> None:
    run = failing("A", "KeyError: 'secret'")
    make_run(run.job, "lost", started_at=NOW - MINUTE, error_key="lost")
    html = signed_in(staff("view", "run", runs=False)).get(URL).content.decode()
    assert "A has failed" in text(html)
    assert "secret" not in html
    assert RUNS not in html
    assert "sj-four" not in html
    assert "Mark as dealt with" not in html
    assert rows(html) == {"A": "A: no run; 6 to come t-grid t-next t-now"}


def test_the_index_of_the_app_shows_the_same_and_leads_on_whom_it_must() -> None:
    failing("A", "KeyError: 'x'")
    client = superuser()
    one, other = (
        re.sub(r'name="csrfmiddlewaretoken" value="[^"]+"', "", client.get(url).content.decode()).partition(
            "<h1>"
        )[2]
        for url in (URL, INDEX)
    )
    assert one.replace(URL, INDEX).split() == other.replace(URL, INDEX).split()
    assert "A has failed at 09:15" in text(other)
    led = signed_in(staff("runs", name="vera"))
    assert led.get(URL)["Location"] == RUNS
    assert f'<meta http-equiv="refresh" content="0; url={RUNS}">' in led.get(INDEX).content.decode()
    assert signed_in(staff(name="noel")).get(INDEX).status_code == 404
    assert signed_in(staff("run", name="ana")).get(INDEX).status_code in (403, 404)


def test_the_admin_lists_jobs_and_runs_below_the_app() -> None:
    html = superuser().get("/admin/").content.decode()
    lines = re.findall(r'<a href="/admin/scheduled_jobs/[^"]*"[^>]*>\s*([^<]+?)\s*</a>', html)
    assert [line for line in lines if line not in ("Add", "Change", "View")] == [
        "Scheduled jobs",
        "Jobs",
        "Runs",
    ]


@override_settings(ROOT_URLCONF=__name__)
def test_every_site_shows_its_own() -> None:
    failing("A", "KeyError: 'x'")
    html = superuser().get("/ops/scheduled_jobs/").content.decode()
    assert '"/ops/scheduled_jobs/scheduledjob/?state=failing"' in html
    assert "/admin/scheduled_jobs" not in html


# --- What it costs ----------------------------------------------------------------------------------


def test_the_queries_do_not_grow_with_jobs_and_runs(django_assert_max_num_queries: Any) -> None:
    client = superuser()
    client.get(URL)
    for n in range(20):
        run = failing(f"F{n}", "KeyError: 'x'", f"E{n % 5}")
        make_run(run.job, "lost", started_at=NOW - MINUTE)
        job(f"D{n}", sync_state="drifted")
    with django_assert_max_num_queries(36):
        assert client.get(URL).status_code == 200
