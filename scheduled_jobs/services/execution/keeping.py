"""The ends of runs that could not be written when they came: kept in this process until they can be.

They have a thread of their own. One that hangs, in a lock of the database or in a receiver of the signals
that follow it, costs no living run its lease.
"""

from __future__ import annotations

import atexit
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from scheduled_jobs.logs import logger
from scheduled_jobs.services.execution.clockwork import Clockwork

FIRST_TRY, LAST_TRY = timedelta(seconds=2), timedelta(seconds=60)
"""After how long a kept end is tried again, at first and at most: it doubles."""
MOST = 1_000
MOST_OF_A_REQUEST = 3
"""Kept ends that a request writes for others."""
LAST_WORDS = 5.0
"""Seconds that a process takes to write what it has kept, before it ends."""
BETWEEN_LAST_WORDS = timedelta(seconds=1)


@dataclass(eq=False, slots=True)
class Kept:
    """An end that could not be written. Each has its own next try: one that is refused stops no other."""

    run_id: int
    write: Callable[[], Any]
    """Raises while it cannot be written, with a message that may be shown."""
    try_at: datetime
    wait: timedelta = FIRST_TRY


class KeptEnds(Clockwork):
    """Those of one process."""

    name = "kept ends"
    _kept: list[Kept]

    def keep(self, run_id: int, write: Callable[[], Any]) -> None:
        """Write the end of a run as soon as that can be done."""
        with self._condition:
            if len(self._kept) >= MOST:
                lost = self._kept.pop(0)
                logger.error("The end of run %s is lost: %d others wait to be written", lost.run_id, MOST)
            self._kept.append(Kept(run_id, write, self._clock() + FIRST_TRY))
            self._wake_or_start()

    def step(self, now: datetime, *, most: int | None = None) -> datetime | None:
        """Write those that are due, or the first ``most`` of them; returns when the next one is."""
        with self._condition:
            due = [kept for kept in self._kept if kept.try_at <= now][:most]
            for kept in due:
                # Nobody else tries it meanwhile, and it stays in the list until it is written.
                kept.try_at = now + (BETWEEN_LAST_WORDS if self._is_closing else kept.wait)
                kept.wait = min(2 * kept.wait, LAST_TRY)
        for kept in due:
            try:
                kept.write()
            except Exception as error:  # noqa: BLE001 – whatever it is, the others are still to be written
                logger.warning("The end of run %s stays in memory: %s", kept.run_id, error)
                continue
            with self._condition:
                self._kept = [other for other in self._kept if other is not kept]
        with self._condition:
            return self._due_at()

    def write_few(self) -> bool:
        """Write a few of those that are due, in a request that has found the database at work.

        Returns whether there were any: what was read before may no longer be so.
        """
        if are_any := bool(self._kept):
            self.step(self._clock(), most=MOST_OF_A_REQUEST)
        return are_any

    def _due_at(self) -> datetime | None:
        return min((kept.try_at for kept in self._kept), default=None)

    def at_exit(self) -> None:
        """Give the thread a moment for what is kept; none is begun at this time, which Python refuses."""
        with self._condition:
            thread, self._is_closing = self._thread, True
            if not self._kept or thread is None or not thread.is_alive():
                return
            for kept in self._kept:
                kept.try_at = min(kept.try_at, self._clock())
            self._condition.notify()
        thread.join(LAST_WORDS)
        for kept in self._kept:
            logger.error("The end of run %s is lost: its process ends before it was written", kept.run_id)

    def after_fork(self) -> None:
        """A child process has none of its parent's ends."""
        super().after_fork()
        self._kept = []


kept_ends = KeptEnds()
os.register_at_fork(after_in_child=kept_ends.after_fork)
atexit.register(kept_ends.at_exit)
