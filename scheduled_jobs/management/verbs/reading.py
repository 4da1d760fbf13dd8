"""``list``, ``show``, ``next`` and ``runs``: how the jobs are, what lies ahead, and what was."""

from __future__ import annotations

from datetime import datetime, timedelta
from operator import itemgetter
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from scheduled_jobs.conf import settings
from scheduled_jobs.domain.ahead import Ahead
from scheduled_jobs.domain.attempts import ADVICE, NEVER, OK, code_meaning
from scheduled_jobs.domain.jobs import OVERRIDABLE
from scheduled_jobs.domain.payloads import redact
from scheduled_jobs.exceptions import InvalidSchedule
from scheduled_jobs.management.terminal import as_json, cell, table
from scheduled_jobs.management.verbs.common import job_named, line_count
from scheduled_jobs.models import ScheduledJob
from scheduled_jobs.services.history.ahead_words import NOTICES, WHY_NONE
from scheduled_jobs.services.history.health import Health, health_of, with_health
from scheduled_jobs.services.history.last_attempts import Told, jobs_running, told_of
from scheduled_jobs.services.history.run_list import Asked, alerts_of, latest_runs, run_summary


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


GONE = (Health.RETIRED, Health.DELETING)


def list_jobs(terminal: BaseCommand, **options: Any) -> None:
    """Print all jobs, a line each."""
    now = timezone.now()
    jobs = with_health(ScheduledJob.objects.order_by("name"), now)
    busy = jobs_running()
    told = {job.pk: told_of(job, is_running=job.pk in busy) for job, _ in jobs}
    if options["json"]:
        terminal.stdout.write(as_json([summary(job, state, told[job.pk], now) for job, state in jobs]))
        return
    if not jobs:
        terminal.stdout.write("No jobs yet. manage.py schedule_tasks makes them from the code.")
        return
    heads = ("job", "schedule", "state", "last run", "outcome", "next run", "sync")
    rows = [
        [cell(value) for value in (job.name, f"{job.schedule} ({job.time_zone})", how_it_is(job, state, now),
         job.last_run_at, job.last_status, next_or_why(job.ahead(now)), job.get_sync_state_display())]
        for job, state in jobs
    ]  # fmt: skip
    terminal.stdout.write(table(heads, rows))
    unserved = {job.name: attempt for job, _ in jobs if (attempt := told[job.pk]) and attempt.is_unserved}
    for name, attempt in unserved.items():
        terminal.stdout.write(f"{name}: {said_unserved(attempt)}")
    for code in dict.fromkeys(attempt.code for attempt in unserved.values()):
        terminal.stdout.write(what_to_do(code))


def how_it_is(job: ScheduledJob, state: Health, now: datetime) -> str:
    """How a job is; of one that is paused and fails, both."""
    is_also_paused = state not in (Health.PAUSED, *GONE) and job.is_paused(now)
    return f"{state}, paused" if is_also_paused else state


def show_job(terminal: BaseCommand, job: str, **options: Any) -> None:
    """Print one job, field by field."""
    row, now = job_named(job), timezone.now()
    state = health_of(row, now)
    attempt = told_of(row)
    if options["json"]:
        terminal.stdout.write(as_json({**summary(row, state, attempt, now), "fields": field_values(row)}))
        return
    terminal.stdout.write(f"{row.name}: {how_it_is(row, state, now)}\n{row.task}, {row.get_origin_display()}")
    terminal.stdout.write(described(row))
    if row.paused:
        until = f" until {cell(row.paused_until)}" if row.paused_until else ""
        terminal.stdout.write(f"Paused by {row.paused_by or 'nobody known'}{until}: {row.pause_reason}")
    found = row.ahead(now)
    if found.next_at is None:
        terminal.stdout.write(why_nothing(found))
    else:
        terminal.stdout.write(" ".join(filter(None, [f"Next run: {cell(found.next_at)}.", noticed(found)])))
    if attempt is not None and attempt.is_unserved:
        terminal.stdout.write(f"{said_unserved(attempt)} {what_to_do(attempt.code)}")
    elif attempt is not None:
        terminal.stdout.write(f"{told_in_short(attempt)}.")
    error = f": {row.sync_error}" if row.sync_error else ""
    terminal.stdout.write(f"{row.get_sync_state_display()}{error}\n")
    heads = ("field", "code default", "override", "live in Google")
    rows = [
        (name, cell(values["default"]), cell(values["override"]), cell(values["live"]))
        for name, values in field_values(row).items()
    ]
    terminal.stdout.write(table(heads, rows))


def described(job: ScheduledJob) -> str:
    """The schedule in words, or what is wrong with it: code may save a row without validating it."""
    try:
        return job.parsed_schedule.describe()
    except InvalidSchedule as error:
        return f"The schedule cannot be run: {error}"


def told_in_short(attempt: Told) -> str:
    """What Google says of its last attempt."""
    said = f"Google's last attempt, {cell(attempt.at)}, {attempt.meaning.told}"
    has_failed = attempt.code not in (NEVER, OK)
    return f"{said} ({attempt.meaning.name}, code {attempt.code})" if has_failed else said


def said_unserved(attempt: Told) -> str:
    """The same where nothing arrived here, with the address."""
    return f"{told_in_short(attempt)} at {attempt.address}, and nothing arrived here."


def what_to_do(code: int) -> str:
    """The remedy, as far as one is known."""
    return " ".join(filter(None, [code_meaning(code).remedy, ADVICE]))


def summary(job: ScheduledJob, state: Health, attempt: Told | None, now: datetime) -> dict[str, Any]:
    """What a list tells of a job."""
    found = job.ahead(now)
    return {
        "job": job.name,
        "task": job.task,
        "origin": job.origin,
        "schedule": job.schedule,
        "time_zone": job.time_zone,
        "state": state if state in GONE else "paused" if job.is_paused(now) else "enabled",
        "health": state,
        "pause_reason": job.pause_reason,
        "paused_until": job.paused_until,
        "overridden": [name for name in OVERRIDABLE if getattr(job, f"{name}_override") is not None],
        "last_run_at": job.last_run_at,
        "last_status": job.last_status,
        "next_run_at": found.next_at,
        "why_none": found.why_none.name.lower() if found.why_none else None,
        "sync_state": job.sync_state,
        "sync_error": job.sync_error,
        "last_attempt": None
        if attempt is None
        else {
            "at": attempt.at,
            "code": attempt.code,
            "told": attempt.meaning.told,
            "address": attempt.address,
            "arrived": not attempt.is_unserved,
        },
    }


def field_values(job: ScheduledJob) -> dict[str, dict[str, Any]]:
    """Field -> the code's default, the override and what was last seen in Google; durations in seconds."""

    def shown(value: Any) -> Any:
        value = value.total_seconds() if isinstance(value, timedelta) else value
        return redact(value, settings.REDACTED_KEYS)

    return {
        name: {
            "default": shown(getattr(job, f"declared_{name}")),
            "override": shown(getattr(job, f"{name}_override")),
            "live": shown((job.live or {}).get(name)),
        }
        for name in OVERRIDABLE
    }


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
