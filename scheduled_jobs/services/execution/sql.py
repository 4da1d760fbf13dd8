"""Statements whose text is built once for each database, and executed with parameters.

Most of what a delivery would cost otherwise is the building of the same few statements by the ORM. Values go
to and fro by the fields of the models, so that each database has them as the ORM would.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple, TypeVar

from django.db import connections, models, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.base import ModelState

M = TypeVar("M", bound=models.Model)

AS_THEY_ARE: tuple[tuple[tuple[type[models.Field[Any, Any]], ...], type], ...] = (
    ((models.CharField, models.TextField), str),
    ((models.IntegerField, models.ForeignKey), int),
)
"""Fields whose values of this type are parameters as they are, on every database."""


class Names:
    """The names of a model's table and columns, as a statement has them: an attribute for each column."""

    def __init__(self, model: type[models.Model], using: str) -> None:
        quote = connections[using].ops.quote_name
        self.table: str = quote(model._meta.db_table)
        self._columns = {name: quote(field.column) for name, field in columns_of(model).items()}

    def __getattr__(self, name: str) -> str:
        return self._columns[name]

    def list(self, names: Iterable[str]) -> str:
        """These columns, for a SELECT or an INSERT."""
        return ", ".join(self._columns[name] for name in names)


@cache
def quoted_names(model: type[models.Model], using: str) -> Names:
    """The names of a model in a database."""
    return Names(model, using)


@cache
def columns_of(model: type[models.Model]) -> dict[str, Any]:
    """The fields of a model by the names of their columns in Python."""
    return {field.attname: field for field in model._meta.concrete_fields}


def as_parameters(model: type[models.Model], values: Mapping[str, Any], using: str) -> list[Any]:
    """These values as the database takes them, in the same order."""
    connection, adapt = connections[using], _adapters(model)
    return [None if value is None else adapt[name](value, connection) for name, value in values.items()]


# What is kept for all threads holds no connection: it would outlive its thread, and stay open.
@cache
def _adapters(model: type[models.Model]) -> dict[str, Callable[[Any, BaseDatabaseWrapper], Any]]:
    return {name: _adapter(field) for name, field in columns_of(model).items()}


def _adapter(field: models.Field[Any, Any]) -> Callable[[Any, BaseDatabaseWrapper], Any]:
    """What makes a parameter of a value: as the field does, which does nothing with most that comes."""
    if type(field) is models.DateTimeField:
        return lambda value, connection: (
            connection.ops.adapt_datetimefield_value(value)
            if value.tzinfo is not None
            else field.get_db_prep_save(value, connection)
        )
    kind = next((own for fields, own in AS_THEY_ARE if isinstance(field, fields)), None)
    return lambda value, connection: (
        value if type(value) is kind else field.get_db_prep_save(value, connection)
    )


# --- Instances ------------------------------------------------------------------------------------


def loaded(model: type[M], columns: tuple[str, ...], values: Sequence[Any], using: str) -> M:
    """A row that was read, as ``from_db()`` makes it, without the signals of that."""
    row = _instance(model, zip(columns, values, strict=True))
    state = row._state  # noqa: SLF001 – as from_db() leaves it
    state.adding, state.db = False, using
    return row


def new(model: type[M], values: Mapping[str, Any]) -> M:
    """A row that is to be inserted, with these columns and the defaults of the others, without signals."""
    fixed, made = _defaults(model)
    return _instance(model, {**fixed, **{name: make() for name, make in made.items()}, **values})


def _instance(model: type[M], values: Iterable[tuple[str, Any]] | Mapping[str, Any]) -> M:
    row = model.__new__(model)
    vars(row).update(values, _state=ModelState())
    return row


@cache
def _defaults(model: type[models.Model]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The defaults that are always the same, and what makes the others."""
    known = {name: field for name, field in columns_of(model).items() if not field.generated}
    made = {n: field.default for n, field in known.items() if field.has_default() and callable(field.default)}
    return {n: field.get_default() for n, field in known.items() if n not in made}, made


# --- Reading --------------------------------------------------------------------------------------


class Columns(NamedTuple):
    """Columns of a table that a statement reads."""

    model: type[models.Model]
    names: tuple[str, ...]

    def text(self, using: str) -> str:
        """Their names."""
        return quoted_names(self.model, using).list(self.names)

    def converted(self, rows: Iterable[Sequence[Any]], using: str) -> list[Sequence[Any]]:
        """These rows with the values that the model would have."""
        connection, converters = connections[using], _converters(self.model, self.names, using)
        if not converters:
            return [*rows]
        found: list[Sequence[Any]] = []
        for row in rows:
            values = [*row]
            for place, convert, column in converters:
                values[place] = convert(values[place], column, connection)
            found.append(values)
        return found


def fetch_rows(using: str, text: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
    """The rows of a statement, as the driver has them."""
    connection = connections[using]
    with connection.cursor() as cursor:
        cursor.execute(text, parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


@cache
def _converters(
    model: type[models.Model], columns: tuple[str, ...], using: str
) -> list[tuple[int, Any, Any]]:
    connection, known = connections[using], columns_of(model)
    found = [known[name].get_col(model._meta.db_table) for name in columns]
    return [
        (place, _of_any_thread(convert, connection), column)
        for place, column in enumerate(found)
        for convert in (*connection.ops.get_db_converters(column), *column.get_db_converters(connection))
    ]


def _of_any_thread(convert: Any, connection: BaseDatabaseWrapper) -> Any:
    """The same converter, by the connection that it is called with where it is bound to the one at hand."""
    if getattr(convert, "__self__", None) is not connection.ops:
        return convert
    name = convert.__name__
    return lambda value, column, own: getattr(own.ops, name)(value, column, own)


LOCK_PATIENCE = "set_config('lock_timeout', '5s', true)"
"""How PostgreSQL is told, for one transaction, to wait for no lock longer: of itself it waits for ever.
A statement of its own is such a transaction, and spares another way to the database by saying it itself."""


def limit_lock_wait(using: str) -> None:
    """Let no statement of the transaction that was just begun wait for a lock for ever."""
    if connections[using].vendor == "postgresql":
        with connections[using].cursor() as cursor:
            cursor.execute(f"SELECT {LOCK_PATIENCE}")


# --- Writing --------------------------------------------------------------------------------------


def insert_row(row: models.Model, columns: tuple[str, ...], using: str) -> None:
    """Insert a new instance, and set its key, as ``save()`` does without its signals.

    ``columns`` are those that may differ from their default: the others are not sent.
    """
    connection, model = connections[using], type(row)
    text, returns = _insert(model, columns, using)
    with connection.cursor() as cursor:
        values = {name: row.__dict__[name] for name in columns}
        cursor.execute(text, as_parameters(model, values, using))
        if returns:
            row.pk = cursor.fetchone()[0]
        else:
            key = model._meta.pk.column or ""
            row.pk = connection.ops.last_insert_id(cursor, model._meta.db_table, key)
    state = row._state  # noqa: SLF001 – as save() leaves it
    state.adding, state.db = False, using


@cache
def _insert(model: type[models.Model], columns: tuple[str, ...], using: str) -> tuple[str, bool]:
    name, connection = quoted_names(model, using), connections[using]
    constant = {
        column: _literal(field)
        for column, field in columns_of(model).items()
        if not (column in columns or field.primary_key or field.generated or _is_null(field))
    }
    values = ", ".join([*constant.values(), *["%s"] * len(columns)])
    text = f"INSERT INTO {name.table} ({name.list([*constant, *columns])}) VALUES ({values})"  # noqa: S608
    returns: bool = connection.features.can_return_columns_from_insert
    return (f"{text} RETURNING {name.id}" if returns else text), returns


def _is_null(field: Any) -> bool:
    return field.null and field.get_default() is None


def _literal(field: Any) -> str:
    """The default of a column, in SQL that all databases read alike."""
    default = field.get_default()
    if isinstance(default, int):
        return str(int(default))
    if default == "":
        return "''"
    raise TypeError(f"{field.name} has to be named: its default is {default!r}")


class Update(NamedTuple):
    """Columns of the row ``pk`` that are to be written, if more holds of it.

    ``also`` is what else is set, and ``where`` what else is asked, in SQL: each after what is said here.
    """

    model: type[models.Model]
    pk: int
    values: Mapping[str, Any]
    where: str = ""
    where_parameters: Sequence[Any] = ()
    also: str = ""
    also_parameters: Sequence[Any] = ()

    def texts(self, using: str) -> tuple[str, str]:
        """What is set, and what is asked."""
        name = quoted_names(self.model, using)
        return _sets(name, tuple(self.values)) + self.also, f"{name.id} = %s{self.where}"

    def set_parameters(self, using: str) -> list[Any]:
        """The parameters of what is set."""
        return [*as_parameters(self.model, self.values, using), *self.also_parameters]


def update_row(update: Update, using: str) -> bool:
    """Write a row; whether all held that is asked of it."""
    connection, (sets, where) = connections[using], update.texts(using)
    table = quoted_names(update.model, using).table
    is_alone = connection.vendor == "postgresql" and not connection.in_atomic_block
    patience = f" FROM (SELECT {LOCK_PATIENCE}) AS patience" if is_alone else ""
    with connection.cursor() as cursor:
        text = f"UPDATE {table} SET {sets}{patience} WHERE {where}"  # noqa: S608 – names of our own
        cursor.execute(text, [*update.set_parameters(using), update.pk, *update.where_parameters])
        return bool(cursor.rowcount)


def update_both(first: Update, second: Update, using: str) -> bool:
    """Write two rows of two tables, or neither of them; whether all held that is asked of both.

    In a transaction of its own, which on PostgreSQL is one statement: it spares three ways to the database.
    """
    connection = connections[using]
    if connection.vendor == "postgresql":
        text = _both(first.model, second.model, using, *first.texts(using), *second.texts(using))
        parameters = [
            *(second.pk, *second.where_parameters),
            *(*first.set_parameters(using), first.pk, *first.where_parameters),
            *(*second.set_parameters(using), second.pk),
        ]
        with connection.cursor() as cursor:
            cursor.execute(text, parameters)
            return bool(cursor.rowcount)
    with transaction.atomic(using=using):
        are_written = update_row(first, using) and update_row(second, using)
        if not are_written:
            transaction.set_rollback(True, using=using)
    return are_written


@cache
def _both(
    first: type[models.Model],
    second: type[models.Model],
    using: str,
    first_sets: str,
    first_where: str,
    second_sets: str,
    second_where: str,
) -> str:
    # The second row is locked first, as it is now: whether it is as it has to be can change no more. That
    # its lock comes before that of the first may make two wait for each other, who then begin anew.
    name, other = quoted_names(first, using), quoted_names(second, using)
    return (
        f"WITH patience AS (SELECT {LOCK_PATIENCE}), "  # noqa: S608
        f"known AS (SELECT 1 FROM patience, {other.table} WHERE {second_where} FOR UPDATE OF {other.table}), "
        f"changed AS (UPDATE {name.table} SET {first_sets} WHERE {first_where} "
        "AND EXISTS (SELECT 1 FROM known) RETURNING 1) "
        f"UPDATE {other.table} SET {second_sets} WHERE {other.id} = %s AND EXISTS (SELECT 1 FROM changed)"
    )


@cache
def _sets(name: Names, columns: tuple[str, ...]) -> str:
    return ", ".join(f"{getattr(name, column)} = %s" for column in columns)
