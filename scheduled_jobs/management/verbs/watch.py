"""``watch``: one look for what did not come and what was left behind, or one every so many seconds."""

from __future__ import annotations

import sys
import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import Error, close_old_connections
from django.utils import timezone

from scheduled_jobs.management.interruptions import Lines, stopped_in_a_line
from scheduled_jobs.management.text import as_json, pluralized
from scheduled_jobs.services.monitoring import hourly, watch

LONGEST = 86_400
"""Seconds between two steps: after a day nobody is said to watch."""
FAILED = 1
"""The exit code where a part of the step went wrong: whoever has started it is to hear of that."""


def watch_jobs(terminal: BaseCommand, **options: Any) -> None:
    """Make one step and print what it has found; with ``--every``, until it is stopped."""
    every: float | None = options["every"]
    if every is not None and not 1 <= every <= LONGEST:
        raise CommandError(f"--every is {every:g}; write a number of seconds from 1 to {LONGEST:,}")
    lines = Lines(terminal.stdout)
    with stopped_in_a_line(terminal, lambda: "Stopped watching. The next step goes on from there.") as leave:
        first = _step(lines, as_values=options["json"])
        while every is not None:
            time.sleep(every)
            try:
                close_old_connections()
                _step(lines, as_values=options["json"])
            except Error as error:
                # The next step finds what this one has not: nothing is lost by waiting.
                terminal.stderr.write(f"The database did not answer: {error}".strip())
    leave()
    if first.failures:
        sys.exit(FAILED)


def _step(lines: Lines, *, as_values: bool) -> watch.WatchStep:
    step = watch.step(timezone.now())
    hourly.compare()
    if as_values:
        lines.write(as_json(watch.step_values(step)))
        return step
    for line in watch.step_lines(step):
        lines.write(line)
    times = pluralized(step.judgement.judged, "scheduled time")
    lines.write(f"{times} looked at: {len(step.missed)} missed, {len(step.lost)} lost.")
    return step
