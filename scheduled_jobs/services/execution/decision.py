"""The decision table: what a delivery may do.

A delivery is a permission to run something. While the announced time lies ahead it can only have been
forced; once it has come, the natural slot is served first, because nothing else will ever fire it, and
what comes after with the same time may serve a run that was asked for before it. The first line that
matches wins; when the slot is due, lines 9 (settled) and 10 (being run) come before 2, 3 and 4.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from django.db import Error, IntegrityError, connections

from scheduled_jobs.conf import settings
from scheduled_jobs.domain.errors import error_key
from scheduled_jobs.domain.payloads import Signature, parse_body, without_tokens
from scheduled_jobs.exceptions import InvalidPayload
from scheduled_jobs.logs import logger
from scheduled_jobs.models import JobRun, ScheduledJob
from scheduled_jobs.models.lost_races import is_lost_race
from scheduled_jobs.services.execution import ending, statements
from scheduled_jobs.services.execution.delivery import Announcement, Answer, Begun, Delivery
from scheduled_jobs.services.execution.statements import LEASE, Slot, Status, Trigger

if TYPE_CHECKING:
    from datetime import datetime

    from scheduled_jobs.registry import Task


ROUNDS = 10
FORCED_BY = "Cloud Scheduler"
"""``requested_by`` of a run that was forced in Google's console."""
PAUSED, RETIRED, DELETING = "paused", "retired", "being deleted"
STILL_GOING = "previous run still going"
ALREADY_DONE = "already done"


def decide(delivery: Delivery, now: datetime, *, stale: bool = False) -> Answer | Begun:
    """What is to be done with a delivery, at ``now`` (aware).

    ``stale`` tells that the job's row was read a while ago. Every round begins anew with what the database
    says; a lost race is one more round. Raises what the database answers over a new connection too.
    """
    announced = delivery.announced
    if announced.is_unreadable:
        logger.error(
            "X-CloudScheduler-ScheduleTime of %s cannot be read: %r", delivery.job.name, announced.text[:100]
        )
    table = Table(delivery.job, delivery.task, delivery, announced, now)
    try:
        table.payload = parse_body(delivery.body)
    except InvalidPayload as error:
        table.fault = error
    reconnected = False
    for number in range(ROUNDS):
        try:
            if number or stale:
                table.job.refresh_from_db(using=statements.database())
            decided = table.read()
        except ScheduledJob.DoesNotExist:
            return Answer.error(HTTPStatus.NOT_FOUND, f"Job {delivery.job.name} not found")
        except IntegrityError:
            decided = None
        except Error as error:
            if not is_lost_race(error):
                # A connection that went stale, or that a migration has outdated, is no outage: once, it is
                # opened anew. What is wrong with it cannot be told from the class of the error.
                if reconnected or connections[statements.database()].in_atomic_block:
                    raise
                connections[statements.database()].close()
                reconnected = True
            decided = None
        if decided is not None:
            return decided
    return Answer.error(HTTPStatus.SERVICE_UNAVAILABLE, "too many deliveries of this job at once")


@dataclass(slots=True)
class Table:
    """The table, for one delivery at one time. A line answers, begins a run, or asks to be read again."""

    job: ScheduledJob
    task: type[Task]
    delivery: Delivery
    announced: Announcement
    now: datetime
    payload: dict[str, Any] = field(default_factory=dict)
    fault: InvalidPayload | None = None

    def read(self) -> Answer | Begun | None:
        """One round. None: the world has moved meanwhile, read again."""
        ending.expire(self.now, job=self.job)
        statements.end_pause(self.job, self.now)
        slot = self._slot()
        if self.fault is not None:
            return self._refuse(None if slot is None or slot.settled else slot, None, self.fault)
        if slot is not None and slot.settled is not None:
            return self._settled(slot, slot.settled)
        if slot is not None and slot.active is not None:
            return self._being_run(slot, slot.active)
        if self.job.retired_at or self.job.deleting_at:  # 2
            return self._skip(slot, RETIRED if self.job.retired_at else DELETING)
        if self.job.is_paused(self.now):
            return self._paused(slot)
        return self._forced() if slot is None else self._start(slot)  # 11, 12

    def _slot(self) -> Slot | None:
        """The announced slot if it is due."""
        if self.announced.slot is None or not self.announced.is_due(self.now):
            return None
        return statements.read_slot(self.job.pk, self.announced.slot)

    # --- Lines 3 and 4 --------------------------------------------------------------------------

    def _paused(self, slot: Slot | None) -> Answer | Begun | None:
        # No natural slot is owed: any delivery may serve a run that a person asked for.
        queued = statements.oldest_queued(self.job.pk)
        if queued is not None:
            return self._claim(queued)
        return self._skip(slot, PAUSED, self.job.pause_reason)

    # --- Lines 5 to 8: forced -------------------------------------------------------------------

    def _forced(self) -> Answer | Begun | None:
        queued = statements.oldest_queued(self.job.pk)
        if queued is not None:  # 5
            return self._claim(queued, own=True)
        surplus = statements.credit(self.job.pk, self.now)
        if surplus is not None:  # 6
            return Answer.duplicate(surplus)
        retries = self.job.retry_policy
        if self.announced.slot is not None and (retries.retry_count or retries.max_retry_duration):  # 7
            redelivered = statements.redelivered(self.job, self.announced.slot, self.now)
            if redelivered is not None:
                return Answer.duplicate(redelivered)
        return self._start(None)  # 8

    # --- Lines 9 and 10: a slot that is settled or being run stays so ---------------------------

    def _settled(self, slot: Slot, settled: int) -> Answer | Begun | None:
        queued = statements.oldest_queued(self.job.pk, sent_by=slot.at)
        if queued is not None:
            return self._claim(queued)
        statements.count_delivery(settled)
        return Answer.duplicate(settled)

    def _being_run(self, slot: Slot, active: int) -> Answer | Begun | None:
        if self._lock is None:
            queued = statements.oldest_queued(self.job.pk, sent_by=slot.at)
            if queued is not None:
                return self._claim(queued)
        statements.count_delivery(active)
        return Answer.running(active)

    # --- What the lines do ----------------------------------------------------------------------

    @property
    def _lock(self) -> int | None:
        """What a run holds so that no other runs beside it; None where overlaps are allowed."""
        return None if self.task.overlap == "allow" else 1

    def _is_busy(self, slot: Slot | None) -> bool:
        """Whether another run, which is alive and not of this very slot, holds the lock."""
        holder = statements.holder(self.job.pk) if self._lock else None
        if holder is None or (holder.lease_until is not None and holder.lease_until < self.now):
            return False
        return slot is None or holder.active_slot != slot.at

    def _start(self, slot: Slot | None) -> Answer | Begun | None:
        try:
            keys = settings.REDACTED_KEYS
            arguments = Signature.of(self.task.run).validate(self.payload, secret_keys=keys)
        except InvalidPayload as error:
            if self._is_busy(slot):
                return self._skip(slot, STILL_GOING)
            return self._refuse(slot, self.payload, error)
        values = {
            **self._facts(slot),
            "status": Status.RUNNING,
            "started_at": self.now,
            "lease_until": self.now + LEASE,
            "deadline_at": self.now + self.job.attempt_deadline,
            "active_slot": slot.at if slot is not None else None,
            "overlap_lock": self._lock,
            "payload": self.payload,
        }
        if self.payload != self.job.payload:
            values["context"]["notes"] = ["Google sent another payload than the one in force."]
        try:
            run = statements.insert(self.job, values, slot=slot)
        except IntegrityError:
            # Either the slot has changed since it was read, and the table is read again, or another run
            # holds the lock: then SKIP, whose attempt is of the same read, notices a change of the slot.
            return self._skip(slot, STILL_GOING) if self._is_busy(slot) else None
        return None if run is None else Begun(run, arguments)

    def _skip(self, slot: Slot | None, reason: str, detail: str = "") -> Answer | None:
        values = {
            **self._facts(slot),
            "status": Status.SKIPPED,
            "finished_at": self.now,
            "settled_slot": slot.at if slot is not None else None,
            "error": f"{reason}: {detail}" if detail else reason,
        }
        run = statements.insert(self.job, values, slot=slot)
        return None if run is None else Answer.skipped(reason)

    def _claim(self, queued: JobRun, *, own: bool = False) -> Answer | Begun | None:
        """CLAIM; ``own`` tells that the delivery can only be that of a run which was asked for."""
        keyed = queued.scheduled_for
        if keyed is not None and (settled := statements.read_slot(self.job.pk, keyed).settled) is not None:
            statements.close_queued(queued, Status.DISCARDED, ALREADY_DONE, self.now, delivered=own)
            return Answer.duplicate(settled) if own else None
        try:
            claimed = statements.claim_run(
                queued,
                self.now,
                lock=self._lock,
                deadline=self.job.attempt_deadline,
                announced_for=self.announced.slot,
                context=self._context(None),
            )
        except IntegrityError:
            return self._busy_claim(queued, own=own)
        if not claimed:
            return None
        queued.job = self.job
        return Begun(queued, None, claimed=True)

    def _busy_claim(self, queued: JobRun, *, own: bool) -> Answer | None:
        holder = statements.holder(self.job.pk)
        keyed = queued.scheduled_for
        if holder is None and (keyed is None or statements.read_slot(self.job.pk, keyed).active is None):
            return None
        if holder is not None and holder.lease_until is not None and holder.lease_until < self.now:
            return None
        statements.close_queued(queued, Status.SKIPPED, STILL_GOING, self.now, delivered=own)
        return Answer.skipped(STILL_GOING) if own else None

    # --- Bodies that are not to be run ----------------------------------------------------------

    def _refuse(
        self, slot: Slot | None, payload: dict[str, Any] | None, error: InvalidPayload
    ) -> Answer | None:
        text = JobRun(job=self.job, payload=payload).redactor.text(str(error))
        values = {
            **self._facts(slot),
            "status": Status.FAILED,
            "started_at": self.now,
            "finished_at": self.now,
            "payload": payload,
            "error": f"{type(error).__name__}: {text}",
            "error_key": error_key(type(error).__name__, text),
        }
        run = statements.insert(self.job, values, slot=slot)
        if run is None:
            return None
        ending.announce(run)
        return Answer.error(HTTPStatus.BAD_REQUEST, text)

    # --- What a row says of its delivery --------------------------------------------------------

    def _facts(self, slot: Slot | None) -> dict[str, Any]:
        return {
            "trigger": Trigger.SCHEDULE if slot is not None else Trigger.MANUAL,
            "requested_by": "" if slot is not None else FORCED_BY,
            "announced_for": self.announced.slot,
            "code_version": statements.code_version(),
            "created_at": self.now,
            "context": self._context(slot),
        }

    def _context(self, slot: Slot | None) -> dict[str, Any]:
        context: dict[str, Any] = {}
        if self.delivery.caller:
            context["caller"] = self.delivery.caller
        if self.announced.is_unreadable:
            context["schedule_time_text"] = without_tokens(self.announced.text[:100])
        if slot is not None:
            context["late_by"] = (self.now - slot.at).total_seconds()
            if slot.missed is not None:
                context["was_missed"] = True
        return context
