"""Deleting an operator's own job: Google first, then the row, so that nothing goes on firing unseen."""

from __future__ import annotations

import logging
import time
from typing import Any

from django.db import router, transaction
from django.utils import timezone

from scheduled_jobs import signals
from scheduled_jobs.conf import settings
from scheduled_jobs.exceptions import BackendError, NotFound
from scheduled_jobs.models import FormerName, JobChange, ScheduledJob
from scheduled_jobs.services.scheduling.client import Client
from scheduled_jobs.services.scheduling.names import ownership

logger = logging.getLogger("scheduled_jobs")


def ask_to_delete(job: ScheduledJob, *, by: Any = None, reason: str = "") -> bool:
    """Mark the job as one that ought not to be in Google; on commit the push deletes it there.

    Returns False where it is marked already: it is pushed again. Raises ValueError for a job of the code's.
    """
    if job.origin != ScheduledJob.Origin.OPERATOR:
        raise ValueError(f"{job.name} comes from the code: remove its class and run schedule_tasks")
    using = router.db_for_write(ScheduledJob)
    rows = ScheduledJob.objects.using(using).filter(pk=job.pk)
    with transaction.atomic(using=using):
        # The condition settles the race of two people who delete at once: one line in the audit.
        first = bool(rows.filter(deleting_at=None).edit(deleting_at=timezone.now()))
        if first:
            JobChange.record(job, {"deleting": (False, True)}, by=by, reason=reason, using=using)
        else:
            rows.edit()
        signals.job_edited.send(sender=ScheduledJob, pks=[job.pk], using=using)
    return first


def finish_deletion(pk: int) -> bool:
    """Delete the row if Google has said that it has the job no more; returns whether there is no row now."""
    using = router.db_for_write(ScheduledJob)
    with transaction.atomic(using=using):
        job = ScheduledJob.objects.using(using).select_for_update().filter(pk=pk).first()
        if job is None:
            return True
        if job.deleting_at is None or not _is_gone(job):
            return False
        job.delete(using=using)
    return True


def finish_deletions() -> int:
    """Delete all rows whose jobs Google has no more; returns how many."""
    using = router.db_for_write(ScheduledJob)
    waiting = ScheduledJob.objects.using(using).filter(deleting_at__isnull=False)
    return sum(finish_deletion(pk) for pk in waiting.values_list("pk", flat=True))


def _is_gone(job: ScheduledJob) -> bool:
    """Whether Google answered that it is deleted, or never had it."""
    confirmed = job.sync_state == ScheduledJob.SyncState.SYNCED and job.revision == job.pushed_revision
    never = job.live is None and not job.remote_name and job.pushed_revision == 0 and job.pushed is None
    return job.remote_name == "" and (confirmed or never)


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
    if remote_names and settings.mode == "google":
        transaction.on_commit(lambda: _delete(remote_names), using=using, robust=True)


def _delete(remote_names: list[str]) -> None:
    calls = Client(time.monotonic() + 2 * settings.RPC_TIMEOUT)
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
