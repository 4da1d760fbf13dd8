"""``prune``: the runs that need not be kept are deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils import timezone

from scheduled_jobs.management.text import pluralized
from scheduled_jobs.services.history.retention import prune

if TYPE_CHECKING:
    from django.core.management.base import BaseCommand


def prune_runs(terminal: BaseCommand, **options: Any) -> None:
    """Delete old runs, and print how many they were."""
    count = prune(timezone.now(), write=not options["dry_run"])
    would = "would be " if options["dry_run"] else ""
    terminal.stdout.write(f"{pluralized(count, 'run')} {would}deleted.")
