"""What a task leaves in the process, and in the connections of its thread, undone when its run ends."""

from __future__ import annotations

import gc
import locale
import logging
import os
import re
import socket
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

# --- The process --------------------------------------------------------------------------------------


def _folder() -> str | None:
    try:
        return os.getcwd()  # noqa: PTH109 – which costs a quarter of a Path
    except OSError:  # it was deleted
        return None


def _set_filters(filters: list[Any]) -> None:
    warnings.resetwarnings()  # by which Python also notices that they are others
    warnings.filters[:] = filters  # type: ignore[index]


SHARED: tuple[tuple[Callable[[], Any], Callable[[Any], object]], ...] = (
    (_folder, os.chdir),
    (lambda: locale.setlocale(locale.LC_ALL), lambda name: locale.setlocale(locale.LC_ALL, name)),
    (socket.getdefaulttimeout, socket.setdefaulttimeout),
    (lambda: logging.root.manager.disable, logging.disable),
    (lambda: warnings.filters[:], _set_filters),
    (sys.getrecursionlimit, sys.setrecursionlimit),
    (gc.isenabled, lambda was_on: gc.enable() if was_on else gc.disable()),
)
"""What all threads share and scripts set in passing: how it is read, and how it is put back."""


class _Process:
    """How the process was before the first of the runs that are going on in it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.runs = 0
        self.before: list[Any] = []

    @contextmanager
    def put_back(self) -> Iterator[None]:
        """Undo what runs have set when the last one ends: none is disturbed by the end of another."""
        with self.lock:
            if not self.runs:
                self.before = [read() for read, _ in SHARED]
            self.runs += 1
        try:
            yield
        finally:
            with self.lock:
                self.runs -= 1
                if not self.runs:
                    self._put_back()

    def _put_back(self) -> None:
        for (read, write), before in zip(SHARED, self.before, strict=True):
            with suppress(Exception):  # such as a folder that is gone
                if read() != before:
                    write(before)


process = _Process()
"""This one."""


# --- Connections --------------------------------------------------------------------------------------

SESSION = re.compile(
    r"^\s*(SET|PRAGMA|USE|LISTEN|PREPARE|CREATE\s+TEMP)|\b(set_config|pg_(try_)?advisory_lock|get_lock)\b",
    re.IGNORECASE,
)
"""Statements whose effect stays with the session: whoever has the connection next has it too."""
LOOKED_AT = 500
"""Characters of a statement."""


class TransactionAbandoned(Exception):
    """A task has left a transaction open."""


class _Connection:
    """One connection as it was before the task: how deep in transactions, and what wraps its statements."""

    def __init__(self, connection: BaseDatabaseWrapper, depth: int, wrappers: list[Any]) -> None:
        self.connection, self.depth, self.wrappers = connection, depth, wrappers
        self.is_set = False

    @classmethod
    def looked_at(cls, connection: BaseDatabaseWrapper) -> _Connection:
        wrappers = connection.execute_wrappers
        before = cls(connection, len(connection.atomic_blocks), [*wrappers])
        wrappers.append(before.look)
        return before

    def look(self, execute: Callable[..., Any], sql: Any, params: Any, many: Any, context: Any) -> Any:
        self.is_set = self.is_set or SESSION.search(str(sql)[:LOOKED_AT]) is not None
        return execute(sql, params, many, context)

    def put_back(self) -> None:
        connection = self.connection
        connection.execute_wrappers[:] = self.wrappers
        try:
            while len(connection.atomic_blocks) > self.depth:
                connection.atomic_blocks[-1].__exit__(TransactionAbandoned, TransactionAbandoned(), None)
            if self.depth == 0 and (self.is_set or _is_left_open(connection)):
                self._close()
        except Exception:  # noqa: BLE001 – a driver has its own, such as for what the task has closed
            with suppress(Exception):
                connection.close()
            if not connection.in_atomic_block:
                connection.connection = None

    def _close(self) -> None:
        connection = self.connection
        if getattr(connection, "pool", None) is not None and connection.connection is not None:
            connection.connection.close()  # or the pool gives it to the next one as it is
        connection.close()
        if connection.connection is not None:  # a database in memory is never closed
            connection.rollback()
            connection.set_autocommit(True)


@contextmanager
def connections_put_back() -> Iterator[None]:
    """Undo what the block leaves in the connections of this thread: the end of the run is written over one.

    Transactions that it never ended, raw ones too, or autocommit off, with which the end would vanish;
    settings of the session; wrappers of statements.
    """
    before = {c: _Connection.looked_at(c) for c in connections.all(initialized_only=True)}
    try:
        yield
    finally:
        for connection in {*before, *connections.all(initialized_only=True)}:
            (before.get(connection) or _Connection(connection, 0, [])).put_back()


def _is_left_open(connection: BaseDatabaseWrapper) -> bool:
    raw = connection.connection
    if raw is None or not connection.settings_dict["AUTOCOMMIT"]:
        return False
    if not connection.autocommit or getattr(raw, "in_transaction", False):  # sqlite3
        return True
    if not getattr(raw, "open", True):  # PyMySQL: closed by the task, which closing it again would tell
        return True
    # psycopg, where 0 is idle, and PyMySQL, whose lowest bit it is.
    return bool(
        getattr(getattr(raw, "info", None), "transaction_status", 0) or getattr(raw, "server_status", 0) & 1
    )
