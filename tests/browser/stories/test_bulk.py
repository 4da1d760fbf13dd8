"""Stories of many jobs at once: each is asked about with its count before anything is done."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from scheduled_jobs.models import JobChange, JobRun, ScheduledJob
from tests.browser.shop import job_of, said, wait_for
from tests.support import full_name, make_task
from tests.support.people import LIST

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.browser.shop import Shop

pytestmark = pytest.mark.browser
NAMES = ("Report", "Newsletter", "Stock")


def choose(page: Page, action: str) -> None:
    """Tick all the jobs of the list and press the button for this action."""
    page.goto(LIST)
    page.locator("#action-toggle").check()
    page.get_by_label("Action:").select_option(label=action)
    page.locator("#changelist-form .actions button").click()


def asked(page: Page, question: str, beside: str = "") -> None:
    expect(page.get_by_role("heading", level=1)).to_have_text(question.rstrip("?"))
    expect(page.locator(".sj-q")).to_have_text(f"{question} {beside}".strip())


def live(shop: Shop) -> dict[str, tuple[str, str]]:
    """State and schedule of each job in Google, by the name of its class."""
    parent = full_name(job_of("Report")).rpartition("/jobs/")[0]
    return {
        j.name.rpartition("-")[2]: (j.state.name, j.schedule) for j in shop.client.list_jobs(parent=parent)
    }


def all_are(shop: Shop, state: str) -> None:
    wait_for(lambda: {found for found, _schedule in live(shop).values()} == {state})


def test_many_jobs_are_acted_on_after_each_count(shop: Shop) -> None:
    for name in NAMES:
        make_task(name=name, run_every="0 2 * * *")
    shop.deploy()
    page = shop.browser("maria")

    choose(page, "Pause…")
    asked(page, "Pause 3 jobs?")
    page.get_by_role("button", name="Pause the jobs").click()
    expect(page.locator(".errorlist li")).to_have_text("Say why the jobs are paused.")
    assert not ScheduledJob.objects.filter(paused=True).exists()
    page.get_by_label("Why").fill("The warehouse moves")
    page.get_by_role("button", name="Pause the jobs").click()
    said(page, "3 jobs are paused.")
    all_are(shop, "PAUSED")

    job_of("Stock").resume(by="rui")
    choose(page, "Resume…")
    asked(page, "Resume 2 jobs?", "1 of the selection is not paused, and stays as it is.")
    page.get_by_role("button", name="Resume the jobs").click()
    said(page, "2 jobs are resumed.")
    all_are(shop, "ENABLED")
    assert not JobRun.objects.exists(), "resuming fires nothing"

    choose(page, "Run now…")
    asked(page, "Run 3 jobs now?")
    assert not JobRun.objects.exists(), "nothing before the confirmation"
    page.get_by_label("Why").fill("The month closes")
    page.get_by_role("button", name="Run the jobs now").click()
    said(page, "3 runs are queued; they start when Google calls.")
    runs = JobRun.objects.filter(status="succeeded", trigger="manual", requested_by="maria")
    wait_for(lambda: set(runs.values_list("job__name", flat=True)) == {job_of(name).name for name in NAMES})
    assert JobRun.objects.count() == 3

    for name in NAMES[:2]:
        job = job_of(name)
        job.schedule_override = "30 4 * * *"
        job.save()
    choose(page, "Reset overrides…")
    asked(
        page,
        "Reset all overrides of 2 jobs?",
        "1 of the selection has nothing to reset, or is being deleted.",
    )
    expect(page.locator(".sj-t tbody td").first).to_have_text("schedule: 30 4 * * * → 0 2 * * *")
    page.get_by_role("button", name="Reset the overrides").click()
    said(page, "2 jobs follow the code again.")
    wait_for(lambda: {schedule for _state, schedule in live(shop).values()} == {"0 2 * * *"})

    edited = shop.client.get_job(name=full_name(job_of("Stock")))
    edited.schedule = "0 5 * * *"
    shop.client.update_job(request={"job": edited, "update_mask": {"paths": ["schedule"]}})
    choose(page, "Send to Google…")
    asked(page, "Send 3 jobs to Google?")
    assert live(shop)["Stock"] == ("ENABLED", "0 5 * * *")
    page.get_by_role("button", name="Send to Google").click()
    said(page, "3 jobs are being sent; the list of jobs tells if one could not be.")
    wait_for(lambda: live(shop)["Stock"] == ("ENABLED", "0 2 * * *"))
    wait_for(lambda: set(ScheduledJob.objects.values_list("sync_state", flat=True)) == {"synced"})
    told = JobChange.objects.filter(via="bulk").values_list("field", "actor_label")
    assert {field for field, _who in told} == {"paused", "run", "schedule", "sync"}
    assert {who for _field, who in told} == {"maria"}
