"""Rows as seeding finds them; a model instance is made only of those that change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scheduled_jobs.domain.jobs import OVERRIDABLE

if TYPE_CHECKING:
    from datetime import datetime

    from scheduled_jobs.models.job_queryset import ScheduledJobQuerySet

DECLARED = tuple(f"declared_{name}" for name in OVERRIDABLE)
COLUMNS = ("pk", "name", "task", "origin", "retired_at", "remote_name", *DECLARED)


@dataclass(slots=True)
class Stored:
    """What seeding compares of one row. ``declared`` has the values in the order of ``DECLARED``."""

    pk: int
    name: str
    task: str
    origin: str
    retired_at: datetime | None
    remote_name: str
    declared: tuple[Any, ...]


def stored_rows(rows: ScheduledJobQuerySet) -> list[Stored]:
    """These rows, in one query."""
    return [
        Stored(pk, name, task, origin, retired_at, remote_name, tuple(declared))
        for pk, name, task, origin, retired_at, remote_name, *declared in rows.values_list(*COLUMNS)
    ]
