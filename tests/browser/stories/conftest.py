"""The shop of the stories, opened anew for each of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.browser.shop import running_shop

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser

    from tests.browser.shop import Shop


@pytest.fixture
def shop(chromium: Browser, transactional_db: None, no_tasks: None, tmp_path: Path) -> Iterator[Shop]:
    """The shop with real parts, with no task in it yet, and the operators maria and rui."""
    from django.contrib.auth.models import User

    with running_shop(chromium, tmp_path) as running:
        for name in ("maria", "rui"):
            User.objects.create_superuser(name, "", "secret")
        yield running
