"""The log of a run as its page shows it."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils.translation import gettext_lazy as _

from scheduled_jobs.domain.run_log import RANKS, LogLine, log_lines
from scheduled_jobs.times import zone_of

MOST_LINES = 2_000
"""Lines that a page shows; the rest is in the file."""
FROM = {"": 0, **{name.lower(): rank for name, rank in RANKS.items()}}
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
class ShownLine:
    """One line; ``n`` is its number in the whole log, ``time`` that of its zone where it tells a moment."""

    n: int
    time: str
    level: str
    tone: str
    text: str
    logger: str


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
    lines: list[ShownLine]
    left_out: int
    levels: list[LevelLink]


def read_log(text: str, level: str = "", zone: str = "UTC") -> Log | None:
    """The log with the lines from a level on; None where there is none."""
    lines = list(log_lines(text))
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
    shown = [_shown(line, zone) for line in kept[:MOST_LINES]]
    choices = [
        LevelLink(WORDS[name] % {"n": intcomma(n)}, f"?level={name}#logs", name == level)
        for name, n in offered.items()
    ]
    return Log(len(lines), shown, len(kept) - len(shown), choices if len(choices) > 1 else [])


def _shown(line: LogLine, zone: str) -> ShownLine:
    time = line.time
    if line.at is not None:
        time = f"{line.at.astimezone(zone_of(zone)):%H:%M:%S.%f}"[:-3]
    return ShownLine(line.n, time, line.level, TONES[line.rank], line.text, line.logger)
