"""Whatever is written anywhere, no page gains an element, an attribute or an address by it."""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, datetime
from itertools import zip_longest

import pytest
import time_machine
from django.db import transaction

from scheduled_jobs import registry
from scheduled_jobs.backends import use_backend
from scheduled_jobs.backends.memory import MemoryBackend
from tests.support.hostile import EVIL, HARMLESS, SCREENS, Desk, Screen, open_screen, plant
from tests.support.pages import Element, Page

pytestmark = [pytest.mark.django_db, pytest.mark.uncounted, pytest.mark.usefixtures("no_tasks")]
NOW = datetime(2026, 11, 23, 9, 7, 20, tzinfo=UTC)
TAKE_AN_ADDRESS = {
    "href",
    "src",
    "action",
    "formaction",
    "xlink:href",
    "data",
    "poster",
    "cite",
    "background",
}
OURS = re.compile(r"^(/|\?|#|\.|$)(?!/)")
FORBIDDEN = {
    "iframe",
    "object",
    "embed",
    "base",
    "frame",
    "applet",
    "math",
    "audio",
    "video",
    "foreignobject",
}


class Undone(Exception):
    """What was written for one screen is not there for the next."""


def faults_of(element: Element) -> list[str]:
    """What no element of ours does."""
    found = []
    if element.tag in FORBIDDEN:
        found.append(f"<{element.tag}>")
    is_code = element.tag == "script" and element.attrs.get("type") != "application/json"
    if is_code and (element.text.strip() or not re.match("/(?!/)", element.attrs.get("src", ""))):
        found.append(f"an inline script: {element.text[:80]}")
    for name, value in element.attrs.items():
        if name.startswith("on") or not re.fullmatch(r"[a-z][a-z0-9:_-]*", name, re.IGNORECASE):
            found.append(f"<{element.tag} {name}=…>")
        if name == "style" and element.is_within(id="content"):
            found.append(f"<{element.tag} style=…>")
        address = re.sub(r"[\x00-\x20]", "", value)
        if name in TAKE_AN_ADDRESS and not OURS.match(address):
            found.append(f"<{element.tag} {name}={value[:80]!r}>")
    if element.tag == "meta" and "refresh" in element.attrs.get("http-equiv", "").lower():
        found.append("a page that goes elsewhere")
    return found


def shape_of(page: Page) -> list[str]:
    """The elements with the names of their attributes, in their order."""
    return [f"{len(e.parents)} {e.tag} {' '.join(sorted(e.attrs))}" for e in page.elements]


def texts_of(page: Page) -> str:
    """All that can be read on a page: its text, and the values of its attributes."""
    top = [element.text for element in page.elements if not element.parents]
    return "\n".join([*top, *(value for e in page.elements for value in e.attrs.values())])


def open_all(evil: str) -> tuple[Desk, dict[str, Page]]:
    """The desk on which this is written everywhere, and every screen of it as it was before any other."""
    pages = {}
    google = MemoryBackend()
    with use_backend(google), pytest.raises(Undone), transaction.atomic():
        desk = plant(evil, google, NOW)
        for screen in SCREENS:
            with pytest.raises(Undone), transaction.atomic():
                pages[screen.name] = Page(open_screen(screen, desk, google))
                raise Undone
        raise Undone
    registry._tasks.clear()
    return desk, pages


def missing(screen: Screen, page: Page, desk: Desk) -> list[str]:
    texts = texts_of(page).lower()  # a sentence begins with a capital
    return [mark for mark in screen.shows if f"m-{mark} " not in texts]


def test_markup_is_text_on_every_screen() -> None:
    with time_machine.travel(NOW, tick=False):
        _calm, before = open_all(HARMLESS)
        desk, after = open_all(EVIL)
    faults: dict[str, object] = {}
    for screen in SCREENS:
        page = after[screen.name]
        if found := [fault for element in page.elements for fault in faults_of(element)]:
            faults[screen.name] = found
        elif found := missing(screen, page, desk):
            faults[screen.name] = f"it does not show {', '.join(found)}"
        else:
            pairs = zip_longest(shape_of(before[screen.name]), shape_of(page))
            if differing := [pair for pair in pairs if pair[0] != pair[1]]:
                faults[screen.name] = differing[:2]
    assert not faults, "\n".join(f"{name}: {fault}" for name, fault in faults.items())
    assert len(Counter(screen.name for screen in SCREENS)) == len(SCREENS)
