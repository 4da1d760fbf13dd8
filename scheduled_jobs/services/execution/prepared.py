"""Statements that PostgreSQL plans once for a connection: planning takes longer than running them.

By PREPARE and EXECUTE, which every driver can. The name is made of the text, so that it never means another
statement, whoever has prepared it on a connection that several share.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cache
from typing import Any
from weakref import WeakKeyDictionary

from django.db import Error
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper

from scheduled_jobs.logs import logger

AFTER = 5
"""Executions on a connection after which a statement is prepared there: one that is opened for each request
would only pay for it."""
NOT_KEPT = {"26000", "42P05", "0A000"}
"""SQLSTATE of a statement that is not there, that is there already, or whose columns have changed since: what
stands between us and the database gives each transaction another connection, or somebody has emptied this
one. It is refused before it has done anything."""
_executed: WeakKeyDictionary[Any, dict[str, int]] = WeakKeyDictionary()
_unprepared: set[str] = set()


def execute_text(
    connection: BaseDatabaseWrapper, cursor: CursorWrapper, text: str, parameters: Sequence[Any]
) -> None:
    """Execute a statement whose text is always the same, prepared where that can be done."""
    if not _may_be_prepared(connection):
        cursor.execute(text, parameters)
        return
    executed = _executed.setdefault(connection.connection, {})
    times = executed[text] = executed.get(text, 0) + 1
    if times <= AFTER:
        cursor.execute(text, parameters)
        return
    prepare, run = _texts(text)
    try:
        if times == AFTER + 1:
            cursor.execute(prepare)
        cursor.execute(run, parameters)
    except Error as error:
        if _sqlstate(error) not in NOT_KEPT:
            raise
        _unprepared.add(connection.alias)
        logger.info("The connections of %r keep no prepared statement; none is prepared.", connection.alias)
        cursor.execute(text, parameters)


def _may_be_prepared(connection: BaseDatabaseWrapper) -> bool:
    """Whether it can, and a refusal would do no harm: inside a transaction it would end that."""
    return (
        connection.vendor == "postgresql"
        and connection.alias not in _unprepared
        and not connection.in_atomic_block
        and connection.get_autocommit()
        # What is said to be behind PgBouncer, and EXECUTE takes no parameters that the server fills in.
        and not connection.settings_dict.get("DISABLE_SERVER_SIDE_CURSORS")
        and not getattr(connection.features, "uses_server_side_binding", False)
    )


@cache
def _texts(text: str) -> tuple[str, str]:
    """What prepares this statement, and what executes it."""
    name = f"sj_{hashlib.sha256(text.encode()).hexdigest()[:16]}"
    first, *rest = text.split("%s")
    numbered = first + "".join(f"${number}{part}" for number, part in enumerate(rest, 1))
    values = f"({', '.join(['%s'] * len(rest))})" if rest else ""
    return f"PREPARE {name} AS {numbered}", f"EXECUTE {name}{values}"


def _sqlstate(error: Error) -> str | None:
    """Its code, as psycopg and psycopg2 name it."""
    cause = error.__cause__
    return getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None)
