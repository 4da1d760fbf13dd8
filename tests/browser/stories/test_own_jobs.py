"""Stories of an operator's own job: added, fired by Google's clock, and deleted in Google before it goes here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from scheduled_jobs.models import JobChange, JobRun, ScheduledJob
from tests.browser.shop import address, job_of, said, wait_for
from tests.support import full_name, make_task
from tests.support.people import LIST

if TYPE_CHECKING:
    from scheduled_jobs.tasks import PeriodicTask
    from tests.browser.shop import Shop

pytestmark = pytest.mark.browser


def names(shop: Shop) -> list[str]:
    """The ids of the jobs that Google has."""
    parent = full_name(job_of("Report")).rpartition("/jobs/")[0]
    return sorted(live.name.rpartition("/")[2] for live in shop.client.list_jobs(parent=parent))


def test_an_operator_adds_a_job_that_fires_and_deletes_it(shop: Shop) -> None:
    def run(self: PeriodicTask, region: str) -> dict[str, str]:
        return {"reported": region}

    task = make_task(
        run, run_every="0 2 * * *", schedule_body_payload=classmethod(lambda cls: {"region": "emea"})
    )
    shop.deploy()
    code = job_of("Report")
    page = shop.browser("maria")
    page.goto(LIST)
    page.get_by_role("link", name="Add a job").click()
    page.wait_for_url(f"{LIST}add/", wait_until="load")
    page.get_by_label("Task:").select_option(task.name())
    expect(page.locator("#id_p_region")).to_be_visible()
    page.get_by_label("Name:").fill("report apac")
    page.get_by_label("Schedule:").fill("* * * * *")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("alert").first).to_contain_text(
        "Nothing was saved: please correct the errors below."
    )
    assert names(shop) == [code.name]
    page.get_by_label("Name:").fill("report-apac")
    page.locator("#id_p_region").fill("apac")
    page.get_by_role("button", name="Save", exact=True).click()
    said(page, "Added: report-apac.")
    job = ScheduledJob.objects.get(name="shop--report-apac")
    assert names(shop) == ["shop--report-apac", code.name]

    fired = wait_for(lambda: JobRun.objects.filter(job=job, status="succeeded").first(), 120)
    assert (fired.trigger, fired.result) == ("schedule", {"reported": "apac"})
    page.goto(address(job))
    page.get_by_role("link", name="Delete…").click()
    expect(page.locator(".sj-q")).to_have_text("Delete report-apac?")
    page.get_by_label("Why:").fill("The region is closed")
    with shop.line_to_google_is_cut():
        page.get_by_role("button", name="Delete this job").click()
        expect(page.locator(".messagelist li")).to_contain_text("Not deleted yet: report-apac.")
        expect(page.locator(".messagelist li")).to_contain_text(
            "It runs nothing meanwhile. Delete it again to try again."
        )
        deleting = ScheduledJob.objects.get(pk=job.pk)
        assert deleting.deleting_at is not None, "the row stays until Google has none left"
    assert names(shop) == ["shop--report-apac", code.name]
    page.get_by_role("link", name="Try again to delete it").click()
    page.get_by_role("button", name="Delete this job").click()
    said(page, "Deleted: report-apac.")
    assert names(shop) == [code.name]
    assert not ScheduledJob.objects.filter(name="shop--report-apac").exists()
    kept = JobChange.objects.filter(job_name="shop--report-apac").values_list("field", "actor_label")
    assert ("deleting", "maria") in kept, "the audit stays"


def test_a_job_of_the_code_is_not_deleted(shop: Shop) -> None:
    make_task(run_every="0 2 * * *")
    shop.deploy()
    page = shop.browser("maria")
    job = job_of("Report")
    page.goto(address(job, "settings"))
    expect(page.get_by_role("link", name="Delete…")).to_have_count(0)
    expect(
        page.get_by_text(
            "This job comes from the code, so it cannot be deleted here: remove the class, deploy, and it is "
            "retired with its history kept. To stop it now, pause it."
        )
    ).to_be_visible()
    page.goto(address(job, "delete"))
    expect(page.locator(".sj-q")).to_have_text(
        "shop.reports.Report comes from the code and cannot be deleted here."
    )
    expect(page.get_by_role("button", name="Delete")).to_have_count(0)
