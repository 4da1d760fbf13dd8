"""Deleting jobs: Google first, then the row, so that nothing goes on firing unseen; or the row at once.

A row that is deleted at once leaves its names in the ledger: their deletion is owed until Google says that
it has been done.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from django.db import transaction
from django.utils import timezone

from scheduled_jobs import signals
from scheduled_jobs.conf import settings
from scheduled_jobs.domain.plan import Listing
from scheduled_jobs.exceptions import Aborted, BackendError, NotFound, NotOurs
from scheduled_jobs.logs import logger
from scheduled_jobs.models import JobChange, JobRun, ScheduledJob, attribution
from scheduled_jobs.models.writer import writer
from scheduled_jobs.services.scheduling import google_names
from scheduled_jobs.services.scheduling.client import Client, hold_time
from scheduled_jobs.services.scheduling.push.on_commit import once_committed, push_jobs

AT_ONCE = 64


def ask_to_delete(job: ScheduledJob, *, by: Any = None, reason: str = "") -> bool:
    """Mark the job as one that ought not to be in Google; on commit the push deletes it there.

    Returns False where it is marked already: it is pushed again. Raises ValueError for a job of the code's.
    """
    if job.origin != ScheduledJob.Origin.OPERATOR:
        raise ValueError(f"{job.name} comes from the code: remove its class and run schedule_tasks")
    rows = ScheduledJob.objects.filter(pk=job.pk)
    with transaction.atomic(using=writer()):
        # The condition settles the race of two people who delete at once: one line in the audit.
        first = bool(rows.filter(deleting_at=None).mark_pending(deleting_at=timezone.now()))
        if first:
            JobChange.record(job, {"deleting": (False, True)}, by=by, reason=reason)
        else:
            rows.mark_pending()
        signals.job_edited.send(sender=ScheduledJob, pks=[job.pk], using=writer())
    return first


def finish_deletion(pk: int, *, most_runs: int | None = None) -> bool:
    """Delete the row if Google has said that it has the job no more; returns whether there is no row now.

    A job with more than ``most_runs`` is left to whoever has the time: all its runs are deleted before it.
    """
    runs = JobRun.objects.filter(job=pk)
    if _is_gone_in_google(pk) and (most_runs is None or not runs.order_by()[most_runs:].exists()):
        for _ in _finish(pk):
            pass
    return not ScheduledJob.objects.filter(pk=pk).exists()


def finish_deletions() -> Iterator[int]:
    """Delete all rows whose jobs Google has no more; yields, some at a time, how many runs were deleted.

    Whoever stops asking stops it, and the next one goes on from there.
    """
    waiting = ScheduledJob.objects.filter(deleting_at__isnull=False)
    for pk in list(waiting.values_list("pk", flat=True)):
        if _is_gone_in_google(pk):
            yield from _finish(pk)


def _is_gone_in_google(pk: int) -> bool:
    rows = ScheduledJob.objects.filter(pk=pk, deleting_at__isnull=False)
    return rows.exists() and not google_names.debts_of(pk)


def _finish(pk: int) -> Iterator[int]:
    # In chunks, and not in the transaction of the row: a history of years would hold its locks for minutes.
    for deleted, _ in JobRun.objects.delete_of_job(pk):
        yield deleted
    with transaction.atomic(using=writer()):
        job = ScheduledJob.objects.filter(pk=pk).select_for_update().first()
        if job is not None and _is_gone_in_google(pk):
            job.delete()
            yield 0


# --- The job of a row that is gone --------------------------------------------------------------------


def delete_on_commit(job: ScheduledJob, using: str) -> None:
    """Delete a row's job in Google once the row's deletion is committed."""
    changes = JobChange.build(job, {"job": (job.name, None)})
    for change in changes:
        # What refers to the row was collected before this was written.
        change.job_id = None
    JobChange.objects.bulk_create(changes)
    if settings.mode == "google":
        once_committed(_delete, google_names.debts_of(job.pk), using=using)
    else:
        # Nobody is told of it: what Google still has is an orphan to whoever looks next.
        google_names.forgive(job.pk)


def _delete(names: Iterable[str]) -> None:
    try:
        client = Client(time.monotonic() + 2 * settings.RPC_TIMEOUT)
        ended = list(delete_names(list(names), client))
    except BackendError as error:  # no project or no credentials
        ended = [(name, error) for name in names]
    for name, failure in ended:
        if failure is not None:
            logger.warning("%s is not deleted in Google: %s; schedule_tasks tries again", name, failure)


def delete_names(
    names: Sequence[str],
    client: Client,
    *,
    listing: Listing | None = None,
    renew: Callable[[], bool] = lambda: True,
) -> Iterator[tuple[str, BackendError | None]]:
    """Delete jobs that belong to no row; yields how each ended, but for those that a row has taken over.

    ``renew`` is called now and then, so that whoever deletes many can renew what it holds; if it returns
    False, the rest are left, each with Aborted. Without a listing each job is looked at first.
    """
    left = list(names)
    with ThreadPoolExecutor(max(settings.CONCURRENCY, 1)) as pool:
        while left:
            if not renew():
                yield from ((name, Aborted("another schedule_tasks took over")) for name in left)
                return
            # A mark must not run out while its call waits for a place in the quota.
            free = client.backend.quota.free(client.until)
            size = AT_ONCE if free is None else max(min(free, AT_ONCE), 1)
            some, left = left[:size], left[size:]
            yield from _delete_some(some, client, listing, pool)
            _push_late(some)


def _delete_some(
    names: Sequence[str], client: Client, listing: Listing | None, pool: ThreadPoolExecutor
) -> list[tuple[str, BackendError | None]]:
    google_names.owe(names, now=timezone.now())
    marks = google_names.release(dict.fromkeys(names), until=timezone.now() + hold_time())
    hurried = client.while_held()
    marked = [name for name in names if name in marks.names]
    errors = dict(zip(marked, pool.map(partial(_delete_one, hurried, listing), marked), strict=True))
    google_names.settle_marks(
        marks,
        gone={name for name, error in errors.items() if error is None},
        unknown={name for name, error in errors.items() if error is not None and not error.definite},
        now=timezone.now(),
    )
    return list(errors.items())


def _delete_one(client: Client, listing: Listing | None, name: str) -> BackendError | None:
    try:
        if listing is None or not listing.covers(name):
            live = client.get(name)
            if not client.ownership.was_ours(live):
                logger.warning("%s is left alone in Google: it points at %s", name, live.uri)
                return None
        client.delete(name)
    except NotFound:
        return None
    except BackendError as error:
        return error
    return None


def _push_late(names: Sequence[str]) -> None:
    """Rows that were given one of these names meanwhile, and could not have it while its job was deleted."""
    identifiers = [name.rpartition("/")[2] for name in names]
    rows = ScheduledJob.objects
    pks = list(rows.active().filter(name__in=identifiers).values_list("pk", flat=True))
    if pks:
        with transaction.atomic(using=writer()):
            rows.filter(pk__in=pks).lock()
            rows.filter(pk__in=pks).mark_pending()
        push_jobs(pks, seconds=settings.RPC_TIMEOUT)


def delete_orphan(remote_name: str, *, by: Any = None, reason: str = "") -> None:
    """Delete a job of ours in Google that belongs to no row. Raises NotOurs, and Google's BackendError."""
    client = Client(time.monotonic() + 2 * settings.RPC_TIMEOUT)
    at = timezone.now()
    if (live := client.look(remote_name)) is None:
        return
    if (why := client.ownership.refusal_reason(live)) is not None:
        raise NotOurs(f"{live.name} is not deleted: {why}")
    listing = Listing(client.backend.parent, {remote_name: live}, at)
    ended = dict(delete_names([remote_name], client, listing=listing))
    if remote_name not in ended:
        raise NotOurs(f"{live.name} is not deleted: a job here has its name by now; look at Google again")
    if (error := ended[remote_name]) is not None:
        raise error
    gone = ScheduledJob(name=live.name)
    with attribution(by, via=JobChange.Via.SYNC, reason=reason):
        JobChange.record(gone, {"job": (live.name, None)})
