"""Two deploys at once take turns: one compares and applies while the other waits."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from scheduled_jobs.exceptions import Aborted
from scheduled_jobs.models.leases import Turn

NAME = "schedule_tasks"
LENGTH = timedelta(minutes=3)
"""Longer than a list may take, or a minute's wait for the quota and the calls of one chunk after it."""
PATIENCE = 600.0
"""Seconds for which a deploy waits for its turn."""
PAUSE = 0.5


@contextmanager
def sync_lock(on_wait: Callable[[], None] = lambda: None) -> Iterator[Callable[[], bool]]:
    """Wait for our turn and hold it inside the block; yields what renews it.

    That returns False once the turn ran out and somebody else had it meanwhile: whoever holds it must stop.
    ``on_wait`` is called once if somebody else has it. Raises Aborted if it does not come in ten minutes.
    """
    turn = Turn(NAME, LENGTH)
    give_up = time.monotonic() + PATIENCE
    waited = False
    while not turn.take():
        if time.monotonic() > give_up:
            raise Aborted(
                "another schedule_tasks has been running for ten minutes; look at it, then try again"
            )
        if not waited:
            on_wait()
            waited = True
        time.sleep(PAUSE)
    try:
        yield turn.renew
    finally:
        turn.free()
