"""The log of a run: one text, of which this module alone knows the form.

Each record begins a line with its time, its level and the name of its logger; what goes on over further
lines is indented there, so that no message can pass for a record of its own.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

MAX_LOG = 64_000
"""Bytes of UTF-8 that are kept of a log: its beginning, its end, and between them what was left out."""
MAX_ENTRY = 16_000
"""Bytes that are kept of one record."""
LEVELS = {50: "CRITICAL", 40: "ERROR", 30: "WARNING", 20: "INFO", 10: "DEBUG"}
RANKS = {name: rank for rank, name in enumerate(reversed(LEVELS.values()))}
"""Level -> its rank, 0 for the least."""

_HALF = (MAX_LOG - 200) // 2
_INDENT = "\n    "
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_DATE = r"(?P<date>\d{4}-\d\d-\d\d)[T ]"
_TIME = re.compile(rf"(?:{_DATE})?(?P<time>\d\d:\d\d:\d\d(?:[.,]\d{{1,6}})?)(?P<zone>Z|[+-]\d\d:?\d\d)?\s+")
_LEVEL = re.compile(rf"\[?({'|'.join(RANKS)})\b\]?:?\s*")


def log_entry(at: datetime, level: int, logger: str, message: str) -> str:
    """One record as it stands in the log; a level of the project's own counts as the one below it."""
    word = next((word for least, word in LEVELS.items() if level >= least), "DEBUG")
    time = f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}"[:-3]
    # Without what would break a line: a name is one word, to whoever reads it back.
    name, text = "_".join(logger.replace(":", "_").split()), _INDENT.join(message.splitlines())
    escaped = _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", f"{name}: {text}")
    return _shortened(f"{time}Z {word} {escaped}")


class LogText:
    """The log as it grows: the beginning stays, of the rest the end."""

    def __init__(self) -> None:
        self.entries = 0
        """How many there were."""
        self._first: list[str] = []
        self._last: deque[tuple[str, int]] = deque()
        self._room_first = self._room_last = _HALF
        self._left_out = 0

    def add(self, entry: str) -> None:
        """Take one more record."""
        self.entries += 1
        size = len(entry.encode(errors="replace")) + 1
        if not self._last and size <= self._room_first:
            self._first.append(entry)
            self._room_first -= size
            return
        self._last.append((entry, size))
        self._room_last -= size
        while self._room_last < 0:
            gone, size = self._last.popleft()
            self._room_last += size
            self._left_out += 1 + gone.count("\n")

    def __str__(self) -> str:
        rest = [entry for entry, _size in self._last]
        gap = [f"{_INDENT[1:]}… {self._left_out} lines were left out here …"] if self._left_out else []
        return "\n".join([*self._first, *gap, *rest])


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line; ``n`` is its number in the whole log.

    ``at`` is None where the line tells no moment; ``time`` is then its time as it stands there, if any.
    ``level`` is empty for a line that goes on from the one before; ``rank`` is the level's. ``logger`` is
    known of the lines that this module has written.
    """

    n: int
    at: datetime | None
    time: str
    level: str
    rank: int
    text: str
    logger: str = ""


def log_lines(text: str) -> Iterator[LogLine]:
    """Read a log, line by line; one that somebody else has written is read as far as it can be."""
    rank = 0
    for n, line in enumerate(text.splitlines(), start=1):
        rest, at, time, level = line, None, "", ""
        if found := _TIME.match(rest):
            at, time, rest, rank = _moment(found), found["time"], rest[found.end() :], 0
        if found := _LEVEL.match(rest):
            level, rest = found[1], rest[found.end() :]
            rank = RANKS[level]
        name, colon, message = rest.partition(": ") if at is not None and level else ("", "", "")
        yield LogLine(n, at, time, level, rank, message if colon else rest, name if colon else "")


def _moment(found: re.Match[str]) -> datetime | None:
    if not found["date"] or not found["zone"]:
        return None
    try:
        return datetime.fromisoformat(f"{found['date']}T{found['time']}{found['zone']}").astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _shortened(entry: str) -> str:
    """The beginning and the end of a record that is too long."""
    raw = entry.encode(errors="replace")
    if len(raw) <= MAX_ENTRY:
        return entry
    half = (MAX_ENTRY - 100) // 2
    first, last = raw[:half].decode(errors="ignore"), raw[-half:].decode(errors="ignore")
    left_out = len(entry) - len(first) - len(last)
    return f"{first}{_INDENT}… {left_out} characters were left out here …{_INDENT}{last}"
