"""The job list in a browser: bulk actions by hand, by keyboard, on a telephone, without a script."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from scheduled_jobs.models import JobChange, JobRun, ScheduledJob
from tests.browser.pictures import overflow
from tests.support import make_job, make_run, make_task
from tests.support.people import LIST

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page
    from pytest_django.live_server_helper import LiveServer

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("google"),
]
Status = JobRun.Status
LINES = """(link) => {
    const lines = [], range = document.createRange(), walker = document.createTreeWalker(link, NodeFilter.SHOW_TEXT);
    let top = null;
    while (walker.nextNode()) {
        for (let at = 0; at < walker.currentNode.length; at++) {
            range.setStart(walker.currentNode, at);
            range.setEnd(walker.currentNode, at + 1);
            const now = range.getBoundingClientRect().top;
            if (top === null || now > top + 4) {
                lines.push("");
                top = now;
            }
            lines[lines.length - 1] += range.toString();
        }
    }
    return lines;
}"""
"""The text of an element, line by line as it is shown."""


@pytest.fixture
def jobs() -> dict[str, ScheduledJob]:
    """A failing, a paused, a running and a healthy job, with runs."""
    now = timezone.now()
    rows = {}
    for name, values in {
        "SyncWarehouseStock": {"failures_in_a_row": 4, "last_status": "failed", "last_run_at": now},
        "SendWeeklyNewsletter": {"paused": True, "pause_reason": "Legal is rewording the consent text"},
        "ReindexSearch": {"last_status": "succeeded", "last_run_at": now},
        "BuildMonthlyVatReportForAllCountriesOfTheEuropeanUnion": {
            "last_status": "succeeded",
            "last_run_at": now,
            "sync_state": "drifted",
            "schedule_override": "30 1 * * *",
        },
    }.items():
        rows[name] = make_job(make_task(name=name), f"shop--{name.lower()}", **values)
        outcomes = [Status.SUCCEEDED] * 20 + [Status.MISSED, Status.SKIPPED, Status.TIMED_OUT, Status.LOST]
        outcomes += [Status.FAILED if "failures_in_a_row" in values else Status.SUCCEEDED] * 6
        for number, outcome in enumerate(outcomes):
            seconds = timedelta(seconds=3 + number % 7)
            make_run(rows[name], outcome, started_at=now - seconds, finished_at=now, duration=seconds)
    make_run(rows["ReindexSearch"], Status.RUNNING, started_at=now, progress_done=48190, progress_total=79000)
    return rows


def test_a_long_description_takes_two_lines(operator: Page, jobs: dict[str, ScheduledJob]) -> None:
    said = "Fetch what the supplier asks for it. " * 9
    module = "sample_project.warehouse.importing.tasks"
    ScheduledJob.objects.filter(pk=jobs["ReindexSearch"].pk).update(
        declared_description=said, task=f"{module}.ImportSupplierPrices"
    )
    operator.set_viewport_size({"width": 1280, "height": 900})
    operator.goto(LIST)
    line = operator.locator(".sj-doc")
    assert line.get_attribute("title") == said
    assert line.bounding_box()["height"] <= 33  # type: ignore[index]
    lines: list[str] = operator.get_by_role(
        "link", name=f"{module}.ImportSupplierPrices", exact=True
    ).evaluate(LINES)
    assert len(lines) > 1
    assert [one for one in lines[:-1] if not one.endswith(".")] == []
    assert "".join(lines) == f"{module}.ImportSupplierPrices"


def test_what_turns_text_round_ends_with_the_name_it_is_in(
    operator: Page, jobs: dict[str, ScheduledJob]
) -> None:
    row = jobs["SendWeeklyNewsletter"]
    ScheduledJob.objects.filter(pk=row.pk).update(paused_by="ev\u202ee", pause_reason="gn\u202eissiM")
    JobChange.record(row, {"paused": (False, True)})
    JobChange.objects.update(actor_label="ev\u202ee")
    operator.goto(f"{LIST}{row.pk}/changes/")
    name, via = (operator.locator(f".sj-audit {part}").last.bounding_box() for part in ("b", ".via"))
    assert name is not None
    assert via is not None
    assert name["x"] + name["width"] <= via["x"]


def test_many_jobs_are_paused_from_the_list(operator: Page, jobs: dict[str, ScheduledJob]) -> None:
    operator.goto(LIST)
    operator.get_by_label("Select SyncWarehouseStock for an action").check()
    operator.get_by_label("Select ReindexSearch for an action").check()
    expect(operator.locator(".action-counter")).to_have_text("2 of 4 selected")
    operator.get_by_label("Action:").select_option(label="Pause…")
    operator.get_by_role("button", name=re.compile("^(Go|Run)")).click()
    expect(operator.get_by_role("heading", level=1)).to_have_text("Pause 2 jobs")
    operator.get_by_label("Why").fill("The warehouse moves")
    operator.get_by_role("button", name="Pause the jobs").click()
    expect(operator.locator(".messagelist")).to_contain_text("2 jobs are paused.")
    expect(operator.locator("tr", has_text="SyncWarehouseStock")).to_contain_text("The warehouse moves")
    assert ScheduledJob.objects.filter(paused=True).count() == 3


def test_the_way_back_leads_to_the_list_as_it_was(operator: Page, jobs: dict[str, ScheduledJob]) -> None:
    operator.goto(f"{LIST}?state=failing")
    operator.locator("#action-toggle").check()
    operator.get_by_label("Action:").select_option(label="Run now…")
    operator.get_by_role("button", name=re.compile("^(Go|Run)")).first.click()
    operator.get_by_role("button", name="Cancel").click()
    expect(operator).to_have_url(re.compile(r"\?state=failing$"))
    assert not JobRun.objects.filter(status="queued").exists()


def test_the_tally_and_the_filters_stay_in_the_address(operator: Page, jobs: dict[str, ScheduledJob]) -> None:
    operator.goto(LIST)
    operator.get_by_role("list", name="Jobs by state").get_by_role("link", name="1 failing").click()
    expect(operator).to_have_url(re.compile(r"\?state=failing$"))
    expect(operator.locator("#result_list tbody tr")).to_have_count(1)
    operator.locator("#changelist-filter").get_by_role("link", name="Pending (1)").click()
    expect(operator).to_have_url(re.compile(r"\?google=pending&state=failing$"))


def test_nothing_is_cut_off_at_any_width(operator: Page, jobs: dict[str, ScheduledJob]) -> None:
    for width in (1280, 1024, 768, 390, 320):
        operator.set_viewport_size({"width": width, "height": 900})
        operator.goto(LIST)
        assert overflow(operator) <= 0, f"{width} px"
        for row in operator.locator("#result_list tbody tr").all():
            expect(row.locator(".sj-strip")).to_be_visible()
            expect(row.locator(".field-when")).to_be_visible()
            expect(row.locator(".field-cloud")).to_be_visible()


def test_a_telephone_shows_a_card_for_each_job(operator: Page, jobs: dict[str, ScheduledJob]) -> None:
    operator.set_viewport_size({"width": 390, "height": 844})
    operator.goto(LIST)
    row = operator.locator("#result_list tbody tr").first
    name, runs = row.locator(".field-job").bounding_box(), row.locator(".field-runs").bounding_box()
    assert name is not None
    assert runs is not None
    assert runs["y"] >= name["y"] + name["height"], "one below the other"
    assert operator.get_by_role("row").count() >= 5, "folding costs no semantics"


def test_row_actions_and_filters_are_reached_by_keyboard(
    operator: Page, jobs: dict[str, ScheduledJob]
) -> None:
    operator.goto(LIST)
    operator.get_by_label("Pause SyncWarehouseStock…").focus()
    operator.keyboard.press("Shift+Tab")
    focused = operator.locator(":focus")
    expect(focused).to_have_attribute("aria-label", "Run SyncWarehouseStock now…")
    assert focused.evaluate("element => getComputedStyle(element).outlineStyle") == "solid"
    operator.keyboard.press("Tab")
    operator.keyboard.press("Enter")
    expect(operator).to_have_url(re.compile(r"/pause/$"))


def test_the_list_works_without_scripts(
    chromium: Browser, live_server: LiveServer, admin_user: object, jobs: dict[str, ScheduledJob]
) -> None:
    context = chromium.new_context(base_url=live_server.url, java_script_enabled=False)
    page = context.new_page()
    page.goto(f"/admin/login/?next={LIST}")
    page.get_by_label("Username").fill("admin")
    page.get_by_label("Password").fill("password")
    page.get_by_role("button", name="Log in").click()
    page.get_by_label("Select SendWeeklyNewsletter for an action").check()
    page.get_by_label("Action:").select_option(label="Resume…")
    page.get_by_role("button", name=re.compile("^(Go|Run)")).click()
    page.get_by_role("button", name="Resume the jobs").click()
    expect(page.locator(".messagelist")).to_contain_text("1 job is resumed.")
    context.close()


@pytest.mark.usefixtures("no_tasks")
def test_an_empty_list_tells_the_next_step(operator: Page) -> None:
    operator.goto(LIST)
    expect(operator.get_by_role("heading", name="No jobs yet")).to_be_visible()
