"""A progress bar on a terminal, and nothing anywhere else."""

from __future__ import annotations

import time

from django.core.management.base import OutputWrapper

from scheduled_jobs.management.text import pluralized

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
