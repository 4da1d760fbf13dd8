"""Delivers to the jobs of the tests, at a time of their choice."""

from __future__ import annotations

import os
import signal
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from scheduled_jobs.services import execution
from scheduled_jobs.services.execution import Answer, Delivery
from scheduled_jobs.services.execution.heartbeat import heartbeat
from tests.support import SLOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from scheduled_jobs.models import ScheduledJob
    from scheduled_jobs.tasks import PeriodicTask

BEFORE = SLOT - timedelta(minutes=10)
AFTER = SLOT + timedelta(seconds=1)


def not_waited(seconds: float) -> None:
    raise AssertionError(f"waited for {seconds} s")


def deliver(
    job: ScheduledJob,
    task: type[PeriodicTask],
    *,
    slot: datetime | None = SLOT,
    now: datetime = AFTER,
    body: bytes = b"",
    **values: Any,
) -> Answer:
    """One delivery, by a clock that stands still."""
    job.refresh_from_db()
    text = slot.isoformat() if slot is not None else None
    delivery = Delivery(job=job, task=task, schedule_time=text, body=body, **values)
    return execution.deliver(delivery, clock=lambda: now, sleep=not_waited)


@contextmanager
def another_process() -> Iterator[None]:
    """The block is another process of the app, which does not know what runs in this one."""
    going, heartbeat._beats = heartbeat._beats, []
    try:
        yield
    finally:
        heartbeat._beats = going


@contextmanager
def stopped_by(stop: BaseException) -> Iterator[Callable[..., None]]:
    """A ``run`` that a signal cuts off, whose handler raises ``stop``: a server's way to end a worker."""

    class Worker:
        def handle_abort(self, *args: Any) -> None:
            raise stop

    def run(self: PeriodicTask) -> None:
        os.kill(os.getpid(), signal.SIGUSR1)

    before = signal.signal(signal.SIGUSR1, Worker().handle_abort)
    try:
        yield run
    finally:
        signal.signal(signal.SIGUSR1, before)
