"""Every screen of the desk: how to get to it, and who looks at it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from playwright.sync_api import expect

from scheduled_jobs.models import ScheduledJob, attribution
from tests.browser.screens.many import fill_with_many
from tests.support.people import LIST

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

    from tests.browser.screens.desk import Desk

RUNS = "/admin/scheduled_jobs/jobrun/"
INDEX = "/admin/scheduled_jobs/"


@dataclass(frozen=True)
class Screen:
    """``go`` leads to the screen, ``shows`` is what docs/screens.md says of its pictures, if it has any."""

    name: str
    go: Callable[[Page, Desk], object]
    shows: str = ""
    who: str = "maria"
    is_full: bool = True

    def __str__(self) -> str:
        return self.name


def at(address: str) -> Callable[[Page, Desk], object]:
    return lambda page, desk: page.goto(address)


def job(name: str, part: str = "change", query: str = "") -> Callable[[Page, Desk], object]:
    return lambda page, desk: page.goto(f"{LIST}{desk.job(name).pk}/{part}/{query}")


def run(name: str, part: str = "change", query: str = "") -> Callable[[Page, Desk], object]:
    return lambda page, desk: page.goto(f"{RUNS}{desk.runs[name].pk}/{part}/{query}")


def followed(name: str) -> Callable[[Page, Desk], object]:
    """A run that is not over, after its page was refreshed for the first time."""

    def go(page: Page, desk: Desk) -> None:
        run(name)(page, desk)
        expect(page.locator("#sj-refresh")).to_contain_text("every 3 s")

    return go


def edited(page: Page, desk: Desk) -> None:
    """A schedule is being typed; two runs a day, around the night in which the clocks go back."""
    job("SettleCardPayments", "settings")(page, desk)
    page.get_by_role("textbox", name="Schedule", exact=True).fill("30 1,13 * * 2-7")
    expect(page.get_by_role("heading", name="Preview, not saved yet")).to_be_visible()


def unfolded(page: Page, desk: Desk) -> None:
    """The month of a job, which is folded at first."""
    job("SyncWarehouseStock")(page, desk)
    page.locator(".sj-month > summary").click()
    expect(page.get_by_role("heading", name="Success per day")).to_be_visible()


def refused(page: Page, desk: Desk) -> None:
    """What was typed cannot be saved."""
    job("SettleCardPayments", "settings")(page, desk)
    page.get_by_label("Attempt deadline").fill("soon")
    page.locator("#id_p_batch_size").fill("many")
    page.get_by_role("textbox", name="Schedule", exact=True).fill("0 0 30 2 *")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("#id_attempt_deadline_override_error")).to_contain_text(
        "“soon” is not a length of time"
    )


def added(page: Page, desk: Desk) -> None:
    """A job of an operator's own, with its preview."""
    page.goto(f"{LIST}add/")
    page.get_by_label("Task:").select_option("payments.tasks.SettleCardPayments")
    expect(page.locator("#id_p_batch_size")).to_be_visible()
    page.get_by_label("Name:").fill("settle-iberia")
    page.get_by_label("Schedule:").fill("every 2 hours")
    page.locator("#id_p_batch_size").fill("200")
    page.get_by_role("button", name="Update preview").click()
    expect(page.get_by_role("heading", name="Next runs, Lisbon time")).to_be_visible()


def asked_wrongly(page: Page, desk: Desk) -> None:
    """A run is asked for with a payload that does not fit, and without a reason."""
    job("SettleCardPayments", "run-now")(page, desk)
    page.locator("#id_p_batch_size").fill("many")
    page.get_by_role("button", name="Run now").click()
    expect(page.locator(".errorlist, .sj-bad").first).to_be_visible()


def counted(page: Page, desk: Desk) -> None:
    """A pause with an end, and the runs that it leaves out."""
    job("FetchCarrierTracking", "pause")(page, desk)
    page.get_by_label("Why").fill("The carrier moves its servers")
    page.get_by_label("Until a time, to the second").check()
    page.get_by_label("Date").fill("2026-10-22")
    page.get_by_label("Time", exact=True).fill("18:00:00")
    page.get_by_role("button", name="Pause this job").click()
    expect(page.get_by_role("alert")).to_contain_text("The job is not paused yet")


def overtaken(page: Page, desk: Desk) -> None:
    """Two edit at once, and this one is the second."""
    job("PruneExpiredSessions", "settings")(page, desk)
    row = desk.job("PruneExpiredSessions")
    with attribution("rui", via="form", reason="After the backup"):
        row.schedule_override = "30 4 * * *"
        row.save()
    page.get_by_role("textbox", name="Schedule", exact=True).fill("15 5 * * *")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("somebody else has changed this job")).to_be_visible()


def without_its_class(page: Page, desk: Desk) -> None:
    """The class of a job is gone from the code, and schedule_tasks has not retired it yet."""
    row = desk.job("CancelUnpaidOrders")
    ScheduledJob.objects.filter(pk=row.pk).update(
        task="orders.tasks.CancelUnpaidOrdersOfTheDayBeforeYesterday",
        declared_description="Cancel orders that nobody has paid for, and tell those who placed them why. "
        * 4,
    )
    page.goto(f"{LIST}{row.pk}/change/")
    expect(page.get_by_role("link", name="Run now…", disabled=True)).to_be_visible()


def examined(page: Page, desk: Desk) -> None:
    """Why nothing runs, asked by the button of the list."""
    page.goto(f"{LIST}plan/")
    page.get_by_role("button", name="Why nothing runs").click()
    expect(page.get_by_text("Nothing listens on port 8000.")).to_be_visible()


def bulk(label: str, query: str = "") -> Callable[[Page, Desk], object]:
    """The confirmation of an action on all jobs that the list shows."""

    def go(page: Page, desk: Desk) -> None:
        page.goto(f"{LIST}{query}")
        page.locator("#action-toggle").check()
        page.get_by_label("Action:").select_option(label=label)
        page.locator(".actions button[type=submit]").first.click()
        expect(page.get_by_role("link", name="Cancel").or_(
            page.get_by_role("button", name="Cancel"))).to_be_visible()  # fmt: skip

    return go


def many(page: Page, desk: Desk) -> None:
    fill_with_many()
    page.goto(INDEX)


EMPTY = (
    Screen("dashboard-empty", at(INDEX), "The landing page before there is a job", is_full=False),
    Screen("jobs-empty", at(LIST), "The list before there is a job", is_full=False),
    Screen("runs-empty", at(RUNS), "The runs before there is one", is_full=False),
    Screen("plan-empty", at(f"{LIST}plan/"), is_full=False),
)
DASHBOARD = (
    Screen("dashboard", at(INDEX), "How all jobs are, and what needs somebody"),
    Screen("dashboard-7d", at(f"{INDEX}?span=7d")),
    Screen("dashboard-viewer", at(f"{LIST}dashboard/"), who="ines"),
    Screen("dashboard-many", many, "The same with a thousand jobs"),
)
JOBS = (
    Screen("jobs", at(LIST), "All jobs, those that need somebody first"),
    Screen("jobs-nothing", at(f"{LIST}?q=invoice&state=failing")),
    Screen("jobs-viewer", at(LIST), who="ines"),
    Screen(
        "job",
        job("SettleCardPayments"),
        "A job: how it is, its last runs, and those that lie ahead",
    ),
    Screen(
        "job-settings",
        job("SettleCardPayments", "settings"),
        "Each field as the code, an operator and Google have it",
    ),
    Screen(
        "job-changes",
        job("SettleCardPayments", "changes"),
        "Who changed what, when, through what, and why",
    ),
    Screen(
        "job-edited", edited, "A schedule while it is typed: the next ten runs, and those that come and go"
    ),
    Screen("job-refused", refused, "What cannot be saved, beside its field"),
    Screen("job-month", unfolded),
    Screen("job-drifted", job("EraseInactiveAccounts")),
    Screen("job-paused", job("SendWeeklyNewsletter")),
    Screen("job-failing", job("SyncWarehouseStock")),
    Screen("job-own", job("black-friday-price-refresh")),
    Screen("job-viewer", job("SettleCardPayments"), who="ines"),
    Screen("job-settings-viewer", job("SettleCardPayments", "settings"), who="ines"),
    Screen("job-overtaken", overtaken),
    Screen("job-gone", without_its_class),
    Screen("jobs-gone", at(f"{LIST}?q=CancelUnpaid")),
)
"""The last of them leave the desk as it was not before."""
ACTIONS = (
    Screen("job-add", added, "A job of an operator's own"),
    Screen("job-delete", job("black-friday-price-refresh", "delete"), "Before a job of one's own is deleted"),
    Screen("job-delete-code", job("SettleCardPayments", "delete")),
    Screen("pause", job("SettleCardPayments", "pause")),
    Screen("pause-counted", counted, "Before a job is paused: the runs that the pause leaves out"),
    Screen("resume", job("SendWeeklyNewsletter", "resume"), "Before a job is resumed"),
    Screen("run-now", job("SettleCardPayments", "run-now"), "Before a job is run now"),
    Screen("run-now-refused", asked_wrongly, "A payload that does not fit"),
    Screen("bulk-pause", bulk("Pause…"), "Before many jobs are paused"),
    Screen(
        "backfill",
        job("FetchCarrierTracking", "backfill", "?start=2026-10-22T11:00&end=2026-10-22T13:10"),
        "Before the scheduled times that are not done yet are run",
    ),
    Screen("bulk-resume", bulk("Resume…")),
    Screen("bulk-reset", bulk("Reset overrides…")),
    Screen("bulk-sync", bulk("Send to Google…")),
    Screen("bulk-run", bulk("Run now…")),
    Screen(
        "plan",
        at(f"{LIST}plan/"),
        "What schedule_tasks would change in Google, and the decision about each job",
    ),
    Screen("doctor", examined),
    Screen("drift", job("EraseInactiveAccounts", "drift"), "One job compared with Google"),
    Screen("drift-none", job("CancelUnpaidOrders", "drift")),
)
OF_RUNS = (
    Screen("runs", at(RUNS), "All runs"),
    Screen("runs-nothing", at(f"{RUNS}?q=invoice")),
    Screen("run-succeeded", run("succeeded"), "A run that succeeded"),
    Screen("run-failed", run("failed"), "A run that failed"),
    Screen("run-running", followed("running"), "A run that is going on, followed live"),
    Screen("run-queued", followed("queued"), "A run that was asked for and waits for Google"),
    Screen("run-missed", run("missed"), "A run that never arrived, and what ran at its time"),
    Screen("run-skipped", run("skipped")),
    Screen("rerun", run("failed", "rerun")),
    Screen(
        "rerun-changes", run("failed", "rerun", "?changes=1"), "Before a run is repeated with another payload"
    ),
)
SCREENS = (*EMPTY, *DASHBOARD, *JOBS, *ACTIONS, *OF_RUNS)
