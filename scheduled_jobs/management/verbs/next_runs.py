"""``next``: the runs ahead, and why there are none."""

from __future__ import annotations

from datetime import datetime
from operator import itemgetter
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from scheduled_jobs.domain.ahead import Ahead
from scheduled_jobs.management.text import as_json, cell, table
from scheduled_jobs.management.verbs.common import job_named, line_count
from scheduled_jobs.models import ScheduledJob
from scheduled_jobs.services.history.ahead_words import NOTICES, WHY_NONE


def next_runs(terminal: BaseCommand, job: str | None, n: int, **options: Any) -> None:
    """Print the next runs of a job, or of all; on standard error why a job has none."""
    n = line_count(n)
    now = timezone.now()
    jobs = [job_named(job)] if job is not None else ScheduledJob.objects.active().order_by("name")
    coming: list[tuple[datetime, str, str | None]] = []
    for row in jobs:
        found = row.ahead(now, n)
        if found.why_none is not None:
            terminal.stderr.write(f"{row.name}: {why_nothing(found)}")
        coming += [(run.at, row.name, run.notice or noticed(found)) for run in found.runs]
    coming = sorted(coming, key=itemgetter(0, 1))[:n]
    if options["json"]:
        terminal.stdout.write(as_json([{"at": at, "job": name, "notice": note} for at, name, note in coming]))
        return
    terminal.stdout.write(
        table(("at", "job", "notice"), [(cell(at), name, cell(note)) for at, name, note in coming])
    )


def next_or_why(found: Ahead) -> datetime | str | None:
    """The next run, or in a word why there is none."""
    return found.next_at if found.why_none is None else str(WHY_NONE[found.why_none].short)


def why_nothing(found: Ahead) -> str:
    """Why nothing runs, as a sentence; empty where something does."""
    return "" if found.why_none is None else f"{WHY_NONE[found.why_none].sentence} {found.fault}".strip()


def noticed(found: Ahead) -> str | None:
    """What is to be known about the runs ahead; None if there is nothing."""
    return " ".join(str(NOTICES[notice]) for notice in found.notices) or None
