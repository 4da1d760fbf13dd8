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
        own = {"sync_state": "synced", **values}
        rows[name] = make_job(make_task(name=name), f"shop--{name.lower()}", **own)
        outcomes = [Status.SUCCEEDED] * 20 + [Status.MISSED, Status.SKIPPED, Status.TIMED_OUT, Status.LOST]
        outcomes += [Status.FAILED if "failures_in_a_row" in values else Status.SUCCEEDED] * 6
        for number, outcome in enumerate(outcomes):
            seconds = timedelta(seconds=3 + number % 7)
            make_run(
                rows[name], outcome, started_at=now - seconds, finished_at=now, duration=seconds,
                # It was dealt with, and is no state of its job any more.
                acknowledged_at=now if outcome in (Status.MISSED, Status.LOST) else None,
            )  # fmt: skip
    make_run(rows["ReindexSearch"], Status.RUNNING, started_at=now, progress_done=48190, progress_total=79000)
    return rows


def test_a_name_is_whole_and_what_it_does_is_cut_to_one_line(
    operator: Page, jobs: dict[str, ScheduledJob]
) -> None:
    said = ("Fetch what the supplier asks for it. " * 9).strip()
    ScheduledJob.objects.filter(pk=jobs["ReindexSearch"].pk).update(declared_description=said)
    operator.set_viewport_size({"width": 1280, "height": 900})
    operator.goto(LIST)
    line = operator.locator(".field-job .cut").filter(has_text="Fetch what")
    assert line.get_attribute("title") == f"shop.reports · {said}"
    assert line.bounding_box()["height"] <= 17  # type: ignore[index]
    name = operator.get_by_role(
        "link", name="BuildMonthlyVatReportForAllCountriesOfTheEuropeanUnion", exact=True
    )
    assert name.evaluate("one => one.scrollWidth <= one.parentElement.clientWidth")


def test_the_whole_row_leads_to_the_job_and_its_error_to_the_run(
    operator: Page, jobs: dict[str, ScheduledJob]
) -> None:
    failing = jobs["SyncWarehouseStock"]
    JobRun.objects.filter(job=failing, status=Status.FAILED).update(error="KeyError: 'PT-LIS-2'")
    operator.set_viewport_size({"width": 1280, "height": 900})
    operator.goto(LIST)
    row = operator.locator(f'[data-part="job-{failing.pk}"] tr')
    row.first.locator(".field-sched").click(position={"x": 170, "y": 8}, force=True)
    expect(operator).to_have_url(re.compile(rf"/{failing.pk}/change/$"))
    operator.go_back()
    row.last.click()
    newest = JobRun.objects.filter(job=failing, status=Status.FAILED).order_by("at").last()
    assert newest is not None
    expect(operator).to_have_url(re.compile(rf"/jobrun/{newest.pk}/change/"))


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
    expect(operator.locator("tbody", has_text="SyncWarehouseStock")).to_contain_text("paused, no end")
    expect(operator.locator("tbody", has_text="ReindexSearch")).to_contain_text(
        "“The warehouse moves”, admin"
    )
    assert ScheduledJob.objects.filter(paused=True).count() == 3


def test_the_way_back_leads_to_the_list_as_it_was(operator: Page, jobs: dict[str, ScheduledJob]) -> None:
    operator.goto(f"{LIST}?state=failing")
    operator.locator("#action-toggle").check()
    operator.get_by_label("Action:").select_option(label="Run now…")
    operator.get_by_role("button", name=re.compile("^(Go|Run)")).first.click()
    operator.get_by_role("link", name="Cancel").click()
    expect(operator).to_have_url(re.compile(r"\?state=failing$"))
    assert not JobRun.objects.filter(status="queued").exists()


def test_chips_and_menus_stay_in_the_address(operator: Page, jobs: dict[str, ScheduledJob]) -> None:
    operator.goto(LIST)
    operator.get_by_role("list", name="By state").get_by_role("link", name="Failing 1").click()
    expect(operator).to_have_url(re.compile(r"\?state=failing$"))
    expect(operator.locator("#result_list tbody")).to_have_count(1)
    google, origin = (operator.locator("summary", has_text=name) for name in ("Google", "Origin"))
    origin.click()
    google.click()
    expect(operator.locator(".sj-menu[open]")).to_have_count(1)
    operator.keyboard.press("Escape")
    expect(operator.locator(".sj-menu[open]")).to_have_count(0)
    expect(google).to_be_focused()
    operator.keyboard.press("Enter")
    operator.get_by_role("link", name="Same as here 1").click()
    expect(operator).to_have_url(re.compile(r"\?google=synced&state=failing$"))
    operator.get_by_role("link", name="Clear").click()
    expect(operator.locator("#result_list tbody")).to_have_count(4)


def test_nothing_is_cut_off_at_any_width(operator: Page, jobs: dict[str, ScheduledJob]) -> None:
    for width in (1280, 1024, 768, 390, 320):
        operator.set_viewport_size({"width": width, "height": 900})
        operator.goto(LIST)
        assert overflow(operator) <= 0, f"{width} px"
        for row in operator.locator("#result_list tbody").all():
            for cell in (
                ".field-state",
                ".field-job",
                ".field-sched",
                ".sj-strip",
                ".field-next",
                ".field-act",
            ):
                expect(row.locator(cell)).to_be_visible()


def test_a_telephone_shows_a_card_for_each_job(operator: Page, jobs: dict[str, ScheduledJob]) -> None:
    operator.set_viewport_size({"width": 390, "height": 844})
    operator.goto(LIST)
    row = operator.locator("#result_list tbody").first
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


# --- Kept up to date ------------------------------------------------------------------------------


def look_again(page: Page) -> None:
    """Let the time until the next look pass, and the answer arrive."""
    with page.expect_response(lambda answer: answer.url.partition("?")[0].endswith(LIST)):
        page.clock.run_for(11_000)


def names(page: Page) -> list[str]:
    return page.locator(".field-job a.row").all_inner_texts()


def test_rows_come_go_change_and_move_while_one_looks(operator: Page, jobs: dict[str, ScheduledJob]) -> None:
    # A row whose words stay the same for an hour.
    long_ago = timezone.now() - timedelta(days=3, hours=2)
    JobRun.objects.filter(job=jobs["SendWeeklyNewsletter"]).update(started_at=long_ago)
    operator.clock.install()
    operator.goto(LIST)
    expect(operator).to_have_title(re.compile(r"^\(1\) Jobs"))
    expect(operator.locator("#sj-refresh")).to_contain_text("every 10 s")
    icon = operator.locator('link[rel="icon"]')
    expect(icon).to_have_attribute("href", re.compile("scheduled_jobs/wrong.svg$"))
    same = operator.locator(f'[data-part="job-{jobs["SendWeeklyNewsletter"].pk}"] .sj-strip').element_handle()
    assert names(operator)[0] == "SyncWarehouseStock"
    ScheduledJob.objects.filter(pk=jobs["SyncWarehouseStock"].pk).update(
        failures_in_a_row=0, last_status="succeeded"
    )
    make_job(make_task(name="Added"), "shop--added", sync_state="synced")
    ScheduledJob.objects.filter(pk=jobs["ReindexSearch"].pk).delete()
    look_again(operator)
    expect(operator.locator(f'[data-part="job-{jobs["SyncWarehouseStock"].pk}"]')).to_contain_text("Healthy")
    assert names(operator) == [
        "BuildMonthlyVatReportForAllCountriesOfTheEuropeanUnion", "SyncWarehouseStock", "Added",
        "SendWeeklyNewsletter",
    ]  # fmt: skip
    assert same.evaluate("one => one.isConnected"), "what has not changed is left alone"
    expect(operator.get_by_role("link", name="All 4")).to_be_visible()
    expect(operator.get_by_role("status")).to_have_text("No job has a problem.")
    expect(operator).to_have_title(re.compile(r"^Jobs"))
    assert "wrong" not in str(icon.get_attribute("href"))
    operator.get_by_label("Select Added for an action").check()
    expect(operator.locator(".action-counter")).to_have_text("1 of 4 selected")


def test_nothing_moves_under_what_a_person_does(operator: Page, jobs: dict[str, ScheduledJob]) -> None:
    operator.clock.install()
    operator.goto(LIST)
    state = operator.locator(f'[data-part="job-{jobs["SyncWarehouseStock"].pk}"] .field-state')
    box, search = (
        operator.get_by_label("Select ReindexSearch for an action"),
        operator.get_by_label("Search jobs"),
    )
    menu = operator.locator("summary", has_text="Origin")
    doings = [
        (box.check, box.uncheck),
        (search.focus, search.blur),
        (menu.click, lambda: operator.keyboard.press("Escape")),
        (lambda: operator.locator(".field-sched").first.select_text(),
         lambda: operator.evaluate("getSelection().removeAllRanges()")),
    ]  # fmt: skip
    for count, (begin, end) in enumerate(doings, 5):
        begin()
        ScheduledJob.objects.filter(pk=jobs["SyncWarehouseStock"].pk).update(failures_in_a_row=count)
        look_again(operator)
        expect(operator.locator("#sj-refresh")).to_contain_text("waits while you choose or type")
        expect(state).to_contain_text(f"{count - 1} in a row")
        end()
        look_again(operator)
        expect(state).to_contain_text(f"{count} in a row")


def test_a_pause_of_the_refresh_lasts_as_long_as_the_tab(
    operator: Page, jobs: dict[str, ScheduledJob]
) -> None:
    operator.goto(LIST)
    operator.get_by_role("button", name="Pause refresh").click()
    operator.get_by_role("link", name="Failing 1").click()
    expect(operator.locator("#sj-refresh")).to_contain_text("refresh paused, as of")
    operator.clock.install()
    operator.reload()
    asked: list[str] = []
    operator.on("request", lambda request: asked.append(request.url))
    operator.clock.run_for(60_000)
    # The browser asks for the icon of the tab when it likes.
    assert [address for address in asked if LIST in address] == []
    with operator.expect_response(re.compile("state=failing")):
        operator.get_by_role("button", name="Resume refresh").click()
    expect(operator.locator("#sj-refresh")).to_contain_text("every 10 s")
