"""All jobs at once: seed, list, plan, apply. What ``manage.py schedule_tasks`` does."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial

from django.db import transaction
from django.utils import timezone

from scheduled_jobs import registry
from scheduled_jobs.backends import Backend, get_backend
from scheduled_jobs.domain.jobs import DISABLED
from scheduled_jobs.domain.plan import Change, Listing
from scheduled_jobs.models import JobChange, ScheduledJob, attribution
from scheduled_jobs.models.writer import writer
from scheduled_jobs.services.scheduling.advice import reason_of
from scheduled_jobs.services.scheduling.client import Client
from scheduled_jobs.services.scheduling.deleting import delete_names, finish_deletions
from scheduled_jobs.services.scheduling.push.call import PushOutcome
from scheduled_jobs.services.scheduling.push.push import Push
from scheduled_jobs.services.scheduling.push.record import (
    record_agreement,
    record_drift,
    record_failure,
    record_seen,
)
from scheduled_jobs.services.scheduling.seed.rows import seed_tasks
from scheduled_jobs.services.scheduling.seen import record_list
from scheduled_jobs.services.scheduling.sync.compare import compare, is_needed, seen_of
from scheduled_jobs.services.scheduling.sync.lock import sync_lock
from scheduled_jobs.services.scheduling.sync.report import Comparison, Options, Report

PATIENCE = 3600.0
"""Seconds that a whole sync may take; 5,000 writes at Google's quota take 11 minutes."""

LIST_PATIENCE = 120.0
"""Seconds that the list may take, should Google refuse a page of it now and then."""

OUT_OF_TIME = "time ran out; run schedule_tasks again: it goes on from there"
LOCK_LOST = (
    "another schedule_tasks took over, since this one came to a halt for longer than its turn; "
    "what is left is for that one, or for the next schedule_tasks"
)


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
    with sync_lock(on_wait=on_wait) as renew:
        report = syncing.run(renew=renew)
        # Jobs that an operator deleted while Google was down: it has confirmed by now that they are gone.
        for _ in finish_deletions():
            pass
        return report


@dataclass
class _Sync:
    options: Options
    on_change: Callable[[Change, str | None], None]
    on_begin: Callable[[int], None]
    backend: Backend = field(default_factory=get_backend)

    def run(self, renew: Callable[[], bool]) -> Report:
        try:
            return self._run(renew)
        except KeyboardInterrupt:
            # Or whoever stops the process would wait for a list that nobody reads any more.
            self.backend.close()
            raise

    def _run(self, renew: Callable[[], bool]) -> Report:
        self.renew = renew
        self.has_lock = True
        if self.options.write:
            ScheduledJob.objects.end_pauses(timezone.now())
        report = self._look()
        if self.options.write:
            self._confirm(report.comparison)
            self.on_begin(len(report.to_apply))
            self._apply(report)
        return report

    def _look(self) -> Report:
        """Seed, list and compare."""
        tasks = self.options.tasks
        at = timezone.now()
        # Google lists while the rows are seeded: neither waits for the other.
        listed = Client(time.monotonic() + LIST_PATIENCE, self.backend).list()
        seeded = seed_tasks(
            registry.tasks() if tasks is None else tasks,
            retire=tasks is None,
            yes=self.options.yes,
            write=self.options.write,
        )
        listing = Listing(self.backend.parent, {live.remote_name: live for live in listed}, at)
        found = compare(listing, seeded, self.options, self.backend)
        held_back = found.plan.deletes_most and not self.options.yes
        return Report(found, self.options, faulty=seeded.faulty, held_back=held_back)

    def _confirm(self, found: Comparison) -> None:
        """Write what the list shows, and heal the rows for which there is nothing to do."""
        jobs, at = found.listing.jobs, found.listing.at
        agreeing = {
            desired.pk: (desired, jobs.get(desired.remote_name))
            for desired in found.agreeing
            if desired.pk is not None
        }
        record_agreement(agreeing, at, absent=found.absent)
        for change in found.plan.of_kind("refuse"):
            live = jobs.get(change.remote_name)
            # No call helps a job that Google has disabled, so that no push writes what is wrong with it.
            if change.pk is not None and live is not None and live.state == DISABLED:
                record_failure([change.pk], change.why)
        record_seen(seen_of(found), at)
        if self.options.tasks is None:
            record_list(found.listing)

    # --- What is not as it should be --------------------------------------------------------------

    def _apply(self, report: Report) -> None:
        listing = report.listing
        changes = {change.pk: change for change in report.to_apply if change.pk is not None}
        report.skipped.update(change.remote_name for change in report.to_apply)

        def tell(outcome: PushOutcome) -> None:
            if (change := changes.get(outcome.desired.pk or 0)) is not None:
                self._tell(report, change, outcome.why or None)

        def on_chunk() -> None:
            if not self._holds_lock():
                push.until = time.monotonic()

        with attribution(via="sync"):
            push = Push(
                time.monotonic() + PATIENCE,
                backend=self.backend,
                listing=listing,
                adopt=self.options.adopt,
                delete=self.options.delete and self.options.tasks is None,
                is_patient=True,
                is_needed=partial(is_needed, listing=listing, adopt=self.options.adopt),
                on_chunk=on_chunk,
                on_outcome=tell,
            )
            if self._holds_lock():
                self._audit(changes.values())
                push.run(changes)
            else:
                push.left.update(changes)
        for pk in sorted(push.left & changes.keys()):
            self._tell(report, changes[pk], OUT_OF_TIME if self.has_lock else LOCK_LOST)
        record_drift([pk for pk in push.left if changes[pk].drifted], listing.at)
        self._delete(report, [change for change in report.to_apply if change.pk is None])

    def _holds_lock(self) -> bool:
        """Whether the lock is still ours; whoever took it over has a newer list, and perhaps newer code."""
        self.has_lock = self.has_lock and self.renew()
        return self.has_lock

    def _tell(self, report: Report, change: Change, why: str | None) -> None:
        report.skipped.discard(change.remote_name)
        if why is not None:
            report.failed[change.remote_name] = why
        self.on_change(change, why)

    def _audit(self, changes: Iterable[Change]) -> None:
        """Keep the live values that somebody set in Google and that are about to be replaced."""
        drifted = {change.pk: change for change in changes if change.drifted and change.pk is not None}
        for rows in ScheduledJob.objects.in_batches(drifted):
            replaced = [
                JobChange.build(job, {name: drifted[job.pk].fields[name] for name in drifted[job.pk].drifted})
                for job in rows
            ]
            with transaction.atomic(using=writer()):
                rows.lock()
                JobChange.objects.bulk_create([row for some in replaced for row in some])

    def _delete(self, report: Report, changes: Iterable[Change]) -> None:
        """Delete what belongs to no row: orphans, and jobs whose rows were deleted."""
        by_name = {change.remote_name: change for change in changes}
        ended = delete_names(
            list(by_name),
            Client(time.monotonic() + PATIENCE, self.backend),
            listing=report.listing,
            renew=self._holds_lock,
        )
        for name, error in ended:
            self._tell(report, by_name[name], None if error is None else reason_of(error))
