"""All jobs at once: seed, list, plan, apply. What ``manage.py schedule_tasks`` does."""

from __future__ import annotations

import time
from itertools import islice
from typing import TYPE_CHECKING

from django.db import router, transaction
from django.db.models import Q
from django.utils import timezone

from scheduled_jobs import registry
from scheduled_jobs.backends import Backend, get_backend
from scheduled_jobs.domain.jobs import DISABLED
from scheduled_jobs.domain.plan import Change, Desired, Listing, change_for
from scheduled_jobs.models import JobChange, ScheduledJob, attribution
from scheduled_jobs.services.scheduling.advice import reason_of
from scheduled_jobs.services.scheduling.client import Client
from scheduled_jobs.services.scheduling.deleting import finish_deletions
from scheduled_jobs.services.scheduling.names import ownership
from scheduled_jobs.services.scheduling.push.push import Push
from scheduled_jobs.services.scheduling.push.record import seen
from scheduled_jobs.services.scheduling.seed.rows import seed_tasks
from scheduled_jobs.services.scheduling.sync.compare import AT_ONCE, Comparison
from scheduled_jobs.services.scheduling.sync.lock import turn
from scheduled_jobs.services.scheduling.sync.orphans import delete_orphans
from scheduled_jobs.services.scheduling.sync.report import Options, Report
from scheduled_jobs.services.scheduling.versions import confirm_versions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from scheduled_jobs.domain.jobs import LiveJob
    from scheduled_jobs.exceptions import BackendError
    from scheduled_jobs.models.job_queryset import ScheduledJobQuerySet
    from scheduled_jobs.services.scheduling.push.call import Outcome

PATIENCE = 3600.0
"""Seconds that a whole sync may take; 10,000 writes at Google's quota take 22 minutes."""

LIST_PATIENCE = 120.0
"""Seconds that the list may take, should Google refuse a page of it now and then."""

OUT_OF_TIME = "time ran out; run schedule_tasks again: it goes on from there"
TURN_LOST = (
    "another schedule_tasks took over, since this one came to a halt for longer than its turn; "
    "what is left is for that one, or for the next schedule_tasks"
)

SyncState = ScheduledJob.SyncState


def sync_jobs(
    options: Options,
    on_change: Callable[[Change, str | None], None] = lambda *_: None,
    on_wait: Callable[[], None] = lambda: None,
    on_begin: Callable[[int], None] = lambda _: None,
) -> Report:
    """Make Google equal to the database.

    ``on_begin`` is told how many changes are to come, ``on_change`` of each as it is applied, with the
    reason where it failed; ``on_wait``, once, if another sync has its turn first. Raises a BackendError
    only if the jobs cannot be listed, or the turn does not come.
    """
    syncing = _Sync(options, on_change, on_begin)
    if not options.write:
        return syncing.run(renew=lambda: True)
    with turn(syncing.using, on_wait=on_wait) as renew:
        report = syncing.run(renew=renew)
        # Jobs that an operator deleted while Google was down: it has confirmed by now that they are gone.
        finish_deletions()
        return report


class _Sync:
    def __init__(
        self,
        options: Options,
        on_change: Callable[[Change, str | None], None],
        on_begin: Callable[[int], None],
    ) -> None:
        self.options = options
        self.on_change = on_change
        self.on_begin = on_begin
        self.backend: Backend = get_backend()
        self.using = router.db_for_write(ScheduledJob)
        self.comparison = Comparison(self.backend, options, self.using)

    def run(self, renew: Callable[[], bool]) -> Report:
        try:
            return self._run(renew)
        except KeyboardInterrupt:
            # Or whoever stops the process would wait for a list that nobody reads any more.
            self.backend.close()
            raise

    def _run(self, renew: Callable[[], bool]) -> Report:
        self.renew = renew
        self.has_turn = True
        if self.options.write:
            ScheduledJob.objects.using(self.using).end_pauses(timezone.now())
        report, listing = self._look()
        if self.options.write:
            self._confirm(report, listing)
            self._mark_disabled(report.plan.of("refuse"), listing)
            self.on_begin(len(report.to_apply))
            self._apply(listing, report)
        return report

    def _look(self) -> tuple[Report, Listing]:
        """Seed, list and compare. What it takes, some kilobytes for each job, ends with it."""
        tasks = self.options.tasks
        at = timezone.now()
        jobs: dict[str, LiveJob] = {}
        # While Google lists, the rows are seeded and read: neither waits for the other.
        listed = Client(time.monotonic() + LIST_PATIENCE, self.backend).list()
        seeded = seed_tasks(
            registry.tasks() if tasks is None else tasks, retire=tasks is None, write=self.options.write
        )
        self.comparison.read(seeded)
        faulty = seeded.faulty
        del seeded
        while page := {live.remote_name: live for live in islice(listed, AT_ONCE)}:
            jobs.update(page)
            self.comparison.compare(Listing(self.backend.parent, page, at))
        listing = Listing(self.backend.parent, jobs, at)
        plan = self.comparison.plan(listing)
        report = Report(plan, faulty=faulty, listing=listing, options=self.options)
        report.held_back = plan.deletes_most and not self.options.yes
        return report, listing

    # --- What is already as it should be ----------------------------------------------------------

    def _confirm(self, report: Report, listing: Listing) -> None:
        """Heal the rows that said otherwise: the list shows that Google has what is in force."""
        by_pk = {desired.pk: desired for desired in report.plan.unchanged if desired.pk is not None}
        for pk in self.comparison.stale & by_pk.keys():
            desired = by_pk[pk]
            live = listing.jobs.get(desired.remote_name)
            self._free_rows().filter(pk=pk, revision=desired.revision).update(
                sync_state=SyncState.SYNCED,
                sync_error="",
                synced_at=listing.at,
                pushed_revision=desired.revision,
                live=seen(live),
                live_seen_at=listing.at,
                next_run_at=live.schedule_time if live else None,
                remote_name=desired.remote_name if desired.state else "",
            )
        seen_now = (pk for pk, desired in by_pk.items() if desired.state is not None)
        for rows in self._free_rows().filter(sync_state=SyncState.SYNCED).among(seen_now):
            with transaction.atomic(using=self.using):
                rows.lock()
                rows.update(live_seen_at=listing.at)
        self._confirm_versions(by_pk, listing)

    def _free_rows(self) -> ScheduledJobQuerySet:
        """Whoever holds a row's lease now writes its state itself; a lease that ran out is nobody's."""
        free = Q(push_token=None) | Q(push_until__lt=timezone.now())
        return ScheduledJob.objects.using(self.using).filter(free)

    def _confirm_versions(self, by_pk: dict[int, Desired], listing: Listing) -> None:
        confirm_versions(
            {
                pk: listing.jobs.get(desired.remote_name)
                for pk, desired in by_pk.items()
                if desired.state is not None
            },
            now=listing.at,
            using=self.using,
        )

    def _mark_disabled(self, refused: Sequence[Change], listing: Listing) -> None:
        """No call helps a job that Google has disabled, so that no push writes what is wrong with it."""
        for change in refused:
            live = listing.jobs.get(change.remote_name)
            if live is None or live.state != DISABLED or change.pk is None:
                continue
            self._free_rows().filter(pk=change.pk).update(
                sync_state=SyncState.FAILED, sync_error=change.why, live=seen(live), live_seen_at=listing.at
            )

    # --- What is not ------------------------------------------------------------------------------

    def _apply(self, listing: Listing, report: Report) -> None:
        changes = {change.pk: change for change in report.to_apply if change.pk is not None}
        planned = self.comparison.planned
        report.skipped.update(change.remote_name for change in report.to_apply)

        def tell(outcome: Outcome) -> None:
            change = changes[outcome.desired.pk or 0]
            self._tell(report, change, reason_of(outcome.error) if outcome.error is not None else None)

        def on_chunk() -> None:
            if not self._keeps_turn():
                push.until = time.monotonic()

        def is_needed(desired: Desired) -> bool:
            # Read again under the lease: somebody may have pushed it since the list was made. A time to come
            # was written by a host whose clock is ahead, and tells nothing.
            pushed_at = desired.pushed_at
            if desired.is_pushed and pushed_at is not None and listing.at < pushed_at <= timezone.now():
                return False
            if desired.pk is not None and desired is planned.get(desired.pk):
                return True
            return change_for(desired, listing, ownership(), adopt=self.options.adopt) is not None

        with attribution(via="sync"):
            push = Push(
                time.monotonic() + PATIENCE,
                backend=self.backend,
                listing=listing,
                adopt=self.options.adopt,
                delete=self.options.delete and self.options.tasks is None,
                planned=self.comparison.planned,
                is_needed=is_needed,
                on_chunk=on_chunk,
                on_outcome=tell,
                using=self.using,
            )
            if self._keeps_turn():
                self._audit(changes.values())
                push.run(changes)
            else:
                push.left.update(changes)
        for pk in sorted(push.left):
            self._tell(report, changes[pk], OUT_OF_TIME if self.has_turn else TURN_LOST)
        self._delete_orphans(report)

    def _keeps_turn(self) -> bool:
        """Whether the turn is still ours; whoever took it over has a newer list, and perhaps newer code."""
        self.has_turn = self.has_turn and self.renew()
        return self.has_turn

    def _tell(self, report: Report, change: Change, why: str | None) -> None:
        report.skipped.discard(change.remote_name)
        if why is not None:
            report.failed[change.remote_name] = why
        self.on_change(change, why)

    def _audit(self, changes: Iterable[Change]) -> None:
        """Keep the live values that somebody set in Google and that are about to be replaced."""
        drifted = {change.pk: change for change in changes if change.drifted and change.pk is not None}
        if not drifted:
            return
        for rows in ScheduledJob.objects.using(self.using).among(drifted):
            replaced = [
                JobChange.build(job, {name: drifted[job.pk].fields[name] for name in drifted[job.pk].drifted})
                for job in rows
            ]
            with transaction.atomic(using=self.using):
                rows.lock()
                JobChange.objects.using(self.using).bulk_create([row for some in replaced for row in some])

    def _delete_orphans(self, report: Report) -> None:
        def tell(change: Change, error: BackendError | None) -> None:
            self._tell(report, change, None if error is None else reason_of(error))

        delete_orphans(
            report.plan.of("orphan") if report.deletes_orphans else [],
            self.backend,
            using=self.using,
            until=time.monotonic() + PATIENCE,
            renew=self._keeps_turn,
            on_end=tell,
        )
