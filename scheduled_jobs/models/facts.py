"""What decides what runs next, out of the columns of a job's row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scheduled_jobs import registry
from scheduled_jobs.domain.ahead import Facts

FACTS = (
    "task", "declared_schedule", "schedule_override", "declared_time_zone", "time_zone_override",
    "paused", "paused_until", "retired_at", "deleting_at", "next_run_at",
)  # fmt: skip
"""The columns that ``facts_from`` reads, beside the state and schedule that Google was last seen to have."""


def facts_from(row: Mapping[str, Any], *, google_state: str, google_schedule: str) -> Facts:
    """The facts of a row that was read as these columns."""
    return Facts(
        schedule=value_in_force(row, "schedule"),
        time_zone=value_in_force(row, "time_zone"),
        is_paused=row["paused"],
        paused_until=row["paused_until"],
        is_retired=row["retired_at"] is not None,
        is_deleting=row["deleting_at"] is not None,
        is_in_code=row["retired_at"] is None and registry.find_or_none(row["task"]) is not None,
        google_state=google_state,
        google_schedule=google_schedule,
        google_next=row["next_run_at"],
    )


def value_in_force(row: Mapping[str, Any], field: str) -> str:
    """What counts of a field, of a row that was read as columns."""
    declared: str = row[f"declared_{field}"]
    override: str | None = row[f"{field}_override"]
    return declared if override is None else override
