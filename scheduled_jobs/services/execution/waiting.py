"""The wait of a delivery for a run that is in its way, until it is seen to live or to be dead.

A process that dies must not cost a slot that has even one retry, and its lease outlives it. Whether it lives
is judged by watching: a clock that is wrong by ten seconds gives up nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from datetime import datetime
from typing import TYPE_CHECKING

from django.db import Error, connections

from scheduled_jobs.models import JobRun
from scheduled_jobs.models.writer import writer
from scheduled_jobs.services.execution.heartbeat import heartbeat
from scheduled_jobs.services.execution.statements import Status

if TYPE_CHECKING:
    from scheduled_jobs.services.execution.situation import SeenRun

EVERY = 1.0
"""Seconds between two looks."""
LONGEST = 15.0
"""Seconds that a delivery waits in all, whatever it meets: a thread of the server stands still meanwhile."""
UNCHANGED = 12.0
"""Seconds without a sign of life, which comes every five or, after an error, two later, and it is dead."""
UNCHANGED_AND_OUT = 6.0
"""The same where its lease is out by the clock on the wall as well."""
TOO_LONG = 2.0
"""Seconds that a look may take. What was not watched proves nothing: the process itself may have been
stopped meanwhile, and the other with it."""


class Wait:
    """The one wait of one delivery: what is left of it, and which runs it has seen to live or to be dead."""

    def __init__(self, clock: Callable[[], datetime], monotonic: Callable[[], float]) -> None:
        self._clock = clock
        self._monotonic = monotonic
        self._ends_at: float | None = None
        self._alive: set[int] = set()
        self._dead: set[tuple[int, datetime | None]] = set()

    def is_for(self, row: SeenRun) -> bool:
        """Whether it is worth while to wait for what becomes of a run.

        Of a run of this very process nothing can be learned by that; and what is read in a transaction may
        never change.
        """
        is_atomic = connections[writer()].in_atomic_block
        return not (is_atomic or row.pk in self._alive or heartbeat.holds(row.pk))

    @property
    def is_over(self) -> bool:
        """Whether all of the time was waited."""
        return self._ends_at is not None and self._monotonic() >= self._ends_at

    def has_seen_dead(self, row: SeenRun) -> bool:
        """Whether the run was watched for long enough without a sign of life, and has given none since."""
        return (row.pk, row.lease_until) in self._dead

    def watch(self, row: SeenRun) -> Generator[float]:
        """Watch a run until it has ended, or is known to live or to be dead. Yields seconds to wait."""
        connection = connections[writer()]
        since = self._monotonic()
        if self._ends_at is None:
            self._ends_at = since + LONGEST
        seen = JobRun.objects.filter(pk=row.pk).values_list("status", "lease_until")
        while not self.is_over:
            connection.close()  # others may want it: who waits needs none
            began = self._monotonic()
            yield EVERY
            try:
                found = seen.all().first()
            except Error:
                since = self._monotonic()
                continue
            at = self._monotonic()
            if found is None or found[0] != Status.RUNNING:
                return
            if found[1] != row.lease_until:
                self._alive.add(row.pk)
                return
            if at - began > EVERY + TOO_LONG:
                since = at
            elif at - since >= (UNCHANGED_AND_OUT if row.is_out(self._clock()) else UNCHANGED):
                self._dead.add((row.pk, row.lease_until))
                return
