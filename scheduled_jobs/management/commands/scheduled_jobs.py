from __future__ import annotations

import getpass
import json
import time
from datetime import UTC, datetime, timedelta
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from django.utils.dateparse import parse_datetime, parse_duration

from scheduled_jobs.conf import settings
from scheduled_jobs.domain.jobs import OVERRIDABLE
from scheduled_jobs.domain.limits import LATEST_PAUSE
from scheduled_jobs.domain.payloads import MAX_DEPTH, clean_text, redact, storable
from scheduled_jobs.exceptions import BeingDeleted, InvalidDefinition, InvalidPayload, InvalidSchedule
from scheduled_jobs.management.text import as_json, cell, pluralized, table
from scheduled_jobs.models import JobRun, ScheduledJob, attribution
from scheduled_jobs.services.history.ahead_words import NOTICES, WHY_NONE
from scheduled_jobs.services.history.health import Health, health_of, with_health
from scheduled_jobs.services.history.retention import prune

if TYPE_CHECKING:
    from argparse import ArgumentParser

    from scheduled_jobs.domain.ahead import Ahead

MOST = 1_000_000
"""Lines that may be asked for."""
WAIT = 1.0
"""Seconds between two looks at a run that is waited for."""


SILENT = (Health.RETIRED, Health.DELETING, Health.PAUSED)
"""Of a job in one of these states nothing is expected; any other is enabled."""


class Command(BaseCommand):
    help = "Look at the jobs and their runs, and do from a terminal what the admin does."

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True, metavar="verb")

        def verb(name: str, text: str, *, reads: bool = False, job: str | None = None) -> ArgumentParser:
            sub = verbs.add_parser(name, help=text, description=text)
            if job is not None:
                sub.add_argument(
                    "job", nargs=job if job == "?" else None, help="job id, or dotted path of the task"
                )
            if reads:
                sub.add_argument("--json", action="store_true", help="print JSON")
            return sub

        verb("list", "All jobs: schedule, state, last and next run, sync.", reads=True)
        verb(
            "show",
            "One job: the code's default, the override and what is live in Google.",
            reads=True,
            job="1",
        )
        upcoming = verb("next", "The next runs of one job, or of all.", reads=True, job="?")
        upcoming.add_argument("-n", type=int, default=10, help="how many (default: 10)")
        runs = verb("runs", "The last runs of one job, or of all.", reads=True, job="?")
        runs.add_argument("-n", type=int, default=20, help="how many (default: 20)")
        runs.add_argument("--status", choices=JobRun.Status.values, help="only runs of this status")
        run = verb("run", "Run a job now, once.", job="1")
        run.add_argument("--payload", help="another payload than the one in force, as a JSON object")
        run.add_argument("--reason", default="", help="kept in the audit")
        run.add_argument("--wait", action="store_true", help="wait for its end; exit 1 unless it succeeded")
        pause = verb("pause", "Skip the runs of a job.", job="1")
        pause.add_argument("--reason", required=True, help="why; shown to everybody")
        pause.add_argument("--until", help="end of the pause: 2026-12-24T18:00Z, or 02:00:00 for two hours")
        resume = verb("resume", "End the pause of a job; nothing is fired.", job="1")
        resume.add_argument("--reason", default="", help="kept in the audit")
        reset = verb("reset", "Remove overrides: the job follows the code again.", job="1")
        reset.add_argument("fields", nargs="*", help=f"without any: all of {', '.join(OVERRIDABLE)}")
        reset.add_argument("--reason", default="", help="kept in the audit")
        pruning = verb("prune", "Delete the runs that need not be kept any more.")
        pruning.add_argument("--dry-run", action="store_true", help="only say how many they are")

    def handle(self, *_: Any, verb: str, **options: Any) -> None:
        if options.get("reason"):
            options["reason"] = clean_text(options["reason"])
        try:
            with attribution(who(), via="cli", reason=options.get("reason") or ""):
                getattr(self, f"do_{verb}")(**options)
        except (BeingDeleted, ScheduledJob.DoesNotExist) as error:
            raise CommandError(str(error)) from error

    # --- Reading ----------------------------------------------------------------------------------

    def do_list(self, **options: Any) -> None:
        now = timezone.now()
        jobs = with_health(ScheduledJob.objects.order_by("name"), now)
        if options["json"]:
            self.stdout.write(as_json([summary(job, state, now) for job, state in jobs]))
            return
        if not jobs:
            self.stdout.write("No jobs yet. manage.py schedule_tasks makes them from the code.")
            return
        heads = ("job", "schedule", "state", "last run", "outcome", "next run", "sync")
        rows = [
            [cell(value) for value in (job.name, f"{job.schedule} ({job.time_zone})", state,
             job.last_run_at, job.last_status, next_or_why(job.ahead(now)), job.get_sync_state_display())]
            for job, state in jobs
        ]  # fmt: skip
        self.stdout.write(table(heads, rows))

    def do_show(self, job: str, **options: Any) -> None:
        row, now = find(job), timezone.now()
        state = health_of(row, now)
        if options["json"]:
            self.stdout.write(as_json({**summary(row, state, now), "fields": field_values(row)}))
            return
        self.stdout.write(f"{row.name}: {state}\n{row.task}, {row.get_origin_display()}")
        self.stdout.write(described(row))
        if row.paused:
            until = f" until {cell(row.paused_until)}" if row.paused_until else ""
            self.stdout.write(f"Paused by {row.paused_by or 'nobody known'}{until}: {row.pause_reason}")
        found = row.ahead(now)
        if found.next_at is None:
            self.stdout.write(why_nothing(found))
        else:
            self.stdout.write(" ".join(filter(None, [f"Next run: {cell(found.next_at)}.", noticed(found)])))
        error = f": {row.sync_error}" if row.sync_error else ""
        self.stdout.write(f"{row.get_sync_state_display()}{error}\n")
        heads = ("field", "code default", "override", "live in Google")
        rows = [
            (name, cell(values["default"]), cell(values["override"]), cell(values["live"]))
            for name, values in field_values(row).items()
        ]
        self.stdout.write(table(heads, rows))

    def do_next(self, job: str | None, n: int, **options: Any) -> None:
        n = counted(n)
        now = timezone.now()
        coming: list[tuple[datetime, str, str | None]] = []
        for row in chosen(job):
            found = row.ahead(now, n)
            if found.why_none is not None:
                self.stderr.write(f"{row.name}: {why_nothing(found)}")
            coming += [(run.at, row.name, run.notice or noticed(found)) for run in found.runs]
        coming = sorted(coming, key=itemgetter(0, 1))[:n]
        if options["json"]:
            self.stdout.write(as_json([{"at": at, "job": name, "notice": note} for at, name, note in coming]))
            return
        self.stdout.write(
            table(("at", "job", "notice"), [(cell(at), name, cell(note)) for at, name, note in coming])
        )

    def do_runs(self, job: str | None, n: int, status: str | None, **options: Any) -> None:
        n = counted(n)
        runs = JobRun.objects.select_related("job").order_by("-pk")
        if job is not None:
            runs = runs.filter(job=find(job))
        if status is not None:
            runs = runs.filter(status=status)
        if options["json"]:
            self.stdout.write(as_json([run_summary(run) for run in runs[:n]]))
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
        self.stdout.write(table(heads, rows))

    # --- Changing ---------------------------------------------------------------------------------

    def do_run(self, job: str, payload: str | None, wait: bool, reason: str, **_: Any) -> None:  # noqa: FBT001
        row = find(job)
        try:
            run = row.run_now(None if payload is None else parsed_payload(payload), by=who(), reason=reason)
        except InvalidDefinition as error:
            raise CommandError(f"The payload does not fit {row.task}: {error}") from error
        if run.status == JobRun.Status.FAILED:
            raise CommandError(f"Run {run.pk} of {row.name} was not started: {run.error}")
        self.stdout.write(f"Run {run.pk} of {row.name} is queued; Google was asked to fire it.")
        if wait:
            self._wait_for(run)

    def _wait_for(self, run: JobRun) -> None:
        while not run.is_over:
            time.sleep(WAIT)
            try:
                run.refresh_from_db()
            except JobRun.DoesNotExist:
                raise CommandError(f"Run {run.pk} was deleted meanwhile, with its job.") from None
        text = f"Run {run.pk} {run.get_status_display()}" + (f": {run.error}" if run.error else "")
        if run.status != JobRun.Status.SUCCEEDED:
            raise CommandError(text)
        self.stdout.write(text)

    def do_pause(self, job: str, reason: str, until: str | None, **_: Any) -> None:
        row = find(job)
        if not reason.strip():
            raise CommandError("--reason is empty; say why the job is paused")
        try:
            row.pause(reason=reason, until=parsed_until(until), by=who())
        except ValueError as error:
            raise CommandError(str(error)) from error
        self._tell(row, "paused" + (f" until {cell(row.paused_until)}" if row.paused_until else ""))

    def do_resume(self, job: str, **_: Any) -> None:
        row = find(job)
        if not row.paused:
            raise CommandError(f"{row.name} is not paused.")
        if row.end_pause(timezone.now()):
            raise CommandError(f"{row.name} is not paused: its pause ended at {cell(row.paused_until)}.")
        row.resume(by=who())
        found = row.ahead(timezone.now())
        text = f"the next run is {cell(found.next_at)}" if found.next_at else why_nothing(found)
        self._tell(row, f"resumed; nothing was fired, {text}")

    def do_reset(self, job: str, fields: list[str], **_: Any) -> None:
        row = find(job)
        try:
            row.reset(*fields, by=who())
        except ValueError as error:
            raise CommandError(str(error)) from error
        self._tell(row, f"follows the code in {', '.join(fields) or 'all fields'}")

    def _tell(self, row: ScheduledJob, what: str) -> None:
        error = f": {row.sync_error}" if row.sync_error else ""
        self.stdout.write(f"{row.name}: {what} ({row.get_sync_state_display()}{error}).")

    def do_prune(self, **options: Any) -> None:
        count = prune(timezone.now(), write=not options["dry_run"])
        would = "would be " if options["dry_run"] else ""
        self.stdout.write(f"{pluralized(count, 'run')} {would}deleted.")


def who() -> str:
    """Who types, as the operating system knows them."""
    try:
        return clean_text(getpass.getuser())
    except (OSError, KeyError):
        return ""


def find(name: str) -> ScheduledJob:
    """The job of this id or task; raises CommandError saying what there is."""
    name = clean_text(name)
    found = list(ScheduledJob.objects.filter(name=name)) or list(ScheduledJob.objects.filter(task=name))
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(job.name for job in found)
        raise CommandError(f"{name} has several jobs; name one: {names}.")
    raise CommandError(f"There is no job {name}; manage.py scheduled_jobs list shows those there are.")


def chosen(name: str | None) -> list[ScheduledJob]:
    """The named job, or all that run."""
    return [find(name)] if name is not None else list(ScheduledJob.objects.active().order_by("name"))


def counted(n: int) -> int:
    """How many lines were asked for; raises CommandError."""
    if not 1 <= n <= MOST:
        raise CommandError(f"-n is {n}; write a whole number from 1 to {MOST:,}")
    return n


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


def parsed_until(text: str | None) -> datetime | None:
    """The end of a pause: a moment, UTC where no zone is named, or a duration from now."""
    if text is None:
        return None
    try:
        moment = parse_datetime(text)
        duration = parse_duration(text) if moment is None else None
        if duration is not None:
            return timezone.now() + duration
    except ValueError:
        moment = None
    except OverflowError:
        raise CommandError(
            f"--until is {text!r}, which is too far ahead: a pause ends by {LATEST_PAUSE:%Y-%m-%d}; write an "
            "earlier time, or leave --until out: the pause then goes on until it is resumed"
        ) from None
    if moment is None:
        raise CommandError(
            f"--until is {text!r}; write a time such as 2026-12-24T18:00Z, or a duration such as 02:00:00"
        )
    return moment if timezone.is_aware(moment) else moment.replace(tzinfo=UTC)


def described(job: ScheduledJob) -> str:
    """The schedule in words, or what is wrong with it: code may save a row without validating it."""
    try:
        return job.parsed_schedule.describe()
    except InvalidSchedule as error:
        return f"The schedule cannot be run: {error}"


def next_or_why(found: Ahead) -> datetime | str | None:
    """The next run, or in a word why there is none."""
    return found.next_at if found.why_none is None else str(WHY_NONE[found.why_none].short)


def why_nothing(found: Ahead) -> str:
    """Why nothing runs, as a sentence; empty where something does."""
    return "" if found.why_none is None else f"{WHY_NONE[found.why_none].sentence} {found.fault}".strip()


def noticed(found: Ahead) -> str | None:
    """What is to be known about the runs ahead; None if there is nothing."""
    return " ".join(str(NOTICES[notice]) for notice in found.notices) or None


def summary(job: ScheduledJob, state: Health, now: datetime) -> dict[str, Any]:
    """What a list tells of a job."""
    found = job.ahead(now)
    return {
        "job": job.name,
        "task": job.task,
        "origin": job.origin,
        "schedule": job.schedule,
        "time_zone": job.time_zone,
        "state": state if state in SILENT else "enabled",
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
