"""``run``, ``backfill``, ``pause``, ``resume`` and ``reset``: what is done with a job."""

from __future__ import annotations

import json
import time
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from django.utils.dateparse import parse_duration

from scheduled_jobs.domain.limits import LATEST_PAUSE
from scheduled_jobs.domain.payloads import MAX_DEPTH, storable
from scheduled_jobs.exceptions import InvalidDefinition, InvalidPayload, RunRefused
from scheduled_jobs.management.terminal import cell
from scheduled_jobs.management.verbs.common import job_named, moment_of, say, who
from scheduled_jobs.management.verbs.reading import next_or_why
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


def backfill_job(
    terminal: BaseCommand,
    job: str,
    start: str,
    end: str | None,
    dry_run: bool,  # noqa: FBT001
    reason: str,
    **_: Any,
) -> None:
    """Ask for a run of each time in a range, or say which these would be."""
    row, now = job_named(job), timezone.now()
    begin = _moment("--from", start)
    until = now if end is None else _moment("--to", end)
    if until <= begin:
        raise CommandError("--to is not after --from: no scheduled time lies between them")
    try:
        if not dry_run:
            runs = execution.backfill(row, begin, until, by=who(), reason=reason)
            first, last = runs[0], runs[-1]
            terminal.stdout.write(
                f"{len(runs)} run(s) of {row.name} are queued, #{first.pk} to #{last.pk}, "
                f"for {cell(first.scheduled_for)} to {cell(last.scheduled_for)}; they go one after the other."
            )
            return
        plan = execution.plan_backfill(row, begin, until, now)
    except RunRefused as refusal:
        raise CommandError(str(refusal)) from refusal
    except InvalidDefinition as error:
        raise CommandError(f"The payload in force does not fit {row.task}: {error}") from error
    for slot in plan.times:
        terminal.stdout.write("  ".join(filter(None, [cell(slot.at), f"attempt {slot.attempt}", slot.doubt])))
    terminal.stdout.write(
        f"{len(plan.times)} scheduled time(s) of {row.name} would be run, {plan.done} have a settled run, "
        f"{plan.going} run or wait. Nothing was done."
    )


def _moment(option: str, text: str) -> datetime:
    moment = moment_of(text)
    if moment is None:
        raise CommandError(f"{option} is {text!r}; write a time such as 2026-12-24T18:00Z")
    return moment


def pause_job(terminal: BaseCommand, job: str, reason: str, until: str | None, **_: Any) -> None:
    """Pause a job, until ``until`` if it is given."""
    row = job_named(job)
    if not reason.strip():
        raise CommandError("--reason is empty; say why the job is paused")
    try:
        row.pause(reason=reason, until=parsed_until(until), by=who())
    except ValueError as error:
        raise CommandError(str(error)) from error
    say(terminal, row, "paused" + (f" until {cell(row.paused_until)}" if row.paused_until else ""))


def resume_job(terminal: BaseCommand, job: str, **_: Any) -> None:
    """End the pause of a job."""
    row = job_named(job)
    if not row.paused:
        raise CommandError(f"{row.name} is not paused.")
    if row.end_pause(timezone.now()):
        raise CommandError(f"{row.name} is not paused: its pause ended at {cell(row.paused_until)}.")
    row.resume(by=who())
    found = row.ahead(timezone.now())
    following = f"the next run is {cell(found.next_at)}" if found.next_at else next_or_why(found)
    say(terminal, row, f"resumed; nothing was fired, {following}")


def parsed_until(text: str | None) -> datetime | None:
    """The end of a pause: a moment, UTC where no zone is named, or a duration from now."""
    if text is None:
        return None
    moment = moment_of(text)
    try:
        duration = parse_duration(text) if moment is None else None
        if duration is not None:
            return timezone.now() + duration
    except OverflowError:
        raise CommandError(
            f"--until is {text!r}, which is too far ahead: a pause ends by {LATEST_PAUSE:%Y-%m-%d}; write an "
            "earlier time, or leave --until out: the pause then goes on until it is resumed"
        ) from None
    if moment is None:
        raise CommandError(
            f"--until is {text!r}; write a time such as 2026-12-24T18:00Z, or a duration such as 02:00:00"
        )
    return moment


def reset_job(terminal: BaseCommand, job: str, fields: list[str], **_: Any) -> None:
    """Remove overrides of a job; without ``fields`` all of them."""
    row = job_named(job)
    try:
        row.reset(*fields, by=who())
    except ValueError as error:
        raise CommandError(str(error)) from error
    say(terminal, row, f"follows the code in {', '.join(fields) or 'all fields'}")
