"""Whatever is written anywhere, a browser runs nothing of it and calls nobody for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.db import transaction
from django.utils import timezone
from playwright.sync_api import expect

from tests.support.hostile import EVIL, RUNS, SCREENS, open_screen, plant
from tests.support.people import LIST

if TYPE_CHECKING:
    from playwright.sync_api import Page, Request, Route
    from pytest_django.live_server_helper import LiveServer

    from scheduled_jobs.backends.memory import MemoryBackend
    from tests.support.hostile import Desk

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
FOREIGN = """() => [...document.querySelectorAll("*")].flatMap((element) => {
    const names = element.getAttributeNames().filter((name) => name.startsWith("on"));
    const links = ["href", "src", "action", "formaction"].map((name) => element.getAttribute(name))
        .filter((value) => value && /^\\s*(javascript|data|vbscript):|^\\s*(https?:)?\\/\\//i.test(value));
    const isCode = element.tagName === "SCRIPT" && !element.src && element.type !== "application/json";
    const isOdd = ["IFRAME", "OBJECT", "EMBED", "BASE", "AUDIO", "VIDEO"].includes(element.tagName);
    return names.length || links.length || isCode || isOdd ? [element.outerHTML.slice(0, 200)] : [];
})"""


class Undone(Exception):
    """What was written for one screen is not there for the next."""


class Watched:
    """A page, and what nothing that we wrote would make it do."""

    def __init__(self, page: Page, live_server: LiveServer) -> None:
        self.page = page
        self.host = urlsplit(live_server.url).netloc
        self.dialogs: list[str] = []
        self.calls: list[str] = []
        page.on("dialog", self._dismiss)
        page.on("request", self._note)

    def _dismiss(self, dialog: Any) -> None:
        self.dialogs.append(dialog.message)
        dialog.dismiss()

    def _note(self, request: Request) -> None:
        if urlsplit(request.url).netloc != self.host:
            self.calls.append(request.url)

    @property
    def faults(self) -> list[str]:
        return [*self.dialogs, *self.calls, *self.page.evaluate(FOREIGN)]


@pytest.fixture
def desk(google: MemoryBackend, no_tasks: None, transactional_db: None) -> Desk:
    return plant(EVIL, google, timezone.now())


@pytest.fixture
def watched(page: Page, live_server: LiveServer, desk: Desk) -> Watched:
    """A page of the superuser, whose own name is of the same kind."""
    session = desk.client.cookies[settings.SESSION_COOKIE_NAME].value
    page.context.add_cookies(
        [{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": live_server.url}]
    )
    return Watched(page, live_server)


def test_no_screen_runs_or_fetches_what_somebody_wrote(
    watched: Watched, desk: Desk, google: MemoryBackend
) -> None:
    answers: dict[str, str] = {}
    for screen in SCREENS:
        with pytest.raises(Undone), transaction.atomic():
            answers[screen.name] = open_screen(screen, desk, google)
            raise Undone
    served = [(name, html) for name, html in answers.items() if html]

    def serve(route: Route) -> None:
        number = int(route.request.url.rstrip("/").rpartition("-")[2])
        route.fulfill(body=served[number][1], content_type="text/html; charset=utf-8")

    watched.page.route("**/admin/screen-*/", serve)
    faults = {}
    for number, (name, _html) in enumerate(served):
        watched.page.goto(f"/admin/screen-{number}/")
        if found := watched.faults:
            faults[name] = found
    assert faults == {}
    assert len(answers) == len(SCREENS)


def test_what_the_scripts_fetch_is_text_too(watched: Watched, desk: Desk) -> None:
    page = watched.page
    running = desk.runs["running"]
    page.goto(f"{RUNS}{running.pk}/change/")
    with page.expect_response(lambda answer: answer.request.resource_type == "xhr"):
        pass
    expect(page.locator('[data-part="lede"]')).to_contain_text("m-progress <script>alert(1)</script>")
    expect(page.locator("#sj-refresh")).to_contain_text("refreshed")
    assert watched.faults == []

    page.goto(f"{LIST}{desk.typed.pk}/settings/")
    with page.expect_response(lambda answer: answer.request.method == "POST"):
        page.get_by_role("textbox", name="Schedule", exact=True).fill(EVIL)
    expect(page.locator("[data-part=schedule]")).to_contain_text("<script>alert(1)</script>")
    assert watched.faults == []


def test_what_google_answers_to_a_push_is_text_too(
    watched: Watched, desk: Desk, google: MemoryBackend
) -> None:
    page = watched.page
    google.store.faults.refuse("UpdateJob", "PERMISSION_DENIED", desk.text("google"), times=50)
    google.store.faults.refuse("CreateJob", "PERMISSION_DENIED", desk.text("google"), times=50)
    page.goto(f"{LIST}{desk.typed.pk}/pause/")
    page.get_by_label("Why").fill(EVIL)
    page.get_by_role("button", name="Pause this job").click()
    page.wait_for_url(f"**{LIST}{desk.typed.pk}/change/")
    expect(page.get_by_text("m-google <script>alert(1)</script>").first).to_be_visible()
    assert watched.faults == []
    page.goto(LIST)
    assert watched.faults == []
