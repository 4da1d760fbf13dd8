"""``run``: run a job now."""

from __future__ import annotations

import json
import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from scheduled_jobs.domain.payloads import MAX_DEPTH, storable
from scheduled_jobs.exceptions import InvalidDefinition, InvalidPayload
from scheduled_jobs.management.verbs.common import job_named, who
from scheduled_jobs.models import JobRun
from scheduled_jobs.services import execution, scheduling

WAIT = 1.0
"""Seconds between two looks at a run that is waited for."""


def run_job(terminal: BaseCommand, job: str, payload: str | None, wait: bool, reason: str, **_: Any) -> None:  # noqa: FBT001
    """Ask Google to run a job, and ``wait`` for the end if that is wanted."""
    row = job_named(job)
    try:
        run = row.run_now(None if payload is None else parsed_payload(payload), by=who(), reason=reason)
    except InvalidDefinition as error:
        raise CommandError(f"The payload does not fit {row.task}: {error}") from error
    if run.status == JobRun.Status.FAILED:
        raise CommandError(f"Run {run.pk} of {row.name} was not started: {run.error}")
    terminal.stdout.write(f"Run {run.pk} of {row.name} is queued; Google was asked to fire it.")
    if wait:
        _wait_for(terminal, run)


def _wait_for(terminal: BaseCommand, run: JobRun) -> None:
    told = None
    while not run.is_over:
        if told != (told := waits_for(run)):
            terminal.stdout.write(told)
        time.sleep(WAIT)
        # Where nothing else fires, nobody else asks again, or gives up.
        execution.expire(timezone.now())
        scheduling.settle(run.job_id)
        try:
            run.refresh_from_db()
        except JobRun.DoesNotExist:
            raise CommandError(f"Run {run.pk} was deleted meanwhile, with its job.") from None
    text = f"Run {run.pk} {run.get_status_display()}" + (f": {run.error}" if run.error else "")
    if run.status != JobRun.Status.SUCCEEDED:
        raise CommandError(text)
    terminal.stdout.write(text)


def waits_for(run: JobRun) -> str:
    """What has to happen before this run is over."""
    if run.status == JobRun.Status.RUNNING:
        return "It is running: waiting for its end."
    if run.sent < scheduling.MOST_SENT:
        return "Waiting for Cloud Scheduler to deliver it, which is asked once more after 3 minutes."
    return "It was not delivered, and Cloud Scheduler was asked once more: given up after 3 minutes."


def parsed_payload(text: str) -> dict[str, Any]:
    """A payload that was typed; raises CommandError."""
    try:
        payload = json.loads(text)
    except ValueError as error:
        raise CommandError(f"--payload is not JSON: {error}") from error
    except RecursionError:
        raise CommandError(
            f"--payload is nested too deeply: at most {MAX_DEPTH} objects and lists lie within one another"
        ) from None
    if not isinstance(payload, dict):
        raise CommandError('--payload is not a JSON object; write one, such as \'{"region": "emea"}\'')
    try:
        # Of a task that is not in the code of this process nobody else asks.
        stored: dict[str, Any] = storable(payload)
    except InvalidPayload as error:
        raise CommandError(f"--payload cannot be stored: {error}") from error
    return stored
