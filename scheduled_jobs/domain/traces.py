"""A stored traceback as people read it: their own frames first, all of them one click away."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import scheduled_jobs

FRAME = re.compile(r'^[ |+]*File "(?P<path>.+)", line (?P<line>\d+)(?:, in (?P<name>.+))?$')
HEADER = re.compile(r"^[ |+]*(?:Exception Group )?Traceback \(most recent call last\):$")
CARETS = re.compile(r"^[ |]*[~^]+[ ~^]*$")
FOREIGN = ("/site-packages/", "/dist-packages/", "/lib/python3.", "\\lib\\", "<frozen ")
OURS = str(Path(scheduled_jobs.__file__).parent)


class TraceLine(NamedTuple):
    """One line; ``tone`` is ``hot`` for what broke, ``q`` for what is quiet."""

    text: str
    tone: str = ""


class Where(NamedTuple):
    """The place in the code; ``name`` of the function is empty where there is none."""

    path: str
    line: str
    name: str


@dataclass(frozen=True)
class Trace:
    """``own`` are the lines with only the frames of the user's code, ``full`` is the text as it was kept.

    ``where`` is the innermost of these frames.
    """

    own: list[TraceLine]
    full: str
    frames: int
    foreign: int
    """How many frames are not the user's: Python's, of installed packages, ours."""
    where: Where | None = None


@dataclass
class _Frame:
    path: str
    line: str
    name: str
    source: list[str]

    @property
    def is_own(self) -> bool:
        """Whether the frame is of code that lies neither in Python nor in an installed package."""
        return not (self.path.startswith(OURS) or any(part in self.path for part in FOREIGN))


def read(text: str) -> Trace:
    """Take a traceback apart. Where no frame is the user's own, all of them count as such."""
    blocks = _blocks(text)
    frames = [block for block in blocks if isinstance(block, _Frame)]
    own = [frame for frame in frames if frame.is_own]
    shown = own or frames
    last = shown[-1] if shown else None
    lines: list[TraceLine] = []
    for block in blocks:
        if isinstance(block, str):
            if not HEADER.match(block):
                lines.append(TraceLine(block, "hot" if block.strip() and not block.startswith(" ") else ""))
        elif any(block is frame for frame in shown):
            lines += _told(block, is_last=block is last)
    while lines and not lines[0].text.strip():
        del lines[0]
    where = Where(_short(last.path), last.line, last.name) if last else None
    return Trace(lines, text, len(frames), len(frames) - len(own), where)


def _blocks(text: str) -> list[_Frame | str]:
    blocks: list[_Frame | str] = []
    for line in text.rstrip().splitlines():
        if found := FRAME.match(line):
            blocks.append(_Frame(found["path"], found["line"], found["name"] or "", []))
        elif blocks and isinstance(blocks[-1], _Frame) and line.startswith("    "):
            blocks[-1].source.append(line)
        else:
            blocks.append(line)
    return blocks


def _told(frame: _Frame, *, is_last: bool) -> list[TraceLine]:
    where = f"{_short(frame.path)}, line {frame.line}" + (f", in {frame.name}" if frame.name else "")
    head = TraceLine(where, "hot" if is_last else "q")
    return [head, *(TraceLine(source, "hot" if CARETS.match(source) else "") for source in frame.source)]


@lru_cache(maxsize=256)
def _short(path: str) -> str:
    """The path from where Python imports it."""
    for root in sorted((root for root in sys.path if root), key=len, reverse=True):
        if path.startswith(root.rstrip("/") + "/"):
            return path[len(root.rstrip("/")) + 1 :]
    return path
