"""Pictures of screens: light and dark, wide and narrow. Taken only where PICTURES names a folder."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

if TYPE_CHECKING:
    from playwright.sync_api import Page

SCHEMES = ("light", "dark")
SIZES = {1280: 900, 390: 844}
LONGEST = {1280: 1700, 390: 1800}
"""Pixels of height that are kept, by width; a list goes on for as long as there are rows."""
COLOURS, GROUNDS = 32, 8
APART = 14
"""How far the colours that are kept differ: letters have a hundred greys at their edges, and need a few."""


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
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            taken = page.screenshot(full_page=True, animations="disabled", caret="hide")
            image = Image.open(io.BytesIO(taken)).convert("RGB")
            image = image.crop((0, 0, width, min(image.height, LONGEST[width])))
            of_few_colours(image).save(Path(folder, f"{name}-{width}-{scheme}.png"), optimize=True)
    page.emulate_media(color_scheme="light")
    if before is not None:
        page.set_viewport_size(before)


def of_few_colours(image: Image.Image) -> Image.Image:
    """The picture in its most frequent colours, a quarter of the bytes; what is rare but different stays."""
    kept: list[tuple[int, ...]] = []
    for _, colour in sorted(image.getcolors(image.width * image.height) or [], reverse=True):
        assert isinstance(colour, tuple)
        # The grounds of a page differ by a shade, and are what there is most of.
        if len(kept) < GROUNDS or all(
            max(abs(a - b) for a, b in zip(colour, other, strict=True)) >= APART for other in kept
        ):
            kept.append(colour)
        if len(kept) == COLOURS:
            break
    palette = Image.new("P", (1, 1))
    palette.putpalette([part for colour in kept for part in colour] + [*kept[0]] * (256 - len(kept)))
    return image.quantize(palette=palette, dither=Image.Dither.NONE)


def overflow(page: Page) -> int:
    """By how many pixels the page is wider than its window."""
    wider: int = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return wider
