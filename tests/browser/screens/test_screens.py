"""Every screen of the desk: how it fits, what it says to whom cannot see it, and that it stays strict.

``PICTURES=folder`` also writes how it looks.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from django.contrib.auth.models import Group, User

from tests.browser.pictures import SIZES, overflow, take
from tests.browser.screens import structure
from tests.browser.screens.accessibility import violations
from tests.browser.screens.table import SCREENS
from tests.support.documents import ROOT, read

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

    from tests.browser.screens.conftest import Shown

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("screens")]
SCHEMES = ("light", "dark")


@pytest.fixture(scope="module")
def djangos_own(browse: Callable[[str], Page]) -> dict[str, set[str]]:
    """The rules of axe-core that this Django's own list and form of the same kind break, by colour scheme."""
    page = browse("maria")
    group = Group.objects.create(
        name="Those who look after the recurring jobs of the shop and its warehouses"
    )
    user = User.objects.get(username="maria")
    broken: dict[str, set[str]] = {scheme: set() for scheme in SCHEMES}
    for address in ("user/", "group/", f"user/{user.pk}/change/", f"group/{group.pk}/change/"):
        page.goto(f"/admin/auth/{address}")
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme)
            broken[scheme] |= {found.rule for found in violations(page)}
    page.close()
    group.delete()
    return broken


def test_every_picture_is_in_the_documentation() -> None:
    page = read("docs/screens.md")
    pictured = [screen for screen in SCREENS if screen.shows]
    names = re.findall(r"images/([^\"]+)", page)
    assert sorted(set(names)) == sorted(
        f"{screen.name}-{width}-{scheme}.png" for screen in pictured for width in SIZES for scheme in SCHEMES
    )
    assert [name for name in names if not (ROOT / "docs/images" / name).is_file()] == []
    assert [screen.name for screen in pictured if f"\n{screen.shows}:\n" not in page] == []


def test_the_browser_has_nothing_to_complain_of_under_a_strict_policy(shown: Shown) -> None:
    assert shown.complaints == []


@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_sticks_out(shown: Shown, width: int) -> None:
    shown.page.set_viewport_size({"width": width, "height": 900})
    assert overflow(shown.page) <= 0
    shown.page.set_viewport_size({"width": 1280, "height": 900})


def test_nothing_sticks_out_beside_djangos_sidebar(shown: Shown) -> None:
    shown.page.locator("#toggle-nav-sidebar").click()
    assert overflow(shown.page) <= 0
    shown.page.locator("#toggle-nav-sidebar").click()


def test_how_it_looks(shown: Shown) -> None:
    if shown.screen.shows:
        take(shown.page, shown.screen.name)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_axe_finds_nothing_in_it_and_around_it_only_what_django_itself_breaks(
    shown: Shown, djangos_own: dict[str, set[str]], scheme: str
) -> None:
    shown.page.emulate_media(color_scheme=scheme)
    found = violations(shown.page)
    assert [one for one in found if one.inside or one.rule not in djangos_own[scheme]] == []


def test_it_is_told_what_it_is_and_its_headings_leave_out_no_level(shown: Shown) -> None:
    headings = structure.headings(shown.page)
    levels = [level for level, _ in headings]
    assert (levels[0], levels.count(1)) == (1, 1), headings
    assert [(one, two) for one, two in pairwise(headings) if two[0] > one[0] + 1] == []
    assert all(text for _, text in headings)
    assert shown.page.locator("html").get_attribute("lang") == "en-us"
    assert shown.page.title().startswith(headings[0][1])


def test_every_control_has_a_name_and_every_state_a_word(shown: Shown) -> None:
    assert structure.nameless(shown.page) == []
    assert structure.wordless(shown.page) == []


def test_the_tab_key_reaches_everything_in_order_and_one_sees_where_it_is(shown: Shown) -> None:
    expected = structure.stops(shown.page)
    way = structure.walk(shown.page, len(expected) + 5)
    assert [stop["html"] for stop in way] == expected
    assert [stop["html"] for stop in way if not stop["differs"] or not stop["visible"]] == []
