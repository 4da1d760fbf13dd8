"""Plain text of 78 columns: what is prose is wrapped, an address stands in a line of its own."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable

WIDTH = 78
LABEL = 15
"""Columns of the names of facts."""


def prose(text: str, *, first: str = "", rest: str = "") -> list[str]:
    """A sentence in lines; words are never broken."""
    return textwrap.wrap(
        text, WIDTH, initial_indent=first, subsequent_indent=rest, break_long_words=False,
        break_on_hyphens=False,
    )  # fmt: skip


def facts(table: Iterable[tuple[str, str]]) -> list[str]:
    """Names and values under one another; what has no value is left out."""
    return [
        line
        for name, value in table
        if value
        for line in prose(value, first=name.ljust(LABEL), rest=" " * LABEL)
    ]


def numbered(steps: Iterable[tuple[str, str]]) -> list[str]:
    """Steps with a number each; one whose address there is not is left out, unless it needs none."""
    lines: list[str] = []
    wanted = [(text, url) for text, url in steps if url or not text.endswith(":")]
    for number, (text, url) in enumerate(wanted, start=1):
        lines += prose(text, first=f"  {number}. ", rest="     ")
        if url:
            lines.append(f"     {url}")
    return lines
