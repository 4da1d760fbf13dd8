"""From the database to Google: the lease, the calls, and what is written after them.

Transactions are short, and no lock of the database is held over a call. Why this converges: the
commit of a revision precedes its writer's attempt at the lease. The attempt fails only while a holder's
lease is in place; the holder's last write is then a later write of the same row, which names the
revision that was pushed and so matches only if it had read this one. When the last edit is committed,
either its writer holds the lease, or whoever holds it pushes that edit in another round.
"""

from __future__ import annotations

import random
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

from django.utils import timezone

from scheduled_jobs.backends import Backend
from scheduled_jobs.conf import settings
from scheduled_jobs.domain.plan import Desired, Listing
from scheduled_jobs.exceptions import BackendError
from scheduled_jobs.logs import logger
from scheduled_jobs.services.scheduling import google_names
from scheduled_jobs.services.scheduling.client import Client, hold_time
from scheduled_jobs.services.scheduling.desired import desired_of_all, read_rows, with_pushed
from scheduled_jobs.services.scheduling.push.call import PushOutcome, apply
from scheduled_jobs.services.scheduling.push.lease import JobLeases
from scheduled_jobs.services.scheduling.push.record import Recorder, record_failure

ROUNDS = 4
CHUNK = 256
"""Most jobs that are leased and written together. With 64 calls in flight, each as slow as it may be, they
are pushed before their leases run out, and there is a next chunk to call while one is written down."""
NAME_IS_BUSY = (
    "the job of its name in Google is being deleted for another; it is pushed with the next schedule_tasks"
)


@dataclass
class _Chunk:
    """Jobs that are pushed together, and what becomes of those whose lease we hold."""

    pks: list[int]
    held: list[int]
    busy: list[int] = field(default_factory=list)
    """Those that wait for their name in Google."""
    marks: google_names.Marks = google_names.NO_MARKS
    wanted: list[Desired] = field(default_factory=list)
    todo: deque[Desired] = field(default_factory=deque)
    """Those for which no thread makes the calls yet."""
    threads: list[Future[None]] = field(default_factory=list)
    done: dict[int | None, PushOutcome] = field(default_factory=dict)

    def outcomes(self) -> list[PushOutcome]:
        """What became of all, in the order in which they were wanted."""
        for thread in self.threads:
            thread.result()
        return [self.done[desired.pk] for desired in self.wanted]


@dataclass
class Push:
    """One push of some jobs: who holds the leases, until when, and with what."""

    until: float
    """Monotonic seconds at which it must be over; what is left then stays pending."""
    backend: Backend | None = None
    listing: Listing | None = None
    adopt: bool = False
    delete: bool = True
    """Whether a renamed job's former ones are deleted."""
    is_patient: bool = False
    """Whether to wait where the job of a name is being deleted for another."""
    is_needed: Callable[[Desired], bool] = lambda _: True
    """Asked under the lease, after the row was read again, unless Google was told of it by this very push."""
    on_chunk: Callable[[], None] = lambda: None
    """Called between chunks, so that whoever pushes much can renew what it holds."""
    on_outcome: Callable[[PushOutcome], None] | None = None
    """Told of each outcome as it comes, from the main thread; without it, failures are logged as warnings."""
    left: set[int] = field(default_factory=set, init=False)
    """The rows for which time did not suffice: nothing was called for them, or nothing any more."""
    failed: dict[int, PushOutcome] = field(default_factory=dict, init=False)
    """The outcome of each row that failed."""

    def __post_init__(self) -> None:
        self.leases = JobLeases()
        self.recorder = Recorder(self.leases, is_told=self.on_outcome is not None)
        # The rows of which Google has been told: what was listed before is not what it has by now.
        self.called: set[int | None] = set()
        self.rounds: Counter[int] = Counter()

    def run(self, pks: Iterable[int]) -> dict[int, PushOutcome]:
        """Push the rows; returns the outcome of each that failed. Raises nothing of Google's."""
        self.wanted = self.leases.revisions(pks)
        try:
            self.client = Client(self.until, self.backend)
            self.prefix = self.client.backend.remote_name("")
        except BackendError as error:  # a setting is at fault: none of the rows can be pushed
            logger.warning("nothing was pushed: %s", error)
            record_failure(self.wanted, str(error))
            return {}
        waiting = list(self.wanted)
        # While Google answers one chunk, the database writes down the one before and reads the next.
        under_way: deque[_Chunk] = deque()
        with ThreadPoolExecutor(max(settings.CONCURRENCY, 1)) as pool:
            try:
                while waiting or under_way:
                    if waiting and (size := self._places(under_way)):
                        under_way.append(self._begin(waiting[:size], pool))
                        del waiting[:size]
                        continue
                    chunk = under_way[0]
                    left = self._finish(chunk)
                    under_way.popleft()
                    waiting += left
                    self.on_chunk()
                    if time.monotonic() >= self.until:
                        # Those that wanted another round are still leased to us.
                        self.leases.free(waiting, pending=True)
                        self.left.update(waiting)
                        waiting = []
                    elif left and not under_way and not chunk.wanted:
                        # Another has the lease, and covers this revision or leaves it to us; or the name.
                        time.sleep(random.uniform(0.02, 0.2))  # noqa: S311 – jitter
            except BaseException:
                for chunk in under_way:
                    chunk.todo.clear()
                pool.shutdown(cancel_futures=True)
                held = [pk for chunk in under_way for pk in chunk.held]
                self.leases.free([*waiting, *held], pending=True)
                for chunk in under_way:
                    self.recorder.abandon(chunk.marks)
                raise
        return self.failed

    def _places(self, under_way: Sequence[_Chunk]) -> int:
        """How many more jobs may be begun now; 0: finish a chunk first.

        No more leases than there are places in the quota: a lease must not run out in the queue. Of those
        under way some have taken their place already, which errs to the safe side.
        """
        if len(under_way) > 1:
            return 0
        # To wait for a place would keep the answers of those under way from being written.
        free = self.client.backend.quota.free(None if under_way else self.until)
        if free is None:
            return CHUNK
        free -= sum(len(chunk.held) for chunk in under_way)
        return min(free, CHUNK) if under_way else max(min(free, CHUNK), 1)

    # --- B, C: read again, call -------------------------------------------------------------------

    def _begin(self, pks: list[int], pool: ThreadPoolExecutor) -> _Chunk:
        """Take the leases of these rows, read them again and begin their calls."""
        chunk = _Chunk(pks, self.leases.take(pks))
        try:
            needed = self._needed(chunk)
            self._claim(needed, chunk)
            chunk.wanted = [desired for desired in needed if desired.pk not in chunk.busy]
            chunk.marks = self._release(chunk.wanted)
            self.recorder.begin(chunk.wanted)
            self._call(chunk, pool)
        except BaseException:
            self.leases.free(chunk.held, pending=True)
            raise
        return chunk

    def _needed(self, chunk: _Chunk) -> list[Desired]:
        """What the held rows want, read under the lease; the leases of those that want nothing are freed."""
        rows = list(read_rows(self.leases.held(chunk.held))) if chunk.held else []
        wanted = with_pushed(desired_of_all(rows, self.prefix))
        needed = [d for d in wanted if d.pk in self.called or self.is_needed(d)]
        self.leases.free({d.pk for d in wanted if d.pk} - {d.pk for d in needed})
        return needed

    def _claim(self, wanted: Sequence[Desired], chunk: _Chunk) -> None:
        """Claim the names that are not in the ledger yet: before a create, and of what was listed unknown."""
        there = self.listing.jobs if self.listing is not None else {}
        names = {
            desired.pk: desired.remote_name
            for desired in wanted
            if desired.pk is not None
            and not desired.is_confirmed
            and (desired.state is not None or (not desired.is_claimed and desired.remote_name in there))
        }
        if names:
            claimed = google_names.claim(names, now=timezone.now())
            chunk.busy = [pk for pk in names if pk not in claimed]
            self.leases.free(chunk.busy, pending=True, why=NAME_IS_BUSY)

    def _release(self, wanted: Sequence[Desired]) -> google_names.Marks:
        """Mark what is to be deleted for as long as our leases are good, and our calls with them."""
        names: dict[str, int | None] = {}
        for desired in wanted if self.delete else ():
            names.update(dict.fromkeys(desired.former, desired.pk))
            if desired.state is None:
                names[desired.remote_name] = desired.pk
        until = timezone.now() + hold_time()
        return google_names.release(names, until=until)

    def _call(self, chunk: _Chunk, pool: ThreadPoolExecutor) -> None:
        client = self.client.while_held()

        def one(desired: Desired) -> PushOutcome:
            listing = None if desired.pk in self.called else self.listing
            self.called.add(desired.pk)
            return apply(desired, client, listing=listing, adopt=self.adopt, deletable=chunk.marks.names)

        def work() -> None:
            while True:
                try:
                    desired = chunk.todo.popleft()
                except IndexError:
                    return
                chunk.done[desired.pk] = one(desired)

        chunk.todo.extend(chunk.wanted)
        if len(chunk.wanted) == 1:
            # A save pushes one job: it needs no thread of its own.
            work()
        # Each thread takes the next job as soon as it is free; a future for every job costs more.
        chunk.threads = [pool.submit(work) for _ in range(min(len(chunk.todo), max(settings.CONCURRENCY, 1)))]

    # --- D: write down ----------------------------------------------------------------------------

    def _finish(self, chunk: _Chunk) -> list[int]:
        """Write down what became of a chunk; returns the rows that are still to be pushed."""
        again: set[int] = set()
        if chunk.wanted:
            outcomes = chunk.outcomes()
            for outcome in outcomes:
                self._note(outcome)
            last = {pk for pk in chunk.held if self.rounds[pk] >= ROUNDS}
            again = self.recorder.record(outcomes, chunk.marks, last=last)
            self.wanted.update(self.leases.revisions(again - self.wanted.keys()))
            for outcome in outcomes:
                if self.on_outcome is not None and outcome.desired.pk not in again:
                    self.on_outcome(outcome)
        others = {pk: self.wanted[pk] for pk in chunk.pks if pk not in set(chunk.held)}
        return [*again, *self.leases.uncovered(others), *(chunk.busy if self.is_patient else ())]

    def _note(self, outcome: PushOutcome) -> None:
        pk = outcome.desired.pk or 0
        self.rounds[pk] += not outcome.was_out_of_time
        self.failed.pop(pk, None)
        if outcome.error is not None:
            self.failed[pk] = outcome
