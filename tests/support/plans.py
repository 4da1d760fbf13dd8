"""How SQLite would do what is asked of it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from django.db import connection

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def plans_about(table: str) -> Iterator[dict[str, list[str]]]:
    """Statement -> the steps of its plan, of all that are about a table."""
    plans: dict[str, list[str]] = {}

    def explain(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if table in sql and sql.startswith(("SELECT", "UPDATE", "DELETE")):
            with (
                connection.cursor() as cursor,
                connection.execute_wrapper(lambda e, s, p, m, c: e(s, p, m, c)),
            ):
                cursor.cursor.execute(f"EXPLAIN QUERY PLAN {cursor.cursor.convert_query(sql)}", params or ())
                plans[sql] = [row[-1] for row in cursor.cursor.fetchall()]
        return execute(sql, params, many, context)

    with connection.execute_wrapper(explain):
        yield plans
