"""The landing page, and what a person does there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from scheduled_jobs.models import ScheduledJob
from tests.browser.pictures import overflow
from tests.browser.screens.checks import ScreenChecks
from tests.browser.screens.table import DASHBOARD, INDEX

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

    from tests.browser.screens.desk import Desk

pytestmark = pytest.mark.browser


class TestDashboard(ScreenChecks):
    screens = DASHBOARD


def test_a_matter_is_dealt_with_by_keyboard_and_it_is_undone(
    desk: Desk, browse: Callable[[str], Page]
) -> None:
    desk.fill()
    page = browse("maria")
    page.goto(INDEX)
    matter = page.locator(".sj-need li").filter(has_text="never arrived")
    matter.get_by_role("button", name="Mark as dealt with").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("The matter returns with the next run of its kind.")).to_be_visible()
    expect(matter).to_have_count(0)
    page.get_by_role("button", name="Undo").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("runs need attention again.")).to_be_visible()
    expect(matter).to_have_count(1)


def test_a_long_name_breaks_and_covers_no_button(desk: Desk, browse: Callable[[str], Page]) -> None:
    desk.fill()
    row = desk.job("SyncWarehouseStock")
    rows = ScheduledJob.objects.filter(pk=row.pk)
    rows.update(task=f"inventory.tasks.{'ReconcileTheLedgersOfAllSubsidiaries' * 4}")
    page = browse("maria")
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 900})
        page.goto(INDEX)
        assert overflow(page) <= 0
        matter = page.locator(".sj-need li").filter(has_text="Reconcile")
        name, buttons = matter.locator("b a").bounding_box(), matter.locator(".do").bounding_box()
        assert name is not None
        assert buttons is not None
        assert name["x"] + name["width"] <= buttons["x"] or name["y"] + name["height"] <= buttons["y"]
    rows.update(task=row.task)
