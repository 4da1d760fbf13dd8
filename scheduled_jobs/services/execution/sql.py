"""Statements whose text is built once for each database, and executed with parameters.

Most of what a delivery would cost otherwise is the building of the same few statements by the ORM. Values go
to and fro by the fields of the models, so that each database has them as the ORM would.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from django.db import connections

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from django.db import models
    from django.db.backends.base.base import BaseDatabaseWrapper


class Names:
    """The names of a model's table and columns, as a statement has them: an attribute for each column."""

    def __init__(self, model: type[models.Model], using: str) -> None:
        quote = connections[using].ops.quote_name
        self.table: str = quote(model._meta.db_table)
        self._columns = {name: quote(field.column) for name, field in fields(model).items()}

    def __getattr__(self, name: str) -> str:
        return self._columns[name]

    def list(self, names: Iterable[str]) -> str:
        """These columns, for a SELECT or an INSERT."""
        return ", ".join(self._columns[name] for name in names)


@cache
def fields(model: type[models.Model]) -> dict[str, Any]:
    """The fields of a model by the names of their columns in Python."""
    return {field.attname: field for field in model._meta.concrete_fields}


def params(
    model: type[models.Model], values: Mapping[str, Any], connection: BaseDatabaseWrapper
) -> list[Any]:
    """These values as the database takes them, in the same order."""
    known = fields(model)
    return [known[name].get_db_prep_save(value, connection) for name, value in values.items()]


def decoded(
    model: type[models.Model], names: tuple[str, ...], using: str, rows: Iterable[Sequence[Any]]
) -> Iterable[Sequence[Any]]:
    """Rows of these columns as the database gives them, with the values that the model would have."""
    if not (converters := _converters(model, names, using)):
        return rows
    return [_converted(row, converters, connections[using]) for row in rows]


def _converted(
    row: Sequence[Any], converters: list[tuple[int, Any, Any]], connection: BaseDatabaseWrapper
) -> list[Any]:
    values = [*row]
    for place, convert, column in converters:
        values[place] = convert(values[place], column, connection)
    return values


@cache
def _converters(model: type[models.Model], names: tuple[str, ...], using: str) -> list[tuple[int, Any, Any]]:
    connection, known = connections[using], fields(model)
    columns = [known[name].get_col(model._meta.db_table) for name in names]
    return [
        (place, convert, column)
        for place, column in enumerate(columns)
        for convert in (*connection.ops.get_db_converters(column), *column.get_db_converters(connection))
    ]
