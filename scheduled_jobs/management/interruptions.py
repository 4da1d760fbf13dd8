"""What a command does when it is told to stop, or when nobody reads its lines any more."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import current_thread, main_thread
from typing import NoReturn

from django.core.management.base import OutputWrapper


class Terminated(KeyboardInterrupt):
    """SIGTERM, as a container is stopped with: the same as Ctrl-C, so that what is held is given back."""


@contextmanager
def terminated_like_interrupted() -> Iterator[None]:
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


def exit_code_of(interrupt: KeyboardInterrupt) -> int:
    """128 and the number of the signal, as a shell has it."""
    return 128 + (signal.SIGTERM if isinstance(interrupt, Terminated) else signal.SIGINT)


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
