"""Deliveries as they arrive, by a clock that stands still."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import time_machine

from scheduled_jobs import signals
from scheduled_jobs.models import JobRun
from scheduled_jobs.services import execution
from scheduled_jobs.services.execution import Answer, Delivery
from tests.support import SLOT

if TYPE_CHECKING:
    from datetime import datetime

    from scheduled_jobs.models import ScheduledJob
    from scheduled_jobs.tasks import PeriodicTask


def deliver(
    job: ScheduledJob, task: type[PeriodicTask], *, after: timedelta = timedelta(seconds=1), **values: Any
) -> Answer:
    """One delivery of a slot, so long after it."""
    slot: datetime = values.pop("slot", SLOT)
    job.refresh_from_db()
    with time_machine.travel(slot + after, tick=False):
        return execution.deliver(Delivery(job=job, task=task, schedule_time=slot.isoformat(), **values))


def disconnect(uid: str) -> None:
    """Take the receivers of an app away from the signals of runs."""
    for signal in (signals.run_started, signals.run_finished, signals.run_skipped, signals.run_failed):
        signal.disconnect(sender=JobRun, dispatch_uid=uid)
