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
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from django.db import router
from django.utils import timezone

from scheduled_jobs.backends import Backend, get_backend
from scheduled_jobs.conf import settings
from scheduled_jobs.models import ScheduledJob
from scheduled_jobs.services.scheduling.client import Client
from scheduled_jobs.services.scheduling.desired import desired_of_all
from scheduled_jobs.services.scheduling.push.call import Outcome, apply
from scheduled_jobs.services.scheduling.push.lease import JobLeases, lease_time
from scheduled_jobs.services.scheduling.push.record import Recorder
from scheduled_jobs.services.scheduling.push.remembering import remember_names
from scheduled_jobs.services.scheduling.rows import rows_in_force
from scheduled_jobs.services.scheduling.versions import open_versions

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from scheduled_jobs.domain.plan import Desired, Listing
    from scheduled_jobs.services.scheduling.push.lease import Mark

ROUNDS = 4
CHUNK = 250
"""Most jobs that are leased and written together: with 64 calls in flight they are pushed long before
their leases run out, and there is a next chunk to call while one is written down."""

SyncState = ScheduledJob.SyncState


@dataclass
class _Chunk:
    """Jobs that are pushed together: those whose lease we hold, and what becomes of them."""

    pks: list[int]
    held: Collection[int]
    results: _Outcomes | Sequence[Outcome] = ()

    def stop(self) -> None:
        """Begin no more calls."""
        if isinstance(self.results, _Outcomes):
            self.results.stop()


class _Outcomes:
    """The outcomes of one chunk, for which the threads of a pool make the calls.

    Each thread takes the next job as soon as it is free; a future for every job would cost a tenth of a call.
    """

    def __init__(
        self, wanted: Sequence[Desired], one: Callable[[Desired], Outcome], pool: ThreadPoolExecutor
    ) -> None:
        self._one = one
        self._left = deque(enumerate(wanted))
        self._done: dict[int, Outcome] = {}
        threads = min(len(wanted), max(settings.CONCURRENCY, 1))
        self._futures = [pool.submit(self._work) for _ in range(threads)]

    def _work(self) -> None:
        while True:
            try:
                place, desired = self._left.popleft()
            except IndexError:
                return
            self._done[place] = self._one(desired)

    def stop(self) -> None:
        """Begin no more of them."""
        self._left.clear()

    def __iter__(self) -> Iterator[Outcome]:
        """All of them, in the order in which they were wanted."""
        for future in self._futures:
            future.result()
        return (self._done[place] for place in sorted(self._done))


@dataclass
class Push:
    """One push of some jobs: who holds the leases, until when, and with what."""

    until: float
    """Monotonic seconds at which it must be over; what is left then stays pending."""
    backend: Backend = field(default_factory=get_backend)
    listing: Listing | None = None
    adopt: bool = False
    delete: bool = True
    """Whether a renamed job's former ones are deleted."""
    is_needed: Callable[[Desired], bool] = lambda _: True
    """Asked under the lease, after the row was read again, unless Google was told of it by this very push."""
    on_chunk: Callable[[], None] = lambda: None
    """Called between chunks, so that whoever pushes much can renew what it holds."""
    on_outcome: Callable[[Outcome], None] | None = None
    """Told of each outcome as it comes, from the main thread; without it, failures are logged as warnings."""
    planned: Mapping[int, Desired] = field(default_factory=dict)
    """What rows want, as read a moment ago: one that has not changed since is not read again."""
    using: str = field(default_factory=lambda: router.db_for_write(ScheduledJob))
    left: set[int] = field(default_factory=set, init=False)
    """The rows for which time did not suffice: nothing was called for them, or nothing any more."""
    called: set[int | None] = field(default_factory=set, init=False)
    """The rows of which Google has been told: what was listed before is not what it has by now."""

    def __post_init__(self) -> None:
        self.leases = JobLeases(self.using)
        self.recorder = Recorder(self.leases, self.backend.parent, is_told=self.on_outcome is not None)

    def run(self, pks: Iterable[int]) -> dict[int, Outcome]:
        """Push the rows; returns the outcome of each that failed. Raises nothing of Google's."""
        waiting = list(dict.fromkeys(pks))
        wanted = self.leases.revisions(waiting)
        waiting = [pk for pk in waiting if pk in wanted]
        failed: dict[int, Outcome] = {}
        rounds = dict.fromkeys(waiting, 0)
        # While Google answers one chunk, the database writes down the one before and reads the next.
        under_way: deque[_Chunk] = deque()
        with ThreadPoolExecutor(max(settings.CONCURRENCY, 1)) as pool:
            try:
                while waiting or under_way:
                    if waiting and (size := self._places(under_way)):
                        under_way.append(self._begin(waiting[:size], pool))
                        waiting = waiting[size:]
                        continue
                    chunk = under_way[0]
                    last = {pk for pk in chunk.held if rounds[pk] + 1 >= ROUNDS}
                    again = self._finish(chunk, failed, last=last)
                    under_way.popleft()
                    for pk in again:
                        rounds[pk] += not (pk in failed and failed[pk].was_out_of_time)
                    self.on_chunk()
                    covered = self.leases.covered(
                        {pk: wanted[pk] for pk in chunk.pks if pk not in chunk.held}
                    )
                    left = [
                        pk for pk in chunk.pks if pk in again or (pk not in chunk.held and pk not in covered)
                    ]
                    waiting += left
                    if time.monotonic() >= self.until:
                        # Those that wanted another round are still leased to us.
                        self.leases.free(waiting, sync_state=SyncState.PENDING)
                        self.left.update(waiting)
                        waiting = []
                    elif left and not chunk.held and not under_way:
                        # Another writer holds the lease: it will cover this revision, or leave it to us.
                        time.sleep(random.uniform(0.02, 0.2))  # noqa: S311 – jitter
            except BaseException:
                for chunk in under_way:
                    chunk.stop()
                pool.shutdown(cancel_futures=True)
                held = [pk for chunk in under_way for pk in chunk.held]
                self.leases.free([*waiting, *held], sync_state=SyncState.PENDING)
                raise
        return failed

    def _places(self, under_way: Sequence[_Chunk]) -> int:
        """How many more jobs may be begun now; 0: finish a chunk first.

        No more leases than there are places in the quota: a lease must not run out in the queue. Of those
        under way some have taken their place already, which errs to the safe side.
        """
        if len(under_way) > 1:
            return 0
        # To wait for a place would keep the answers of those under way from being written.
        free = self.backend.quota.free(None if under_way else self.until)
        if free is None:
            return CHUNK
        free -= sum(len(chunk.held) for chunk in under_way)
        return min(free, CHUNK) if under_way else max(min(free, CHUNK), 1)

    # --- B, C: read again, call -------------------------------------------------------------------

    def _begin(self, pks: list[int], pool: ThreadPoolExecutor) -> _Chunk:
        """Take the leases of these rows, read them again and begin their calls."""
        marks = self.leases.take(pks)
        chunk = _Chunk(pks, marks.keys())
        if not marks:
            return chunk
        try:
            wanted = self._desired(marks)
            idle = {
                desired.pk
                for desired in wanted
                if desired.pk not in self.called and not self.is_needed(desired)
            } - {None}
            self.leases.free(pk for pk in idle if pk is not None)
            # Copies, since each remembers its comparable values: thousands of the originals are kept.
            wanted = [replace(desired) for desired in wanted if desired.pk not in idle]
            remember_names(self.leases, wanted, self.backend.remote_name(""))
            open_versions(wanted, now=timezone.now(), using=self.using)
            chunk.results = self._call(wanted, pool)
        except BaseException:
            self.leases.free(marks, sync_state=SyncState.PENDING)
            raise
        return chunk

    def _finish(self, chunk: _Chunk, failed: dict[int, Outcome], *, last: set[int]) -> set[int]:
        """Write down what became of a chunk; returns the rows that want another round."""
        if not chunk.held:
            return set()
        results = list(chunk.results)
        for outcome in results:
            if outcome.desired.pk is not None:
                failed.pop(outcome.desired.pk, None)
                if outcome.error is not None:
                    failed[outcome.desired.pk] = outcome
        again = self.recorder.record(results, last=last)
        for outcome in results:
            if self.on_outcome is not None and outcome.desired.pk not in again:
                self.on_outcome(outcome)
        return again

    def _desired(self, marks: Mapping[int, Mark]) -> list[Desired]:
        """What the rows want under the lease: read again, unless all that decides it is still the same."""
        known = {
            pk: planned
            for pk, mark in marks.items()
            if (planned := self.planned.get(pk)) is not None
            and (planned.revision, planned.pushed_at) == mark
            and not planned.former
        }
        others = self.leases.held(marks.keys() - known.keys())
        rows = list(rows_in_force(others)) if len(known) < len(marks) else []
        for desired in desired_of_all(rows, self.backend, using=self.using) if rows else []:
            if desired.pk is not None:
                known[desired.pk] = desired
        pushed: dict[int | None, Any] = {}
        if rows:
            pushed.update(others.filter(pushed__isnull=False).values_list("pk", "pushed"))
        wanted = [known[pk] for pk in marks if pk in known]
        return [replace(job, pushed=pushed[job.pk]) if job.pk in pushed else job for job in wanted]

    def _call(self, wanted: Sequence[Desired], pool: ThreadPoolExecutor) -> _Outcomes | Sequence[Outcome]:
        lease = time.monotonic() + lease_time().total_seconds() - settings.RPC_TIMEOUT - 5
        calls = Client(min(self.until, lease), self.backend)

        def one(desired: Desired) -> Outcome:
            listing = None if desired.pk in self.called else self.listing
            self.called.add(desired.pk)
            return apply(desired, calls, listing=listing, adopt=self.adopt, delete=self.delete)

        # A save pushes one job: it needs no thread of its own.
        return [one(wanted[0])] if len(wanted) == 1 else _Outcomes(wanted, one, pool)
