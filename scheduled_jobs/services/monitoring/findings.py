"""What was looked at, and how it is: a line each."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

NAMED = 3
"""Names that one finding has; of more it tells the number."""


@dataclass(frozen=True)
class Finding:
    """How something is. ``stops`` tells that a job cannot run because of it."""

    topic: str
    is_ok: bool
    text: str
    remedy: str = ""
    stops: bool = False

    @property
    def line(self) -> str:
        """All of it in one line."""
        end = "" if self.text.endswith("?") else "."
        return " ".join(f"{'[ok]' if self.is_ok else '[!]'} {self.text}{end} {self.remedy}".split())


def right(topic: str, text: str) -> Finding:
    """Something that is as it must be."""
    return Finding(topic, is_ok=True, text=_sentence(text))


def wrong(topic: str, text: str, remedy: str = "", *, stops: bool = True) -> Finding:
    """Something that is not, and what to do."""
    return Finding(topic, is_ok=False, text=_sentence(text), remedy=remedy, stops=stops)


def _sentence(text: str) -> str:
    """One line without the point at its end."""
    text = " ".join(text.split()).rstrip(".")
    return text[:1].upper() + text[1:] if text.startswith("the ") else text


def some(names: Collection[str]) -> str:
    """These names, or the first of them."""
    more = len(names) - NAMED
    return ", ".join(sorted(names)[:NAMED]) + (f" and {more} more" if more > 0 else "")


def how_many(names: Collection[str], noun: str) -> str:
    """How many there are, and which."""
    return f"{len(names)} {noun}{'' if len(names) == 1 else 's'}: {some(names)}"
