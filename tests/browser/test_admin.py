"""The admin in a browser: who logs in finds the jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_a_superuser_finds_the_jobs_from_the_first_page(operator: Page) -> None:
    operator.get_by_role("link", name="Scheduled jobs").first.click()
    expect(operator.get_by_role("heading", level=1)).to_be_visible()
    expect(operator.get_by_role("link", name="Scheduled jobs").first).to_be_visible()
