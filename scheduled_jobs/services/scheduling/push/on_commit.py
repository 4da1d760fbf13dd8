"""Pushing the rows that an edit has changed, once the edit is committed."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from django.db import router
from django.utils import timezone

from scheduled_jobs.conf import settings
from scheduled_jobs.exceptions import BackendError
from scheduled_jobs.models import ScheduledJob
from scheduled_jobs.services.scheduling.push.push import Push
from scheduled_jobs.services.scheduling.push.record import record_failure
from scheduled_jobs.services.scheduling.transactions import once_committed

if TYPE_CHECKING:
    from collections.abc import Iterable

logger = logging.getLogger("scheduled_jobs")


def push_jobs(pks: Iterable[int], *, seconds: float | None = None) -> None:
    """Push these rows now; what is not done within ``seconds`` stays pending. Raises nothing of Google's."""
    if settings.mode != "google":
        return
    pks = list(pks)
    rows = ScheduledJob.objects.using(router.db_for_write(ScheduledJob))
    for some in rows.in_batches(pks):
        some.end_pauses(timezone.now())
    try:
        Push(time.monotonic() + (seconds or 2 * settings.RPC_TIMEOUT)).run(pks)
    except BackendError as error:
        # No project or no credentials: none of the rows can be pushed.
        logger.warning("nothing was pushed: %s", error)
        record_failure(pks, str(error), using=rows.db)


def push_on_commit(pks: Iterable[int], using: str) -> None:
    """Push these rows after the transaction in which they were edited; never if it is rolled back."""
    if settings.mode == "google":
        once_committed(push_jobs, pks, using=using)
