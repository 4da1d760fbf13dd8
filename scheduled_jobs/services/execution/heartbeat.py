"""The sign of life of the runs of this process: one daemon thread renews their leases.

It also writes their progress and the log so far, at most once a second each: over a connection of its own,
so that they show while the task is inside a transaction, and so that neither plain nor async code waits.
A run shorter than five seconds that reports no progress costs nothing.
"""

from __future__ import annotations

import math
import os
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeAlias

from django.db import connections, transaction
from django.utils import timezone

from scheduled_jobs.domain.payloads import in_three_bytes
from scheduled_jobs.logs import logger
from scheduled_jobs.models import JobRun
from scheduled_jobs.models.writer import writer
from scheduled_jobs.services.execution.clockwork import Clockwork, steady_now
from scheduled_jobs.services.execution.statements import LEASE

if TYPE_CHECKING:
    from scheduled_jobs.services.execution.capture import RunLog


Report: TypeAlias = "Callable[[float, float, str], None]"
"""What is told how much is done, of how much, and a message."""

RENEW_EVERY = timedelta(seconds=5)
AFTER_AN_ERROR = timedelta(seconds=2)
PROGRESS_EVERY = timedelta(seconds=1)
MAX_MESSAGE = 500


@dataclass(eq=False, slots=True)
class Beat:
    """What the thread has to do for one run, and when."""

    run_id: int
    using: str
    renew_at: datetime
    write_at: datetime
    is_seen: bool = True
    """False for a run that began inside a transaction: nobody else sees it, it needs no sign of life."""
    reported: dict[str, Any] | None = None
    """The progress last reported: columns of JobRun."""
    written: dict[str, Any] | None = None
    log: RunLog | None = None
    """What may have grown whenever it is looked at: a record costs its task nothing here."""
    entries_written: int = 0

    @property
    def may_have_news(self) -> bool:
        """Whether there is, or may be, something to write beside the lease."""
        return self.log is not None or self.reported is not self.written

    @property
    def due_at(self) -> datetime:
        """When the thread has to look at this run."""
        return min(self.renew_at, self.write_at) if self.may_have_news else self.renew_at


class Heartbeat(Clockwork):
    """The runs of one process, and the thread that speaks for them."""

    name = "heartbeat"

    def __init__(
        self, clock: Callable[[], datetime] = steady_now, wall: Callable[[], datetime] | None = None
    ) -> None:
        """``wall`` tells the time by which leases are judged, by others too; ``clock`` unless it is given."""
        super().__init__(clock)
        self._wall = wall

    @contextmanager
    def of(self, run: JobRun, log: RunLog | None = None) -> Iterator[Report]:
        """Keep a run alive during the block, in which its end is written too, or kept.

        Yields what its progress is reported to, which is set on ``run`` at once. ``log`` is what its records
        are taken into.
        """
        using, now = writer(), self._clock()
        is_seen = not connections[using].in_atomic_block
        beat = Beat(run.pk, using, now + RENEW_EVERY, now + PROGRESS_EVERY, is_seen, log=log)
        with self._condition:
            self._beats.append(beat)
            if is_seen:
                self._wake_or_start()

        def report(done: float, total: float, message: str = "") -> None:
            reported = {
                "progress_done": _finite(done),
                "progress_total": _finite(total),
                "progress_message": run.redactor.text(str(message))[:MAX_MESSAGE],
            }
            vars(run).update(reported)
            beat.reported = reported
            if is_seen:
                self._wake()

        try:
            yield report
        finally:
            with self._condition:
                self._beats.remove(beat)

    def holds(self, run_id: int) -> bool:
        """Whether a run is going on in this very process, which may just have been thawed.

        It is alive whatever its lease says.
        """
        with self._condition:
            return any(beat.run_id == run_id for beat in self._beats)

    def step(self, now: datetime) -> datetime | None:
        """Do all that is due at ``now``; returns when the next thing is, None with no run left."""
        with self._condition:
            beats = [beat for beat in self._beats if beat.is_seen]
        self._renew([beat for beat in beats if beat.renew_at <= now], now)
        for beat in beats:
            if beat.may_have_news and beat.write_at <= now:
                self._write(beat, now)
        with self._condition:
            return self._due_at()

    def _due_at(self) -> datetime | None:
        return min((beat.due_at for beat in self._beats if beat.is_seen), default=None)

    def _renew(self, beats: list[Beat], now: datetime) -> None:
        wall = now if self._wall is None else self._wall()
        by_database: dict[str, list[Beat]] = defaultdict(list)
        for beat in beats:
            by_database[beat.using].append(beat)
        for using, due in by_database.items():
            renewed = _attempt([beat.run_id for beat in due], using, lease_until=wall + LEASE)
            for beat in due:
                beat.renew_at = now + (RENEW_EVERY if beat.run_id in renewed else AFTER_AN_ERROR)

    def _write(self, beat: Beat, now: datetime) -> None:
        beat.write_at = now + PROGRESS_EVERY
        reported, entries = beat.reported, 0 if beat.log is None else beat.log.entries
        values = {} if reported is beat.written or reported is None else dict(reported)
        if beat.log is not None and entries != beat.entries_written:
            values["log"] = beat.log.text()
        if not values:
            return
        short, run = in_three_bytes(values), [beat.run_id]
        if _attempt(run, beat.using, **values) or (short != values and _attempt(run, beat.using, **short)):
            beat.written, beat.entries_written = reported, entries

    def after_fork(self) -> None:
        """A child process has none of its parent's runs."""
        super().after_fork()
        self._beats: list[Beat] = []


def _finite(number: float) -> float | None:
    return float(number) if math.isfinite(number) else None


def _attempt(run_ids: list[int], using: str, **values: Any) -> set[int]:
    """The runs that were updated. The thread outlives any failure: the next step tries again."""
    # A run that was given up meanwhile stays so: only its end may correct that. And the end writes the last
    # of all this itself, which must not be overwritten by an older one.
    running = JobRun.objects.using(using).filter(pk__in=run_ids, status=JobRun.Status.RUNNING)
    try:
        if not connections[using].features.has_select_for_update_skip_locked:
            running.update(**values)
            return set(run_ids)
        # Whoever holds one row for long, holds up no other's sign of life.
        with transaction.atomic(using=using):
            free = running.select_for_update(skip_locked=True).order_by("pk")
            updated = set(free.values_list("pk", flat=True))
            running.filter(pk__in=updated).update(**values)
            return updated
    except Exception as error:  # noqa: BLE001 – whatever it is, the other runs still need their leases
        logger.warning("The heartbeat could not be written: %s", error)
        return set()


heartbeat = Heartbeat(wall=timezone.now)
os.register_at_fork(after_in_child=heartbeat.after_fork)
