"""Databases of their own for somebody's project: files, or databases on the server of DATABASE_URL."""

from __future__ import annotations

import os
import uuid
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import dj_database_url
from django.db import connections
from django.db.utils import ConnectionHandler

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SQLITE = {
    "ENGINE": "django.db.backends.sqlite3",
    "OPTIONS": {"transaction_mode": "IMMEDIATE", "timeout": 20},
}


@contextmanager
def new_database(folder: Path, *, suffix: str = "") -> Iterator[dict[str, Any]]:
    """What DATABASES says of a database that is empty, and gone after the block."""
    name = f"test_project_{uuid.uuid4().hex[:12]}"
    if not (url := os.environ.get("DATABASE_URL")):
        yield {**SQLITE, "NAME": str(folder / f"{name}.sqlite3")}
        return
    found: dict[str, Any] = dict(dj_database_url.parse(url))
    _on_server(f"CREATE DATABASE {name} {suffix}")
    try:
        yield {**found, "NAME": name}
    finally:
        force = "WITH (FORCE)" if found["ENGINE"].endswith("postgresql") else ""
        _on_server(f"DROP DATABASE {name} {force}")


def _on_server(statement: str) -> None:
    """Execute this outside of all transactions, over a connection of its own."""
    default = connections["default"].settings_dict
    name = "postgres" if default["ENGINE"].endswith("postgresql") else None
    handler = ConnectionHandler({"default": {**default, "NAME": name}})
    with handler["default"].cursor() as cursor:
        cursor.execute(statement)
    handler["default"].close()
