"""``runs``: the history."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scheduled_jobs.conf import settings
from scheduled_jobs.domain.payloads import redact
from scheduled_jobs.management.text import as_json, cell, table
from scheduled_jobs.management.verbs.common import counted, job_named
from scheduled_jobs.models import JobRun

if TYPE_CHECKING:
    from django.core.management.base import BaseCommand


def list_runs(terminal: BaseCommand, job: str | None, n: int, status: str | None, **options: Any) -> None:
    """Print the last runs of a job, or of all."""
    n = counted(n)
    runs = JobRun.objects.select_related("job")
    if job is not None:
        runs = runs.filter(job=job_named(job))
    if status is not None:
        runs = runs.filter(status=status)
    if options["json"]:
        terminal.stdout.write(as_json([run_summary(run) for run in runs[:n]]))
        return
    heads = (
        "run",
        "job",
        "status",
        "trigger",
        "scheduled for",
        "started",
        "duration",
        "attempt",
        "error",
    )
    rows = [
        [cell(value) for value in (run.pk, run.job.name, run.status, run.trigger, run.scheduled_for,
         run.started_at, run.duration, run.attempt, run.error.partition("\n")[0][:80])]
        for run in runs[:n]
    ]  # fmt: skip
    terminal.stdout.write(table(heads, rows))


def run_summary(run: JobRun) -> dict[str, Any]:
    """What a list tells of a run, secrets masked."""
    return {
        "run": run.pk,
        "job": run.job.name,
        "status": run.status,
        "trigger": run.trigger,
        "scheduled_for": run.scheduled_for,
        "started_at": run.started_at,
        "finished_at": run.finished_at,
        "duration": run.duration,
        "attempt": run.attempt,
        "payload": redact(run.payload, settings.REDACTED_KEYS),
        "result": redact(run.result, settings.REDACTED_KEYS),
        "error": run.error,
        "requested_by": run.requested_by,
    }
