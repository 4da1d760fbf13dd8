"""Stories of what somebody does in Google's console: it is told, and decided one way or another."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from google.api_core.exceptions import NotFound
from playwright.sync_api import expect

from scheduled_jobs.models import JobChange, JobRun, ScheduledJob
from tests.browser.shop import address, job_of, said
from tests.support import full_name, make_task
from tests.support.people import LIST

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

    from tests.browser.shop import Shop

pytestmark = pytest.mark.browser
PLAN = f"{LIST}plan/"


def edit(shop: Shop, job: ScheduledJob, schedule: str) -> None:
    """Change the schedule as the console does."""
    live = shop.client.get_job(name=full_name(job))
    live.schedule = schedule
    shop.client.update_job(request={"job": live, "update_mask": {"paths": ["schedule"]}})


def in_google(shop: Shop, job: ScheduledJob) -> tuple[str, str] | None:
    """State and schedule; None where Google has no such job."""
    try:
        live = shop.client.get_job(name=full_name(job))
    except NotFound:
        return None
    return live.state.name, live.schedule


def look_again(page: Page) -> None:
    with page.expect_response(lambda answer: answer.request.method == "POST"):
        page.get_by_role("button", name="Compare again").click()
    page.wait_for_load_state()


def decide(page: Page, decision: str, reason: str = "") -> None:
    page.get_by_role("radio", name=re.compile(f"^{decision}")).check()
    page.get_by_label("Reason, kept in the audit:").fill(reason)
    page.get_by_role("button", name="Apply the decision").click()


def about(page: Page, name: str) -> Locator:
    """The choices of one job on the plan."""
    return page.get_by_role("group", name=f"What to do about shop.reports.{name}")


def badge(page: Page, word: str) -> None:
    """What the list says of Google about its one job; that it is the same there is not said."""
    page.goto(LIST)
    state = page.locator("#result_list .field-state")
    for words in ("Google differs", "not sent to Google", "waiting to be sent"):
        expect(state).to_contain_text(words) if words == word else expect(state).not_to_contain_text(words)


@pytest.mark.parametrize(
    ("decision", "override", "found", "sync_state"),
    [
        ("Send ours", None, "0 3 * * *", "synced"),
        ("Keep Google’s, as an override", "0 5 * * *", "0 5 * * *", "synced"),
        ("Leave for now", None, "0 5 * * *", "drifted"),
    ],
)
def test_what_was_edited_in_the_console_is_told_and_decided(
    shop: Shop, decision: str, override: str | None, found: str, sync_state: str
) -> None:
    make_task(run_every="0 3 * * *")
    shop.deploy()
    job = job_of("Report")
    edit(shop, job, "0 5 * * *")
    page = shop.browser("maria")
    page.goto(PLAN)
    expect(page.locator(".sj-say")).to_have_text(
        "Google would change in 1 job: 1 updated. 0 are the same on both sides."
    )
    expect(page.get_by_role("radio", name=re.compile("^Send ours"))).to_be_checked()
    look_again(page)
    expect(page.locator(".messagelist li")).to_have_count(0)
    assert in_google(shop, job) == ("ENABLED", "0 5 * * *"), "looking decides nothing"
    badge(page, "Google differs")

    page.goto(address(job, "drift"))
    expect(page.locator(".sj-q")).to_have_text("shop.reports.Report is not the same in Google as here.")
    table = page.locator(".sj-diff")
    expect(table.get_by_role("columnheader")).to_have_text(
        ["Field", "Code default", "Override", "In Google now"]
    )
    expect(table.locator("tbody th, tbody td")).to_have_text(
        ["schedule", "0 3 * * *", "follows the code", re.compile(r"^\s*0 5 \* \* \*\s.*05:00", re.DOTALL)]
    )
    look_again(page)
    assert in_google(shop, job) == ("ENABLED", "0 5 * * *"), "looking decides nothing here either"
    decide(page, decision, "Agreed with finance")
    page.wait_for_url(f"**{address(job)}")

    decided = job_of("Report")
    assert (decided.schedule_override, decided.sync_state) == (override, sync_state)
    assert in_google(shop, job) == ("ENABLED", found)
    told = JobChange.objects.filter(reason="Agreed with finance").values_list("actor_label", flat=True)
    assert set(told) == (set() if decision == "Leave for now" else {"maria"})
    shop.deploy()
    kept = "0 3 * * *" if decision == "Leave for now" else found
    assert in_google(shop, job) == ("ENABLED", kept), "the next deploy keeps what was decided"


@pytest.mark.parametrize("decision", ["Send ours", "Keep Google’s, as an override", "Leave for now"])
def test_what_was_paused_in_the_console_is_told_and_decided(shop: Shop, decision: str) -> None:
    make_task(run_every="0 3 * * *")
    shop.deploy()
    job = job_of("Report")
    shop.client.pause_job(name=full_name(job))
    page = shop.browser("maria")
    page.goto(address(job, "drift"))
    expect(page.get_by_role("radio", name=re.compile("^Leave for now"))).to_be_checked()
    if decision == "Keep Google’s, as an override":
        decide(page, decision)
        expect(page.locator(".sj-plan [role=alert]")).to_have_text(
            "A pause needs a reason: say why the job is paused."
        )
        assert not job_of("Report").paused
    decide(page, decision, "The acquirer migrates")
    page.wait_for_url(f"**{address(job)}")
    decided = job_of("Report")
    is_adopted = decision == "Keep Google’s, as an override"
    assert (decided.paused, decided.pause_reason) == (
        is_adopted,
        "The acquirer migrates" if is_adopted else "",
    )
    assert in_google(shop, job) == ("ENABLED" if decision == "Send ours" else "PAUSED", "0 3 * * *")
    assert not JobRun.objects.exists(), "nothing is fired by any of it"


@pytest.mark.parametrize("decision", ["Send ours", "Leave for now"])
def test_what_was_deleted_in_the_console_is_told_and_decided(shop: Shop, decision: str) -> None:
    make_task(run_every="0 3 * * *")
    shop.deploy()
    job = job_of("Report")
    shop.client.delete_job(name=full_name(job))
    page = shop.browser("maria")
    page.goto(PLAN)
    expect(page.locator(".sj-say")).to_have_text(
        "Google would change in 1 job: 1 created. 0 are the same on both sides."
    )
    look_again(page)
    assert in_google(shop, job) is None
    badge(page, "Google differs")
    page.goto(address(job))
    expect(page.get_by_text(re.compile(r"^Google has no such job\. First seen .+\."))).to_be_visible()
    page.get_by_role("link", name="Compare and decide…").click()
    decide(page, decision, "By mistake")
    page.wait_for_url(f"**{address(job)}")
    assert in_google(shop, job) == (("ENABLED", "0 3 * * *") if decision == "Send ours" else None)
    assert job_of("Report").sync_state == ("synced" if decision == "Send ours" else "drifted")


def test_what_google_has_disabled_is_told_with_what_to_do(shop: Shop) -> None:
    make_task(run_every="0 3 * * *")
    shop.deploy()
    job = job_of("Report")
    shop.disable(full_name(job))
    page = shop.browser("maria")
    page.goto(address(job, "drift"))
    expect(page.locator(".sj-diff tbody")).to_contain_text("disabled", ignore_case=True)
    expect(page.get_by_role("radio", name=re.compile("^Keep Google"))).to_have_count(0)
    decide(page, "Send ours", "Try it")
    expect(page.get_by_text("Google has disabled this job; look at its log in the console")).to_be_visible()
    assert in_google(shop, job) == ("DISABLED", "0 3 * * *")
    shop.client.delete_job(name=full_name(job))
    page.goto(address(job, "drift"))
    decide(page, "Send ours", "Deleted there, as it says")
    page.wait_for_url(f"**{address(job)}")
    assert in_google(shop, job) == ("ENABLED", "0 3 * * *")
    assert job_of("Report").sync_state == "synced"


def test_many_decisions_are_made_at_once_on_the_plan(shop: Shop) -> None:
    for name in ("Report", "Newsletter", "Stock"):
        make_task(name=name, run_every="0 3 * * *")
    shop.deploy()
    report, newsletter, stock = (job_of(name) for name in ("Report", "Newsletter", "Stock"))
    edit(shop, report, "0 5 * * *")
    edit(shop, newsletter, "0 6 * * *")
    shop.client.delete_job(name=full_name(stock))
    page = shop.browser("maria")
    page.goto(PLAN)
    expect(page.locator(".sj-say")).to_have_text(
        "Google would change in 3 jobs: 1 created, 2 updated. 0 are the same on both sides."
    )
    about(page, "Report").get_by_role("radio", name=re.compile("^Keep Google")).check()
    expect(page.get_by_role("button", name=re.compile("^Apply"))).to_have_text("Apply 3 decisions")
    about(page, "Newsletter").get_by_role("radio", name=re.compile("^Leave")).check()
    page.get_by_label("Reason, kept in the audit:").fill("Agreed with finance")
    edit(shop, report, "0 7 * * *")
    page.get_by_role("button", name="Apply 2 decisions").click()
    expect(page.get_by_role("alert")).to_have_text(
        "It is not as it was when you decided: it has changed meanwhile. Nothing was done; look again."
    )
    assert in_google(shop, stock) == ("ENABLED", "0 3 * * *")
    assert in_google(shop, report) == ("ENABLED", "0 7 * * *")
    assert job_of("Report").schedule_override is None
    page.goto(PLAN)
    about(page, "Report").get_by_role("radio", name=re.compile("^Keep Google")).check()
    about(page, "Newsletter").get_by_role("radio", name=re.compile("^Leave")).check()
    page.get_by_role("button", name="Apply 1 decision").click()
    said(page, "1 decision was made; this is how it is in Google now.")
    assert job_of("Report").schedule_override == "0 7 * * *"
    assert in_google(shop, newsletter) == ("ENABLED", "0 6 * * *")


def test_a_plan_without_google_says_so_and_changes_nothing(shop: Shop) -> None:
    make_task(run_every="0 3 * * *")
    shop.deploy()
    page = shop.browser("maria")
    with shop.line_to_google_is_cut():
        page.goto(PLAN)
        expect(page.get_by_role("heading", name="Google could not be asked")).to_be_visible()
        expect(page.get_by_text("Pauses and overrides count here all the same")).to_be_visible()
    page.get_by_role("link", name="Look again").click()
    expect(page.locator(".sj-say")).to_have_text(
        "Nothing would change in Google. 1 is the same on both sides."
    )


def test_a_renamed_job_keeps_its_override_and_its_history(shop: Shop) -> None:
    task = make_task(run_every="0 3 * * *")
    shop.deploy()
    job = job_of("Report")
    job.schedule_override = "0 4 * * *"
    job.save()
    before = full_name(job)
    task.schedule_name = classmethod(lambda cls: "month-end")  # type: ignore[method-assign,assignment]
    page = shop.browser("maria")
    page.goto(PLAN)
    expect(page.locator(".sj-diff tbody tr").first).to_contain_text("job id")
    expect(page.locator(".sj-diff tbody tr").first).to_contain_text("shop--month-end")
    expect(page.locator(".sj-plan fieldset")).to_contain_text(
        "Google gets the job under its new id first; then the old one is deleted."
    )
    page.get_by_role("button", name="Apply 1 decision").click()
    said(page, "1 decision was made; this is how it is in Google now.")
    renamed = job_of("Report")
    assert (renamed.pk, renamed.name, renamed.schedule_override) == (job.pk, "shop--month-end", "0 4 * * *")
    names = [live.name for live in shop.client.list_jobs(parent=before.rpartition("/jobs/")[0])]
    assert names == [before.rpartition("/")[0] + "/shop--month-end"]
    assert in_google(shop, renamed) == ("ENABLED", "0 4 * * *")
    page.goto(address(renamed, "changes"))
    expect(page.locator("#content-main")).to_contain_text("set schedule")
