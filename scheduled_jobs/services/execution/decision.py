"""The decision table: what a delivery may do.

A delivery is a permission to run something. While the announced time lies ahead it can only have been
forced; once it has come, the natural slot is served first, because nothing else will ever fire it, and
what comes after with the same time may serve a run that was asked for before it. The first line that
matches wins; when the slot is due, lines 9 (settled) and 10 (being run) come before 2, 3 and 4. All of it is
decided on one look; where another run is in the way of a slot, that run is waited for: see ``waiting``.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, field, replace
from datetime import datetime
from http import HTTPStatus
from typing import Any

from django.db import Error, IntegrityError, connections

from scheduled_jobs import deployment, signals
from scheduled_jobs.conf import settings
from scheduled_jobs.domain.errors import error_key
from scheduled_jobs.domain.payloads import Signature, parse_body, without_tokens
from scheduled_jobs.exceptions import InvalidPayload
from scheduled_jobs.logs import logger
from scheduled_jobs.models import JobRun, ScheduledJob
from scheduled_jobs.models.runs import ALREADY_DONE
from scheduled_jobs.models.writer import writer
from scheduled_jobs.models.writing import is_lost_race
from scheduled_jobs.registry import Task
from scheduled_jobs.services.execution import ending, statements
from scheduled_jobs.services.execution.delivery import Announcement, Answer, Begun, Delivery
from scheduled_jobs.services.execution.situation import SeenRun, Situation, oldest_queued, situation_of
from scheduled_jobs.services.execution.statements import LEASE, Slot, Status, Trigger
from scheduled_jobs.services.execution.telling import send
from scheduled_jobs.services.execution.waiting import Wait

ROUNDS = 10
FORCED_BY = "Cloud Scheduler"
"""``requested_by`` of a run that was forced in Google's console."""
PAUSED, RETIRED, DELETING = "paused", "retired", "being deleted"
STILL_GOING = "previous run still going"


def deciding(
    delivery: Delivery, arrived: datetime, *, clock: Callable[[], datetime], monotonic: Callable[[], float]
) -> Generator[float, None, Answer | Begun]:
    """What is to be done with a delivery. Yields the seconds to wait; whoever asks sleeps.

    Every round begins anew with what the database says; a lost race is one more round. Raises what the
    database answers over a new connection too.
    """
    announced = delivery.announced
    if announced.is_unreadable:
        logger.error(
            "X-CloudScheduler-ScheduleTime of %s cannot be read: %r", delivery.job.name, announced.text[:100]
        )
    now = earliest = arrived
    is_stale = False
    if hold := announced.wait(now):  # 1: skewed natural and last-second forced runs are then both due
        yield hold
        is_stale, earliest = True, announced.slot or now
        now = max(clock(), earliest)
    table = Table(delivery.job, delivery.task, delivery, announced, now, arrived, Wait(clock, monotonic))
    try:
        table.payload = parse_body(delivery.body)
    except InvalidPayload as error:
        table.fault = error
    for _round in range(ROUNDS):
        decided = table.round(is_stale=is_stale)
        if isinstance(decided, SeenRun):
            yield from table.wait.watch(decided)
            table.now = max(clock(), earliest)
        elif decided is not None:
            return replace(decided, has_queue=True) if table.has_queue(decided) else decided
        is_stale = True
    return Answer.error(HTTPStatus.SERVICE_UNAVAILABLE, "too many deliveries of this job at once")


@dataclass(slots=True)
class Table:
    """The table, for one delivery at one time.

    A line answers, begins a run, names a run to be waited for, or asks to be read again.
    """

    job: ScheduledJob
    task: type[Task]
    delivery: Delivery
    announced: Announcement
    now: datetime
    arrived: datetime
    wait: Wait
    payload: dict[str, Any] = field(default_factory=dict)
    fault: InvalidPayload | None = None
    seen: Situation = field(default_factory=lambda: Situation(None))
    has_reconnected: bool = False

    def round(self, *, is_stale: bool) -> Answer | Begun | SeenRun | None:
        """The table, read once. None: the world has moved meanwhile, read again.

        ``is_stale``: the row of the job was read a while ago.
        """
        connection = connections[writer()]
        try:
            if is_stale:
                self.job.refresh_from_db(using=connection.alias)
            return self._read(None if is_stale else self.delivery.seen)
        except ScheduledJob.DoesNotExist:
            return Answer.error(HTTPStatus.NOT_FOUND, f"Job {self.job.name} not found")
        except IntegrityError:
            return None
        except Error as error:
            if not is_lost_race(error):
                # A connection that went stale, or that a migration has outdated, is no outage: once, it is
                # opened anew. What is wrong with it cannot be told from the class of the error.
                if self.has_reconnected or connection.in_atomic_block:
                    raise
                connection.close()
                self.has_reconnected = True
            return None

    def _read(self, seen: Situation | None) -> Answer | Begun | SeenRun | None:
        statements.end_pause(self.job, self.now)
        at = self.announced.slot if self.announced.is_due(self.now) else None
        is_about_it = seen is not None and at == (None if seen.slot is None else seen.slot.at)
        self.seen = seen if seen is not None and is_about_it else situation_of(self.job.pk, at)
        if self._expire():
            return None
        slot = self.seen.slot
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

    def has_queue(self, decided: Answer | Begun) -> bool:
        """Whether other runs than that which is begun wait, that a person asked for."""
        begun = decided.run.pk if isinstance(decided, Begun) else None
        return any(row.pk != begun for row in self.seen.queued)

    def _expire(self) -> bool:
        """EXPIRE and LOSE: give up the runs of the job that are dead; whether there was one."""
        gone = [row for row in self.seen.running if row.is_out(self.now) or self.wait.has_seen_dead(row)]
        for row in gone:
            ending.mark_lost(row, self.now)
        return bool(gone)

    # --- Lines 3 and 4 --------------------------------------------------------------------------

    def _paused(self, slot: Slot | None) -> Answer | Begun | None:
        # No natural slot is owed: any delivery may serve a run that a person asked for.
        queued = self._oldest_queued()
        if queued is not None:
            return self._claim(queued)
        return self._skip(slot, PAUSED, self.job.pause_reason)

    # --- Lines 5 to 8: forced -------------------------------------------------------------------

    def _forced(self) -> Answer | Begun | None:
        queued = self._oldest_queued()
        if queued is not None:  # 5
            return self._claim(queued, own=True)
        surplus = statements.credit(self.job.pk, self.now)
        if surplus is not None:  # 6
            return Answer.duplicate(surplus)
        retries = bool(self.job.retry_count or self.job.max_retry_duration)
        if self.announced.slot is not None and retries:  # 7
            redelivered = statements.redelivered(self.job, self.announced.slot, self.now)
            if redelivered is not None:
                return Answer.duplicate(redelivered)
        if self._holder() is not None:  # 8: a person can ask again
            return self._skip(None, STILL_GOING)
        return self._run(None)

    # --- Lines 9 and 10: a slot that is settled or being run stays so ---------------------------

    def _settled(self, slot: Slot, settled: int) -> Answer | Begun | None:
        queued = self._oldest_queued(sent_by=slot.at)
        if queued is not None:
            return self._claim(queued)
        statements.count_delivery(settled)
        return Answer.duplicate(settled)

    def _being_run(self, slot: Slot, active: int) -> Answer | Begun | SeenRun | None:
        if self._lock is None:
            queued = self._oldest_queued(sent_by=slot.at)
            if queued is not None:
                return self._claim(queued)
        row = next((row for row in self.seen.running if row.pk == active), None)
        if row is not None and self.wait.is_for(row) and not self.wait.is_over:
            return row
        statements.count_delivery(active)
        return Answer.running(active)

    # --- Lines 11 and 12 ------------------------------------------------------------------------

    def _start(self, slot: Slot) -> Answer | Begun | SeenRun | None:
        holder = self._holder()
        if holder is None:
            return self._run(slot)  # 12
        if not self.wait.is_for(holder):  # 11: it lives
            return self._skip(slot, STILL_GOING)
        return Answer.running(holder.pk) if self.wait.is_over else holder

    # --- What the lines do ----------------------------------------------------------------------

    @property
    def _lock(self) -> int | None:
        """What a run holds so that no other runs beside it; None where overlaps are allowed."""
        return None if self.task.overlap == "allow" else 1

    @property
    def _deadline_at(self) -> datetime:
        """When Google gives up this very request, whatever was waited for meanwhile."""
        return self.arrived + self.job.attempt_deadline

    def _holder(self) -> SeenRun | None:
        """Another run that this one must not overlap."""
        return None if self._lock is None else self.seen.holder

    def _oldest_queued(self, *, sent_by: datetime | None = None) -> SeenRun | None:
        """The oldest run that was asked for and whose RunJob was sent, at ``sent_by`` at the latest."""
        for row in self.seen.queued:
            if row.sent and (sent_by is None or (row.sent_at is not None and row.sent_at <= sent_by)):
                return row
        if self.seen.is_whole:
            return None
        return oldest_queued(self.job.pk, sent_by=sent_by)

    def _run(self, slot: Slot | None) -> Answer | Begun | None:
        try:
            keys = settings.REDACTED_KEYS
            arguments = Signature.of(self.task.run).validate(self.payload, secret_keys=keys)
        except InvalidPayload as error:
            return self._refuse(slot, self.payload, error)
        values = {
            **self._facts(slot),
            "status": Status.RUNNING,
            "started_at": self.now,
            "lease_until": self.now + LEASE,
            "deadline_at": self._deadline_at,
            "active_slot": slot.at if slot is not None else None,
            "overlap_lock": self._lock,
            "payload": self.payload,
        }
        if self.payload != self.job.payload:
            values["context"]["notes"] = ["Google sent another payload than the one in force."]
        # Where the slot has changed since it was read, or another run holds the lock, the key of one of them
        # refuses this row, and the table is read again.
        run = statements.insert(self.job, values, slot=slot)
        if run is None:
            return None
        # The late end of an attempt that was given up changes no attempt: the key does not notice it.
        if self.seen.has_given_up and (settled := statements.settled_by_another(run)) is not None:
            end = {"status": Status.DISCARDED, "finished_at": self.now, "error": ALREADY_DONE}
            with statements.statement():
                statements.end(run, end, settles=False)
            return Answer.duplicate(settled)
        return Begun(run, arguments)

    def _skip(self, slot: Slot | None, reason: str, detail: str = "") -> Answer | None:
        values = {
            **self._facts(slot),
            "status": Status.SKIPPED,
            "finished_at": self.now,
            "settled_slot": slot.at if slot is not None else None,
            "error": f"{reason}: {detail}" if detail else reason,
        }
        run = statements.insert(self.job, values, slot=slot)
        if run is None:
            return None
        send(signals.run_skipped, run)
        return Answer.skipped(reason)

    def _claim(self, queued: SeenRun, *, own: bool = False) -> Answer | Begun | None:
        """CLAIM; ``own`` tells that the delivery can only be that of a run which was asked for."""
        keyed = queued.scheduled_for
        if keyed is not None and (settled := statements.read_slot(self.job.pk, keyed).settled) is not None:
            statements.close_queued(queued.pk, Status.DISCARDED, ALREADY_DONE, self.now, delivered=own)
            return Answer.duplicate(settled) if own else None
        run = JobRun.objects.filter(pk=queued.pk).first()
        if run is None:
            return None
        try:
            claimed = statements.claim_run(
                run,
                self.now,
                lock=self._lock,
                deadline_at=self._deadline_at,
                announced_for=self.announced.slot,
                context=self._context(None),
            )
        except IntegrityError:
            return self._busy_claim(queued, own=own)
        if not claimed:
            return None
        run.job = self.job
        return Begun(run, None, claimed=True)

    def _busy_claim(self, queued: SeenRun, *, own: bool) -> Answer | None:
        now = situation_of(self.job.pk, queued.scheduled_for)
        is_being_run = now.slot is not None and now.slot.active is not None
        if now.holder is None and not is_being_run:
            return None
        if now.holder is not None and now.holder.is_out(self.now):
            return None
        if queued.trigger == Trigger.MANUAL:  # whoever asked for it stands there
            statements.close_queued(queued.pk, Status.SKIPPED, STILL_GOING, self.now, delivered=own)
        else:
            statements.unsend(queued.pk)  # reruns and backfills go one after the other
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
        run = ending.insert_ended(self.job, values, slot)
        if run is None:
            return None
        return Answer.error(HTTPStatus.BAD_REQUEST, text)

    # --- What a row says of its delivery --------------------------------------------------------

    def _facts(self, slot: Slot | None) -> dict[str, Any]:
        return {
            "trigger": Trigger.SCHEDULE if slot is not None else Trigger.MANUAL,
            "requested_by": "" if slot is not None else FORCED_BY,
            "announced_for": self.announced.slot,
            "code_version": deployment.code_version(),
            "created_at": self.now,
            "context": self._context(slot),
        }

    def _context(self, slot: Slot | None) -> dict[str, Any]:
        context: dict[str, Any] = {"host": deployment.host(), **self.delivery.trace}
        if self.delivery.caller:
            context["caller"] = self.delivery.caller
        if self.announced.is_unreadable:
            context["schedule_time_text"] = without_tokens(self.announced.text[:100])
        if slot is not None:
            context["late_by"] = (self.now - slot.at).total_seconds()
            if slot.missed is not None:
                context["was_missed"] = True
        return context
