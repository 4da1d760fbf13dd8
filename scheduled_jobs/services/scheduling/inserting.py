"""Many new rows of one table, without an instance for each.

To make, track and take apart an instance of a model with fifty columns costs more than to store its row,
which is felt when thousands of jobs are created at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import connections, transaction

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Mapping, Sequence

    from django.db.models import Field, Model


def insert_rows(
    model: type[Model], columns: Sequence[str], rows: Iterable[Sequence[Any]], using: str
) -> None:
    """Insert rows of these columns (attribute names, such as ``job_id``); all others get their default.

    Like ``bulk_create`` it sends no signal. The primary key is the database's to give.
    """
    connection = connections[using]
    fields = [field for field in model._meta.concrete_fields if not field.primary_key]
    given = {name: place for place, name in enumerate(columns)}
    blank = model()
    # Whatever ``pre_save`` sets, such as the time of an insert, is the same for all of them.
    rest: Mapping[int, Any] = {
        place: field.get_db_prep_save(field.pre_save(blank, add=True), connection)
        for place, field in enumerate(fields)
        if field.attname not in given
    }
    template = [rest.get(place) for place in range(len(fields))]
    prepared = [
        (place, given[field.attname], _Prepared(field, connection))
        for place, field in enumerate(fields)
        if field.attname in given
    ]
    quote = connection.ops.quote_name
    names = ", ".join(quote(str(field.column)) for field in fields)
    values = ", ".join(["%s"] * len(fields))

    parameters = []
    for row in rows:
        parameters.append(template.copy())
        for place, index, prepare in prepared:
            parameters[-1][place] = prepare(row[index])
    if not parameters:
        return
    # All or none, and outside a transaction not one commit for each.
    with transaction.atomic(using=using, savepoint=False), connection.cursor() as cursor:
        cursor.executemany(
            f"INSERT INTO {quote(model._meta.db_table)} ({names}) VALUES ({values})",  # noqa: S608 – our columns
            parameters,
        )


class _Prepared:
    """The values of one column as the database takes them; a value that comes again is prepared once."""

    MOST = 1000

    def __init__(self, field: Field[Any, Any], connection: Any) -> None:
        self.field = field
        self.connection = connection
        self.known: dict[Hashable, Any] = {}

    def __call__(self, value: Any) -> Any:
        if isinstance(value, (dict, list)):
            return self.field.get_db_prep_save(value, self.connection)
        # True and 1, or 1 and 1.0, are one key but not one value.
        key = (type(value), value)
        if key not in self.known:
            if len(self.known) >= self.MOST:
                self.known.clear()
            self.known[key] = self.field.get_db_prep_save(value, self.connection)
        return self.known[key]
