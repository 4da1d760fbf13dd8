"""The job page in a browser: preview while typing, save, two at once, without a script, on a telephone."""

from __future__ import annotations

from datetime import timedelta
from itertools import product
from typing import TYPE_CHECKING

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from scheduled_jobs.models import JobChange, JobRun, ScheduledJob, attribution
from tests.browser.pictures import overflow
from tests.support import make_job, make_run, make_task
from tests.support.job_page import DECLARED, address, settle

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Route
    from pytest_django.live_server_helper import LiveServer

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("google"),
]
Status = JobRun.Status


@pytest.fixture
def job() -> ScheduledJob:
    """A job with a history, overrides, and a difference in Google."""
    now = timezone.now()
    row = make_job(
        make_task(settle, name="SettleCardPayments"),
        "shop--settle",
        declared_payload=DECLARED,
        declared_description="Settle yesterday's card payments with the acquirer.",
        declared_retry_count=3,
        last_status="succeeded",
        last_run_at=now - timedelta(hours=12),
        last_duration=timedelta(seconds=41),
    )
    values = {"declared_schedule": "0 2 * * *", "declared_time_zone": "Europe/Lisbon"}
    ScheduledJob.objects.filter(pk=row.pk).update(**values)
    row = ScheduledJob.objects.get(pk=row.pk)
    with attribution("maria", via="form", reason="The acquirer's batch closes at 01:10"):
        row.schedule_override = "30 1 * * *"
        row.payload_override = {**DECLARED, "batch_size": 800}
        row.save()
    JobChange.record(row, {"declared_schedule": ("0 2 * * *", "15 1 * * *")})
    row.refresh_from_db()
    ScheduledJob.objects.filter(pk=row.pk).update(
        declared_schedule="15 1 * * *",
        sync_state="drifted",
        live={**(row.live or {}), "retry_count": 5},
        live_seen_at=now,
    )
    for n in range(58):
        status = {9: Status.FAILED, 20: Status.MISSED, 40: Status.SKIPPED, 50: Status.TIMED_OUT}.get(
            n, Status.SUCCEEDED
        )
        slot = now - timedelta(days=58 - n)
        lasted = timedelta(seconds=30 + n * 7 % 20)
        has_run = status not in (Status.MISSED, Status.SKIPPED)
        make_run(
            row,
            status,
            scheduled_for=slot,
            started_at=slot + timedelta(seconds=1) if has_run else None,
            duration=lasted if has_run else None,
            result={"settled": 1200 + n} if status == Status.SUCCEEDED else None,
            error="AcquirerError: 503" if status == Status.FAILED else "",
        )
    return ScheduledJob.objects.get(pk=row.pk)


def test_the_preview_follows_where_trusted_types_are_required(operator: Page, job: ScheduledJob) -> None:
    def with_policy(route: Route) -> None:
        answer = route.fetch()
        policy = "require-trusted-types-for 'script'; trusted-types 'none'"
        route.fulfill(response=answer, headers={**answer.headers, "content-security-policy": policy})

    operator.route("**/settings/", with_policy)
    operator.goto(address(job, "settings"))
    operator.locator("[name=schedule_override]").fill("0 0 30 2 *")
    expect(operator.locator("[data-part=schedule] .sj-bad").first).to_contain_text("0 0 30 2 *")


def test_the_preview_follows_what_is_typed(operator: Page, job: ScheduledJob) -> None:
    operator.goto(address(job, "settings"))
    operator.get_by_role("textbox", name="Schedule", exact=True).fill("30 1,13 * * *")
    expect(operator.get_by_role("heading", name="Preview, not saved yet")).to_be_visible()
    expect(operator.locator("[data-part=schedule]")).to_contain_text("7 runs a week become 14.")
    operator.get_by_role("textbox", name="Schedule", exact=True).fill("0 0 30 2 *")
    expect(operator.locator("[data-part=schedule] .sj-bad").first).to_contain_text("0 0 30 2 *")
    assert ScheduledJob.objects.get(pk=job.pk).schedule_override == "30 1 * * *"


def test_times_that_could_not_be_asked_for_are_said_to_be_old(operator: Page, job: ScheduledJob) -> None:
    operator.goto(address(job, "settings"))
    shown = operator.locator("[data-part=schedule]")
    before = shown.inner_text()
    operator.route("**/settings/", lambda route: route.abort())
    operator.get_by_role("textbox", name="Schedule", exact=True).fill("30 1,13 * * *")
    told = operator.get_by_role("alert").filter(has_text="the server could not be asked")
    expect(told).to_contain_text("This is how it was before your last change")
    expect(operator.locator("form.sj-old")).to_be_visible()
    assert shown.inner_text() == before
    operator.unroute("**/settings/")
    expect(operator.locator("[data-part=schedule]")).to_contain_text("7 runs a week become 14.")
    expect(told).to_be_hidden()
    expect(operator.locator("form.sj-old")).to_have_count(0)


def test_who_was_signed_out_is_told_that_the_times_are_old(operator: Page, job: ScheduledJob) -> None:
    operator.goto(address(job, "settings"))
    operator.context.clear_cookies()
    operator.get_by_role("textbox", name="Schedule", exact=True).fill("30 1,13 * * *")
    told = operator.get_by_role("alert").filter(has_text="you are signed out")
    expect(told).to_contain_text("This is how it was before your last change")
    expect(operator.locator("form.sj-old")).to_be_visible()


def test_who_types_for_a_job_that_is_gone_is_told_so(operator: Page, job: ScheduledJob) -> None:
    operator.goto(address(job, "settings"))
    operator.route("**/settings/", lambda route: route.fulfill(status=404, body=""))
    operator.get_by_role("textbox", name="Schedule", exact=True).fill("30 1,13 * * *")
    expect(operator.get_by_text("there is no such job any more")).to_be_visible()


def test_the_bar_says_what_a_save_will_change(operator: Page, job: ScheduledJob) -> None:
    operator.goto(address(job, "settings"))
    bar = operator.locator(".sj-savebar")
    expect(bar).to_be_hidden()  # nothing is changed
    operator.locator("#id_p_batch_size").fill("900")
    expect(bar).to_contain_text("Will change: batch_size, 800 → 900. Google is told on saving.")
    expect(operator.locator("[data-part=payload]")).to_contain_text('"batch_size": 900')
    operator.locator("#id_p_batch_size").fill("many")
    expect(bar).to_contain_text("Nothing can be saved yet: what is typed has errors.")
    operator.locator("#id_p_batch_size").fill("800")
    expect(bar).to_be_hidden()
    operator.get_by_label("Retry count").fill("1")
    expect(operator.locator("[data-part=failure]")).to_contain_text("Google tries again after 5 s")
    expect(bar).to_contain_text("Will change: retry count, 3 → 1.")
    bar.get_by_role("link", name="Discard").click()
    expect(operator.get_by_label("Retry count")).to_have_value("")
    assert operator.locator(".sj-savebar").evaluate("bar => getComputedStyle(bar).position") == "sticky"


def test_an_override_is_saved_and_reset_by_its_own_button(operator: Page, job: ScheduledJob) -> None:
    operator.goto(address(job, "settings"))
    operator.get_by_label("Retry count").fill("4")
    operator.get_by_label("Reason for this change").fill("Flaky acquirer")
    operator.get_by_role("button", name="Save", exact=True).click()
    expect(operator.get_by_text("Saved: retry count")).to_be_visible()
    assert ScheduledJob.objects.get(pk=job.pk).retry_count_override == 4
    operator.get_by_role("button", name="Reset Retry count to the code default").click()
    expect(operator.get_by_text("Retry count follows the code again.")).to_be_visible()
    assert ScheduledJob.objects.get(pk=job.pk).retry_count_override is None


def test_the_second_of_two_is_told(operator: Page, job: ScheduledJob) -> None:
    operator.goto(address(job, "settings"))
    with attribution("rui", via="form", reason="Earlier"):
        job.schedule_override = "5 5 * * *"
        job.save()
    operator.get_by_role("textbox", name="Schedule", exact=True).fill("7 7 * * *")
    operator.get_by_role("button", name="Save", exact=True).click()
    expect(operator.get_by_text("somebody else has changed this job")).to_be_visible()
    operator.get_by_role("button", name="Take rui’s").click()
    assert operator.get_by_role("textbox", name="Schedule", exact=True).input_value() == "5 5 * * *"


def test_an_error_stands_beside_its_field(operator: Page, job: ScheduledJob) -> None:
    operator.goto(address(job, "settings"))
    operator.get_by_label("Attempt deadline").fill("soon")
    operator.locator("#id_p_batch_size").fill("many")
    operator.get_by_role("button", name="Save", exact=True).click()
    expect(operator.locator("#id_attempt_deadline_override_error")).to_contain_text("“soon” is not a length")


def test_a_job_is_added_by_hand(operator: Page, job: ScheduledJob) -> None:
    operator.goto("/admin/scheduled_jobs/scheduledjob/add/")
    operator.get_by_label("Task:").select_option(job.task)
    expect(operator.locator("#id_p_batch_size")).to_be_visible()
    operator.get_by_label("Name:").fill("settle-emea")
    operator.get_by_label("Schedule:").fill("every 2 hours")
    operator.locator("#id_p_batch_size").fill("5")
    operator.get_by_role("button", name="Update preview").click()
    expect(operator.get_by_role("heading", name="Next runs, UTC time")).to_be_visible()
    operator.get_by_role("button", name="Save", exact=True).click()
    expect(operator.get_by_text("Added: settle-emea.")).to_be_visible()
    operator.get_by_role("link", name="Delete…").click()
    operator.get_by_role("button", name="Delete this job").click()
    expect(operator.get_by_text("Deleted: settle-emea.")).to_be_visible()


def test_without_a_script_the_preview_is_a_button(
    chromium: Browser, live_server: LiveServer, operator: Page, job: ScheduledJob
) -> None:
    context = chromium.new_context(
        base_url=live_server.url, java_script_enabled=False, storage_state=operator.context.storage_state()
    )
    page = context.new_page()
    page.goto(address(job, "settings"))
    page.get_by_role("textbox", name="Schedule", exact=True).fill("30 1,13 * * *")
    page.get_by_role("button", name="Update preview").click()
    expect(page.locator("[data-part=schedule]")).to_contain_text("7 runs a week become 14.")
    context.close()
    assert ScheduledJob.objects.get(pk=job.pk).schedule_override == "30 1 * * *"


CUT_OFF = """() => [...document.querySelectorAll("#content-main *")].filter(
    (each) => each.clientWidth > 2 && each.scrollWidth > each.clientWidth + 1 && each.closest(".sj-cols")
        && getComputedStyle(each).overflowX !== "visible" && !each.matches(".err")
).map((each) => `${each.tagName} ${each.className} ${each.scrollWidth} > ${each.clientWidth}`)"""


def test_no_column_of_the_last_runs_is_cut_off(operator: Page, job: ScheduledJob) -> None:
    long_ago = timezone.now() - timedelta(days=400)
    values = {"scheduled_for": long_ago, "started_at": long_ago, "duration": timedelta(hours=23, minutes=59)}
    make_run(job, Status.TIMED_OUT, attempt=6, error="x" * 500, **values)
    make_run(job, Status.DISCARDED, trigger="manual", requested_by="Cloud Scheduler", reason="because " * 50)
    operator.goto(address(job))
    for width, sidebar in product([1440, 1280, 1024, 768, 390], [True, False]):
        operator.set_viewport_size({"width": width, "height": 900})
        operator.evaluate(f"localStorage.setItem('django.admin.navSidebarIsOpen', '{str(sidebar).lower()}')")
        operator.goto(address(job))
        assert operator.locator("#main.shifted").count() == sidebar
        assert operator.evaluate(CUT_OFF) == [], (width, sidebar)
        assert overflow(operator) == 0, (width, sidebar)
