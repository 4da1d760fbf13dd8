"""One task, seeded and pushed: what ``PeriodicTask.schedule()`` does."""

from __future__ import annotations

from typing import Any

from scheduled_jobs import registry
from scheduled_jobs.conf import settings
from scheduled_jobs.domain.jobs import same_json
from scheduled_jobs.domain.payloads import redact, storable
from scheduled_jobs.exceptions import InvalidDefinition, InvalidPayload, OverrideExists
from scheduled_jobs.models import ScheduledJob
from scheduled_jobs.models.validation import payload_as_stored
from scheduled_jobs.registry import Task
from scheduled_jobs.services.scheduling.push.on_commit import push_jobs
from scheduled_jobs.services.scheduling.seed.rows import seed_tasks


def schedule_task(task: type[Task], *, payload: dict[str, Any] | None = None) -> ScheduledJob:
    """Seed and push one task's job and return its row.

    ``payload`` becomes the payload override where none stands, or it equals it; else OverrideExists.
    Raises InvalidDefinition for a faulty class.
    """
    seeded = seed_tasks([task], retire=False)
    if seeded.faulty:
        raise InvalidDefinition(f"{registry.dotted_path(task)}: {seeded.faulty[0][1]}")
    job = ScheduledJob.objects.get(task=registry.dotted_path(task), origin=ScheduledJob.Origin.CODE)
    if payload is not None and not same_json(job.payload_override, _as_stored(job, payload)):
        if job.payload_override is not None:
            theirs = redact(job.payload_override, settings.REDACTED_KEYS)
            raise OverrideExists(
                f"{job.name} has a payload override that an operator set: {theirs}; "
                "reset it in the admin, or call schedule() without arguments"
            )
        job.payload_override = payload
        job.full_clean()
        job.save()
    elif job.pushed_revision < job.revision:
        push_jobs([job.pk])
    job.refresh_from_db()
    return job


def _as_stored(job: ScheduledJob, payload: dict[str, Any]) -> dict[str, Any]:
    """The payload as the database gives it back, tuples as lists; as it is, if it cannot be stored."""
    try:
        stored: dict[str, Any] = storable(payload_as_stored(job.task, payload))
    except InvalidPayload:  # full_clean() says so under the field's name
        return payload
    return stored
