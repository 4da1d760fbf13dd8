"""Live values that an operator chose to leave in Google, and how an edit here ends such a choice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scheduled_jobs.domain.jobs import same_json
from scheduled_jobs.models.in_force import values_in_force

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scheduled_jobs.models.jobs import ScheduledJob


def still_left(job: ScheduledJob, columns: Mapping[str, Any]) -> dict[str, Any]:
    """Set these columns of the instance; returns what stays left in Google then, field -> live value.

    A choice was made between two values: it ends when what is wanted here becomes another. A job that gets
    another name is made anew in Google, where nothing of it was left.
    """
    left = columns.get("ignored_drift", job.ignored_drift)
    name, before = job.name, _wanted(job) if left else {}
    for column, value in columns.items():
        setattr(job, column, value)
    if job.name != name or not left:
        return {}
    after = _wanted(job)
    return {field: live for field, live in left.items() if same_json(before.get(field), after.get(field))}


def _wanted(job: ScheduledJob) -> dict[str, Any]:
    return {**values_in_force(job), "state": job.desired_state}
