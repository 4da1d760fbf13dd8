"""Stories of a pause: held by the database, whatever Google knows; and resumed without firing anything."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from django.test.utils import override_settings
from playwright.sync_api import expect

from scheduled_jobs.admin.words import times
from scheduled_jobs.models import JobChange, JobRun
from tests.browser.shop import address, facts, job_of, said, wait_for
from tests.support import full_name, make_task

if TYPE_CHECKING:
    from scheduled_jobs.tasks import PeriodicTask
    from tests.browser.shop import Shop

pytestmark = pytest.mark.browser
Status = JobRun.Status
WHY = "The acquirer migrates"


def test_a_pause_holds_before_google_has_heard_of_it(shop: Shop) -> None:
    executed: list[int] = []

    def run(self: PeriodicTask) -> None:
        executed.append(self.metadata.run_id)

    make_task(run, run_every="* * * * *")
    shop.deploy()
    page = shop.browser("maria")
    job = job_of("Report")
    shop.stop_google()
    with override_settings(DJANGO_CLOUD_TASKS_RPC_TIMEOUT=2):
        page.goto(address(job, "pause"))
        page.get_by_role("button", name="Pause this job").click()
        expect(page.locator(".errorlist li")).to_have_text("Say why the job is paused.")
        page.get_by_label("Why").fill(WHY)
        page.get_by_role("button", name="Pause this job").click()
        said(page, "The job shop.reports.Report is paused until somebody resumes it.")
    expect(page.locator(".sj-lede p").first).to_have_text(
        re.compile(rf"^Paused by maria since .+, until somebody resumes it\. Why: “{WHY}”\. .*"
                   r"No run is due until then\.$")
    )  # fmt: skip
    paused = job_of("Report")
    assert (paused.paused, paused.paused_by, paused.pause_reason) == (True, "maria", WHY)
    assert paused.sync_state != "synced"
    before = len(executed)

    with shop.line_to_google_is_cut():
        shop.start_google()
        runs = JobRun.objects.filter(job=job, scheduled_for__gt=paused.paused_at)
        skipped = wait_for(runs.first, 120)
        assert (skipped.status, skipped.trigger) == (Status.SKIPPED, JobRun.Trigger.SCHEDULE)
        assert job_of("Report").sync_state != "synced", "Google cannot be told yet"
        page.goto(f"/admin/scheduled_jobs/jobrun/{skipped.pk}/change/")
        expect(page.locator('[data-part="lede"] p')).to_have_text(
            [
                f"Skipped. Scheduled for {times.dated(skipped.scheduled_for, 'UTC').removesuffix(' UTC')}. Paused: {WHY}",
                "Nothing ran, and nothing is caught up by itself.",
            ]
        )
    assert shop.client.get_job(name=full_name(job)).state.name == "ENABLED", "it has fired by its own clock"

    shop.deploy()
    assert shop.client.get_job(name=full_name(job)).state.name == "PAUSED"
    assert job_of("Report").sync_state == "synced"
    page.goto(address(job))
    expect(facts(page, "In Google")).to_contain_text("sent now, read now")
    assert len(executed) == before


def test_resuming_says_the_next_run_and_fires_nothing(shop: Shop) -> None:
    make_task(run_every="0 2 * * *")
    shop.deploy()
    job = job_of("Report")
    job.pause(reason=WHY, by="rui")
    assert shop.client.get_job(name=full_name(job)).state.name == "PAUSED"
    page = shop.browser("maria")
    page.goto(address(job))
    page.get_by_role("link", name="Resume…").click()
    expect(page.locator(".sj-q")).to_have_text(
        re.compile(r"^\s*Resume shop\.reports\.Report\?\s+Its next run is then .+ 02:00 UTC \(in .+\)\.\s*$")
    )
    expect(page.get_by_text("Resuming starts nothing: the next run is the schedule’s next.")).to_be_visible()
    page.get_by_label("Why:").fill("They are done")
    page.get_by_role("button", name="Resume this job").click()
    said(page, "The job shop.reports.Report is resumed.")
    wait_for(lambda: shop.client.get_job(name=full_name(job)).state.name == "ENABLED")
    assert not JobRun.objects.exists()
    change = JobChange.objects.get(job=job, field="paused", new=False)
    assert (change.actor_label, change.via, change.reason) == ("maria", "form", "They are done")
