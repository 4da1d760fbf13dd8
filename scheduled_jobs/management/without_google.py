"""What ``schedule_tasks`` does and says where Google is not asked: EAGER, or pushes that are off."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from scheduled_jobs import registry
from scheduled_jobs.conf import settings
from scheduled_jobs.management.terminal import pluralized
from scheduled_jobs.models import ScheduledJob
from scheduled_jobs.registry import Task
from scheduled_jobs.services import execution
from scheduled_jobs.services.scheduling import Seeded


@dataclass(frozen=True)
class LocalChange:
    """A row that is new or changed, ``kind`` being create or update, and why its run failed."""

    kind: str
    task: str
    job: str
    paused: bool
    error: str | None = None


def rows_seeded(seeded: Seeded, now: datetime) -> list[LocalChange]:
    """The rows of tasks that are new or changed, by task, as seeding left or would leave them at ``now``."""
    touched = {job.task: job for job in seeded.touched.values() if job.origin == ScheduledJob.Origin.CODE}
    rows = [touched[path] for path in seeded.changed]
    changes = [LocalChange("update", job.task, job.name, job.is_paused(now)) for job in rows]
    changes += [LocalChange("create", new.path, new.name, new.paused) for new in seeded.created]
    return sorted(changes, key=lambda change: change.task)


def rows_run(seeded: Seeded, now: datetime, *, write: bool) -> Iterator[LocalChange]:
    """The same without the paused ones, each run here once if ``write``, and told as it ends."""
    for change in rows_seeded(seeded, now):
        task = registry.get(change.task)
        if task is None or change.paused:
            continue
        yield LocalChange(**{**vars(change), "error": _run(task) if write else None})


def _run(task: type[Task]) -> str | None:
    job = ScheduledJob.objects.get(task=registry.dotted_path(task), origin=ScheduledJob.Origin.CODE)
    try:
        execution.run_eagerly(job, task)
    except Exception as error:  # noqa: BLE001 – the task is the user's code; its run has the traceback
        return f"{type(error).__name__}: {error}"
    return None


def local_report(seeded: Seeded, changes: list[LocalChange], *, write: bool) -> dict[str, Any]:
    """The JSON object of ``--json``, with the keys that it has where Google is asked."""
    return {
        "applied": write,
        "changes": [
            {
                "kind": change.kind,
                "task": change.task,
                "job": change.job,
                "fields": {},
                "drifted": [],
                "error": change.error,
            }
            for change in changes
        ],
        "faulty": [{"task": path, "error": why} for path, why in seeded.faulty],
        "mode": settings.mode,
        "unchanged": len(seeded.tasks) - len(changes),
    }


def local_totals(seeded: Seeded, counts: Mapping[str, int], *, write: bool) -> str:
    """The last line."""
    total, nothing = len(seeded.tasks), "" if write else " Nothing was written."
    if settings.mode == "eager":
        were = "were" if write else "would be"
        return (
            f"{pluralized(total, 'job')}: {counts['created']} created, {counts['updated']} updated, "
            f"{counts['failed']} failed. They {were} run here (DJANGO_CLOUD_TASKS_EAGER): "
            f"Google was not asked.{nothing}"
        )
    off = "Pushes are off (DJANGO_CLOUD_TASKS_PUSH): Google was not asked."
    jobs = pluralized(total, "job")
    if write:
        return f"{jobs} seeded. {off}"
    new, changed = counts["created"], counts["updated"]
    return f"{jobs} would be seeded, {new} of them new and {changed} changed. {off}{nothing}"
