"""``rebuild-stats``: the figures are made anew from the runs."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from scheduled_jobs.management.progress import ProgressBar
from scheduled_jobs.services.history.stats import rebuild


def rebuild_stats(terminal: BaseCommand, **_: Any) -> None:
    """Make all figures anew, but those of times of which runs were pruned."""
    bar = ProgressBar(terminal.stderr)
    for done, bar.total in rebuild():
        bar.advance(done)
    bar.clear()
    terminal.stdout.write("The figures are made anew from the runs.")
