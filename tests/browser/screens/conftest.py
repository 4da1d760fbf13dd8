"""One desk for all the tests of a module, and each screen opened once for all that is asked of it."""

from __future__ import annotations

from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING

import pytest
from django.contrib.auth.models import Group, User
from playwright.sync_api import TimeoutError as PageTimeout

from scheduled_jobs import deployment
from scheduled_jobs.services import monitoring
from tests.browser.people import sign_in
from tests.browser.pictures import SCHEMES
from tests.browser.screens.accessibility import violations
from tests.browser.screens.code import NOW
from tests.browser.screens.desk import Desk, open_desk
from tests.support.findings import FOUND

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser, Page, Request
    from pytest_django import DjangoDbBlocker

    from tests.browser.screens.table import Screen


@pytest.fixture(scope="module")
def db(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """The database for a whole module instead of for one test; the desk leaves nothing behind in it."""
    with django_db_blocker.unblock():
        yield


@pytest.fixture(scope="module")
def desk(chromium: Browser, db: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    # After the browser: while Playwright keeps its event loop, Django's connections are kept elsewhere.
    with open_desk(tmp_path_factory.mktemp("desk")) as opened, pytest.MonkeyPatch.context() as patch:
        patch.setattr(monitoring, "examine", lambda: FOUND)
        patch.setenv("GAE_VERSION", "2026.10.2")
        patch.setattr(deployment, "host", lambda: "shop-web-00312-k7d")
        yield opened


@pytest.fixture(scope="module")
def browse(chromium: Browser, desk: Desk) -> Iterator[Callable[[str], Page]]:
    """Opens a page of somebody who is signed in."""
    with ExitStack() as stack:

        def opened(username: str) -> Page:
            context = stack.enter_context(
                chromium.new_context(
                    base_url=desk.url, locale="en-GB", timezone_id="America/New_York", reduced_motion="reduce"
                )
            )
            sign_in(context, username, desk.url)
            context.clock.set_fixed_time(NOW)
            # As most people have it on a small window: the list of all models is folded away.
            context.add_init_script("localStorage.setItem('django.admin.navSidebarIsOpen', 'false')")
            return context.new_page()

        yield opened


@pytest.fixture(scope="module")
def djangos_own(request: pytest.FixtureRequest, browse: Callable[[str], Page]) -> dict[str, set[str]]:
    """The rules of axe-core that this Django's own list and form of the same kind break, by colour scheme."""
    broken = request.config.stash.setdefault(DJANGOS_OWN, {})
    if broken:
        return broken
    page = browse("maria")
    group = Group.objects.create(
        name="Those who look after the recurring jobs of the shop and its warehouses"
    )
    user = User.objects.get(username="maria")
    broken |= {scheme: set() for scheme in SCHEMES}
    for address in ("user/", "group/", f"user/{user.pk}/change/", f"group/{group.pk}/change/"):
        page.goto(f"/admin/auth/{address}")
        for scheme in SCHEMES:
            broken[scheme] |= {found.rule for found in violations(page, scheme)}
    page.close()
    group.delete()
    return broken


class Shown:
    """A screen as it was opened, and what the browser had to complain of."""

    def __init__(self, screen: Screen, page: Page) -> None:
        self.screen = screen
        self.page = page
        self.complaints: list[str] = []
        page.on("console", lambda said: self.complaints.append(f"{said.type}: {said.text}"))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("requestfailed", self._failed)

    def _failed(self, asked: Request) -> None:
        # A preview that is overtaken by the next one, or by leaving the page, is given up on purpose.
        if asked.failure != "net::ERR_ABORTED":
            self.complaints.append(f"failed: {asked.url}: {asked.failure}")


DJANGOS_OWN = pytest.StashKey[dict[str, set[str]]]()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "shown" in metafunc.fixturenames:
        metafunc.parametrize("shown", metafunc.cls.screens, indirect=True, ids=str, scope="module")


@pytest.fixture(scope="module")
def shown(request: pytest.FixtureRequest, desk: Desk, browse: Callable[[str], Page]) -> Iterator[Shown]:
    """One screen, 1280 px wide, light."""
    screen: Screen = request.param
    if screen.is_full:
        desk.fill()
    page = browse(screen.who)
    opened = Shown(screen, page)
    page.set_viewport_size({"width": 1280, "height": 900})
    screen.go(page, desk)
    # What scripts fetch at once is there by then; a browser that still asks for something else keeps no test.
    with suppress(PageTimeout):
        page.wait_for_load_state("networkidle", timeout=5_000)
    yield opened
    page.close()
