"""What axe-core says of a page."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from axe_playwright_python.sync_playwright import Axe

if TYPE_CHECKING:
    from playwright.sync_api import Page

AXE = Axe()
# It would ask for the style sheets a second time, and for what they import at the wrong address.
OPTIONS = {"resultTypes": ["violations"], "preload": False}
INSIDE = "selector => Boolean(document.querySelector(selector)?.closest('#content'))"


class Violation(NamedTuple):
    """A rule that an element breaks; ``inside`` is whether it is one of the page's content."""

    rule: str
    element: str
    inside: bool


def violations(page: Page) -> list[Violation]:
    """What of the page breaks which rule, in the colours that it has now."""
    # A colour on its way from light to dark is neither.
    page.evaluate("document.getAnimations().forEach(animation => animation.finish())")
    return [
        Violation(rule["id"], node["html"][:200], page.evaluate(INSIDE, node["target"][0]))
        for rule in AXE.run(page, options=OPTIONS).response["violations"]
        for node in rule["nodes"]
    ]
