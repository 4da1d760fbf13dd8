"""Runs, run now, pause and the plan in a browser: a run followed live, by hand and by keyboard."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from scheduled_jobs.models import JobRun, ScheduledJob
from tests.support import full_name, make_run
from tests.support.console import edit_in_console
from tests.support.declaring import declare, row, schedule_tasks
from tests.support.people import LIST

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page
    from pytest_django.live_server_helper import LiveServer

    from scheduled_jobs.backends.memory import MemoryBackend

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("no_tasks"),
]
Status = JobRun.Status
RUNS = "/admin/scheduled_jobs/jobrun/"
SAME = re.compile(r"/jobrun/\d+/change/$")
"""What the page of a run asks for, to stay up to date."""
TRACE = """Traceback (most recent call last):
  File "/app/.venv/lib/python3.13/site-packages/newrelic/hooks/framework.py", line 88, in wrapper
    return wrapped(*args, **kwargs)
  File "/app/inventory/tasks.py", line 41, in run
    for row in client.levels(warehouse):
  File "/app/inventory/tasks.py", line 58, in apply
    stock[self.sku_map[row.code]] = row.quantity
          ~~~~~~~~~~~~^^^^^^^^^^
KeyError: 'PT-LIS-2'
"""


@pytest.fixture
def job(google: MemoryBackend) -> ScheduledJob:
    payload = {"warehouses": ["PT-OPO-1", "PT-LIS-2"], "api_token": "geheim"}
    declare("SyncWarehouseStock", "*/15 * * * *", schedule_body_payload=payload, schedule_retries=2)
    schedule_tasks()
    return row("SyncWarehouseStock")


def running(job: ScheduledJob) -> JobRun:
    now = timezone.now()
    return make_run(
        job, Status.RUNNING, trigger="manual", requested_by="maria", reason="Names were wrong",
        created_at=now - timedelta(seconds=452), sent=1, sent_at=now - timedelta(seconds=452),
        started_at=now - timedelta(seconds=450), lease_until=now + timedelta(seconds=55),
        deadline_at=now + timedelta(minutes=20), progress_done=48210, progress_total=79000,
        progress_message="batch 96 of 158", payload={"shop": "es"},
    )  # fmt: skip


def failed(job: ScheduledJob) -> JobRun:
    now = timezone.now()
    slot = now.replace(second=0, microsecond=0)
    first = {
        "scheduled_for": slot, "payload": job.payload, "error": "KeyError: 'PT-LIS-2'", "traceback": TRACE,
        "duration": timedelta(seconds=4.2), "finished_at": now, "deliveries": 1,
    }  # fmt: skip
    make_run(job, Status.SUCCEEDED, started_at=now - timedelta(hours=1), duration=timedelta(seconds=58))
    make_run(job, Status.FAILED, started_at=now - timedelta(seconds=30), **first)
    return make_run(job, Status.FAILED, started_at=now - timedelta(seconds=5), attempt=2, **first)


def test_a_run_is_followed_until_it_is_over(operator: Page, job: ScheduledJob) -> None:
    run = running(job)
    operator.goto(f"{RUNS}{run.pk}/change/")
    lede = operator.locator('[data-part="lede"]')
    expect(lede).to_contain_text("48,210 of 79,000 done, 61 %: batch 96 of 158")
    expect(operator.locator("#sj-refresh")).to_contain_text("every 3 s")
    JobRun.objects.filter(pk=run.pk).update(progress_done=79000, progress_message="last batch")
    expect(lede).to_contain_text("79,000 of 79,000 done, 100 %: last batch")
    JobRun.objects.filter(pk=run.pk).update(
        status=Status.SUCCEEDED,
        finished_at=timezone.now(),
        duration=timedelta(seconds=455),
        result={"indexed": 79000},
    )
    expect(lede).to_contain_text("Succeeded after 7 min 35 s")
    expect(operator.get_by_role("status")).to_contain_text("Succeeded after 7 min 35 s")
    expect(operator.locator('[data-part="main"]')).to_contain_text('"indexed": 79000')
    expect(operator.get_by_role("link", name="Rerun…")).to_be_visible()
    expect(operator.locator("#sj-refresh")).to_contain_text("it is over")
    expect(operator).to_have_title(re.compile(r"^Succeeded: Run \d+ of SyncWarehouseStock"))
    expect(operator.get_by_role("button", name="Pause refresh")).to_be_hidden()


def test_a_run_that_begins_before_the_first_look_is_announced(operator: Page, job: ScheduledJob) -> None:
    run = make_run(job, Status.QUEUED, trigger="manual", requested_by="maria", created_at=timezone.now())
    operator.clock.install()
    operator.goto(f"{RUNS}{run.pk}/change/")
    now = timezone.now()
    JobRun.objects.filter(pk=run.pk).update(
        status=Status.RUNNING, started_at=now, lease_until=now + timedelta(minutes=1)
    )
    operator.clock.run_for(1500)
    expect(operator.get_by_role("status")).to_contain_text("Running for")
    expect(operator).to_have_title(re.compile(r"^Running: Run \d+ of SyncWarehouseStock"))


def test_the_refresh_is_told_by_the_clock_of_the_job(operator: Page, job: ScheduledJob) -> None:
    ScheduledJob.objects.filter(pk=job.pk).update(time_zone_override="Asia/Kathmandu")
    run = running(job)
    operator.clock.set_fixed_time("2020-02-02T02:02:02Z")
    operator.goto(f"{RUNS}{run.pk}/change/")
    line = operator.locator("#sj-refresh")
    expect(operator.locator(".sj-env")).to_contain_text("times in Asia/Kathmandu")
    expect(line).to_contain_text("refreshed")
    told = re.search(r"refreshed (\S+), every 3 s", line.inner_text())
    assert told is not None
    there = timezone.now().astimezone(ZoneInfo("Asia/Kathmandu"))
    assert told[1] in {f"{there - timedelta(seconds=n):%H:%M:%S}" for n in range(20)}


def test_the_refresh_can_be_paused_and_resumed(operator: Page, job: ScheduledJob) -> None:
    run = running(job)
    operator.goto(f"{RUNS}{run.pk}/change/")
    operator.get_by_role("button", name="Pause refresh").click()
    expect(operator.locator("#sj-refresh")).to_contain_text("refresh paused, as of")
    JobRun.objects.filter(pk=run.pk).update(progress_message="last batch")
    asked: list[str] = []
    operator.on("request", lambda request: asked.append(request.url))
    operator.wait_for_timeout(3500)
    assert [address for address in asked if RUNS in address] == []
    expect(operator.locator('[data-part="lede"]')).to_contain_text("batch 96 of 158")
    operator.get_by_role("button", name="Resume refresh").click()
    expect(operator.locator('[data-part="lede"]')).to_contain_text("last batch")


def test_focus_stays_where_it_is_while_the_page_is_refreshed(operator: Page, job: ScheduledJob) -> None:
    run = running(job)
    operator.goto(f"{RUNS}{run.pk}/change/")
    link = operator.get_by_role("link", name="shop.tasks.SyncWarehouseStock")
    link.focus()
    with operator.expect_response(SAME), operator.expect_response(SAME):
        JobRun.objects.filter(pk=run.pk).update(progress_message="last batch")
    expect(operator.locator('[data-part="lede"]')).to_contain_text("last batch")
    expect(link).to_be_focused()


def test_a_lost_connection_is_said_and_tried_again(operator: Page, job: ScheduledJob) -> None:
    run = running(job)
    operator.goto(f"{RUNS}{run.pk}/change/")
    operator.route(SAME, lambda route: route.abort())
    expect(operator.locator("#sj-refresh")).to_contain_text("could not refresh, as of")
    expect(operator.locator("#sj-old")).to_contain_text("The server cannot be asked: this is how it was")
    expect(operator.locator("#content-main.sj-old")).to_be_visible()
    expect(operator.get_by_role("status")).to_contain_text("The server cannot be asked")
    operator.unroute(SAME)
    JobRun.objects.filter(pk=run.pk).update(progress_message="last batch")
    expect(operator.locator('[data-part="lede"]')).to_contain_text("last batch")
    expect(operator.locator("#sj-old")).to_be_hidden()
    expect(operator.locator("#content-main.sj-old")).to_have_count(0)
    expect(operator.get_by_role("status")).to_contain_text("refreshed")


def test_who_was_signed_out_is_told_to_load_the_page_again(operator: Page, job: ScheduledJob) -> None:
    run = running(job)
    operator.goto(f"{RUNS}{run.pk}/change/")
    operator.context.clear_cookies()
    expect(operator.locator("#sj-refresh")).to_contain_text("refresh stopped, as of")
    expect(operator.locator("#sj-refresh")).to_contain_text("load the page again")
    expect(operator.locator('[data-part="lede"]')).to_contain_text("batch 96 of 158")
    expect(operator.get_by_role("status")).to_contain_text("You are signed out, or may not see this any more")
    operator.locator("#sj-old").get_by_role("link", name="Load the page again").click()
    expect(operator.get_by_label("Username")).to_be_visible()


def test_who_looks_at_a_run_that_was_pruned_meanwhile_is_told_so(operator: Page, job: ScheduledJob) -> None:
    run = running(job)
    operator.goto(f"{RUNS}{run.pk}/change/")
    JobRun.objects.filter(pk=run.pk).delete()
    expect(operator.locator("#sj-old")).to_contain_text("This is not kept any more: this is how it was")
    expect(operator.get_by_role("status")).to_contain_text("This is not kept any more")
    expect(operator.locator("#sj-old").get_by_role("link")).to_be_hidden()


def test_without_a_script_the_page_is_loaded_again_by_hand(
    chromium: Browser, live_server: LiveServer, operator: Page, job: ScheduledJob
) -> None:
    run = running(job)
    state = operator.context.storage_state()
    context = chromium.new_context(base_url=live_server.url, java_script_enabled=False, storage_state=state)
    plain = context.new_page()
    plain.goto(f"{RUNS}{run.pk}/change/")
    expect(plain.get_by_role("button", name="Pause refresh")).to_be_hidden()
    JobRun.objects.filter(pk=run.pk).update(
        status=Status.FAILED, error="ValueError: x", finished_at=timezone.now()
    )
    plain.get_by_role("link", name="Load again").click()
    expect(plain.locator('[data-part="lede"]')).to_contain_text("Failed")
    context.close()


def test_a_job_is_run_now_and_its_page_follows_it(operator: Page, job: ScheduledJob) -> None:
    operator.goto(f"{LIST}{job.pk}/run-now/")
    operator.get_by_label("Why now").fill("The warehouse was mapped")
    operator.keyboard.press("Tab")
    operator.keyboard.press("Enter")
    expect(operator.get_by_role("heading", level=1)).to_contain_text("of SyncWarehouseStock")
    expect(operator.locator('[data-part="lede"]')).to_contain_text("Asked for by admin.")
    run = JobRun.objects.get()
    JobRun.objects.filter(pk=run.pk).update(
        status=Status.RUNNING, started_at=timezone.now(), lease_until=timezone.now() + timedelta(minutes=1)
    )
    expect(operator.locator('[data-part="lede"]')).to_contain_text("Running for")
    expect(operator.get_by_role("button", name="Cancel this run")).to_have_count(0)


def test_a_queued_run_is_cancelled_by_keyboard(operator: Page, job: ScheduledJob) -> None:
    run = job.run_now(by="maria")
    operator.goto(f"{RUNS}{run.pk}/change/")
    operator.get_by_role("button", name="Cancel this run").focus()
    operator.keyboard.press("Enter")
    expect(operator.locator(".messagelist")).to_contain_text("is cancelled; it will not be executed.")
    expect(operator.locator('[data-part="lede"]')).to_contain_text("Discarded")


def test_a_job_is_paused_until_a_time_once_runs_were_counted(operator: Page, job: ScheduledJob) -> None:
    operator.goto(f"{LIST}{job.pk}/pause/")
    operator.get_by_label("Why").fill("The acquirer migrates")
    day = operator.get_by_label("Date")
    operator.get_by_label("Time", exact=True).fill("23:59:59")
    expect(operator.get_by_label("Until a time, to the second")).to_be_checked()
    expect(day).to_have_value(str(day.get_attribute("data-sj-now"))[:10])
    operator.get_by_label("Until somebody resumes it").check()
    expect(day).to_have_value("")
    day.fill((timezone.now() + timedelta(days=2)).strftime("%Y-%m-%d"))
    operator.get_by_label("Time", exact=True).fill("08:00:00")
    operator.get_by_role("button", name="Pause this job").click()
    expect(operator.get_by_role("alert")).to_contain_text("The job is not paused yet")
    expect(operator.get_by_role("heading", name=re.compile("runs will be skipped"))).to_be_visible()
    operator.get_by_role("button", name="Pause this job").click()
    expect(operator.locator(".messagelist")).to_contain_text("is paused until")
    operator.goto(f"{LIST}{job.pk}/resume/")
    operator.get_by_role("button", name="Resume this job").click()
    expect(operator.locator(".messagelist")).to_contain_text("is resumed.")


def test_drift_is_adopted_from_the_plan(operator: Page, google: MemoryBackend, job: ScheduledJob) -> None:
    declare("EraseInactiveAccounts", "0 3 * * SUN", schedule_body_payload={"limit": 200})
    declare("ExpirePoints")
    schedule_tasks()
    erase = row("EraseInactiveAccounts")
    edit_in_console(google, erase, "schedule", "time_zone", schedule="0 3 * * 6")
    edit_in_console(google, job, "retry_config", retry_config__retry_count=5)
    google.store.delete_job(full_name(row("ExpirePoints")))
    operator.goto(f"{LIST}plan/")
    block = operator.locator("section", has_text="EraseInactiveAccounts")
    block.get_by_label("Keep Google’s, as an override").check()
    operator.get_by_label("Reason, kept in the audit").fill("Saturday was right")
    operator.get_by_role("button", name="Apply 3 decisions").click()
    expect(operator.get_by_text("Nothing would change in Google.")).to_be_visible()
    erase.refresh_from_db()
    assert erase.schedule_override == "0 3 * * 6"
    edit_in_console(google, erase, "schedule", "time_zone", schedule="0 4 * * 6")
    operator.goto(f"{LIST}{erase.pk}/drift/")
    expect(operator.get_by_role("columnheader", name="Override")).to_be_visible()
