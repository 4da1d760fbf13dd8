"""``test-alert``: whether those who are to be told can be."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand

from scheduled_jobs.management.text import as_json
from scheduled_jobs.management.verbs.common import who
from scheduled_jobs.services import alerts


def send_test_alert(terminal: BaseCommand, **options: Any) -> None:
    """Tell all channels that this is a test; a line for each, and exit 1 unless all of them have it."""
    channels = alerts.send_test(who())
    if options["json"]:
        told = [{"channel": one["channel"], "to": one["to"], "error": one["error"]} for one in channels]
        terminal.stdout.write(as_json({"ok": _all_told(channels), "channels": told}))
    elif not channels:
        terminal.stdout.write(f"[!] {alerts.NOBODY}")
    else:
        for one in channels:
            terminal.stdout.write(f"{'[!]' if one['error'] else '[ok]'} {alerts.test_line(one)}")
    if not _all_told(channels):
        sys.exit(1)


def _all_told(channels: list[Any]) -> bool:
    return bool(channels) and not any(one["error"] for one in channels)
