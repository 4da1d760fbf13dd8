"""What several verbs need: the job that was named, who types, what is said of a change."""

from __future__ import annotations

import getpass
from datetime import UTC, datetime

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from scheduled_jobs.domain.payloads import clean_text
from scheduled_jobs.models import ScheduledJob

MOST = 1_000_000
"""Lines that may be asked for."""


def who() -> str:
    """Who types, as the operating system knows them."""
    try:
        return clean_text(getpass.getuser())
    except (OSError, KeyError):
        return ""


def job_named(name: str) -> ScheduledJob:
    """The job of this id or task; raises CommandError saying what there is."""
    name = clean_text(name)
    found = list(ScheduledJob.objects.filter(name=name)) or list(ScheduledJob.objects.filter(task=name))
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(job.name for job in found)
        raise CommandError(f"{name} has several jobs; name one: {names}.")
    raise CommandError(f"There is no job {name}; manage.py scheduled_jobs list shows those there are.")


def moment_of(text: str) -> datetime | None:
    """A moment that was typed, UTC where no zone is named; None where it is no moment."""
    try:
        moment = parse_datetime(text)
    except ValueError:
        return None
    return moment if moment is None or timezone.is_aware(moment) else moment.replace(tzinfo=UTC)


def say(terminal: BaseCommand, row: ScheduledJob, what: str) -> None:
    """Print what was done with a job, and how it stands with Google."""
    error = f": {row.sync_error}" if row.sync_error else ""
    terminal.stdout.write(f"{row.name}: {what} ({row.get_sync_state_display()}{error}).")


def line_count(n: int) -> int:
    """How many lines were asked for; raises CommandError."""
    if not 1 <= n <= MOST:
        raise CommandError(f"-n is {n}; write a whole number from 1 to {MOST:,}")
    return n
