"""How a job stands with Google, as its row says: the one writer of ``synced``, ``failed`` and ``drifted``.

What a push has done is written under its leases; what a look has shown, only on rows that nobody pushes.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from scheduled_jobs import signals
from scheduled_jobs.domain.jobs import LiveJob
from scheduled_jobs.domain.plan import Desired
from scheduled_jobs.exceptions import ClassMissing, NotOurs
from scheduled_jobs.logs import logger
from scheduled_jobs.models import GoogleName, ScheduledJob
from scheduled_jobs.models.job_queryset import ScheduledJobQuerySet
from scheduled_jobs.models.writer import writer
from scheduled_jobs.models.writing import persistent
from scheduled_jobs.services.scheduling import google_names
from scheduled_jobs.services.scheduling.google_names import Marks
from scheduled_jobs.services.scheduling.push.call import PushOutcome
from scheduled_jobs.services.scheduling.push.lease import JobLeases
from scheduled_jobs.services.scheduling.seen import (
    SEEN,
    Before,
    columns,
    record_look,
    seen_before,
    write_columns,
)
from scheduled_jobs.services.scheduling.versions import (
    Content,
    confirm_versions,
    doubt_versions,
    open_versions,
    withdraw_versions,
)

SyncState = ScheduledJob.SyncState


# --- What a push has done -----------------------------------------------------------------------------


class Recorder:
    """Writes the ends of one push under the leases it holds."""

    def __init__(self, leases: JobLeases, *, is_told: bool = False) -> None:
        self.leases = leases
        # Whoever tells the outcomes to a person has no need of a second line about each on the terminal.
        self.level = logging.INFO if is_told else logging.WARNING
        self.known: dict[int, Collection[Content]] = {}
        """What Google may have had before the calls."""
        self.begun: dict[int, datetime] = {}

    def begin(self, wanted: Sequence[Desired]) -> None:
        """Before the calls: what Google has of these jobs is uncertain until it answers."""
        now = timezone.now()
        self.known |= open_versions(wanted, now=now)
        self.begun |= {desired.pk: now for desired in wanted if desired.pk is not None}

    def abandon(self, marks: Marks) -> None:
        """After calls whose answers nobody waits for: what they delete may be gone, or go any moment."""
        now = timezone.now()
        google_names.settle_marks(marks, gone=set(), unknown=marks.names, now=now)

    def record(
        self, outcomes: Sequence[PushOutcome], marks: google_names.Marks, *, last: Collection[int]
    ) -> set[int]:
        """Write the outcomes; returns the rows that want another round.

        ``push_revision`` was set with the lease: where it still is the row's revision, nobody has saved
        since.
        """
        by_pk = {outcome.desired.pk: outcome for outcome in outcomes if outcome.desired.pk is not None}
        ours, edited = self._write(outcomes, by_pk, marks, last)
        again = by_pk.keys() - ours | edited
        overtaken = self._overtaken([by_pk[pk].desired for pk in again if by_pk[pk].has_written])
        self._tell(by_pk, ours - edited)
        return (again - set(last)) | overtaken

    @persistent
    def _write(
        self,
        outcomes: Sequence[PushOutcome],
        by_pk: Mapping[int, PushOutcome],
        marks: Marks,
        last: Collection[int],
    ) -> tuple[set[int], set[int]]:
        """Returns the rows that are still ours, and those of them that were edited meanwhile."""
        now = timezone.now()
        with self.leases.locked(by_pk):
            ours = set(self.leases.held(by_pk).values_list("pk", flat=True))
            self._doubt(by_pk, now)
            self._keep_seen([by_pk[pk] for pk in ours], now)
            self._settle({pk: by_pk[pk] for pk in ours}, now)
            self._settle_names(outcomes, marks, now)
            confirm_versions(
                {pk: outcome.live for pk, outcome in by_pk.items() if outcome.is_certain},
                now=now,
            )
            # Our lease ran out on us, and our call may have overtaken the next holder's: one more revision
            # makes whoever comes next push again.
            ScheduledJob.objects.filter(pk__in=by_pk.keys() - ours).mark_pending()
            edited = set(self.leases.held(ours).values_list("pk", flat=True))
            self.leases.free(edited & set(last), pending=True)
        return ours, edited

    def _doubt(self, outcomes: Mapping[int, PushOutcome], now: datetime) -> None:
        """What the calls say of the time before them.

        Before the rows say when they were seen: until when what was known was so is read there.
        """
        unsaid = [pk for pk, outcome in outcomes.items() if not (outcome.has_written or outcome.is_certain)]
        withdraw_versions({pk: self.begun[pk] for pk in unsaid})
        found = {
            pk: outcome.found
            for pk, outcome in outcomes.items()
            if outcome.has_looked and outcome.desired.is_confirmed
        }
        doubt_versions(found, self.known, now=now)

    def _keep_seen(self, outcomes: Iterable[PushOutcome], now: datetime) -> None:
        """What was sent and what Google answered."""
        certain = {outcome.desired.pk or 0: outcome for outcome in outcomes if outcome.is_certain}
        before = seen_before(certain)
        rows = [
            (*_seen(outcome, before[pk], now).values(), now, _pushed(outcome), pk)
            for pk, outcome in certain.items()
        ]
        write_columns((*SEEN, "live_seen_at", "pushed"), rows)

    def _settle(self, outcomes: Mapping[int, PushOutcome], now: datetime) -> None:
        """Write how each push ended and free its lease, unless somebody has saved since it was taken."""
        freed = {"push_token": None, "push_until": None}
        good = [pk for pk, outcome in outcomes.items() if not outcome.why]
        synced = {
            "pushed_revision": F("revision"),
            "sync_state": SyncState.SYNCED,
            "sync_error": "",
            "synced_at": now,
            **freed,
        }
        self._unedited(good).update(**synced)
        for pk in outcomes.keys() - set(good):
            row, outcome = self._unedited([pk]), outcomes[pk]
            if isinstance(outcome.error, ClassMissing):
                row.mark_pending(edited=False, sync_error=str(outcome.error), **freed)
            elif outcome.error is None:
                row.update(**{**synced, "sync_error": outcome.note})
            elif not outcome.was_out_of_time:
                row.update(sync_state=SyncState.FAILED, sync_error=outcome.why, **freed)

    def _unedited(self, pks: Iterable[int]) -> ScheduledJobQuerySet:
        return self.leases.held(pks).filter(revision=F("push_revision"))

    def _settle_names(self, outcomes: Sequence[PushOutcome], marks: Marks, now: datetime) -> None:
        google_names.confirm(
            [
                outcome.desired.remote_name
                for outcome in outcomes
                if outcome.error is None and outcome.desired.state and not outcome.desired.is_confirmed
            ],
            now=now,
        )
        for outcome in outcomes:
            desired = outcome.desired
            is_foreign = isinstance(outcome.error, NotOurs)
            was_refused = outcome.error is not None and outcome.is_certain and outcome.live is None
            if desired.pk and desired.state and not desired.is_claimed and (is_foreign or was_refused):
                google_names.give_back(desired.remote_name, desired.pk, now=now)
        google_names.settle_marks(
            marks,
            gone={name for outcome in outcomes for name in outcome.gone},
            unknown={name for outcome in outcomes for name in outcome.unknown},
            now=now,
        )

    def _overtaken(self, late: Iterable[Desired]) -> set[int]:
        """The rows that have taken over a name meanwhile under which calls were made for others.

        Those calls may have overtaken their own push, which is made once more.
        """
        names = {desired.remote_name: desired.pk for desired in late}
        owners = GoogleName.objects.filter(name__in=names, gone_at=None)
        others = {job for name, job in owners.values_list("name", "job_id") if job not in (None, names[name])}
        ScheduledJob.objects.filter(pk__in=others).mark_pending()
        return others

    def _tell(self, outcomes: Mapping[int, PushOutcome], settled: Collection[int]) -> None:
        told: Iterable[ScheduledJob] = ScheduledJob.objects.filter(pk__in=settled) if _has_listeners() else []
        for job in told:
            if outcomes[job.pk].error is None:
                signals.job_synced.send_robust(sender=ScheduledJob, job=job)
            else:
                signals.sync_failed.send_robust(sender=ScheduledJob, job=job)
        for pk in settled:
            if why := outcomes[pk].why:
                logger.log(self.level, "%s was not pushed: %s", outcomes[pk].desired.name, why)


def _has_listeners() -> bool:
    """Whether anybody wants to hear of pushes; reading the rows for nobody would cost a query."""
    return signals.job_synced.has_listeners(ScheduledJob) or signals.sync_failed.has_listeners(ScheduledJob)


def _seen(outcome: PushOutcome, before: Before, now: datetime) -> dict[str, Any]:
    is_ours = not isinstance(outcome.error, NotOurs)
    return columns(outcome.live, before, now, begun=outcome.begun, is_ours=is_ours)


def _pushed(outcome: PushOutcome) -> Any:
    desired, live = outcome.desired, outcome.live
    if outcome.error is not None or desired.spec is None or live is None:
        return desired.pushed or None
    sent = desired.values
    # What the service stored otherwise than it was sent.
    answer = {name: live.values.get(name) for name in sent if live.values.get(name) != sent[name]}
    return {"sent": sent, "answer": answer}


# --- What a look has shown ----------------------------------------------------------------------------


def record_agreement(
    found: Mapping[int, tuple[Desired, LiveJob | None]],
    at: datetime,
    *,
    healed: Collection[str] = tuple(SyncState),
    absent: Iterable[tuple[int | None, str]] = (),
) -> None:
    """Google has what these rows want, as a look at ``at`` has shown: heal those that said otherwise.

    ``absent`` are rows and names of jobs that were to be deleted and are not there.
    """
    rows = ScheduledJob.objects.filter(_unheld())
    ill = rows.exclude(sync_state=SyncState.SYNCED, sync_error="").filter(sync_state__in=healed)
    for pk in found.keys() & set(ill.values_list("pk", flat=True)):
        desired, _ = found[pk]
        rows.filter(pk=pk, revision=desired.revision).update(
            sync_state=SyncState.SYNCED, sync_error="", synced_at=at, pushed_revision=desired.revision
        )
    there = {pk: live for pk, (desired, live) in found.items() if desired.state is not None}
    unconfirmed = [found[pk][0].remote_name for pk in there if not found[pk][0].is_confirmed]
    google_names.confirm(unconfirmed, now=at)
    google_names.forget(absent, now=at)


def record_drift(pks: Iterable[int], at: datetime) -> None:
    """Google has what nobody here has asked for, as a look at ``at`` has shown."""
    # A row that is not synced says what is wrong already; one that is being pushed is about to change.
    synced = Q(sync_state=SyncState.SYNCED)
    _update_unheld(pks, synced, sync_state=SyncState.DRIFTED, differs_since=at)


def record_seen(seen: Mapping[int, LiveJob | None], at: datetime, *, is_of_all: bool = True) -> None:
    """Keep what Google had at ``at``, unless something newer is known."""
    # Before the rows say when they were seen: until when the version before was known is read there.
    confirm_versions(seen, now=at, is_look=True)
    record_look(seen, at, is_of_all=is_of_all)


def record_failure(pks: Iterable[int], why: str) -> None:
    """These rows cannot be pushed, without a call that says so."""
    _update_unheld(pks, Q(), sync_state=SyncState.FAILED, sync_error=why)


def _update_unheld(pks: Iterable[int], condition: Q, **values: Any) -> None:
    for rows in ScheduledJob.objects.in_batches(pks):
        with transaction.atomic(using=writer()):
            # By their keys alone: InnoDB locks what it looks at, which would be an index of the state first.
            rows.lock()
            rows.filter(_unheld(), condition).update(**values)


def _unheld() -> Q:
    """Whoever holds a row's lease now writes its state itself; a lease that ran out is nobody's."""
    return Q(push_token=None) | Q(push_until__lt=timezone.now())
