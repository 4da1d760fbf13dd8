from __future__ import annotations

import sys
from argparse import SUPPRESS, ArgumentParser
from collections.abc import Callable
from difflib import get_close_matches
from typing import Any

from django.core.management.base import CommandError

from scheduled_jobs.domain.jobs import OVERRIDABLE
from scheduled_jobs.domain.payloads import clean_text
from scheduled_jobs.exceptions import BeingDeleted
from scheduled_jobs.management import output
from scheduled_jobs.management.refusals import refused_in_a_line
from scheduled_jobs.management.verbs.acting import backfill_job, pause_job, reset_job, resume_job, run_job
from scheduled_jobs.management.verbs.common import who
from scheduled_jobs.management.verbs.dev import dev
from scheduled_jobs.management.verbs.reading import list_jobs, list_runs, next_runs, show_job
from scheduled_jobs.management.verbs.upkeep import (
    examine_jobs,
    prune_runs,
    rebuild_stats,
    send_test_alert,
    watch_jobs,
)
from scheduled_jobs.models import JobRun, ScheduledJob, attribution

VERBS: dict[str, Callable[..., None]] = {
    "list": list_jobs,
    "show": show_job,
    "next": next_runs,
    "runs": list_runs,
    "run": run_job,
    "backfill": backfill_job,
    "pause": pause_job,
    "resume": resume_job,
    "reset": reset_job,
    "prune": prune_runs,
    "watch": watch_jobs,
    "rebuild-stats": rebuild_stats,
    "doctor": examine_jobs,
    "test-alert": send_test_alert,
    "dev": dev,
}

# Behind the verb too, where one types them; what is not typed leaves alone what stands in front of it.
DJANGOS = ArgumentParser(add_help=False, argument_default=SUPPRESS)
for option in ("--settings", "--pythonpath"):
    DJANGOS.add_argument(option, help=SUPPRESS)
for option in ("--traceback", "--no-color", "--force-color", "--skip-checks"):
    DJANGOS.add_argument(option, action="store_true", help=SUPPRESS)
DJANGOS.add_argument("--verbosity", "-v", type=int, choices=range(4), help=SUPPRESS)


class Command(output.Command):
    help = "Look at the jobs and their runs, and do from a terminal what the admin does."

    def run_from_argv(self, argv: list[str]) -> None:
        """As Django's; a verb that is missing or unknown is answered as Django answers such a command."""
        _, words = DJANGOS.parse_known_args(argv[2:])
        if words and (words[0].startswith("-") or words[0] in VERBS):
            super().run_from_argv(argv)
            return
        self.create_parser(argv[0], argv[1])
        verbs = "".join(f"  {name:15}{text}\n" for name, text in self.verbs.items())
        verbs = f"Usage: manage.py {argv[1]} verb [options]; each verb takes --help.\n\n{verbs}"
        if not words:
            self.stdout.write(verbs, ending="")
            return
        nearest = get_close_matches(words[0], VERBS, 1)
        hint = f" Did you mean {nearest[0]}?" if nearest else ""
        self.stderr.write(f"Unknown verb: {words[0]!r}.{hint}")
        self.stderr.write(verbs, self.style.NOTICE, ending="")
        sys.exit(1)

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True, metavar="verb")
        self.verbs: dict[str, str] = {}

        def verb(name: str, text: str, *, reads: bool = False, job: str | None = None) -> ArgumentParser:
            self.verbs[name] = text
            sub = verbs.add_parser(name, help=text, description=text, parents=[DJANGOS])
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
        backfill = verb("backfill", "Run the scheduled times that have no settled run, 100 at most.", job="1")
        backfill.add_argument("--from", dest="start", required=True, help="such as 2026-12-24T18:00Z")
        backfill.add_argument("--to", dest="end", help="the end, itself left out (default: now)")
        backfill.add_argument("--reason", default="", help="kept in the audit")
        backfill.add_argument("--dry-run", action="store_true", help="only say which times these are")
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
        watching = verb(
            "watch", "Look once for runs that did not come, and for what was left behind.", reads=True
        )
        watching.add_argument("--every", type=float, metavar="SECONDS", help="look again and again, so often")
        verb("rebuild-stats", "Make the figures of all runs anew.")

        verb("doctor", "Why nothing runs, a line each; exit 1 if a job cannot run.", reads=True)
        verb("test-alert", "Send a test to all who are told, and say what happened.", reads=True)
        local = verb("dev", "Run emulator, web server and schedule_tasks here, in one terminal.")
        local.add_argument(
            "addrport", nargs="?", default="8000", metavar="addr:port", help="as for runserver; 8000"
        )
        local.add_argument("--emulator-port", type=int, default=0, help="default: a free one")

    def execute(self, *args: Any, **options: Any) -> str | None:
        """As Django's; what is wrong is what ``doctor`` is asked, and ``dev`` has settings of its own."""
        if options["verb"] in ("dev", "doctor"):
            self.requires_system_checks = ()
        return super().execute(*args, **options)

    def handle(self, *_: Any, verb: str, **options: Any) -> None:
        if options.get("reason"):
            options["reason"] = clean_text(options["reason"])
        try:
            with refused_in_a_line(), attribution(who(), via="cli", reason=options.get("reason") or ""):
                VERBS[verb](self, **options)
        except (BeingDeleted, ScheduledJob.DoesNotExist) as error:
            raise CommandError(str(error)) from error
