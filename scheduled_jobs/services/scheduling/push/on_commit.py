"""Pushing the rows that an edit has changed, once the edit is committed."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from django.db import router, transaction
from django.utils import timezone

from scheduled_jobs.conf import settings
from scheduled_jobs.exceptions import BackendError
from scheduled_jobs.models import ScheduledJob
from scheduled_jobs.services.scheduling.push.push import Push

if TYPE_CHECKING:
    from collections.abc import Iterable

logger = logging.getLogger("scheduled_jobs")


def push_jobs(pks: Iterable[int], *, seconds: float | None = None) -> None:
    """Push these rows now; what is not done within ``seconds`` stays pending. Raises nothing of Google's."""
    if settings.mode != "google":
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
        push_jobs(self.pks)


def push_on_commit(pks: Iterable[int], using: str) -> None:
    """Push these rows after the transaction in which they were edited; never if it is rolled back."""
    if settings.mode != "google":
        return
    connection = transaction.get_connection(using)
    waiting = [entry[1] for entry in connection.run_on_commit if isinstance(entry[1], _PushOnCommit)]
    if connection.in_atomic_block and waiting:
        waiting[-1].pks.update(dict.fromkeys(pks))
        return
    together = _PushOnCommit()
    together.pks.update(dict.fromkeys(pks))
    transaction.on_commit(together, using=using, robust=True)
