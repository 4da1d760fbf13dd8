"""``pause`` and ``resume``."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from django.utils.dateparse import parse_duration

from scheduled_jobs.domain.limits import LATEST_PAUSE
from scheduled_jobs.management.text import cell
from scheduled_jobs.management.verbs.common import job_named, moment_of, say, who
from scheduled_jobs.management.verbs.next_runs import next_or_why


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
