from __future__ import annotations

import gc
import json
import sys
from argparse import ArgumentParser
from collections import Counter
from typing import Any

from django.apps import apps
from django.core.management.base import CommandError
from django.utils import timezone

from scheduled_jobs import registry
from scheduled_jobs.conf import settings
from scheduled_jobs.domain.plan import Change, is_moved
from scheduled_jobs.exceptions import BackendError, TaskNotLoaded
from scheduled_jobs.management import output
from scheduled_jobs.management.refusals import refused_in_a_line
from scheduled_jobs.management.terminal import ProgressBar, as_json, pluralized, stopped_in_a_line
from scheduled_jobs.management.without_google import local_report, local_totals, rows_run, rows_seeded
from scheduled_jobs.models import ScheduledJob
from scheduled_jobs.registry import Task
from scheduled_jobs.services import alerts, execution, scheduling
from scheduled_jobs.services.history import stats
from scheduled_jobs.services.scheduling.faults import refuse

CREATED, UPDATED, DELETED, FAILED = "[+] Job created", "[~] Job updated", "[-] Job deleted", "[!] Job failed"
SIGNS = {"create": CREATED, "update": UPDATED, "delete": DELETED, "orphan": DELETED}
COUNTED = {"create": "created", "update": "updated", "delete": "deleted", "orphan": "deleted"}
DRIFT = 2
"""The exit code of ``--check`` where Google is not what the database says."""


class Command(output.Command):
    help = "Seed the jobs from the code, compare them with Cloud Scheduler, and apply what differs."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("tasks", nargs="*", metavar="task", help="dotted paths; without any: all tasks")
        parser.add_argument("--dry-run", action="store_true", help="print what would be done; write nothing")
        parser.add_argument("--check", action="store_true", help="as --dry-run; exit 2 if anything differs")
        parser.add_argument("--json", action="store_true", help="print one JSON object instead of lines")
        parser.add_argument("--no-delete", action="store_true", help="delete nothing in Google")
        parser.add_argument(
            "--adopt",
            action="store_true",
            help="take over jobs of our ids that were made otherwise or point elsewhere",
        )
        parser.add_argument(
            "--yes",
            action="store_true",
            help="delete orphans, and more than half of our jobs, without asking",
        )

    def handle(self, *_: Any, **options: Any) -> None:
        self.as_json: bool = options["json"]
        self.counts: Counter[str] = Counter()
        self.made_before = 0
        self.bar = ProgressBar(self.stderr)
        with refused_in_a_line():
            refuse()
            with stopped_in_a_line(self, self._stopped) as leave:
                self._handle(**options)
            leave()

    def _stopped(self) -> str:
        self.bar.clear()
        return (
            f"Stopped: {self._counted()} so far, and perhaps some that are not told here. "
            "Run schedule_tasks again: it goes on from there."
        )

    def _handle(self, **options: Any) -> None:
        chosen = chosen_tasks(options["tasks"])
        self.write = not (options["dry_run"] or options["check"])
        if settings.mode != "google":
            self._without_google(chosen, yes=options["yes"])
        else:
            wanted = scheduling.Options(
                tasks=chosen,
                write=self.write,
                delete=not options["no_delete"],
                adopt=options["adopt"],
                yes=options["yes"],
            )
            self._sync(wanted, check=options["check"])

    # --- With Google ------------------------------------------------------------------------------

    def _sync(self, options: scheduling.Options, *, check: bool) -> None:
        # Thousands of jobs are many objects, and few of them in circles: the collector would look through
        # all of them, again and again, while they are made.
        gc.disable()
        try:
            report = scheduling.sync_jobs(options, self._tell, self._wait, self.bar.begin)
        except BackendError as error:
            raise CommandError(
                f"Cloud Scheduler could not be asked for its jobs: {scheduling.reason_of(error)}"
            ) from error
        finally:
            gc.enable()
        if report.held_back and self.write and self._confirmed(report):
            # To the second pass what the first has made is unchanged, and what failed is tried again.
            self.made_before = self.counts["created"] + self.counts["updated"]
            self.counts["failed"] = 0
            report = scheduling.sync_jobs(scheduling.Options(**{**vars(options), "yes": True}), self._tell)
        self.bar.clear()
        if self.write:
            # Where nothing fires, no delivery does so for its own job.
            execution.expire(timezone.now())
            scheduling.settle()
            stats.catch_up()
            alerts.send_owed()
        else:
            for change in report.to_apply:
                self._tell(change, None)
        for change in report.not_to_apply:
            self._tell(change, report.refusal_reason(change))
        for path, why in report.faulty:
            self._fail(path, why)
        self._finish(report)
        if check and report.plan.changes:
            sys.exit(DRIFT)
        if self.counts["failed"]:
            sys.exit(1)

    def _wait(self) -> None:
        self.stderr.write("Another schedule_tasks is running: waiting for it to end.")

    def _tell(self, change: Change, error: str | None) -> None:
        self._line_of(change, error)
        self.bar.advance()

    def _line_of(self, change: Change, error: str | None) -> None:
        if error is not None:
            self._fail(change.label, error)
            return
        self.counts[COUNTED[change.kind]] += 1
        fields = "" if change.kind != "update" else f" ({', '.join(change.fields)})"
        self._line(f"{SIGNS[change.kind]}: {change.label}{fields}")
        if change.kind != "update" or (self.write and not change.drifted and not is_moved(change)):
            return
        for name, (old, new) in scheduling.masked_fields(change).items():
            if not self.write or name in change.drifted or (name == "name" and is_moved(change)):
                self._line(f"      {name}: {as_text(old)} -> {as_text(new)}")

    def _confirmed(self, report: scheduling.Report) -> bool:
        if self.as_json or not sys.stdin.isatty():
            return False
        deletions = report.plan.of_kind("delete", "orphan")
        names = ", ".join(change.label for change in deletions)
        self.stderr.write(f"This deletes {len(deletions)} of {pluralized(report.plan.ours, 'job')}: {names}.")
        try:
            answer = input("Go on? [y/N] ")
        except EOFError:
            return False
        return answer.strip().lower() in ("y", "yes")

    def _finish(self, report: scheduling.Report) -> None:
        if self.as_json:
            self.stdout.write(json.dumps(self._as_json(report), indent=2, sort_keys=True))
            return
        if report.plan.predecessors:
            self._line(left_by_django_cloud_tasks(report))
        total = report.unchanged + sum(1 for c in report.made if c.kind != "orphan") + len(report.faulty)
        would = "" if self.write else " Nothing was written."
        unchanged = report.unchanged - self.made_before
        self._line(f"{pluralized(total, 'job')}: {self._counted()}, {unchanged} unchanged.{would}")

    def _counted(self) -> str:
        return ", ".join(f"{self.counts[key]} {key}" for key in ("created", "updated", "deleted", "failed"))

    def _as_json(self, report: scheduling.Report) -> dict[str, Any]:
        return {
            "applied": self.write,
            "changes": [
                {
                    "kind": change.kind,
                    "task": change.task,
                    "job": change.name,
                    "fields": {
                        name: {"live": old, "desired": new}
                        for name, (old, new) in scheduling.masked_fields(change).items()
                    },
                    "drifted": list(change.drifted),
                    "error": report.error_of(change),
                }
                for change in report.made
            ],
            "faulty": [{"task": path, "error": why} for path, why in report.faulty],
            "mode": "google",
            "unchanged": report.unchanged,
        }

    # --- Without ----------------------------------------------------------------------------------

    def _without_google(self, chosen: tuple[type[Task], ...] | None, *, yes: bool) -> None:
        now = timezone.now()
        seeded = scheduling.seed_tasks(
            registry.tasks() if chosen is None else chosen, retire=chosen is None, yes=yes, write=self.write
        )
        changes = []
        is_eager = settings.mode == "eager"
        for change in rows_run(seeded, now, write=self.write) if is_eager else rows_seeded(seeded, now):
            changes.append(change)
            if change.error is not None:
                self._fail(change.task, change.error)
                continue
            self.counts[COUNTED[change.kind]] += 1
            if is_eager:
                self._line(f"{SIGNS[change.kind]}: {change.task}")
        for path, why in seeded.faulty:
            self._fail(path, why)
        if self.as_json:
            self.stdout.write(as_json(local_report(seeded, changes, write=self.write)))
        self._line(local_totals(seeded, self.counts, write=self.write))
        if self.counts["failed"]:
            sys.exit(1)

    # --- Lines ------------------------------------------------------------------------------------

    def _fail(self, label: str, why: str) -> None:
        self.counts["failed"] += 1
        self._line(f"{FAILED}: {label}: {' '.join(why.split())}")

    def _line(self, text: str) -> None:
        if not self.as_json:
            self.bar.clear()
            self.stdout.write(text)


def left_by_django_cloud_tasks(report: scheduling.Report) -> str:
    """That jobs of the other package go on firing, and how to remove them."""
    names = [live.name for live in report.plan.predecessors]
    _, project, _, location = report.listing.parent.split("/")
    are = "is" if len(names) == 1 else "are"
    delete = f"gcloud scheduler jobs delete $job --quiet --location={location} --project={project}"
    return (
        f"{pluralized(len(names), 'job')} of django-google-cloud-tasks {are} in Google and {are} fired "
        f"beside those of this app. Once their tasks are scheduled here, remove them: "
        f"for job in {' '.join(names)}; do {delete}; done"
    )


def chosen_tasks(paths: list[str]) -> tuple[type[Task], ...] | None:
    """The classes of these dotted paths, None for all; raises CommandError saying where was looked."""
    rows = ScheduledJob.objects.filter(retired_at=None).values_list("task", flat=True)
    try:
        # Where another process has imported the only tasks there are, the rows tell of them.
        if not any(registry.tasks()) and not any(registry.find(path) for path in rows):
            raise CommandError(f"No task was found, and nothing was deleted. Looked for {looked_for()}.")
        if not paths:
            return None
        found = {path: registry.find(path) for path in paths}
    except TaskNotLoaded as error:
        raise CommandError(str(error)) from error
    if unknown := [path for path, task in found.items() if task is None]:
        known = ", ".join(registry.dotted_path(task) for task in registry.tasks())
        raise CommandError(f"No task {', '.join(unknown)}; there are {known}.")
    return tuple(task for task in found.values() if task is not None)


def looked_for() -> str:
    """Where tasks are looked for."""
    modules = ", ".join(f"{config.name}.tasks" for config in apps.get_app_configs())
    return f"classes derived from scheduled_jobs.tasks.PeriodicTask in {modules}"


def as_text(value: Any) -> str:
    """A value in a line of output."""
    return "nothing" if value is None else json.dumps(value, ensure_ascii=False)
