"""Stories of a job's settings: deploys beside overrides, two operators, bad input, previews, drift."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from django.contrib.auth.models import Permission, User
from playwright.sync_api import expect

from scheduled_jobs import registry
from scheduled_jobs.models import JobChange, JobRun
from tests.browser.shop import address, job_of, said, wait_for
from tests.support import full_name, make_task
from tests.support.people import LIST

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from scheduled_jobs.tasks import PeriodicTask
    from tests.browser.shop import Shop

pytestmark = pytest.mark.browser
XSS = '"><img src=x onerror=alert(1)><script>alert(2)</script>'


def settle(self: PeriodicTask, batch_size: int = 500, note: str = "") -> None:
    """What the stories' payload form is made of."""


def schedule_field(page: Page) -> str:
    return page.get_by_role("textbox", name="Schedule", exact=True).input_value()


def type_schedule(page: Page, text: str) -> None:
    page.get_by_role("textbox", name="Schedule", exact=True).fill(text)


def save(page: Page) -> None:
    page.get_by_role("button", name="Save", exact=True).click()


def test_an_override_survives_a_deploy_until_it_is_reset(shop: Shop) -> None:
    make_task(settle, run_every="0 2 * * *")
    shop.deploy()
    job = job_of("Report")
    page = shop.browser("maria")
    page.goto(address(job, "settings"))
    type_schedule(page, "30 1 * * *")
    page.get_by_label("Reason for this change").fill("The acquirer closes at 01:10")
    save(page)
    said(page, "Saved: schedule of shop.reports.Report.")
    assert shop.client.get_job(name=full_name(job)).schedule == "30 1 * * *"

    registry._tasks.clear()
    make_task(settle, run_every="15 3 * * *")
    shop.deploy()

    assert shop.client.get_job(name=full_name(job)).schedule == "30 1 * * *"
    page.goto(address(job, "settings"))
    assert schedule_field(page) == "30 1 * * *"
    expect(page.locator("#schedule_code")).to_contain_text("15 3 * * *")
    note = page.locator("tr.note").first
    expect(note).to_contain_text(re.compile(r"the code changed since, on .+: was 0 2 \* \* \*"))
    expect(note).to_contain_text("The acquirer closes at 01:10")
    page.get_by_role("button", name="Reset Schedule to the code default").click()
    said(page, "Schedule follows the code again.")
    assert shop.client.get_job(name=full_name(job)).schedule == "15 3 * * *"
    assert job_of("Report").sync_state == "synced"


def test_of_two_operators_at_once_the_second_is_told(shop: Shop) -> None:
    make_task(settle, run_every="0 2 * * *")
    shop.deploy()
    job = job_of("Report")
    maria, rui = shop.browser("maria"), shop.browser("rui")
    maria.goto(address(job, "settings"))
    rui.goto(address(job, "settings"))
    type_schedule(maria, "30 1 * * *")
    maria.get_by_label("Reason for this change").fill("The acquirer closes at 01:10")
    save(maria)
    said(maria, "Saved: schedule of shop.reports.Report.")
    type_schedule(rui, "45 4 * * *")
    rui.locator("#id_p_batch_size").fill("800")
    rui.locator(".sj-rare > summary").click()
    rui.get_by_role("textbox", name="Description", exact=True).fill("Settle, and tell finance")
    rui.get_by_label("Reason for this change").fill("Finance asked")
    save(rui)

    told = rui.get_by_role("alert").filter(has=rui.locator("table"))
    expect(told.locator("p")).to_have_text(
        [
            "Nothing was saved: somebody else has changed this job since you opened the page.",
            "What you typed still stands in the fields below; what you had not touched is as it is now. "
            "Save again to replace what is there, or take it over.",
        ]
    )
    expect(told.locator("tbody th, tbody td")).to_have_text(
        [
            "Schedule",
            re.compile(r"^\s*30 1 \* \* \*\s+by maria, .+: The acquirer closes at 01:10\s*$"),
            re.compile(r"^\s*45 4 \* \* \*\s+Take maria’s\s*$"),
        ]
    )
    assert (schedule_field(rui), rui.locator("#id_p_batch_size").input_value()) == ("45 4 * * *", "800")
    expect(rui.get_by_role("textbox", name="Description", exact=True)).to_have_value(
        "Settle, and tell finance"
    )
    expect(rui.get_by_label("Reason for this change")).to_have_value("Finance asked")
    assert job_of("Report").schedule_override == "30 1 * * *"
    rui.get_by_role("button", name="Take maria’s").click()
    save(rui)
    said(rui, "Saved: payload, description of shop.reports.Report.")
    saved = job_of("Report")
    assert saved.schedule_override == "30 1 * * *"
    assert saved.payload["batch_size"] == 800
    assert saved.description == "Settle, and tell finance"
    live = shop.client.get_job(name=full_name(saved))
    assert (live.schedule, live.description) == ("30 1 * * *", "Settle, and tell finance")


def test_what_cannot_be_is_an_error_beside_its_field(shop: Shop) -> None:
    make_task(settle, run_every="0 2 * * *")
    shop.deploy()
    job = job_of("Report")
    page = shop.browser("maria")
    page.goto(address(job, "settings"))
    type_schedule(page, "0 0 30 2 *")
    page.locator("#id_p_batch_size").fill("many")
    save(page)
    expect(page.locator(".errornote")).to_have_text("Nothing was saved: please correct the errors below.")
    expect(page.locator("#id_schedule_override_error")).to_have_text(
        "'0 0 30 2 *' never comes: February has at most 29 days"
    )
    assert schedule_field(page) == "0 0 30 2 *"
    assert page.locator("#id_p_batch_size").input_value() == "many"
    expect(page.locator("#id_p_batch_size_error")).to_have_text("batch_size: 'many' is not a whole number")
    now = job_of("Report")
    assert (now.schedule_override, now.payload_override) == (None, None)
    assert shop.client.get_job(name=full_name(job)).schedule == "0 2 * * *"


@pytest.mark.parametrize("javascript", [True, False], ids=["while typing", "by its button"])
def test_an_edit_is_previewed_before_it_is_saved(shop: Shop, javascript: bool) -> None:
    make_task(settle, run_every="0 2 * * *")
    shop.deploy()
    job = job_of("Report")
    page = shop.browser("maria", javascript=javascript)
    page.goto(address(job, "settings"))
    type_schedule(page, "30 1,13 * * *")
    if not javascript:
        page.get_by_role("button", name="Update preview").click()
    expect(page.get_by_role("heading", name="Preview, not saved yet")).to_be_visible()
    expect(page.locator("[data-part=schedule]")).to_contain_text("7 runs a week become 14.")
    assert schedule_field(page) == "30 1,13 * * *"
    assert job_of("Report").schedule_override is None


def test_a_viewer_sees_everything_and_no_control(shop: Shop) -> None:
    make_task(settle, run_every="0 2 * * *", schedule_description=classmethod(lambda cls: XSS))
    shop.deploy()
    job = job_of("Report")
    job.run_now(by="maria")
    run = wait_for(lambda: JobRun.objects.filter(status="succeeded").first())
    runs = "/admin/scheduled_jobs/jobrun/"
    viewer = User.objects.create_user("vera", password="secret", is_staff=True)
    viewer.user_permissions.set(Permission.objects.filter(codename__in=["view_scheduledjob", "view_jobrun"]))
    page = shop.browser("vera")
    tabs = [address(job, tab) for tab in ("change", "settings", "changes")]
    for where in (LIST, *tabs, runs, f"{runs}{run.pk}/change/"):
        page.goto(where)
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        expect(page.locator('#content-main [type="submit"]:not(.sj-find button)')).to_have_count(0)
        expect(
            page.locator("#content-main button:visible:not(.sj-live button, .sj-find button)")
        ).to_have_count(0)
        expect(page.locator("#content-main textarea, #content-main select")).to_have_count(0)
    page.goto(address(job, "settings"))
    expect(page.locator("#schedule_code")).to_contain_text("0 2 * * *")
    expect(page.get_by_role("link", name=re.compile("Run now|Pause|Delete"))).to_have_count(0)
    token = next(c["value"] for c in page.context.cookies() if c["name"] == "csrftoken")
    before = JobChange.objects.count()
    of_job = [address(job, part) for part in (
        "change", "settings", "changes", "run-now", "pause", "resume", "drift", "delete", "history")]  # fmt: skip
    of_run = [f"{runs}{run.pk}/{part}/" for part in (
        "change", "rerun", "cancel", "settle", "delete", "history")]  # fmt: skip
    for where in (LIST, f"{LIST}add/", f"{LIST}plan/", *of_job, runs, f"{runs}add/", *of_run):
        answer = page.request.post(where, form={"csrfmiddlewaretoken": token}, headers={"Referer": shop.url})
        assert answer.status == 403, where
    assert (JobChange.objects.count(), JobRun.objects.count()) == (before, 1)
