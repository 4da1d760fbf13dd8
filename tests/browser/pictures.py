"""Pictures of screens: light and dark, wide and narrow. Taken only where PICTURES names a folder."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

if TYPE_CHECKING:
    from playwright.sync_api import Page

SIZES = {1280: 900, 390: 844}
LONGEST = {1280: 2600, 390: 3200}
"""Pixels of height that are kept, by width; a list goes on for as long as there are rows."""
COLOURS = 48
"""Of a picture as it is kept: a screen has few, and a third of the bytes is enough for them."""


def fonts() -> dict[str, str]:
    """The environment in which a browser takes pictures with the same fonts on every machine."""
    return (
        {"FONTCONFIG_FILE": str(Path(__file__).with_name("fonts.conf"))} if "PICTURES" in os.environ else {}
    )


def take(page: Page, name: str) -> None:
    """Write ``<name>-<width>-<scheme>.png`` for both widths and both schemes of the page as it stands."""
    folder = os.environ.get("PICTURES")
    if not folder:
        return
    Path(folder).mkdir(parents=True, exist_ok=True)
    before = page.viewport_size
    for width, height in SIZES.items():
        page.set_viewport_size({"width": width, "height": height})
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            picture = page.screenshot(full_page=True, animations="disabled", caret="hide")
            image = Image.open(io.BytesIO(picture)).convert("RGB")
            image = image.crop((0, 0, width, min(image.height, LONGEST[width])))
            image.quantize(COLOURS, dither=Image.Dither.NONE).save(
                Path(folder, f"{name}-{width}-{scheme}.png"), optimize=True
            )
    page.emulate_media(color_scheme="light")
    if before is not None:
        page.set_viewport_size(before)


def overflow(page: Page) -> int:
    """By how many pixels the page is wider than its window."""
    wider: int = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return wider
