"""``doctor``: why nothing runs."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand

from scheduled_jobs.management.text import as_json
from scheduled_jobs.services import monitoring


def examine_jobs(terminal: BaseCommand, **options: Any) -> None:
    """Print what was found, a line each; exit with 1 if a job cannot run."""
    findings = monitoring.examine()
    stopped = any(finding.stops for finding in findings)
    if options["json"]:
        names = {"is_ok": "ok"}
        listed = [{names.get(name, name): value for name, value in vars(found).items()} for found in findings]
        terminal.stdout.write(as_json({"ok": not stopped, "findings": listed}))
    else:
        for finding in findings:
            terminal.stdout.write(finding.line)
    if stopped:
        sys.exit(1)
