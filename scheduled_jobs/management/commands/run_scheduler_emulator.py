"""The emulator of Cloud Scheduler, with Django's manage.py in front."""

from __future__ import annotations

import argparse
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from scheduled_jobs.emulator import cli


class Command(BaseCommand):
    """Runs until it is interrupted; exits with 1 if a port is taken."""

    help = cli.DESCRIPTION
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the same options as ``python -m scheduled_jobs.emulator`` has."""
        cli.add_arguments(parser)

    def handle(self, *_: Any, **options: Any) -> None:
        """Serve, and leave with the emulator's exit code."""
        code = cli.serve(argparse.Namespace(**options))
        if code:
            raise SystemExit(code)
