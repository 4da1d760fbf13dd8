"""The signals about a run, sent once what its row says is committed."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.dispatch import Signal

from scheduled_jobs.logs import logger
from scheduled_jobs.models import JobRun
from scheduled_jobs.models.writer import writer
from scheduled_jobs.services.execution.stopping import Handlers


def send(signal: Signal, run: JobRun, **more: Any) -> None:
    """Tell the receivers once the row is committed: at once, or after the transaction of the caller."""
    if signal.has_listeners(JobRun):
        transaction.on_commit(lambda: _send(signal, run, more), using=writer(), robust=True)


def _send(signal: Signal, run: JobRun, more: dict[str, Any]) -> None:
    handlers = Handlers()
    try:
        signal.send_robust(sender=JobRun, run=run, **more)
    except BaseException as error:
        # Django lets what ends a process through; a receiver ends neither the run nor the server.
        if handlers.is_stop(error):
            raise
        logger.exception("A receiver of run %s raised %s", run.pk, type(error).__name__)
