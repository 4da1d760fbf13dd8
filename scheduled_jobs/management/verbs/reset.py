"""``reset``: a job follows the code again."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from scheduled_jobs.management.verbs.common import job_named, say, who


def reset_job(terminal: BaseCommand, job: str, fields: list[str], **_: Any) -> None:
    """Remove overrides of a job; without ``fields`` all of them."""
    row = job_named(job)
    try:
        row.reset(*fields, by=who())
    except ValueError as error:
        raise CommandError(str(error)) from error
    say(terminal, row, f"follows the code in {', '.join(fields) or 'all fields'}")
