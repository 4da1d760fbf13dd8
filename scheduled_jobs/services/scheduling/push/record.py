"""What is written after the calls of a push: how each ended, and what Google has now."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from django.db import connections
from django.db.models import F, Value
from django.db.models.functions import Concat
from django.utils import timezone

from scheduled_jobs import signals
from scheduled_jobs.models import FormerName, ScheduledJob
from scheduled_jobs.services.scheduling.advice import reason_of
from scheduled_jobs.services.scheduling.push.call import NotInThisProcess, NotOurs
from scheduled_jobs.services.scheduling.versions import settle_versions

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from scheduled_jobs.domain.jobs import LiveJob
    from scheduled_jobs.domain.plan import Desired
    from scheduled_jobs.services.scheduling.push.call import Outcome
    from scheduled_jobs.services.scheduling.push.lease import JobLeases

logger = logging.getLogger("scheduled_jobs")

SyncState = ScheduledJob.SyncState
SEEN_COLUMNS = ["live", "live_seen_at", "next_run_at", "pushed"]


class Recorder:
    """Writes the ends of one push under the leases it holds."""

    def __init__(self, leases: JobLeases, parent: str, *, is_told: bool = False) -> None:
        self.leases = leases
        self.parent = parent
        # Whoever tells the outcomes to a person has no need of a second line about each on the terminal.
        self.level = logging.INFO if is_told else logging.WARNING

    def record(self, results: Sequence[Outcome], *, last: set[int]) -> set[int]:
        """Write the results; returns the rows that want another round, their leases still ours.

        ``push_revision`` was set with the lease: where it still is the row's revision, nobody has saved
        since, and one conditional statement serves all rows.
        """
        now = timezone.now()
        by_pk = {outcome.desired.pk: outcome for outcome in results if outcome.desired.pk is not None}
        with self.leases.locked(by_pk):
            ours = set(self.leases.held(by_pk).values_list("pk", flat=True))
            # Our lease ran out on us, and our call may have overtaken the next holder's: one more
            # revision makes whoever comes next push again.
            lost = by_pk.keys() - ours
            self.leases.rows.filter(pk__in=lost).edit()
            self._write_seen([by_pk[pk] for pk in ours], now)
            synced = [pk for pk in ours if by_pk[pk].error is None]
            self._give_names_up([pk for pk in synced if by_pk[pk].desired.state is not None], now)
            self._settle(
                [pk for pk in synced if by_pk[pk].desired.state is not None],
                pushed_revision=F("revision"),
                sync_state=SyncState.SYNCED,
                sync_error="",
                synced_at=now,
                remote_name=Concat(Value(f"{self.parent}/jobs/"), F("name")),
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
                    self._settle([pk], **failure_of(by_pk[pk]))
            gone = [name for outcome in results for name in outcome.deleted]
            FormerName.objects.using(self.leases.using).filter(remote_name__in=gone).update(deleted_at=now)
            settle_versions(results, now=now, using=self.leases.using)
            left = set(self.leases.held(ours).values_list("pk", flat=True))
            self.leases.free(left & last, sync_state=SyncState.PENDING)
        self._tell(by_pk, ours - left)
        return (left | lost) - last

    def _give_names_up(self, pks: Sequence[int], now: datetime) -> None:
        """What is in Google under the name of one of these rows is its job, whoever had the name before.

        Deliveries still find those others by it; but a rename of theirs must not delete it there.
        """
        if pks:
            rows = self.leases.held(pks).filter(revision=F("push_revision"))
            former = FormerName.objects.using(self.leases.using)
            former.filter(remote_name__in=rows.values("remote_name"), deleted_at=None).update(deleted_at=now)

    def _settle(self, pks: Sequence[int], **values: Any) -> None:
        """Write the end of a push where nobody has saved since the lease was taken, and free the lease."""
        if pks:
            self.leases.held(pks).filter(revision=F("push_revision")).update(
                push_token=None, push_until=None, **values
            )

    def _write_seen(self, results: Sequence[Outcome], now: datetime) -> None:
        """What was sent and what Google answered, row by row in one round trip."""
        certain = [outcome for outcome in results if outcome.is_certain]
        connection = connections[self.leases.using]
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
        for job in self.leases.rows.filter(pk__in=settled) if has_listeners() else []:
            if outcomes[job.pk].error is None:
                signals.job_synced.send_robust(sender=ScheduledJob, job=job)
            else:
                signals.sync_failed.send_robust(sender=ScheduledJob, job=job)
        for pk in settled:
            if (error := outcomes[pk].error) is not None:
                logger.log(self.level, "%s was not pushed: %s", outcomes[pk].desired.name, reason_of(error))


def has_listeners() -> bool:
    """Whether anybody wants to hear of pushes; reading the rows for nobody would cost a query."""
    return signals.job_synced.has_listeners(ScheduledJob) or signals.sync_failed.has_listeners(ScheduledJob)


def failure_of(outcome: Outcome) -> dict[str, Any]:
    """The columns that tell of a push that did not succeed."""
    error = outcome.error
    if isinstance(error, NotOurs) and not outcome.desired.created:
        # The name that was remembered before the call is somebody else's: never to be deleted as our own.
        return {"sync_state": SyncState.FAILED, "sync_error": reason_of(error), "remote_name": ""}
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
    """The fields that the service stored otherwise than they were sent."""
    return {
        name: live.values.get(name) for name, sent in desired.values.items() if live.values.get(name) != sent
    }
