"""What is done after a transaction: above all, pushing the rows that it has edited."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

from django.db import transaction
from django.utils import timezone

from scheduled_jobs.conf import settings
from scheduled_jobs.models import ScheduledJob
from scheduled_jobs.services.scheduling.push.call import PushOutcome
from scheduled_jobs.services.scheduling.push.push import Push


def push_jobs(pks: Iterable[int], *, seconds: float | None = None) -> dict[int, PushOutcome]:
    """Push these rows now; what is not done within ``seconds`` stays pending. Raises nothing of Google's.

    Returns the outcome of each that failed.
    """
    if settings.mode != "google":
        return {}
    pks = list(pks)
    for some in ScheduledJob.objects.in_batches(pks):
        some.end_pauses(timezone.now())
    return Push(time.monotonic() + (seconds or 2 * settings.RPC_TIMEOUT)).run(pks)


def push_on_commit(pks: Iterable[int], using: str) -> None:
    """Push these rows after the transaction in which they were edited; never if it is rolled back."""
    if settings.mode == "google":
        once_committed(push_jobs, pks, using=using)


class _Together:
    """One act for all that one transaction has changed."""

    def __init__(self, act: Callable[[Iterable[Any]], object], label: str) -> None:
        self.act = act
        self.items: dict[Any, None] = {}
        # By it Django logs the failure of what was to be done on commit.
        self.__qualname__ = label

    def __call__(self) -> None:
        items, self.items = list(self.items), {}
        if items:
            self.act(items)


def once_committed(act: Callable[[Iterable[Any]], object], items: Iterable[Any], *, using: str) -> None:
    """Call ``act`` once, with all items that it is given in this transaction; never if it is rolled back."""
    connection = transaction.get_connection(using)
    items = dict.fromkeys(items)
    if not items:
        return
    waiting = [entry[1] for entry in connection.run_on_commit if isinstance(entry[1], _Together)]
    known = (together for together in reversed(waiting) if together.act is act)
    together = next(known, None) if connection.in_atomic_block else None
    if together is None:
        together = _Together(act, act.__qualname__)
    together.items.update(items)
    # Again, where it waits already: a test looks only at what was registered in its own block, and a
    # transaction of its fixtures never commits.
    transaction.on_commit(together, using=using, robust=True)
