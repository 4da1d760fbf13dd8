"""The pictures of docs/screens.md are those of the table, and all are there."""

from __future__ import annotations

import re

from tests.browser.pictures import SCHEMES, SIZES
from tests.browser.screens.table import SCREENS
from tests.support.documents import ROOT, read


def test_every_picture_is_in_the_documentation() -> None:
    page = read("docs/screens.md")
    pictured = [screen for screen in SCREENS if screen.shows]
    names = re.findall(r"images/([^\"]+)", page)
    assert sorted(set(names)) == sorted(
        f"{screen.name}-{width}-{scheme}.png" for screen in pictured for width in SIZES for scheme in SCHEMES
    )
    assert [name for name in names if not (ROOT / "docs/images" / name).is_file()] == []
    assert [screen.name for screen in pictured if f"\n{screen.shows}:\n" not in page] == []
