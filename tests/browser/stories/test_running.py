"""Stories of runs: asked for, followed, repeated, cancelled, paused, and made by an operator's own job."""

from __future__ import annotations

import re
import threading
import time
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from scheduled_jobs.models import JobRun, ScheduledJob
from tests.admin.people import LIST
from tests.browser.stories.shop import job_of, wait_for
from tests.support import make_task

if TYPE_CHECKING:
    from scheduled_jobs.tasks import PeriodicTask
    from tests.browser.stories.shop import Shop

pytestmark = pytest.mark.browser
Status = JobRun.Status


def address(job: ScheduledJob, part: str = "change") -> str:
    return f"{LIST}{job.pk}/{part}/"


def test_a_run_with_another_payload_is_followed_live_to_its_end(shop: Shop) -> None:
    go_on = threading.Event()

    def run(self: PeriodicTask, region: str = "emea") -> dict[str, str]:
        self.report_progress(1, 2, "half of it")
        go_on.wait(20)
        return {"reported": region}

    make_task(run, run_every="0 2 * * *")
    shop.deploy()
    job = job_of("Report")
    page = shop.browser("maria")
    page.goto(address(job, "run-now"))
    page.locator("#id_p_region").fill("apac")
    page.get_by_label("Why now").fill("The month closes")
    page.get_by_role("button", name="Run now").click()
    lede = page.locator('[data-part="lede"]')
    expect(lede).to_contain_text("half of it", timeout=15_000)
    go_on.set()
    expect(lede).to_contain_text("Succeeded", timeout=15_000)
    expect(page.locator('[data-part="main"]')).to_contain_text('"reported": "apac"')
    asked = JobRun.objects.get()
    assert (asked.payload, asked.requested_by, asked.trigger) == ({"region": "apac"}, "maria", "manual")
    assert job_of("Report").payload_override is None


def test_a_pause_holds_though_google_hears_of_it_later(shop: Shop) -> None:
    make_task(run_every="0 2 * * *")
    shop.deploy()
    job = job_of("Report")
    page = shop.browser("maria")
    shop.stop_google()
    page.goto(address(job, "pause"))
    page.get_by_label("Why").fill("The acquirer migrates")
    page.get_by_role("button", name="Pause the job").click()
    expect(page.locator(".messagelist")).to_contain_text("is paused.")
    assert job_of("Report").sync_state != "synced"

    shop.start_google()
    assert shop.client.get_job(name=job.remote_name).state.name == "ENABLED", "Google has not heard of it"
    shop.client.run_job(name=job.remote_name)
    skipped = wait_for(lambda: JobRun.objects.filter(job=job).exclude(status=Status.QUEUED).first())
    assert skipped.status == Status.SKIPPED
    page.goto(f"/admin/scheduled_jobs/jobrun/{skipped.pk}/change/")
    expect(page.locator('[data-part="lede"]')).to_contain_text("Skipped")

    shop.deploy()
    assert shop.client.get_job(name=job.remote_name).state.name == "PAUSED"
    page.goto(address(job))
    expect(page.locator(".sj-lede")).to_contain_text("The acquirer migrates")
    assert job_of("Report").sync_state == "synced"


def test_many_jobs_are_paused_and_resumed_after_a_confirmation_that_counts_them(shop: Shop) -> None:
    for name in ("Report", "Newsletter", "Stock"):
        make_task(name=name, run_every="0 2 * * *")
    shop.deploy()
    page = shop.browser("maria")
    for verb, button, state in (
        ("Pause…", "Pause the jobs", "PAUSED"),
        ("Resume…", "Resume the jobs", "ENABLED"),
    ):
        page.goto(LIST)
        page.locator("#action-toggle").check()
        page.get_by_label("Action:").select_option(label=verb)
        page.get_by_role("button", name=re.compile("Go|Run")).first.click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("3 jobs")
        assert ScheduledJob.objects.filter(paused=True).count() in (0, 3), "nothing before the confirmation"
        if verb == "Pause…":
            page.get_by_label("Why").fill("The warehouse moves")
        page.get_by_role("button", name=button).click()
        expect(page.locator(".messagelist")).to_contain_text("3 jobs are")
        wait_for(lambda state=state: {j.state.name for j in shop.client.list_jobs(
            parent=job_of("Report").remote_name.rpartition("/jobs/")[0])} == {state})  # fmt: skip
    assert not JobRun.objects.exists(), "resuming fires nothing"


def test_an_operator_adds_a_job_that_fires_and_deletes_it(shop: Shop) -> None:
    def run(self: PeriodicTask, region: str) -> dict[str, str]:
        return {"reported": region}

    task = make_task(
        run, run_every="0 2 * * *", schedule_body_payload=classmethod(lambda cls: {"region": "emea"})
    )
    shop.deploy()
    page = shop.browser("maria")
    page.goto(f"{LIST}add/")
    page.get_by_label("Task:").select_option(task.name())
    expect(page.locator("#id_p_region")).to_be_visible()
    page.get_by_label("Name:").fill("report-apac")
    page.get_by_label("Schedule:").fill("* * * * *")
    page.locator("#id_p_region").fill("apac")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("Added: shop--report-apac.")).to_be_visible()
    job = ScheduledJob.objects.get(name="shop--report-apac")

    fired = wait_for(lambda: JobRun.objects.filter(job=job, status=Status.SUCCEEDED).first(), 75)
    assert (fired.trigger, fired.result) == ("schedule", {"reported": "apac"})
    page.reload()
    page.get_by_role("link", name="Delete…").click()
    page.get_by_role("button", name="Delete the job").click()
    expect(page.get_by_text("Deleted: shop--report-apac.")).to_be_visible()
    names = [j.name for j in shop.client.list_jobs(parent=job.remote_name.rpartition("/jobs/")[0])]
    assert names == [job_of("Report").remote_name]


def test_a_failed_run_is_rerun_and_both_know_each_other(shop: Shop) -> None:
    outcomes = iter([KeyError("PT-LIS-2"), None])

    def run(self: PeriodicTask) -> str:
        error = next(outcomes)
        if error is not None:
            raise error
        return "mended"

    make_task(run, run_every="0 2 * * *")
    shop.deploy()
    job_of("Report").run_now(by="maria")
    failed = wait_for(lambda: JobRun.objects.filter(status=Status.FAILED).first())
    page = shop.browser("maria")
    page.goto(f"/admin/scheduled_jobs/jobrun/{failed.pk}/change/")
    page.get_by_role("link", name="Rerun…").click()
    page.get_by_role("button", name="Rerun").click()
    expect(page.locator('[data-part="lede"]')).to_contain_text("Succeeded", timeout=15_000)
    expect(page.locator('[data-part="main"]')).to_contain_text("mended")
    page.get_by_role("link", name=f"#{failed.pk}").first.click()
    again = JobRun.objects.get(retry_of=failed)
    expect(page.get_by_role("link", name=f"#{again.pk}").first).to_be_visible()


def test_a_run_that_waits_for_google_is_cancelled_and_never_executed(shop: Shop) -> None:
    executed: list[float] = []

    def run(self: PeriodicTask) -> None:
        executed.append(time.monotonic())

    make_task(run, run_every="0 2 * * *")
    shop.deploy()
    job = job_of("Report")
    shop.stop_google()
    page = shop.browser("maria")
    page.goto(address(job, "run-now"))
    page.get_by_label("Why now").fill("By mistake")
    page.get_by_role("button", name="Run now").click()
    page.get_by_role("button", name="Cancel this run").click()
    expect(page.locator(".messagelist")).to_contain_text("is cancelled; it will not be executed.")
    shop.start_google()
    shop.deploy()
    assert JobRun.objects.get().status == Status.DISCARDED
    assert executed == []
