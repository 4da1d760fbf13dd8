"""Whether the process is told to stop while a task runs, or the task only does what would end a process."""

from __future__ import annotations

import os
import signal
import sys
import threading
import traceback

# Not that of the module signal, which makes an enumeration of each number: to look at all signals before and
# after each run would cost more than many a run.
from _signal import getsignal  # type: ignore[import-not-found]
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

_NUMBERS = [int(number) for number in signal.Signals if number not in (signal.SIGKILL, signal.SIGSTOP)]
"""All that have a name: the many others of real time are nobody's."""


class Handlers:
    """The handlers of signals as they are before a task runs, which may set others or take them away.

    A server's stop comes out of one of them, in the main thread, where alone signals are handled.
    """

    def __init__(self) -> None:
        self._is_main = threading.current_thread() is threading.main_thread()
        numbers = _NUMBERS if self._is_main else ()
        self._handlers = {number: getsignal(number) for number in numbers}
        self._has_alarm = any(signal.getitimer(signal.ITIMER_REAL))

    def put_back(self) -> None:
        """Undo what a task did to them, and turn off an alarm of its own: it would end the server later."""
        if self._is_main and not self._has_alarm:
            signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in self._handlers.items():
            if handler is not None and getsignal(number) is not handler:
                signal.signal(number, handler)

    def is_stop(self, error: BaseException) -> bool:
        """Whether this is how the process is told to stop: not something that the task has raised."""
        if isinstance(error, BaseExceptionGroup):
            return any(self.is_stop(inner) for inner in error.exceptions)
        if not self._is_main or not isinstance(error, (SystemExit, KeyboardInterrupt)):
            return False
        codes = set(map(_code_of, self._handlers.values()))
        # Python's own handler of Ctrl-C leaves no frame.
        return isinstance(error, KeyboardInterrupt) or any(
            frame.f_code in codes for frame, _ in traceback.walk_tb(error.__traceback__)
        )


def _code_of(handler: Any) -> Any:
    """The code that a handler of signals runs; None for what is not written in Python."""
    while hasattr(handler, "func"):  # functools.partial
        handler = handler.func
    if not hasattr(handler, "__code__") and not hasattr(handler, "__func__"):
        handler = getattr(handler, "__call__", None)  # noqa: B004 – the method of an object that can be called
    return getattr(getattr(handler, "__func__", handler), "__code__", None)


@contextmanager
def one_process() -> Iterator[None]:
    """End a child process that the block has forked and that comes out of it, as its ``sys.exit()`` wants.

    It has the connections of its parent, and must neither answer the request nor write the end of the run.
    """
    parent = os.getpid()
    try:
        yield
    except BaseException as error:
        if os.getpid() != parent:
            _leave(error)
        raise
    if os.getpid() != parent:
        _leave(SystemExit())


def _leave(error: BaseException) -> NoReturn:
    code: Any = 1
    if not isinstance(error, SystemExit):
        traceback.print_exception(error)
    elif error.code is None or isinstance(error.code, int):
        code = error.code or 0
    else:
        sys.stderr.write(f"{error.code}\n")
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
