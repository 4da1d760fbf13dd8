"""What a run is told of itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class TaskMetadata:
    """What a run knows of itself.

    ``scheduled_for`` (aware, UTC) is the slot, or the time at which a manual run was asked for.
    ``deadline`` (aware, UTC) is when Cloud Scheduler stops waiting for the answer; None for an eager run.
    """

    task: str
    job_name: str
    scheduled_for: datetime
    attempt: int = 1
    trigger: str = "schedule"
    run_id: int | None = None
    deadline: datetime | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
