"""Many rows, made in the database itself: for both sides of ``bench.history``."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

NOW = datetime.now(UTC).replace(second=0, microsecond=0)


def numbers(below: int) -> None:
    """The table ``bench_numbers`` of so many numbers ``k``, from 0 on."""
    table("bench_numbers", "k integer", [(k,) for k in range(below)])


def table(name: str, columns: str, rows: list[tuple[Any, ...]]) -> None:
    """A temporary table with these rows."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TEMPORARY TABLE {name} ({columns})")
        places = ", ".join(["%s"] * len(rows[0]))
        cursor.executemany(f"INSERT INTO {name} VALUES ({places})", rows)


def seconds_before(seconds: str) -> str:
    """The time so many seconds, an expression, before NOW."""
    from django.db import connection

    if connection.vendor == "sqlite":
        return f"strftime('%%Y-%%m-%%d %%H:%%M:%%f', {NOW.timestamp():.0f} - ({seconds}), 'unixepoch')"
    return f"timestamptz '{NOW.isoformat()}' - ({seconds}) * interval '1 second'"


def length(seconds: str) -> str:
    """A duration of so many seconds, an expression."""
    from django.db import connection

    if connection.vendor == "sqlite":
        return f"CAST(({seconds}) * 1000000 AS INTEGER)"
    return f"({seconds}) * interval '1 second'"


def insert(model: Any, source: str, columns: Mapping[str, str], values: Mapping[str, Any]) -> None:
    """Insert a row for each of ``source``: ``columns`` are expressions, ``values`` the same in all rows."""
    from django.db import connection

    quote = connection.ops.quote_name
    blank = model(**values)
    names, chosen, given = [], [], []
    for field in model._meta.concrete_fields:
        if field.primary_key or field.generated:
            continue
        names.append(quote(field.column))
        if field.column in columns:
            chosen.append(columns[field.column])
        else:
            chosen.append("%s" if connection.vendor == "sqlite" else f"%s::{field.db_type(connection)}")
            given.append(field.get_db_prep_save(field.pre_save(blank, add=True), connection))
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {quote(model._meta.db_table)} ({', '.join(names)}) "
            f"SELECT {', '.join(chosen)} FROM {source}",
            given,
        )


@contextmanager
def indexed_after(model: Any) -> Iterator[None]:
    """Where a server can, make the indexes of a table when its rows are there, which takes less time."""
    from django.db import connection

    meta = model._meta
    indexes, constraints = (meta.indexes, meta.constraints) if connection.vendor == "postgresql" else ([], [])
    with connection.schema_editor() as editor:
        for index in indexes:
            editor.remove_index(model, index)
        for constraint in constraints:
            editor.remove_constraint(model, constraint)
    yield
    with connection.schema_editor() as editor:
        for index in indexes:
            editor.add_index(model, index)
        for constraint in constraints:
            editor.add_constraint(model, constraint)
