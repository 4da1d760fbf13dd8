"""``prune``: the runs that need not be kept are deleted."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from scheduled_jobs.builtin import pruning
from scheduled_jobs.management.interruptions import stopped_in_a_line
from scheduled_jobs.management.progress import ProgressBar
from scheduled_jobs.management.text import pluralized


def prune_runs(terminal: BaseCommand, **options: Any) -> None:
    """Delete old runs, and print how many they were."""
    would = "would be " if options["dry_run"] else ""
    bar, told = ProgressBar(terminal.stderr), ""

    def stopped() -> str:
        bar.clear()
        return f"Stopped: {told or 'nothing deleted'} so far. The next prune goes on from there."

    with stopped_in_a_line(terminal, stopped) as leave:
        for pruned in pruning(timezone.now(), write=not options["dry_run"]):
            told = f"{pluralized(pruned.deleted, 'run')} {would}deleted"
            bar.total = pruned.jobs
            bar.advance(pruned.done, told)
    leave()
    bar.clear()
    terminal.stdout.write(f"{told}.")
