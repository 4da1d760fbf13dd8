"""How rows are written beside others who write: again after a lost race, many in one go, and with rests."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import wraps
from time import monotonic, sleep
from typing import Any, ParamSpec, TypeVar

from django.conf import settings as django_settings
from django.db import Error, connections, models, transaction

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
REST = 9
"""How many times as long as it has written it rests: others have the database nine tenths of the time."""


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
        until = monotonic() + PATIENCE
        for _round in range(ROUNDS - 1):
            try:
                return write(*args, **kwargs)
            except Error as error:
                is_nested = connections[writer()].in_atomic_block
                if not is_lost_race(error) or is_nested or monotonic() > until:
                    raise
        return write(*args, **kwargs)

    return persisting


class Pace:
    """Writes bit by bit, each a transaction of its own, and rests before the next.

    SQLite has one writer at a time; elsewhere it is the disk that others wait for.
    """

    def __init__(self) -> None:
        self._rest = 0.0

    @contextmanager
    def writing(self) -> Iterator[None]:
        """One transaction; inside another nobody rests, whose locks all would wait for."""
        if not connections[writer()].in_atomic_block:
            sleep(self._rest)
        with transaction.atomic(using=writer()):
            begin = monotonic()  # and not while it waits for others
            yield
        self._rest = REST * (monotonic() - begin)


def insert_rows(model: type[models.Model], rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows that all name the same columns (``job_id``, not ``job``); the others get their default.

    ``bulk_create()`` makes, tracks and takes apart an instance of fifty columns for each: with it the first
    sync of a thousand jobs takes 1.6 times what its calls take, and not 1.3 times.
    """
    if not rows:
        return
    connection = connections[writer()]
    quote = connection.ops.quote_name
    fields = [field for field in model._meta.concrete_fields if not field.primary_key]
    given = [field for field in fields if field.attname in rows[0]]
    blank = model()
    default = {
        field.attname: field.get_db_prep_save(field.pre_save(blank, add=True), connection) for field in fields
    }
    prepared = (
        {**default, **{f.attname: f.get_db_prep_save(row[f.attname], connection) for f in given}}
        for row in rows
    )
    names = ", ".join(quote(str(field.column)) for field in fields)
    values = ", ".join(["%s"] * len(fields))
    statement = f"INSERT INTO {quote(model._meta.db_table)} ({names}) VALUES ({values})"  # noqa: S608 – ours
    with transaction.atomic(using=writer()):
        execute_for_each(statement, [[*row.values()] for row in prepared])


def execute_for_each(statement: str, rows: Sequence[Sequence[Any]]) -> None:
    """Execute a statement with the parameters of each row, in one round trip.

    One after another on a developer's machine: django-debug-toolbar, which shows statements with their
    parameters there, raises at many at once.
    """
    with connections[writer()].cursor() as cursor:
        if not django_settings.DEBUG:
            cursor.executemany(statement, rows)
            return
        for row in rows:
            cursor.execute(statement, row)
