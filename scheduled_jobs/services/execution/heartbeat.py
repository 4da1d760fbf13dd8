"""The sign of life of the runs of this process: one daemon thread renews their leases.

It also writes their progress and the log so far, at most once a second each: over a connection of its own,
so that they show while the task is inside a transaction, and so that neither plain nor async code waits.
A run shorter than five seconds that reports no progress costs nothing. And it writes the ends that could
not be written when they came.
"""

from __future__ import annotations

import atexit
import math
import os
import threading
from collections import defaultdict
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeAlias

from django.db import connections
from django.utils import timezone

from scheduled_jobs.domain.payloads import in_three_bytes
from scheduled_jobs.logs import logger
from scheduled_jobs.models import JobRun
from scheduled_jobs.services.execution.statements import LEASE, database

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from scheduled_jobs.services.execution.capture import RunLog


Report: TypeAlias = "Callable[[float, float, str], None]"
"""What is told how much is done, of how much, and a message."""

RENEW_EVERY = timedelta(seconds=5)
AFTER_AN_ERROR = timedelta(seconds=2)
PROGRESS_EVERY = timedelta(seconds=1)
FIRST_TRY, LAST_TRY = timedelta(seconds=2), timedelta(seconds=60)
"""After how long a kept end is tried again, at first and at most: it doubles."""
MAX_KEPT = 1_000
LAST_WORDS = 5.0
"""Seconds that a process takes to write what it has kept, before it ends."""
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


@dataclass(eq=False, slots=True)
class Kept:
    """An end that could not be written. Each has its own next try: one that is refused stops no other."""

    run_id: int
    write: Callable[[], Any]
    """Raises while it cannot be written."""
    try_at: datetime
    wait: timedelta = FIRST_TRY


class Heartbeat:
    """The runs of one process, and the thread that speaks for them."""

    def __init__(self, clock: Callable[[], datetime] | None = None) -> None:
        self._fixed_clock = clock
        self._condition = threading.Condition()
        self._beats: list[Beat] = []
        self._kept: list[Kept] = []
        self._is_closing = False
        self._thread: threading.Thread | None = None
        self._wakes_at: datetime | None = None
        """When the thread looks again by itself; None where it waits to be woken, or is busy."""

    def _clock(self) -> datetime:
        return (self._fixed_clock or timezone.now)()

    @contextmanager
    def of(self, run: JobRun, log: RunLog | None = None) -> Iterator[Report]:
        """Keep a run alive during the block, in which its end is written too, or kept.

        Yields what its progress is reported to, which is set on ``run`` at once. ``log`` is what its records
        are taken into.
        """
        using, now = database(), self._clock()
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

        It is alive whatever its lease says, and is renewed at once where that is due.
        """
        with self._condition:
            self._condition.notify()  # the clock on the wall may have gone on while the thread stood still
            return any(beat.run_id == run_id for beat in self._beats)

    def step(self, now: datetime) -> datetime | None:
        """Do all that is due at ``now``; returns when the next thing is, None with no run left."""
        with self._condition:
            beats = [beat for beat in self._beats if beat.is_seen]
        self._renew([beat for beat in beats if beat.renew_at <= now], now)
        for beat in beats:
            if beat.may_have_news and beat.write_at <= now:
                self._write(beat, now)
        self.write_kept(now)
        with self._condition:
            return self._due_at()

    def _due_at(self) -> datetime | None:
        beats = (beat.due_at for beat in self._beats if beat.is_seen)
        return min((*beats, *(kept.try_at for kept in self._kept)), default=None)

    def keep(self, run_id: int, write: Callable[[], Any]) -> None:
        """Write the end of a run as soon as that can be done; until then it lives in this process alone."""
        now = self._clock()
        with self._condition:
            if len(self._kept) >= MAX_KEPT:
                lost = self._kept.pop(0)
                logger.error("The end of run %s is lost: %d others wait to be written", lost.run_id, MAX_KEPT)
            self._kept.append(Kept(run_id, write, now + FIRST_TRY))
            self._wake_or_start()

    def write_kept(self, now: datetime, *, most: int | None = None) -> None:
        """Write the kept ends that are due, or the first ``most`` of them."""
        if not self._kept:
            return
        with self._condition:
            due = [kept for kept in self._kept if kept.try_at <= now][:most]
            for kept in due:
                # Nobody else tries it meanwhile, and it stays in the list until it is written.
                kept.try_at = now + kept.wait
                kept.wait = min(2 * kept.wait, LAST_TRY)
        for kept in due:
            try:
                kept.write()
            except Exception as error:  # noqa: BLE001 – whatever it is, the others are still to be written
                logger.warning("The end of run %s stays in memory: %s", kept.run_id, error)
                continue
            with self._condition:
                self._kept = [other for other in self._kept if other is not kept]

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

    def _renew(self, beats: list[Beat], now: datetime) -> None:
        by_database: dict[str, list[Beat]] = defaultdict(list)
        for beat in beats:
            by_database[beat.using].append(beat)
        for using, due in by_database.items():
            # A run that was given up meanwhile stays so: only its end may correct that.
            running = JobRun.objects.using(using).filter(
                pk__in=[beat.run_id for beat in due], status=JobRun.Status.RUNNING
            )
            after = RENEW_EVERY if _attempt(running.update, lease_until=now + LEASE) else AFTER_AN_ERROR
            for beat in due:
                beat.renew_at = now + after

    def _write(self, beat: Beat, now: datetime) -> None:
        beat.write_at = now + PROGRESS_EVERY
        reported, entries = beat.reported, 0 if beat.log is None else beat.log.entries
        values = {} if reported is beat.written or reported is None else dict(reported)
        if beat.log is not None and entries != beat.entries_written:
            values["log"] = beat.log.text()
        if not values:
            return
        # The end writes the last of all this itself, and must not be overwritten by an older one.
        running = JobRun.objects.using(beat.using).filter(pk=beat.run_id, status=JobRun.Status.RUNNING)
        short = in_three_bytes(values)
        if _attempt(running.update, **values) or (short != values and _attempt(running.update, **short)):
            beat.written, beat.entries_written = reported, entries

    # --- The thread -------------------------------------------------------------------------------

    def _wake_or_start(self) -> None:
        if not self._is_closing and (self._thread is None or not self._thread.is_alive()):
            self._start()
        self._notify()

    def _notify(self) -> None:
        # Most runs are over long before anything is due: the thread, once woken, sleeps past all of them.
        due_at = self._due_at()
        if self._wakes_at is None or (due_at is not None and due_at < self._wakes_at):
            self._condition.notify()

    def _start(self) -> None:
        thread = threading.Thread(target=self._work, name="scheduled-jobs-heartbeat", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:
            # No thread can be had: the run goes on, and counts as lost if it outlives its first lease.
            logger.warning("The heartbeat could not be started: %s", error)
        else:
            self._thread = thread

    def _wake(self) -> None:
        with self._condition:
            self._notify()

    def _work(self) -> None:
        _leave_pools()
        while True:
            with self._condition:
                due_at, now = self._due_at(), self._clock()
                if due_at is None or due_at > now:
                    if self._is_closing:
                        return
                    self._wakes_at = due_at
                    self._condition.wait(None if due_at is None else (due_at - now).total_seconds())
                    self._wakes_at = None
                    continue
            self.step(now)
            # Between two steps lie seconds: a connection is not kept for so little.
            connections.close_all()

    def after_fork(self) -> None:
        """A child process has none of its parent's threads, and none of its runs."""
        self._condition = threading.Condition()
        self._beats = []
        self._kept = []
        self._thread = None
        self._wakes_at = None


def _leave_pools() -> None:
    """Take this thread's connections past the pools, which the runs themselves may hold whole."""
    for alias in connections:
        connection = connections[alias]
        if connection.settings_dict.get("OPTIONS", {}).get("pool"):
            connections[alias] = own = connection.copy()
            own.settings_dict["OPTIONS"]["pool"] = False


def _finite(number: float) -> float | None:
    return float(number) if math.isfinite(number) else None


def _attempt(update: Callable[..., int], **values: Any) -> bool:
    """Whether an update went through. The thread outlives any failure: the next step tries again."""
    try:
        update(**values)
    except Exception as error:  # noqa: BLE001 – whatever it is, the other runs still need their leases
        logger.warning("The heartbeat could not be written: %s", error)
        return False
    return True


heartbeat = Heartbeat()
os.register_at_fork(after_in_child=heartbeat.after_fork)
atexit.register(heartbeat.at_exit)
