"""What holds of every screen: how it fits, what it says to whom cannot see it, and that it stays strict.

``PICTURES=folder`` also writes how it looks.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from tests.browser.pictures import SCHEMES, overflow, take
from tests.browser.screens import structure
from tests.browser.screens.accessibility import violations

if TYPE_CHECKING:
    from tests.browser.screens.conftest import Shown
    from tests.browser.screens.table import Screen


class ScreenChecks:
    """Inherit, and name the screens; each is opened once for all that is asked of it."""

    screens: tuple[Screen, ...]

    def test_the_browser_has_nothing_to_complain_of_under_a_strict_policy(self, shown: Shown) -> None:
        assert shown.complaints == []

    @pytest.mark.parametrize("width", [1280, 390])
    def test_nothing_sticks_out(self, shown: Shown, width: int) -> None:
        shown.page.set_viewport_size({"width": width, "height": 900})
        assert overflow(shown.page) <= 0
        shown.page.set_viewport_size({"width": 1280, "height": 900})

    def test_nothing_sticks_out_beside_djangos_sidebar(self, shown: Shown) -> None:
        shown.page.locator("#toggle-nav-sidebar").click()
        assert overflow(shown.page) <= 0
        shown.page.locator("#toggle-nav-sidebar").click()

    def test_how_it_looks(self, shown: Shown) -> None:
        if shown.screen.shows:
            take(shown.page, shown.screen.name)

    @pytest.mark.parametrize("scheme", SCHEMES)
    def test_axe_finds_nothing_in_it_and_around_it_only_what_django_itself_breaks(
        self, shown: Shown, djangos_own: dict[str, set[str]], scheme: str
    ) -> None:
        found = violations(shown.page, scheme)
        wrong = [one for one in found if one.inside or one.rule not in djangos_own[scheme]]
        assert wrong == [], wrong

    def test_it_is_told_what_it_is_and_its_headings_leave_out_no_level(self, shown: Shown) -> None:
        headings = structure.headings(shown.page)
        levels = [level for level, _ in headings]
        assert (levels[0], levels.count(1)) == (1, 1), headings
        assert [(one, two) for one, two in pairwise(headings) if two[0] > one[0] + 1] == []
        assert all(text for _, text in headings)
        assert shown.page.locator("html").get_attribute("lang") == "en-us"
        assert headings[0][1] in shown.page.title()

    def test_every_control_has_a_name_and_every_state_a_word(self, shown: Shown) -> None:
        assert structure.nameless(shown.page) == []
        assert structure.wordless(shown.page) == []

    def test_the_tab_key_reaches_everything_in_order_and_one_sees_where_it_is(self, shown: Shown) -> None:
        expected = structure.stops(shown.page)
        way = structure.walk(shown.page, len(expected) + 5)
        assert [stop["html"] for stop in way] == expected
        assert [stop["html"] for stop in way if not stop["differs"] or not stop["visible"]] == []
