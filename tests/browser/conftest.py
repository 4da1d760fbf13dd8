"""A real browser against a real server, for what only a browser can tell."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect, sync_playwright

from tests.browser.people import sign_in
from tests.browser.pictures import fonts
from tests.support.chromium import MISSING, find_chromium, switches

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.contrib.auth.models import User
    from playwright.sync_api import Browser, Page
    from pytest_django.live_server_helper import LiveServer

# What comes, comes soon; a busy machine may take its time.
expect.set_options(timeout=30_000)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Chromium, headless; skips the test, with the reason, where there is none.

    For one module and not for the session: Playwright keeps an event loop in this thread while it runs,
    beside which Django refuses to touch the database, unless told otherwise, and to run async code.
    """
    executable = find_chromium()
    if executable is None:
        pytest.skip(MISSING)
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        browser = playwright.chromium.launch(
            executable_path=executable, args=switches(), env={**os.environ, **fonts()}
        )
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Browser, live_server: LiveServer) -> Iterator[Page]:
    """An empty page whose relative addresses are the live server's; an error in its scripts fails the test."""
    context = chromium.new_context(base_url=live_server.url, locale="en-GB", timezone_id="UTC")
    opened = context.new_page()
    errors: list[str] = []
    opened.on("pageerror", lambda error: errors.append(str(error)))
    yield opened
    context.close()
    assert errors == []


@pytest.fixture
def operator(page: Page, admin_user: User, live_server: LiveServer) -> Page:
    """A page whose person is logged in as a superuser."""
    sign_in(page.context, admin_user.get_username(), live_server.url)
    return page
