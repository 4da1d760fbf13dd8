"""What the database needs."""

from __future__ import annotations

from typing import Any

from django.db import connections

from scheduled_jobs.checks.messages import Messages, warning
from scheduled_jobs.models.writer import writer


def check_database(**_: Any) -> Messages:
    """W030: SQLite fails at once where it could wait for its turn."""
    connection = connections[writer()]
    if connection.vendor != "sqlite" or connection.settings_dict["NAME"] == ":memory:":
        return []
    options: dict[str, Any] = connection.settings_dict.get("OPTIONS", {})
    if options.get("transaction_mode", "").upper() == "IMMEDIATE" and options.get("timeout", 5) >= 20:
        return []
    return [
        warning(
            30,
            f"The database {connection.alias!r} is SQLite; two runs at once may fail: 'database is locked'.",
            'Set OPTIONS to {"transaction_mode": "IMMEDIATE", "timeout": 20, '
            '"init_command": "PRAGMA journal_mode=WAL"}.',
        )
    ]
