"""Rows as seeding and pushing read them, by thousands: a model instance costs ten times as much."""

from __future__ import annotations

from collections import namedtuple
from typing import TYPE_CHECKING, Any

from scheduled_jobs.models.in_force import DECLARED, OVERRIDES, ValuesInForce

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from django.db.models import QuerySet

    from scheduled_jobs.models import ScheduledJob

COLUMNS = (
    "pk", "name", "task", "origin", "revision", "pushed_revision", "retired_at", "deleting_at", "paused",
    "paused_until", "synced_at", *DECLARED, *OVERRIDES,
)  # fmt: skip
FIRST_DECLARED = COLUMNS.index(DECLARED[0])
_Columns = namedtuple("_Columns", COLUMNS)  # type: ignore[misc]  # mypy wants to read the names


class Row(ValuesInForce, _Columns):
    """One job as of one revision, with what is in force of it."""

    __slots__ = ()

    pk: int
    name: str
    task: str
    origin: str
    revision: int
    pushed_revision: int
    retired_at: datetime | None
    deleting_at: datetime | None
    paused: bool
    paused_until: datetime | None
    synced_at: datetime | None
    declared_payload: dict[str, Any]

    @property
    def declared(self) -> tuple[Any, ...]:
        """What the code declares, in the order of ``OVERRIDABLE``."""
        return tuple(self[FIRST_DECLARED : FIRST_DECLARED + len(DECLARED)])


def read_rows(jobs: QuerySet[ScheduledJob]) -> Iterator[Row]:
    """These jobs, in one query, one after another."""
    return map(Row._make, jobs.values_list(*COLUMNS).iterator(chunk_size=2000))
