"""The signals about a run, sent once what its row says is committed."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.dispatch import Signal

from scheduled_jobs.models import JobRun
from scheduled_jobs.services.execution import statements


def send(signal: Signal, run: JobRun, **more: Any) -> None:
    """Tell the receivers once the row is committed: at once, or after the transaction of the caller."""
    if signal.has_listeners(JobRun):
        transaction.on_commit(
            lambda: signal.send_robust(sender=JobRun, run=run, **more),
            using=statements.database(),
            robust=True,
        )
