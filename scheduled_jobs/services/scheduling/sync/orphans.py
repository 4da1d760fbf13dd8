"""Deleting jobs that are ours and belong to no row."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

from django.db import transaction

from scheduled_jobs.conf import settings
from scheduled_jobs.exceptions import Aborted, BackendError, NotFound
from scheduled_jobs.models import ScheduledJob
from scheduled_jobs.services.scheduling.client import Client
from scheduled_jobs.services.scheduling.push.push import Push

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from scheduled_jobs.backends import Backend
    from scheduled_jobs.domain.plan import Change
    from scheduled_jobs.models.job_queryset import ScheduledJobQuerySet

AT_ONCE = 64


def delete_orphans(
    orphans: Sequence[Change],
    backend: Backend,
    *,
    using: str,
    until: float,
    renew: Callable[[], bool],
    on_end: Callable[[Change, BackendError | None], None],
) -> None:
    """Delete these jobs in Google before ``until`` (monotonic seconds); ``on_end`` is told how each ended.

    ``renew`` is called now and then, so that whoever deletes many can renew what it holds; if it returns
    False, the rest are left, each with Aborted.
    """
    calls = Client(until, backend)
    rows = ScheduledJob.objects.using(using)
    with ThreadPoolExecutor(max(settings.CONCURRENCY, 1)) as pool:
        for start in range(0, len(orphans), AT_ONCE):
            some = orphans[start : start + AT_ONCE]
            if not renew():
                for change in orphans[start:]:
                    on_end(change, Aborted("another schedule_tasks took over"))
                return
            # A row that was added since the list was made has taken its job over.
            taken = set(_named(rows, some).values_list("name", flat=True))
            some = [change for change in some if change.name not in taken]
            for change, error in zip(some, pool.map(partial(_delete, calls), some), strict=True):
                on_end(change, error)
            # One that was added between that look and the delete is pushed again, whatever it says of itself.
            late = list(_named(rows, some).values_list("pk", flat=True))
            if late:
                with transaction.atomic(using=using):
                    rows.filter(pk__in=late).lock()
                    rows.filter(pk__in=late).edit()
                Push(time.monotonic() + settings.RPC_TIMEOUT, backend, using=using).run(late)


def _named(rows: ScheduledJobQuerySet, changes: Sequence[Change]) -> ScheduledJobQuerySet:
    return rows.filter(name__in=[change.name for change in changes], retired_at=None, deleting_at=None)


def _delete(calls: Client, change: Change) -> BackendError | None:
    try:
        calls.delete(change.remote_name)
    except NotFound:
        pass
    except BackendError as error:
        return error
    return None
