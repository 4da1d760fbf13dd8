"""``rebuild-stats``: the figures are made anew from the runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scheduled_jobs.management.progress import ProgressBar
from scheduled_jobs.services.history.stats import rebuild

if TYPE_CHECKING:
    from django.core.management.base import BaseCommand


def rebuild_stats(terminal: BaseCommand, **_: Any) -> None:
    """Make all figures anew, but those of times of which runs were pruned."""
    bar = ProgressBar(terminal.stderr)
    for done, bar.total in rebuild():
        bar.advance(done)
    bar.clear()
    terminal.stdout.write("The figures are made anew from the runs.")
