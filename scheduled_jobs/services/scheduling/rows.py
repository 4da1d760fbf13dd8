"""Rows as seeding and pushing read them, by thousands: a model instance costs eight times as much."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from scheduled_jobs.domain.jobs import desired_state
from scheduled_jobs.models.in_force import DECLARED, OVERRIDES, InForce

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.db.models import QuerySet

    from scheduled_jobs.models import ScheduledJob


class Row:
    """One job as of one revision, with what is in force of it.

    ``declared_…`` and ``…_override`` are attributes too.
    """

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
    sync_state: str
    sync_error: str
    pushed: dict[str, Any] | None

    schedule = InForce[str]()
    time_zone = InForce[str]()
    payload = InForce[dict[str, Any]]()
    description = InForce[str]()
    retry_count = InForce[int]()
    min_backoff = InForce[timedelta]()
    max_backoff = InForce[timedelta]()
    max_retry_duration = InForce[timedelta]()
    max_doublings = InForce[int]()
    attempt_deadline = InForce[timedelta]()

    def __init__(self, *values: Any) -> None:
        self.__dict__ = dict(zip(COLUMNS, values, strict=True))

    @property
    def desired_state(self) -> str | None:
        """The state wanted in Google; None if the job ought not to exist there."""
        return desired_state(
            exists=self.retired_at is None and self.deleting_at is None,
            paused=self.paused,
            has_end=self.paused_until is not None,
        )


COLUMNS = (*Row.__annotations__, *DECLARED, *OVERRIDES)


def read_rows(jobs: QuerySet[ScheduledJob]) -> Iterator[Row]:
    """These jobs, in one query, one after another."""
    return (Row(*values) for values in jobs.values_list(*COLUMNS).iterator(chunk_size=2000))
