"""Reads the Markdown pages that are under test."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    *sorted(ROOT.glob("docs/**/*.md")),
]


def read(page: str) -> str:
    """The text of a page, by its path from the root."""
    return (ROOT / page).read_text()


def rows(text: str, columns: int) -> list[tuple[str, ...]]:
    """The rows of all tables with so many columns, without their heads."""
    found: list[tuple[str, ...]] = []
    for line in text.splitlines():
        cells = tuple(cell.strip() for cell in line.split("|")[1:-1])
        if len(cells) != columns:
            continue
        if all(set(cell) <= {"-"} for cell in cells):
            found.pop()  # what stands above the rule is the head
        else:
            found.append(cells)
    return found


def section(text: str, heading: str) -> str:
    """What stands under a heading of the second level."""
    return text.split(f"\n## {heading}\n")[1].split("\n## ", maxsplit=1)[0]


def code_blocks(page: str, title: str) -> list[str]:
    """The Python blocks of a page with this title, in order, on the lines where they stand in it.

    A traceback and a coverage report thus name the line of the page.
    """
    text = read(page)
    block = re.compile(rf'^```python title="{re.escape(title)}"\n(.*?)^```$', re.MULTILINE | re.DOTALL)
    return ["\n" * text[: match.start(1)].count("\n") + match[1] for match in block.finditer(text)]


def anchors(text: str) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings}
