"""The list of runs in a browser: kept up to date, read by time, and acted on."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from scheduled_jobs.models import JobRun, ScheduledJob
from tests.support import make_run
from tests.support.declaring import declare, row, schedule_tasks
from tests.support.run_pages import RUNS

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from scheduled_jobs.backends.memory import MemoryBackend

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("no_tasks"),
]
Status = JobRun.Status
TRACE = """Traceback (most recent call last):
  File "/app/.venv/lib/python3.13/site-packages/newrelic/hooks/framework.py", line 88, in wrapper
    return wrapped(*args, **kwargs)
  File "/app/inventory/tasks.py", line 41, in run
    for row in client.levels(warehouse):
KeyError: 'PT-LIS-2'
"""


@pytest.fixture
def job(google: MemoryBackend) -> ScheduledJob:
    declare("SyncWarehouseStock", "*/15 * * * *", schedule_retries=2)
    schedule_tasks()
    return row("SyncWarehouseStock")


def failed(job: ScheduledJob) -> JobRun:
    """A success, and two attempts at a later time that failed; the second of them."""
    now = timezone.now()
    attempt = {
        "scheduled_for": now.replace(second=0, microsecond=0), "payload": job.payload, "traceback": TRACE,
        "error": "KeyError: 'PT-LIS-2'", "duration": timedelta(seconds=4.2), "finished_at": now,
    }  # fmt: skip
    make_run(job, Status.SUCCEEDED, started_at=now - timedelta(hours=1), duration=timedelta(seconds=58))
    make_run(job, Status.FAILED, started_at=now - timedelta(seconds=30), **attempt)
    return make_run(job, Status.FAILED, started_at=now - timedelta(seconds=5), attempt=2, **attempt)


def running(job: ScheduledJob) -> JobRun:
    now = timezone.now()
    return make_run(
        job, Status.RUNNING, trigger="manual", requested_by="maria", started_at=now - timedelta(seconds=450),
        lease_until=now + timedelta(minutes=5), progress_done=48210, progress_total=79000,
        progress_message="batch 96 of 158",
    )  # fmt: skip


def test_the_list_keeps_itself_up_to_date_and_leads_to_a_run(operator: Page, job: ScheduledJob) -> None:
    run = failed(job)
    going = running(job)
    operator.goto(RUNS)
    row = operator.locator(f'[data-part="run-{going.pk}"]')
    expect(row).to_contain_text("48,210 of 79,000, 61 %: batch 96 of 158")
    now = timezone.now()
    JobRun.objects.filter(pk=going.pk).update(
        status=Status.SUCCEEDED, finished_at=now, duration=timedelta(seconds=450), overlap_lock=None
    )
    new = make_run(job, Status.QUEUED, trigger="manual", requested_by="rui", sent=1, sent_at=now)
    expect(row).to_contain_text("Succeeded", timeout=20_000)
    expect(operator.locator(f'[data-part="run-{new.pk}"]')).to_contain_text("run now, rui")
    expect(operator.locator(".sj-chips")).to_contain_text("Queued 1")
    # The whole row leads on, wherever it is pressed.
    operator.get_by_role("link", name="Failed 2").click()
    expect(operator.locator("#result_list .field-state")).to_have_text(["Failed", "Failed"])
    operator.locator(f'[data-part="run-{run.pk}"] .field-how').click(force=True)
    expect(operator.locator('[data-part="lede"]')).to_contain_text("Attempt 2 of 3")
    operator.go_back()
    operator.locator(f'[data-part="run-{run.pk}"] tr.why').click(force=True)
    expect(operator.locator('[data-part="lede"]')).to_contain_text("Attempt 2 of 3")
    expect(operator.get_by_text("newrelic/hooks/framework.py")).to_have_count(0)
    operator.get_by_role("link", name="Full trace, 2 frames").click()
    expect(operator.get_by_text("newrelic/hooks/framework.py")).to_be_visible()


def test_one_jumps_to_a_time_and_searches_from_the_list(operator: Page, job: ScheduledJob) -> None:
    old = make_run(job, Status.SUCCEEDED, started_at=timezone.now() - timedelta(days=3), requested_by="maria")
    failed(job)
    operator.goto(RUNS)
    operator.get_by_label("Jump to").fill(f"{timezone.now() - timedelta(days=2):%Y-%m-%dT%H:%M}")
    operator.get_by_role("search").get_by_role("button", name="Go").click()
    expect(operator.locator("#result_list .field-job")).to_have_count(1)
    expect(operator.locator(f'[data-part="run-{old.pk}"]')).to_be_visible()
    operator.get_by_role("link", name="Later, after").click()
    expect(operator.locator("#result_list .field-job")).to_have_count(4)
    operator.get_by_label("Search runs").fill("pt-lis")
    operator.keyboard.press("Enter")
    expect(operator.locator("#result_list .field-job")).to_have_count(2)
    operator.get_by_label("Search runs").fill("maria")
    operator.keyboard.press("Enter")
    expect(
        operator.get_by_text("No run of the last 24 h matches the search and the filters.")
    ).to_be_visible()
    operator.get_by_role("link", name="Look in 7 d").click()
    expect(operator.locator("#result_list .field-job")).to_have_count(1)


def test_what_failed_is_chosen_and_asked_for_again(operator: Page, job: ScheduledJob) -> None:
    run = failed(job)
    operator.goto(f"{RUNS}?status=failed")
    operator.get_by_label("Select all runs on this page").check()
    expect(operator.locator(".action-counter")).to_have_text("2 of 2 selected")
    operator.get_by_label("Action:").select_option(label="Rerun what failed…")
    operator.locator(".actions").get_by_role("button", name="Go").click()
    expect(operator.get_by_text("Rerun 1 failed run?")).to_be_visible()
    operator.get_by_role("button", name="Rerun them").click()
    expect(operator.get_by_text("1 run is queued; it starts when Google calls.")).to_be_visible()
    again = JobRun.objects.get(retry_of=run.pk)
    assert (again.attempt, again.requested_by, again.sent) == (3, "admin", 1)
