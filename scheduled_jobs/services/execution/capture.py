"""The log records of a run, taken as they are made.

Every record that its logger's level lets through is made by the factory that ``logging`` asks for it. A
handler on the root logger would not see what stops at a logger with ``propagate`` off, would be gone after
the next ``dictConfig``, and while it is there ``basicConfig`` would do nothing and warnings of a project
without handlers would not reach standard error. The factory stands in the place of the one that it finds,
which it asks, and only while runs are going on.

Which run a record belongs to is told by the context in which it is made: ``asyncio`` and ``asgiref`` carry
it into tasks and threads; a plain thread has it from ``contextvars.copy_context().run``.
"""

from __future__ import annotations

import logging
import os
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

from scheduled_jobs.domain.run_log import LogText, log_entry
from scheduled_jobs.logs import failures

MAX_MESSAGE = 100_000
"""Characters of a message that are looked at: of more, the beginning and the end."""

_current: ContextVar[RunLog | None] = ContextVar("scheduled_jobs_run_log", default=None)
_busy = threading.local()


class RunLog:
    """The records of one run, from a level on. May be filled and read by several threads at once."""

    def __init__(self, level: int, clean: Callable[[str], str]) -> None:
        self.level = level
        self._clean = clean
        self._text = LogText()
        # A handler of signals, or a finalizer, may log in the very thread that holds it.
        self._lock = threading.RLock()
        self._process = os.getpid()
        self._is_over = False

    @property
    def entries(self) -> int:
        """How many records there were so far."""
        return self._text.entries

    def text(self) -> str:
        """The log so far, as it is kept."""
        with self._lock:
            return str(self._text)

    def end(self) -> str:
        """The log; what a thread that outlives its run has to say belongs to it no more."""
        with self._lock:
            self._is_over = True
            return str(self._text)

    def take(self, record: logging.LogRecord) -> None:
        """Add a record, if it is one for this log."""
        # A process that was forked meanwhile has its copy, which nobody reads.
        if self._is_over or record.levelno < self.level or os.getpid() != self._process:
            return
        at = datetime.fromtimestamp(record.created, UTC)
        text = _text_of(record)
        with self._lock:
            self._text.add(log_entry(at, record.levelno, record.name, self._clean(text)))


def _text_of(record: logging.LogRecord) -> str:
    """The message, and below it the traceback and the stack that it brings along."""
    parts = [shortened(_message_of(record))]
    # That of the run's own failure stands on the run.
    if record.exc_info and record.exc_info[0] is not None and record.name != failures.name:
        parts.append(shortened("".join(traceback.format_exception(*record.exc_info)).rstrip("\n")))
    if record.stack_info:
        parts.append(shortened(str(record.stack_info)))
    return "\n".join(parts)


def _message_of(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception:  # noqa: BLE001 – it is foreign code that puts itself into words here
        with suppress(Exception):
            return f"{record.msg} (what belongs into this message does not fit into it)"
        return "(this message cannot be shown)"


def shortened(text: str, limit: int = MAX_MESSAGE) -> str:
    """The beginning and the end of a text that is too long."""
    return text if len(text) <= limit else f"{text[: limit // 2]}\n…\n{text[-limit // 2 :]}"


# --- The factory ----------------------------------------------------------------------------------


class _Factory:
    """Makes the records as the one before it does, and shows them to the run that they belong to."""

    def __init__(self, inner: Callable[..., logging.LogRecord]) -> None:
        self.inner = inner

    def __call__(self, *args: Any, **kwargs: Any) -> logging.LogRecord:
        log = _current.get()
        # What is said while a record is made or put into words belongs to that record; and where another
        # factory asks this one in turn, the outer of the two has the word.
        if log is None or getattr(_busy, "is_busy", False):
            return self.inner(*args, **kwargs)
        _busy.is_busy = True
        try:
            record = self.inner(*args, **kwargs)
            # Whatever it is, the task that logs is not to be disturbed by who listens.
            with suppress(Exception):
                log.take(record)
        finally:
            _busy.is_busy = False
        return record


_lock = threading.Lock()
_runs = 0


@contextmanager
def taking_records() -> Iterator[None]:
    """During the block records are shown to their runs."""
    global _runs  # noqa: PLW0603 – what it counts belongs to the process
    with _lock:
        _runs += 1
        _put_in()
    try:
        yield
    finally:
        with _lock:
            _runs -= 1
            factory = logging.getLogRecordFactory()
            # One that a project has put on top of it meanwhile stays.
            if not _runs and isinstance(factory, _Factory):
                logging.setLogRecordFactory(factory.inner)


def _put_in() -> None:
    factory = logging.getLogRecordFactory()
    if not isinstance(factory, _Factory):
        logging.setLogRecordFactory(_Factory(factory))


def show_to(log: RunLog | None) -> None:
    """From here on in this context, records belong to this log."""
    _current.set(log)
