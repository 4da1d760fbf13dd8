"""Stories of runs: asked for, followed, repeated, cancelled, not delivered."""

from __future__ import annotations

import re
import threading
import time
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from playwright.sync_api import expect

from scheduled_jobs.models import JobRun
from tests.browser.shop import address, job_of, said, wait_for
from tests.support import full_name, make_task
from tests.support.people import permissions

if TYPE_CHECKING:
    from scheduled_jobs.tasks import PeriodicTask
    from tests.browser.shop import Shop

pytestmark = pytest.mark.browser
Status = JobRun.Status


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
    expect(lede).to_contain_text("half of it")
    go_on.set()
    expect(lede).to_contain_text("Succeeded")
    expect(page.locator('[data-part="main"]')).to_contain_text('"reported": "apac"')
    asked = JobRun.objects.get()
    assert (asked.payload, asked.requested_by, asked.trigger) == ({"region": "apac"}, "maria", "manual")
    assert job_of("Report").payload_override is None


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
    expect(page.locator('[data-part="lede"]')).to_contain_text("Succeeded")
    expect(page.locator('[data-part="main"]')).to_contain_text("mended")
    page.get_by_role("link", name=f"#{failed.pk}").first.click()
    again = JobRun.objects.get(retry_of=failed)
    expect(page.get_by_role("link", name=f"#{again.pk}").first).to_be_visible()


def test_a_run_that_waits_is_asked_for_again_within_minutes(shop: Shop) -> None:
    make_task(run_every="0 2 * * *")
    shop.deploy()
    page = shop.browser("maria")
    with shop.line_to_google_is_cut():
        page.goto(address(job_of("Report"), "run-now"))
        page.get_by_label("Why now").fill("The month closes")
        page.get_by_role("button", name="Run now").click()
        lede = page.locator('[data-part="lede"]')
        expect(lede).to_contain_text(re.compile(r"Queued for .+\.\s+Asked for by maria\."))
        expect(page.get_by_role("button", name="Ask Google again")).to_have_count(0)
        long_ago = timezone.now() - timedelta(minutes=5)
        JobRun.objects.update(created_at=long_ago)
        expect(lede.locator("p")).to_have_text(
            [
                re.compile(r"^\s*Queued for 5 min.*\.\s+Asked for by maria\.\s*$"),
                "Google has not been asked yet: it could not be reached, or who was to ask was stopped.",
            ]
        )
        assert JobRun.objects.get().status == Status.QUEUED, "looking changes nothing"
        page.get_by_role("button", name="Ask Google again").click()
        said(
            page,
            f"Run #{JobRun.objects.get().pk} still waits: Google could not be asked, "
            "or was asked a few minutes ago at most.",
        )
    page.get_by_role("button", name="Ask Google again").click()
    expect(lede).to_contain_text("Succeeded")
    ran = JobRun.objects.get()
    assert (ran.sent, ran.deliveries, ran.requested_by, ran.reason) == (1, 1, "maria", "The month closes")


def test_a_run_that_google_is_bringing_is_cancelled(shop: Shop) -> None:
    executed: list[float] = []

    def run(self: PeriodicTask) -> None:
        executed.append(time.monotonic())

    make_task(run, run_every="0 2 * * *")
    shop.deploy()
    job = job_of("Report")
    maria, rui = shop.browser("maria"), shop.browser("rui")
    maria.goto(address(job, "run-now"))
    maria.get_by_label("Why now").fill("By mistake")
    with shop.deliveries_wait_at_the_door():
        maria.get_by_role("button", name="Run now").click(no_wait_after=True)
        asked = wait_for(JobRun.objects.filter(sent=1).first)
        rui.goto(f"/admin/scheduled_jobs/jobrun/{asked.pk}/change/")
        rui.get_by_role("button", name="Cancel this run").click()
        said(rui, f"Run #{asked.pk} is cancelled; it will not be executed.")
        assert JobRun.objects.get().deliveries == 0, "Google's call is not served yet"
    arrived = wait_for(JobRun.objects.filter(deliveries=1).first)
    assert (arrived.status, arrived.error) == (Status.DISCARDED, "cancelled by rui")
    maria.wait_for_url("**/jobrun/*/change/")
    expect(maria.locator('[data-part="lede"]')).to_contain_text("Cancelled by rui")
    assert executed == []
    assert JobRun.objects.count() == 1


def test_who_may_run_but_not_change_runs_what_is_in_force(shop: Shop) -> None:
    def run(self: PeriodicTask, region: str = "emea") -> str:
        return region

    make_task(run, run_every="0 2 * * *", schedule_body_payload=classmethod(lambda cls: {"region": "emea"}))
    shop.deploy()
    job = job_of("Report")
    ines = User.objects.create_user("ines", password="secret", is_staff=True)
    ines.user_permissions.set(permissions(["view", "runs", "run"]))
    page = shop.browser("ines")
    page.goto(address(job, "run-now"))
    expect(page.locator("#id_p_region, #id_payload_raw")).to_have_count(0)
    expect(page.locator(".sj-json").first).to_contain_text('"region": "emea"')
    form = {
        "csrfmiddlewaretoken": page.locator("[name=csrfmiddlewaretoken]").last.input_value(),
        "seen": page.locator("[name=seen]").input_value(),
        "reason": "x",
        "p_region": "apac",
    }
    forged = page.request.post(address(job, "run-now"), form=form, headers={"Referer": shop.url})
    assert forged.status == 403
    assert not JobRun.objects.exists()
    page.get_by_label("Why now").fill("The month closes")
    page.get_by_role("button", name="Run now").click()
    expect(page.locator('[data-part="lede"]')).to_contain_text("Succeeded")
    ran = JobRun.objects.get()
    assert (ran.result, ran.requested_by, ran.trigger) == ("emea", "ines", "manual")


def test_a_paused_job_is_run_and_stays_paused(shop: Shop) -> None:
    make_task(run_every="0 2 * * *")
    shop.deploy()
    job = job_of("Report")
    job.pause(reason="The acquirer migrates", by="rui")
    page = shop.browser("maria")
    page.goto(address(job, "run-now"))
    expect(
        page.get_by_text("The job is paused. This run is executed all the same; the pause stays.")
    ).to_be_visible()
    page.get_by_label("Why now").fill("They are done")
    page.get_by_role("button", name="Run now").click()
    expect(page.locator('[data-part="lede"]')).to_contain_text("Succeeded")
    assert job_of("Report").paused
    wait_for(lambda: shop.client.get_job(name=full_name(job)).state.name == "PAUSED")
    assert JobRun.objects.count() == 1
