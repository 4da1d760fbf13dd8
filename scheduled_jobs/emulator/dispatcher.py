"""Which job is to be sent when: slots, forced runs and retries, decided without a clock or a network.

``Dispatcher.step(now)`` says what to send and ``Dispatcher.finish`` hears what became of it. The running
emulator calls both in a loop (``process.py``); a test calls them with a clock that it moves itself.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from itertools import count

from scheduled_jobs.domain.retries import retry_time
from scheduled_jobs.emulator.delivery import (
    Delivery,
    Outcome,
    Unanswered,
    is_success,
    is_supported,
    make_delivery,
    retry_policy,
    rpc_code,
)
from scheduled_jobs.emulator.slots import Agenda
from scheduled_jobs.emulator.store import Entry, Store

logger = logging.getLogger("scheduled_jobs.emulator")

NO_LIMIT = 1 << 30


@dataclass(eq=False, slots=True)
class _Chain:
    """One start of a job, natural or forced, and its retries."""

    entry: Entry
    plan: int
    slot: datetime
    forced: bool
    first: datetime
    attempts: int = 0


class Dispatcher:
    """The clockwork over a store. Not thread-safe: one thread steps and finishes."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._numbers = count(1)
        self._sent: dict[int, _Chain] = {}
        self._in_flight: Counter[Entry] = Counter()
        self._retries: Agenda[_Chain] = Agenda()

    def next_time(self) -> datetime | None:
        """When ``step`` has something to do next; None while nothing is planned."""
        times = [time for time in (self._store.next_time(), self._retries.next_time()) if time is not None]
        return min(times, default=None)

    def step(self, now: datetime, limit: int = NO_LIMIT) -> list[Delivery]:
        """What is to be sent at this moment, aware; at most about ``limit`` attempts, the earliest first.

        Each delivery that is returned must be reported to ``finish`` once it has ended.
        """
        deliveries: list[Delivery | None] = []
        for entry, slot in self._store.take_forced():
            # Recorded: a forced run does start inside a running one.
            deliveries.append(self._start(entry, slot, now, forced=True))
        for entry, slot in self._store.take_due(now, limit):
            if self._in_flight[entry]:
                continue  # recorded: a natural start never falls inside a run, its slot is skipped
            deliveries.append(self._start(entry, slot, now, forced=False))
        for _, chain in self._retries.pop_due(now, limit):
            if chain.plan == chain.entry.plan:
                deliveries.append(self._attempt(chain, now))
        return [delivery for delivery in deliveries if delivery is not None]

    def finish(self, delivery: Delivery, outcome: Outcome, now: datetime) -> None:
        """Hear how an attempt ended: the job's status is written and a retry is planned, if one is due."""
        chain = self._sent.pop(delivery.id)
        entry = chain.entry
        self._in_flight[entry] -= 1
        if not self._in_flight[entry]:
            del self._in_flight[entry]
        retry_at = None
        # A job that was paused, planned anew or deleted since the start is not tried again.
        if not is_success(outcome) and chain.plan == entry.plan:
            retry_at = retry_time(
                retry_policy(entry.job),
                attempts=chain.attempts,
                first=chain.first,
                ended=now,
                next_slot=entry.slot,
            )
        if retry_at is not None:
            self._retries.put(chain, retry_at)
        self._store.attempt_finished(entry, rpc_code(outcome), retry_at)

    def run_until(
        self,
        end: datetime,
        send: Callable[[Delivery], Outcome],
        move_clock: Callable[[datetime], None],
    ) -> None:
        """Play everything that is due up to and including ``end``, each at its own moment.

        ``move_clock`` is told each moment before anything happens in it, so that the store's clock follows;
        ``send`` answers with an HTTP status. Attempts take no time here.
        """
        moment = self._store.clock()
        while (due := self.next_time()) is not None and due <= end:
            moment = max(moment, due)
            move_clock(moment)
            for delivery in self.step(moment):
                self.finish(delivery, send(delivery), moment)
        move_clock(end)

    def _start(self, entry: Entry, slot: datetime, now: datetime, *, forced: bool) -> Delivery | None:
        if not is_supported(entry.job):
            logger.warning("%s is not sent: the emulator sends to HTTP targets only", entry.job.name)
            self._store.attempt_finished(entry, rpc_code(Unanswered.UNSUPPORTED), None)
            return None
        return self._attempt(_Chain(entry, entry.plan, slot, forced, now), now)

    def _attempt(self, chain: _Chain, now: datetime) -> Delivery:
        entry = chain.entry
        chain.attempts += 1
        number = next(self._numbers)
        self._sent[number] = chain
        self._in_flight[entry] += 1
        self._store.attempt_started(entry, now)
        return make_delivery(
            entry.job, number=number, slot=chain.slot, forced=chain.forced, attempt=chain.attempts
        )
