"""The log of a run: a text whose lines may begin with a time and a level."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_LINES = 2_000
"""Lines that a page shows; the rest is in the file."""
TIME = re.compile(r"(?:\d{4}-\d\d-\d\d[T ])?(\d\d:\d\d:\d\d(?:[.,]\d{1,6})?)(?:Z|[+-]\d\d:?\d\d)?\s+")
LEVEL = re.compile(r"\[?(DEBUG|INFO|WARNING|ERROR|CRITICAL)\b\]?:?\s*")
FROM = {"": 0, "debug": 0, "info": 1, "warning": 2, "error": 3, "critical": 4}
"""Level -> its rank, as it is written in an address."""
WORDS = {
    "": _("All %(n)s"),
    "info": _("Info and up %(n)s"),
    "warning": _("Warning and up %(n)s"),
    "error": _("Error %(n)s"),
}
TONES = ("off", "off", "warn", "bad", "bad")
"""The tone of each rank."""


@dataclass(frozen=True)
class LogLine:
    """One line; ``n`` is its number in the whole log. ``rank`` is that of the line it goes on from."""

    n: int
    time: str
    level: str
    rank: int
    text: str

    @property
    def tone(self) -> str:
        """The tone of its level."""
        return TONES[self.rank]


@dataclass(frozen=True)
class LevelLink:
    """A link of several, of which one is the current."""

    label: str
    query: str
    is_current: bool


@dataclass(frozen=True)
class Log:
    """What is shown of a log: ``lines`` of at least the chosen level; ``left_out`` are too many."""

    total: int
    lines: list[LogLine]
    left_out: int
    levels: list[LevelLink]


def read_log(text: str, level: str = "") -> Log | None:
    """The log with the lines from a level on; None where there is none."""
    lines = list(_lines(text))
    if not lines:
        return None
    counts = {name: sum(line.rank >= FROM[name] for line in lines) for name in WORDS}
    offered: dict[str, int] = {}
    for name, n in counts.items():
        # A level that leaves out everything, or no more than the one before it, is no choice.
        if n and n not in offered.values():
            offered[name] = n
    level = level if level in offered else ""
    kept = [line for line in lines if line.rank >= FROM[level]]
    shown = kept[:MOST_LINES]
    choices = [
        LevelLink(WORDS[name] % {"n": intcomma(n)}, f"?level={name}#logs", name == level)
        for name, n in offered.items()
    ]
    return Log(len(lines), shown, len(kept) - len(shown), choices if len(choices) > 1 else [])


def _lines(text: str) -> Iterator[LogLine]:
    rank = 0
    for n, line in enumerate(text.splitlines(), start=1):
        rest, time, level = line, "", ""
        if found := TIME.match(rest):
            time, rest, rank = found[1], rest[found.end() :], 0
        if found := LEVEL.match(rest):
            level, rest = found[1], rest[found.end() :]
            rank = FROM[level.lower()]
        yield LogLine(n, time, level, rank, rest)
