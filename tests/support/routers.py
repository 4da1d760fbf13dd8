"""What a project with more than one database may have in DATABASE_ROUTERS."""

from __future__ import annotations

from typing import Any


class ReadsFromReplica:
    """Our tables are written to ``default`` and read from ``replica``, which has none of them yet."""

    def db_for_read(self, model: Any, **hints: Any) -> str | None:
        return "replica" if model._meta.app_label == "scheduled_jobs" else None

    def db_for_write(self, model: Any, **hints: Any) -> str | None:
        return "default" if model._meta.app_label == "scheduled_jobs" else None

    def allow_relation(self, one: Any, other: Any, **hints: Any) -> bool | None:
        return True

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool | None:
        return db != "replica"
