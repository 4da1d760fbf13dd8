"""Two deploys at once take turns: one compares and applies while the other waits."""

from __future__ import annotations

import time
import uuid
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db.models import Q
from django.utils import timezone

from scheduled_jobs.exceptions import Aborted
from scheduled_jobs.models import Lease

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NAME = "schedule_tasks"
LENGTH = timedelta(minutes=3)
"""Longer than a list may take, or a minute's wait for the quota and the calls of one chunk after it."""
PATIENCE = 600.0
"""Seconds for which a deploy waits for its turn."""
PAUSE = 0.5


@contextmanager
def sync_lock(using: str, *, on_wait: Callable[[], None] = lambda: None) -> Iterator[Callable[[], bool]]:
    """Wait for our turn and hold it inside the block; yields what renews it.

    That returns False once the turn ran out and somebody else had it meanwhile: whoever holds it must stop.
    ``on_wait`` is called once if somebody else has it. Raises Aborted if it does not come in ten minutes.
    """
    rows = Lease.objects.using(using)
    token = uuid.uuid4().hex
    rows.get_or_create(name=NAME)
    give_up = time.monotonic() + PATIENCE
    waited = False

    def hold() -> int:
        # One conditional statement settles who of two deploys goes first.
        now = timezone.now()
        free = Q(token=None) | Q(until__lt=now)
        return rows.filter(free, name=NAME).update(token=token, until=now + LENGTH)

    def renew() -> bool:
        # A turn that ran out is still ours while nobody took it; one that was taken and given back is not.
        return bool(rows.filter(name=NAME, token=token).update(until=timezone.now() + LENGTH))

    while not hold():
        if time.monotonic() > give_up:
            raise Aborted(
                "another schedule_tasks has been running for ten minutes; look at it, then try again"
            )
        if not waited:
            on_wait()
            waited = True
        time.sleep(PAUSE)
    try:
        yield renew
    finally:
        rows.filter(name=NAME, token=token).update(token=None, until=None)
