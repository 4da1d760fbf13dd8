"""Rows as a sync reads them: what is in force, computed by the database, and nothing else.

A model instance costs ten times as much, which is felt at thousands of jobs.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from django.db.models import F
from django.db.models.functions import Coalesce

from scheduled_jobs.domain.jobs import OVERRIDABLE, desired_state

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime, timedelta

    from django.db.models import QuerySet

    from scheduled_jobs.models import ScheduledJob


@dataclass(slots=True)
class Row:
    """What is in force for one job, as of one revision."""

    pk: int
    name: str
    task: str
    revision: int
    pushed_revision: int
    retired_at: datetime | None
    deleting_at: datetime | None
    paused: bool
    paused_until: datetime | None
    remote_name: str
    synced_at: datetime | None
    sync_state: str
    schedule: str
    time_zone: str
    payload: dict[str, Any]
    description: str
    retry_count: int
    min_backoff: timedelta
    max_backoff: timedelta
    max_retry_duration: timedelta
    max_doublings: int
    attempt_deadline: timedelta

    @property
    def desired_state(self) -> str | None:
        """The state wanted in Google; None if the job ought not to exist there."""
        return desired_state(
            exists=self.retired_at is None and self.deleting_at is None,
            paused=self.paused,
            has_end=self.paused_until is not None,
        )


COLUMNS = tuple(
    Coalesce(F(f"{field.name}_override"), F(f"declared_{field.name}"))
    if field.name in OVERRIDABLE
    else F(field.name)
    for field in fields(Row)
)


def rows_in_force(jobs: QuerySet[ScheduledJob]) -> Iterator[Row]:
    """These jobs with what is in force, in one query, one after another."""
    return (Row(*values) for values in jobs.order_by().values_list(*COLUMNS).iterator(chunk_size=2000))
