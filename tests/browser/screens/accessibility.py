"""What axe-core says of a page."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from axe_playwright_python.sync_playwright import Axe

if TYPE_CHECKING:
    from playwright.sync_api import Page

AXE = Axe()
# It would ask for the style sheets a second time, and for what they import at the wrong address.
OPTIONS = {"resultTypes": ["violations"], "preload": False}
COLOURS = {"runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}}
"""The rules for which colours matter: of all others a page in the dark breaks what it breaks in the light."""
INSIDE = "selector => Boolean(document.querySelector(selector)?.closest('#content'))"


class Violation(NamedTuple):
    """A rule that an element breaks; ``inside`` is whether it is one of the page's content."""

    rule: str
    element: str
    inside: bool


def violations(page: Page, scheme: str) -> list[Violation]:
    """What of the page breaks which rule in the light, or with its colours in the dark."""
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    # A colour on its way from light to dark is neither.
    page.evaluate("document.getAnimations().forEach(animation => animation.finish())")
    options = OPTIONS | COLOURS if scheme == "dark" else OPTIONS
    return [
        Violation(rule["id"], node["html"][:200], page.evaluate(INSIDE, node["target"][0]))
        for rule in AXE.run(page, options=options).response["violations"]
        for node in rule["nodes"]
    ]
