"""What a command writes to a terminal: rows and values, a progress bar, and what a signal ends."""

from __future__ import annotations

import json
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from threading import current_thread, main_thread
from typing import Any, NoReturn

from django.core.management.base import BaseCommand, OutputWrapper
from django.core.serializers.json import DjangoJSONEncoder


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Columns as wide as their longest cell, two spaces apart."""
    lines = [tuple(heads), *(tuple(row) for row in rows)]
    widths = [max(len(line[n]) for line in lines) for n in range(len(heads))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def cell(value: Any) -> str:
    """One value in a cell; times are UTC, to the second."""
    if value is None or value == "":
        return "-"
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%SZ")
    if isinstance(value, timedelta):
        seconds = value.total_seconds()
        return f"{seconds:.1f} s" if seconds < 60 else str(value).partition(".")[0]
    if isinstance(value, (dict, list)):
        return json.dumps(value, ensure_ascii=False, cls=DjangoJSONEncoder)
    return str(value)


def as_json(value: Any) -> str:
    """A value for machines: durations are ISO 8601, times are UTC."""
    return json.dumps(value, ensure_ascii=False, indent=2, cls=DjangoJSONEncoder)


def pluralized(number: int, noun: str) -> str:
    """How many there are: "1 job", "2 jobs"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


WIDTH = 30
PAUSE = 0.1
"""Seconds between two drawings: a terminal is slower than a sync."""


class ProgressBar:
    """How much of a number of jobs is done, on one line that never mixes with others.

    Whoever prints a line calls ``clear`` before it; the next ``advance`` draws the bar below.
    """

    def __init__(self, stream: OutputWrapper) -> None:
        self.stream = stream
        self.is_shown = stream.isatty()
        self.total = 0
        self.done = 0.0
        self.note = ""
        self._drawn = ""
        self._drawn_at = 0.0

    def begin(self, total: int) -> None:
        """Start at 0 of ``total``; without anything to do there is no bar."""
        self.total, self.done = total, 0
        self._draw()

    def advance(self, to: float | None = None, note: str = "") -> None:
        """One more is done, or as many as ``to``; the note stands beside the bar."""
        self.done, self.note = self.done + 1 if to is None else to, note
        if not self._drawn or self.done == self.total or time.monotonic() - self._drawn_at >= PAUSE:
            self._draw()

    def clear(self) -> None:
        """Take the bar away, so that a line can stand in its place."""
        if self._drawn:
            self._write("\r" + " " * len(self._drawn) + "\r")
            self._drawn = ""

    def _draw(self) -> None:
        if not self.is_shown or not self.total:
            return
        filled = int(WIDTH * min(self.done, self.total) / self.total)
        bar = "#" * filled + "." * (WIDTH - filled)
        before = len(self._drawn)
        self._drawn = f"[{bar}] {int(self.done)} of {pluralized(self.total, 'job')}"
        self._drawn += f", {self.note}" if self.note else ""
        self._drawn_at = time.monotonic()
        self._write("\r" + self._drawn.ljust(before))

    def _write(self, text: str) -> None:
        self.stream.write(text, style_func=str, ending="")
        self.stream.flush()


class Terminated(KeyboardInterrupt):
    """SIGTERM, as a container is stopped with: the same as Ctrl-C, so that what is held is given back."""


@contextmanager
def stopped_in_a_line(terminal: BaseCommand, words: Callable[[], str]) -> Iterator[Callable[[], None]]:
    """A block that Ctrl-C and SIGTERM end with a line; yields what then exits, to be called after the block.

    The interrupt is forgotten by then, and with it the cursors that it left open: Django closes the
    connection next, and a cursor that outlives it complains.
    """
    met: list[int] = []

    def leave() -> None:
        if met:
            sys.exit(128 + met[0])  # as a shell has it

    with _terminated_like_interrupted():
        try:
            yield leave
        except KeyboardInterrupt as interrupt:
            met.append(signal.SIGTERM if isinstance(interrupt, Terminated) else signal.SIGINT)
            traceback.clear_frames(interrupt.__traceback__)
            terminal.stderr.write(words())


@contextmanager
def _terminated_like_interrupted() -> Iterator[None]:
    """Raise Terminated on SIGTERM inside the block; in another than the main thread nothing can."""
    if current_thread() is not main_thread():
        yield
        return

    def stop(*_: object) -> NoReturn:
        raise Terminated

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
