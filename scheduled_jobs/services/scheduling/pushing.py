"""From the database to Google: the lease, the calls, and what is written after them.

Every statement is autocommit, and no lock of the database is held over a call. Why this converges: the
commit of a revision precedes its writer's attempt at the lease. The attempt fails only while a holder's
lease is in place; the holder's last write is then a later write of the same row, which names the
revision that was pushed and so matches only if it had read this one. When the last edit is committed,
either its writer holds the lease, or whoever holds it pushes that edit in another round.
"""

from __future__ import annotations

import logging
import random
import time
import uuid
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.db import connections, router, transaction
from django.db.models import F, Q, Value
from django.db.models.functions import Concat
from django.utils import timezone

from scheduled_jobs import signals
from scheduled_jobs.backends import Backend, get_backend
from scheduled_jobs.conf import settings
from scheduled_jobs.models import FormerName, ScheduledJob
from scheduled_jobs.services.scheduling.advice import reason_of
from scheduled_jobs.services.scheduling.applying import NotInThisProcess, Outcome, apply
from scheduled_jobs.services.scheduling.calls import Calls, write_limit
from scheduled_jobs.services.scheduling.desired import desired_of_all
from scheduled_jobs.services.scheduling.rows import Row, rows_in_force
from scheduled_jobs.services.scheduling.versions import open_versions, settle_versions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from scheduled_jobs.domain.jobs import LiveJob
    from scheduled_jobs.domain.plan import Desired, Listing
    from scheduled_jobs.exceptions import BackendError

logger = logging.getLogger("scheduled_jobs")

ROUNDS = 4
CHUNK = 250
"""Most jobs that are leased and written together: with 64 calls in flight they are pushed long before
their leases run out, and there is a next chunk to call while one is written down."""

SyncState = ScheduledJob.SyncState


def lease_time() -> timedelta:
    """How long a lease is good for: longer than all calls for one job can take."""
    return timedelta(seconds=4 * settings.RPC_TIMEOUT + 20)


@dataclass
class _Chunk:
    """Jobs that are pushed together: those whose lease we hold, and what becomes of them."""

    pks: list[int]
    held: dict[int, Row]
    results: Iterable[Outcome] = ()


@dataclass
class Push:
    """One push of some jobs: who holds the leases, until when, and with what."""

    until: float
    """Monotonic seconds at which it must be over; what is left then stays pending."""
    backend: Backend = field(default_factory=get_backend)
    listing: Listing | None = None
    adopt: bool = False
    is_needed: Callable[[Desired], bool] = lambda _: True
    """Asked under the lease, after the row was read again."""
    on_chunk: Callable[[], None] = lambda: None
    """Called between chunks, so that whoever pushes much can renew what it holds."""
    on_outcome: Callable[[Outcome], None] = lambda _: None
    """Told of each outcome as it comes, from the main thread."""
    using: str = field(default_factory=lambda: router.db_for_write(ScheduledJob))
    token: str = field(default_factory=lambda: uuid.uuid4().hex)

    @property
    def rows(self) -> Any:
        """The jobs, in the database that is written to: a replica's lag would break the conditions."""
        return ScheduledJob.objects.using(self.using)

    def run(self, pks: Iterable[int]) -> dict[int, Outcome]:
        """Push the rows; returns the outcome of each that failed. Raises nothing of Google's."""
        waiting = list(dict.fromkeys(pks))
        wanted = dict(self.rows.filter(pk__in=waiting).values_list("pk", "revision"))
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
                    covered = self._covered({pk: wanted[pk] for pk in chunk.pks if pk not in chunk.held})
                    left = [
                        pk for pk in chunk.pks if pk in again or (pk not in chunk.held and pk not in covered)
                    ]
                    waiting += left
                    if time.monotonic() >= self.until:
                        # Those that wanted another round are still leased to us.
                        self._free(waiting, sync_state=SyncState.PENDING)
                        waiting = []
                    elif left and not chunk.held and not under_way:
                        # Another writer holds the lease: it will cover this revision, or leave it to us.
                        time.sleep(random.uniform(0.02, 0.2))  # noqa: S311 – jitter
            except BaseException:
                pool.shutdown(cancel_futures=True)
                held = [pk for chunk in under_way for pk in chunk.held]
                self._free([*waiting, *held], sync_state=SyncState.PENDING)
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
        free = write_limit.free(None if under_way else self.until)
        if free is None:
            return CHUNK
        free -= sum(len(chunk.held) for chunk in under_way)
        return min(free, CHUNK) if under_way else max(min(free, CHUNK), 1)

    # --- A: the lease -----------------------------------------------------------------------------

    def _take(self, pks: Sequence[int]) -> dict[int, Row]:
        """Take the lease of every row where it is free; one statement settles the race for all of them."""
        now = timezone.now()
        free = Q(push_token=None) | Q(push_until__lt=now) | Q(push_token=self.token)
        self.rows.filter(free, pk__in=pks).update(
            push_token=self.token, push_until=now + lease_time(), push_revision=F("revision")
        )
        held = {row.pk: row for row in rows_in_force(self.rows.filter(pk__in=pks, push_token=self.token))}
        return {pk: held[pk] for pk in pks if pk in held}

    def _covered(self, wanted: dict[int, int]) -> set[int]:
        """The rows whose revision somebody else has pushed, or that are gone."""
        if not wanted:
            return set()
        pushed = dict(self.rows.filter(pk__in=wanted).values_list("pk", "pushed_revision"))
        return {pk for pk, revision in wanted.items() if pushed.get(pk, revision) >= revision}

    def _free(self, pks: Iterable[int], **values: Any) -> None:
        self.rows.filter(pk__in=list(pks), push_token=self.token).update(
            push_token=None, push_until=None, **values
        )

    # --- B, C: read again, call -------------------------------------------------------------------

    def _begin(self, pks: list[int], pool: ThreadPoolExecutor) -> _Chunk:
        """Take the leases of these rows, read them again and begin their calls."""
        chunk = _Chunk(pks, self._take(pks))
        if not chunk.held:
            return chunk
        try:
            wanted = self._desired(chunk.held)
            idle = {desired.pk for desired in wanted if not self.is_needed(desired)} - {None}
            self._free(pk for pk in idle if pk is not None)
            wanted = [desired for desired in wanted if desired.pk not in idle]
            open_versions(wanted, now=timezone.now(), using=self.using)
            chunk.results = self._call(wanted, pool)
        except BaseException:
            self._free(chunk.held, sync_state=SyncState.PENDING)
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
        again = self._record(results, last=last)
        for outcome in results:
            if outcome.desired.pk not in again:
                self.on_outcome(outcome)
        return again

    def _desired(self, held: dict[int, Row]) -> list[Desired]:
        wanted = desired_of_all(list(held.values()), self.backend, using=self.using)
        pushed = dict(self.rows.filter(pk__in=held).filter(pushed__isnull=False).values_list("pk", "pushed"))
        return [replace(job, pushed=pushed[job.pk]) if job.pk in pushed else job for job in wanted]

    def _call(self, wanted: Sequence[Desired], pool: ThreadPoolExecutor) -> Iterable[Outcome]:
        lease = time.monotonic() + lease_time().total_seconds() - settings.RPC_TIMEOUT - 5
        calls = Calls(min(self.until, lease), self.backend)

        def one(desired: Desired) -> Outcome:
            return apply(desired, calls, listing=self.listing, adopt=self.adopt)

        # A save pushes one job: it needs no thread of its own.
        return [one(wanted[0])] if len(wanted) == 1 else pool.map(one, wanted)

    # --- D: what is written afterwards ------------------------------------------------------------

    def _record(self, results: Sequence[Outcome], *, last: set[int]) -> set[int]:
        """Write the results; returns the rows that want another round, their leases still ours.

        ``push_revision`` was set with the lease: where it still is the row's revision, nobody has saved
        since, and one conditional statement serves all rows.
        """
        now = timezone.now()
        by_pk = {outcome.desired.pk: outcome for outcome in results if outcome.desired.pk is not None}
        with transaction.atomic(using=self.using):
            ours = set(self.rows.filter(pk__in=by_pk, push_token=self.token).values_list("pk", flat=True))
            # Our lease ran out on us, and our call may have overtaken the next holder's: one more
            # revision makes whoever comes next push again.
            lost = by_pk.keys() - ours
            self.rows.filter(pk__in=lost).edit()
            self._write_seen([by_pk[pk] for pk in ours], now)
            synced = [pk for pk in ours if by_pk[pk].error is None]
            self._settle(
                [pk for pk in synced if by_pk[pk].desired.state is not None],
                pushed_revision=F("revision"),
                sync_state=SyncState.SYNCED,
                sync_error="",
                synced_at=now,
                remote_name=Concat(Value(f"{self.backend.parent}/jobs/"), F("name")),
            )
            self._settle(
                [pk for pk in synced if by_pk[pk].desired.state is None],
                pushed_revision=F("revision"),
                sync_state=SyncState.SYNCED,
                sync_error="",
                synced_at=now,
                remote_name="",
            )
            for pk in ours.difference(synced):
                if not by_pk[pk].was_out_of_time:
                    self._settle([pk], **failure_of(by_pk[pk].error))
            gone = [name for outcome in results for name in outcome.deleted]
            FormerName.objects.using(self.using).filter(remote_name__in=gone).update(deleted_at=now)
            settle_versions(results, now=now, using=self.using)
            left = set(self.rows.filter(pk__in=ours, push_token=self.token).values_list("pk", flat=True))
            self._free(left & last, sync_state=SyncState.PENDING)
        self._tell(by_pk, ours - left)
        return (left | lost) - last

    def _settle(self, pks: Sequence[int], **values: Any) -> None:
        """Write the end of a push where nobody has saved since the lease was taken, and free the lease."""
        if pks:
            self.rows.filter(pk__in=pks, push_token=self.token, revision=F("push_revision")).update(
                push_token=None, push_until=None, **values
            )

    def _write_seen(self, results: Sequence[Outcome], now: datetime) -> None:
        """What was sent and what Google answered, row by row in one round trip."""
        certain = [outcome for outcome in results if outcome.is_certain]
        connection = connections[self.using]
        columns: list[Any] = [ScheduledJob._meta.get_field(name) for name in SEEN_COLUMNS]
        quote = connection.ops.quote_name
        assignments = ", ".join(f"{quote(column.column)} = %s" for column in columns)
        table, key = quote(ScheduledJob._meta.db_table), quote("id")
        with connection.cursor() as cursor:
            cursor.executemany(
                f"UPDATE {table} SET {assignments} WHERE {key} = %s",  # noqa: S608 – names of our own columns
                [
                    [
                        *(
                            column.get_db_prep_save(value, connection)
                            for column, value in zip(columns, seen_values(outcome, now), strict=True)
                        ),
                        outcome.desired.pk,
                    ]
                    for outcome in certain
                ],
            )

    def _tell(self, outcomes: dict[int, Outcome], settled: set[int]) -> None:
        for job in self.rows.filter(pk__in=settled) if has_listeners() else []:
            if outcomes[job.pk].error is None:
                signals.job_synced.send_robust(sender=ScheduledJob, job=job)
            else:
                signals.sync_failed.send_robust(sender=ScheduledJob, job=job)
        for pk in settled:
            if (error := outcomes[pk].error) is not None:
                logger.warning("%s was not pushed: %s", outcomes[pk].desired.name, reason_of(error))


SEEN_COLUMNS = ["live", "live_seen_at", "next_run_at", "pushed"]


def has_listeners() -> bool:
    """Whether anybody wants to hear of pushes; reading the rows for nobody would cost a query."""
    return signals.job_synced.has_listeners(ScheduledJob) or signals.sync_failed.has_listeners(ScheduledJob)


def failure_of(error: BackendError | None) -> dict[str, Any]:
    """The columns that tell of a push that did not succeed."""
    if isinstance(error, NotInThisProcess):
        return {"sync_state": SyncState.PENDING, "sync_error": str(error)}
    return {"sync_state": SyncState.FAILED, "sync_error": reason_of(error)}


def seen_values(outcome: Outcome, now: datetime) -> tuple[Any, ...]:
    """The values of ``SEEN_COLUMNS`` after a push."""
    desired, live = outcome.desired, outcome.live
    pushed: Any = desired.pushed or None
    if outcome.error is None and desired.spec is not None and live is not None:
        pushed = {"sent": desired.values, "answer": answer_of(desired, live)}
    return (seen(live), now, live.schedule_time if live else None, pushed)


def seen(live: LiveJob | None) -> dict[str, Any] | None:
    """What a row keeps of a look at Google."""
    return None if live is None else {**live.values, "state": live.state}


def answer_of(desired: Desired, live: LiveJob) -> dict[str, Any]:
    """The fields that the service stored otherwise than they were sent; those left alone were not sent."""
    left = desired.left(live)
    return {
        name: live.values.get(name)
        for name, sent in desired.values.items()
        if live.values.get(name) != sent and name not in left
    }
