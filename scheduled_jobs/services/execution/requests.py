"""What a person asks for beyond ``run_now``: to run something again, or not to run it after all."""

from __future__ import annotations

from typing import Any

from django.db import Error, IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from scheduled_jobs import registry, signals
from scheduled_jobs.conf import settings
from scheduled_jobs.domain.payloads import Signature
from scheduled_jobs.exceptions import RunRefused
from scheduled_jobs.models import JobChange, JobRun
from scheduled_jobs.models.changes import current_attribution, label_of
from scheduled_jobs.models.validation import payload_as_stored
from scheduled_jobs.models.writer import writer
from scheduled_jobs.models.writing import is_lost_race
from scheduled_jobs.services.execution import statements
from scheduled_jobs.services.execution.statements import Status, Trigger

ROUNDS = 10
"""Statuses after which a slot may still be run."""


def rerun(run: JobRun, payload: dict[str, Any] | None = None, by: Any = None, reason: str = "") -> JobRun:
    """Ask for a run with the recorded payload, or another; returns the queued run, a delivery claims it.

    Where ``run`` is an attempt at a slot that is not settled, the new run is the slot's next attempt; else
    it is a run of its own. It is executed at most once. ``by`` is a user or a name. Raises InvalidPayload
    if the payload does not fit ``run()``, RunRefused if ``run`` is not over, and BeingDeleted.
    """
    run.refresh_from_db()
    if not run.is_over:
        raise RunRefused(
            _("Run #%(run)s is %(status)s; wait until it is over.")
            % {"run": run.pk, "status": run.get_status_display()}
        )
    job = run.job
    recorded = job.payload if run.payload is None else run.payload
    chosen = recorded if payload is None else payload_as_stored(job.task, payload)
    task = registry.find_or_none(job.task)
    if task is not None:
        Signature.of(task.run).validate(chosen, secret_keys=settings.REDACTED_KEYS)
    who = label_of(by) or current_attribution().label
    for _round in range(ROUNDS):
        slot = _slot_of(run)  # outside the transaction, which might have an old view of the slot
        try:
            with job.locked():
                queued = JobRun(
                    job=job,
                    status=Status.QUEUED,
                    trigger=Trigger.RETRY,
                    created_at=timezone.now(),
                    retry_of=run,
                    payload=chosen,
                    requested_by=who,
                    reason=reason,
                    **slot,
                )
                queued.save(force_insert=True)
                JobChange.record(job, {"run": (run.pk, queued.pk)}, by=by, reason=reason)
                signals.run_requested.send(sender=JobRun, pks=[queued.pk], using=writer())
        except Error as error:  # another attempt at the slot was begun, or has ended, meanwhile
            is_inside = transaction.get_connection(writer()).in_atomic_block
            if not isinstance(error, IntegrityError) and (is_inside or not is_lost_race(error)):
                raise
            continue
        queued.refresh_from_db()
        return queued
    raise RunRefused(_("Other attempts for this time keep coming; try again."))


def _slot_of(run: JobRun) -> dict[str, Any]:
    """The slot and attempt of a rerun; nothing for a run of its own."""
    if run.scheduled_for is None or run.status not in JobRun.BAD:
        return {}
    slot = statements.read_slot(run.job_id, run.scheduled_for)
    if slot.settled is not None:
        return {}
    return {"scheduled_for": slot.at, "attempt": slot.attempts + 1}


def cancel(run: JobRun, by: Any = None) -> bool:
    """Discard a run that was asked for and has not begun. False: it has begun, or is over."""
    who = label_of(by) or current_attribution().label
    error = f"cancelled by {who}" if who else "cancelled"
    with transaction.atomic(using=writer()):
        # Its RunJob may be on its way: the delivery that comes of it is absorbed.
        cancelled = statements.close_queued(run.pk, Status.DISCARDED, error, timezone.now(), delivered=False)
        if cancelled:
            JobChange.record(run.job, {"run": (run.pk, Status.DISCARDED)}, by=by)
    run.refresh_from_db()
    return cancelled
