"""Many new rows of one table, without an instance for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import connections, transaction
from django.db.models import Model

from scheduled_jobs.models.writer import execute_for_each, writer


def insert_rows(model: type[Model], rows: Sequence[Mapping[str, Any]]) -> None:
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
