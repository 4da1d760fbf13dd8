"""``runs``: the history."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from scheduled_jobs.management.text import as_json, cell, table
from scheduled_jobs.management.verbs.common import job_named, line_count
from scheduled_jobs.services.history.run_list import Asked, alerts_of, latest_runs, run_summary


def list_runs(terminal: BaseCommand, job: str | None, n: int, status: str | None, **options: Any) -> None:
    """Print the last runs of a job, or of all."""
    n = line_count(n)
    job_id = None if job is None else job_named(job).pk
    runs = latest_runs(Asked(job_id=job_id, statuses=() if status is None else (status,)), n)
    if options["json"]:
        told = alerts_of(runs)
        terminal.stdout.write(as_json([{**run_summary(run), "told": told.get(run.pk, [])} for run in runs]))
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
        for run in runs
    ]  # fmt: skip
    terminal.stdout.write(table(heads, rows))
