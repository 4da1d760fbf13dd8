"""What a command does when it is told to stop, or when nobody reads its lines any more."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import current_thread, main_thread
from typing import NoReturn

from django.core.management.base import BaseCommand, OutputWrapper


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


class Lines:
    """Writes lines to standard output until its reader is gone, as with ``| head -1``: the work goes on."""

    def __init__(self, stream: OutputWrapper) -> None:
        self._stream = stream
        self._is_read = True

    def write(self, text: str) -> None:
        """One line, at once."""
        if not self._is_read:
            return
        try:
            self._stream.write(text)
            self._stream.flush()
        except BrokenPipeError:
            self._is_read = False
            out = getattr(self._stream, "_out", None)
            if out is not None and out is sys.stdout:
                # Python flushes it once more at its end, and would fail loudly.
                os.dup2(os.open(os.devnull, os.O_WRONLY), out.fileno())
