"""Stories of what was left out: found on the page of a missed run, run in turn, and stopped in the middle."""

from __future__ import annotations

import threading
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from scheduled_jobs.models import JobRun
from tests.browser.shop import address, job_of, said, wait_for
from tests.support import make_run, make_task

if TYPE_CHECKING:
    from datetime import datetime

    from scheduled_jobs.tasks import PeriodicTask
    from tests.browser.shop import Shop

pytestmark = pytest.mark.browser
Status = JobRun.Status
HOUR = timedelta(hours=1)


def hours_ago(n: int) -> datetime:
    return timezone.now().replace(minute=0, second=0, microsecond=0) - n * HOUR


def test_what_was_missed_is_run_one_after_the_other(shop: Shop) -> None:
    ran: list[datetime] = []

    def run(self: PeriodicTask) -> str:
        at = self.metadata.scheduled_for
        ran.append(at)
        if at == slots[1]:
            raise KeyError("PT-LIS-2")
        return "caught up"

    make_task(run, run_every="0 * * * *")
    shop.deploy()
    job = job_of("Report")
    slots = [hours_ago(n) for n in (5, 4, 3, 2)]
    missed = [
        make_run(job, Status.MISSED, scheduled_for=at, created_at=at + timedelta(minutes=5)) for at in slots
    ]
    page = shop.browser("maria")
    page.goto(f"/admin/scheduled_jobs/jobrun/{missed[-1].pk}/change/")
    expect(page.locator(".sj-choose")).to_contain_text("Run the 4 missed since")
    page.get_by_role("link", name="Backfill…").click()
    expect(page.locator(".sj-q")).to_contain_text("Run 4 scheduled times of")
    expect(page.locator(".sj-scroll tbody tr")).to_have_count(4)
    page.get_by_label("Why now").fill("The network was down")
    page.get_by_role("button", name="Run 4 scheduled times").click()
    said(page, "4 runs are queued; they start one after the other.")

    wait_for(lambda: JobRun.objects.filter(trigger="backfill").exclude(status__in=JobRun.OPEN).count() == 4)
    runs = list(JobRun.objects.filter(trigger="backfill").order_by("started_at"))
    assert ran == slots
    assert [(run.status, run.scheduled_for, run.sent, run.deliveries) for run in runs] == [
        ("failed" if at == slots[1] else "succeeded", at, 1, 1) for at in slots
    ]
    assert [run.retry_of_id for run in runs] == [run.pk for run in missed]
    assert all(one.finished_at <= other.started_at for one, other in pairwise(runs))

    page.goto(f"/admin/scheduled_jobs/jobrun/{missed[0].pk}/change/")
    expect(page.locator('[data-part="lede"]')).to_contain_text(f"Its last attempt, #{runs[0].pk}, succeeded.")
    page.get_by_role("link", name=f"#{runs[0].pk}").first.click()
    expect(page.get_by_role("link", name=f"#{missed[0].pk}").first).to_be_visible()


def test_a_backfill_is_stopped_in_the_middle(shop: Shop) -> None:
    go_on, ran, since, until = threading.Event(), [], hours_ago(3), hours_ago(0)

    def run(self: PeriodicTask) -> None:
        ran.append(self.metadata.scheduled_for)
        go_on.wait(20)

    make_task(run, run_every="0 * * * *")
    shop.deploy()
    page = shop.browser("maria")
    page.goto(address(job_of("Report"), "change"))
    page.get_by_role("link", name="Backfill…").click()
    page.get_by_label("Scheduled times from").fill(f"{since:%Y-%m-%dT%H:%M}")
    page.get_by_label("until").fill(f"{until:%Y-%m-%dT%H:%M}")
    page.get_by_role("button", name="Show").click()
    page.get_by_role("button", name="Run 3 scheduled times").click()
    first = wait_for(lambda: JobRun.objects.filter(status=Status.RUNNING).first())
    last = JobRun.objects.filter(trigger="backfill").order_by("pk").last()
    assert last is not None
    page.goto(f"/admin/scheduled_jobs/jobrun/{last.pk}/change/")
    expect(page.locator('[data-part="lede"]')).to_contain_text(
        f"It waits for its turn: 2 runs that were asked for before it go first, now #{first.pk}."
    )
    page.get_by_role("button", name="Cancel all 2 that wait").click()
    said(page, "2 waiting runs are cancelled.")
    go_on.set()
    wait_for(lambda: JobRun.objects.filter(pk=first.pk, status=Status.SUCCEEDED).exists())
    states = JobRun.objects.filter(trigger="backfill").order_by("pk").values_list("status", "sent")
    assert list(states) == [("succeeded", 1), ("discarded", 0), ("discarded", 0)]
    assert ran == [since]
