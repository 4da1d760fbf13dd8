"""``backfill``: run the scheduled times of a job that have no settled run."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from scheduled_jobs.exceptions import InvalidDefinition, RunRefused
from scheduled_jobs.management.text import cell
from scheduled_jobs.management.verbs.common import job_named, moment_of, who
from scheduled_jobs.services import execution


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
    for time in plan.times:
        terminal.stdout.write("  ".join(filter(None, [cell(time.at), f"attempt {time.attempt}", time.doubt])))
    terminal.stdout.write(
        f"{len(plan.times)} scheduled time(s) of {row.name} would be run, {plan.done} have a settled run, "
        f"{plan.going} run or wait. Nothing was done."
    )


def _moment(option: str, text: str) -> datetime:
    moment = moment_of(text)
    if moment is None:
        raise CommandError(f"{option} is {text!r}; write a time such as 2026-12-24T18:00Z")
    return moment
