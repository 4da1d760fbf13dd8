"""Statements that a database gave up in favour of another, and that may be tried again."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from django.db import Error, connections

from scheduled_jobs.models.writer import writer

P = ParamSpec("P")
T = TypeVar("T")

ROUNDS = 5
PATIENCE = 20.0
"""Seconds after which nothing begins anew: MySQL may wait for a lock for fifty, each time."""
SERIALIZATION_STATES = ("40001", "40P01")
LOCK_NOT_AVAILABLE, LOCK_WAIT_TIMEOUT = "55P03", 1205
DEADLOCK_NUMBERS = (1213, LOCK_WAIT_TIMEOUT, 1020)
"""MySQL: a deadlock, a lock that was not got in time; MariaDB: the row has changed since it was read."""


def is_held(error: Exception) -> bool:
    """Whether another transaction has held for too long what a statement was to write."""
    return _state(error) == LOCK_NOT_AVAILABLE or error.args[:1] == (LOCK_WAIT_TIMEOUT,)


def is_lost_race(error: Exception) -> bool:
    """Whether a database gave up a statement in favour of another, so that it may be tried again."""
    return _state(error) in SERIALIZATION_STATES or bool(error.args and error.args[0] in DEADLOCK_NUMBERS)


def _state(error: Exception) -> str | None:
    return getattr(error.__cause__, "sqlstate", None) or getattr(error.__cause__, "pgcode", None)


def persistent(write: Callable[P, T]) -> Callable[P, T]:
    """Decorate what writes to the database: it begins anew where its race was lost.

    Not in a transaction of its caller's, who alone could do again what was undone with it. No order of the
    statements is enough: MySQL makes two wait for each other who insert one key that was deleted just before.
    """

    @wraps(write)
    def persisting(*args: P.args, **kwargs: P.kwargs) -> T:
        until = time.monotonic() + PATIENCE
        for _round in range(ROUNDS - 1):
            try:
                return write(*args, **kwargs)
            except Error as error:
                is_nested = connections[writer()].in_atomic_block
                if not is_lost_race(error) or is_nested or time.monotonic() > until:
                    raise
        return write(*args, **kwargs)

    return persisting
