"""Whole flows by keyboard alone: from the first key on a page to what follows from it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from scheduled_jobs.models import JobRun
from tests.support import full_name
from tests.support.people import LIST

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

    from tests.browser.screens.desk import Desk

pytestmark = pytest.mark.browser
MOST = 150
"""Keys until one gives up."""


@pytest.fixture(scope="module")
def shop(desk: Desk) -> Desk:
    """The desk with its past."""
    # Before the first test begins: the tasks that a test makes are forgotten after it.
    desk.fill()
    return desk


@pytest.fixture
def page(shop: Desk, browse: Callable[[str], Page]) -> Page:
    """A page of an operator's who has no mouse."""
    return browse("maria")


def tab_to(page: Page, name: str, *, kind: str = "") -> None:
    """Press Tab until the focus is on the field whose label holds this name, or on the button or link of it."""
    fields = page.get_by_label(name)
    buttons = page.get_by_role("button", name=name, exact=True)
    links = page.get_by_role("link", name=name, exact=True)
    wanted = fields.or_(buttons).or_(links)
    for _ in range(MOST):
        page.keyboard.press("Tab")
        if page.locator(f"{kind}:focus").and_(wanted).count():
            return
    pytest.fail(f"the Tab key does not lead to {name}")


def test_a_job_is_paused_from_the_list(page: Page, shop: Desk) -> None:
    page.goto(LIST)
    tab_to(page, "Pause CancelUnpaidOrders…")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Pause a job")).to_be_visible()
    tab_to(page, "Why:")
    page.keyboard.type("Stock is counted")
    tab_to(page, "Pause this job")
    page.keyboard.press("Enter")
    expect(page.locator(".messagelist")).to_have_text(
        "The job orders.tasks.CancelUnpaidOrders is paused until somebody resumes it."
    )
    job = shop.job("CancelUnpaidOrders")
    assert (job.paused, job.pause_reason, job.paused_by) == (True, "Stock is counted", "maria")


def test_many_jobs_are_chosen_and_resumed(page: Page, shop: Desk) -> None:
    page.goto(f"{LIST}?state=paused")
    tab_to(page, "Action:")
    page.keyboard.type("Res")
    tab_to(page, "Select PrintCustomsDeclarations for an action")
    page.keyboard.press("Space")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Resume 1 job")).to_be_visible()
    tab_to(page, "Resume the jobs")
    page.keyboard.press("Enter")
    expect(page.locator(".messagelist")).to_have_text("1 job is resumed.")
    assert not shop.job("PrintCustomsDeclarations").paused


def test_a_schedule_is_changed_looked_at_and_saved(page: Page, shop: Desk) -> None:
    page.goto(f"{LIST}{shop.job('PruneExpiredSessions').pk}/settings/")
    tab_to(page, "Schedule", kind="input")
    page.keyboard.type("30 4 * * *")
    expect(page.get_by_role("heading", name="Preview, not saved yet")).to_be_visible()
    tab_to(page, "Reason for this change")
    page.keyboard.type("The backup runs at midnight")
    tab_to(page, "Save")
    page.keyboard.press("Enter")
    expect(page.locator(".messagelist")).to_contain_text("Saved: schedule")
    assert shop.job("PruneExpiredSessions").schedule_override == "30 4 * * *"


def test_a_job_is_run_now_with_another_payload(page: Page, shop: Desk) -> None:
    page.goto(f"{LIST}{shop.job('SettleCardPayments').pk}/run-now/")
    tab_to(page, "batch_size", kind="input")
    page.keyboard.press("Control+A")
    page.keyboard.type("50")
    tab_to(page, "Why now:")
    page.keyboard.type("Yesterday was a holiday")
    tab_to(page, "Run now")
    page.keyboard.press("Enter")
    expect(page.locator('[data-part="lede"]')).to_contain_text("Queued for")
    run = JobRun.objects.latest()
    assert (run.payload["batch_size"], run.reason, run.requested_by) == (
        50,
        "Yesterday was a holiday",
        "maria",
    )


def test_what_was_edited_in_google_is_overwritten(page: Page, shop: Desk) -> None:
    job = shop.job("EraseInactiveAccounts")
    page.goto(f"{LIST}{job.pk}/drift/")
    page.get_by_text("What to do").wait_for()
    tab_to(page, "Leave for now")
    for decision in ("Keep Google’s, as an override", "Send ours"):
        page.keyboard.press("ArrowUp")
        expect(page.get_by_role("radio", name=re.compile(f"^{decision}"))).to_be_checked()
    tab_to(page, "Reason, kept in the audit:")
    page.keyboard.type("Sunday was right")
    tab_to(page, "Apply the decision")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("customers.tasks.EraseInactiveAccounts")
    live = shop.google.get(full_name(job), timeout=1)
    assert (live.values["schedule"], live.state) == ("0 3 * * 0", "ENABLED")


def test_a_run_that_waits_is_cancelled(page: Page, shop: Desk) -> None:
    run = shop.runs["queued"]
    page.goto(f"/admin/scheduled_jobs/jobrun/{run.pk}/change/")
    tab_to(page, "Cancel this run")
    page.keyboard.press("Enter")
    expect(page.locator(".messagelist")).to_have_text(f"Run #{run.pk} is cancelled; it will not be executed.")


def test_the_first_key_skips_to_the_content(page: Page) -> None:
    page.goto(LIST)
    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_text("Skip to main content")
