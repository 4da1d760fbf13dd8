"""Outward: from task classes to rows, and from rows to Cloud Scheduler."""

from __future__ import annotations

import logging
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.db import router, transaction
from django.utils import timezone

from scheduled_jobs.conf import settings
from scheduled_jobs.domain.jobs import same_json
from scheduled_jobs.domain.payloads import redact, storable
from scheduled_jobs.exceptions import (
    BackendError,
    InvalidDefinition,
    InvalidPayload,
    NotFound,
    OverrideExists,
)
from scheduled_jobs.models import FormerName, JobChange, ScheduledJob
from scheduled_jobs.services.scheduling.advice import reason_of
from scheduled_jobs.services.scheduling.calls import Calls
from scheduled_jobs.services.scheduling.declarations import Declaration, declare
from scheduled_jobs.services.scheduling.names import job_id, job_id_of, ownership, task_url
from scheduled_jobs.services.scheduling.pushing import Push
from scheduled_jobs.services.scheduling.reports import Options, Report
from scheduled_jobs.services.scheduling.running import fire, settle
from scheduled_jobs.services.scheduling.seeding import Seeded, seed
from scheduled_jobs.services.scheduling.shown import shown_fields
from scheduled_jobs.services.scheduling.syncing import sync

if TYPE_CHECKING:
    from collections.abc import Iterable

    from scheduled_jobs.tasks import PeriodicTask

__all__ = [
    "Declaration", "Options", "Report", "Seeded", "after_delivery", "declare", "delete_on_commit", "fire",
    "fire_on_commit", "is_eager", "job_id", "job_id_of", "push", "push_on_commit", "reason_of",
    "schedule_task", "seed", "settle", "shown_fields", "sync", "task_url",
]  # fmt: skip

logger = logging.getLogger("scheduled_jobs")

LEFT_BEHIND = timedelta(minutes=1)
"""After this long a pending row's writer has died, or Google did not answer it."""


def is_eager() -> bool:
    """Whether tasks are run here instead of by Google."""
    return settings.EAGER


def pushes_are_off() -> bool:
    """Whether nothing is ever sent to Google."""
    return settings.PUSH == "off" or settings.EAGER


def push(pks: Iterable[int], *, seconds: float | None = None) -> None:
    """Push these rows now; what is not done within ``seconds`` stays pending. Raises nothing of Google's."""
    if pushes_are_off():
        return
    pks = list(pks)
    rows = ScheduledJob.objects.using(router.db_for_write(ScheduledJob))
    for some in rows.among(pks):
        some.end_pauses(timezone.now())
    try:
        Push(time.monotonic() + (seconds or 2 * settings.RPC_TIMEOUT)).run(pks)
    except BackendError as error:
        # No project or no credentials: none of the rows can be pushed.
        logger.warning("nothing was pushed: %s", error)
        for some in rows.among(pks):
            with transaction.atomic(using=rows.db):
                some.lock()
                some.update(sync_state=ScheduledJob.SyncState.FAILED, sync_error=str(error))


class _PushOnCommit:
    """All edits of one transaction, pushed together once it is committed."""

    def __init__(self) -> None:
        self.pks: dict[int, None] = {}
        # By it Django logs the failure of what was to be done on commit.
        self.__qualname__ = push_on_commit.__qualname__

    def __call__(self) -> None:
        push(self.pks)


def push_on_commit(pks: Iterable[int], using: str) -> None:
    """Push these rows after the transaction in which they were edited; never if it is rolled back."""
    if pushes_are_off():
        return
    connection = transaction.get_connection(using)
    waiting = [entry[1] for entry in connection.run_on_commit if isinstance(entry[1], _PushOnCommit)]
    if connection.in_atomic_block and waiting:
        waiting[-1].pks.update(dict.fromkeys(pks))
        return
    together = _PushOnCommit()
    together.pks.update(dict.fromkeys(pks))
    transaction.on_commit(together, using=using, robust=True)


def fire_on_commit(pks: Iterable[int], using: str) -> None:
    """Ask Google to run these queued runs, after the transaction in which they were asked for."""
    asked = list(pks)
    # No partial: it has no name under which Django could log its failure.
    transaction.on_commit(lambda: fire(asked), using=using, robust=True)


def delete_on_commit(job: ScheduledJob, using: str) -> None:
    """Delete a row's job in Google once the row's deletion is committed."""
    rows = JobChange.build(job, {"job": (job.name, None)})
    for row in rows:
        # What refers to the row was collected before this was written.
        row.job_id = None
    JobChange.objects.using(using).bulk_create(rows)
    names = FormerName.objects.using(using).filter(deleted_at=None)
    remote_names = [
        *names.filter(job=job).values_list("remote_name", flat=True),
        *filter(None, [job.remote_name]),
    ]
    # Another row may have taken a name over, and the job there with it.
    others = ScheduledJob.objects.using(using).exclude(pk=job.pk).filter(remote_name__in=remote_names)
    taken = {name for name, now in others.values_list("remote_name", "name") if name.endswith(f"/{now}")}
    taken.update(
        names.exclude(job=job).filter(remote_name__in=remote_names).values_list("remote_name", flat=True)
    )
    remote_names = [name for name in remote_names if name not in taken]
    if remote_names and not pushes_are_off():
        transaction.on_commit(lambda: _delete(remote_names), using=using, robust=True)


def _delete(remote_names: list[str]) -> None:
    calls = Calls(time.monotonic() + 2 * settings.RPC_TIMEOUT)
    for remote_name in remote_names:
        try:
            live = calls.get(remote_name)
            if (why := ownership().why_not(live)) is None:
                calls.delete(remote_name)
            else:
                logger.warning("%s is not deleted in Google: %s", remote_name, why)
        except NotFound:
            continue
        except BackendError as error:
            logger.warning("%s is not deleted in Google: %s; schedule_tasks shows it", remote_name, error)


def after_delivery(job_pk: int) -> None:
    """What a delivery may do for its own job once it is answered: one RunJob, and a push left behind.

    Never raises: the run that was delivered has nothing to do with it.
    """
    try:
        settle(job_pk, most=1)
        rows = ScheduledJob.objects.using(router.db_for_write(ScheduledJob))
        now = timezone.now()
        stale = rows.filter(
            pk=job_pk, sync_state=ScheduledJob.SyncState.PENDING, edited_at__lt=now - LEFT_BEHIND
        )
        if stale.exists():
            push([job_pk])
    except Exception:
        logger.exception("after a delivery of job %s", job_pk)


def schedule_task(task: type[PeriodicTask], *, payload: dict[str, Any] | None = None) -> ScheduledJob:
    """Seed and push one task's job and return its row.

    ``payload`` becomes the payload override where none stands, or it equals it; else OverrideExists.
    Raises InvalidDefinition for a faulty class.
    """
    seeded = seed([task], retire=False)
    if seeded.faulty:
        raise InvalidDefinition(f"{task.name()}: {seeded.faulty[0][1]}")
    rows = ScheduledJob.objects.using(router.db_for_write(ScheduledJob))
    job = rows.get(task=task.name(), origin=ScheduledJob.Origin.CODE)
    if payload is not None and not same_json(job.payload_override, _as_stored(payload)):
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
        push([job.pk])
    job.refresh_from_db()
    return job


def _as_stored(payload: dict[str, Any]) -> dict[str, Any]:
    """The payload as the database gives it back, tuples as lists; as it is, if it cannot be stored."""
    try:
        stored: dict[str, Any] = storable(payload)
    except InvalidPayload:  # full_clean() says so under the field's name
        return payload
    return stored
