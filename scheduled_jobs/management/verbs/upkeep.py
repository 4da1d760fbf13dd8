"""``watch``, ``prune``, ``rebuild-stats``, ``doctor`` and ``test-alert``: what keeps the whole going."""

from __future__ import annotations

import sys
import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import Error, close_old_connections
from django.utils import timezone

from scheduled_jobs.builtin import pruning
from scheduled_jobs.management.terminal import ProgressBar, as_json, pluralized, stopped_in_a_line
from scheduled_jobs.management.verbs.common import who
from scheduled_jobs.services import alerts, monitoring
from scheduled_jobs.services.history.stats import rebuild
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
    with stopped_in_a_line(terminal, lambda: "Stopped watching. The next step goes on from there.") as leave:
        first = _step(terminal, as_values=options["json"])
        while every is not None:
            time.sleep(every)
            try:
                close_old_connections()
                _step(terminal, as_values=options["json"])
            except Error as error:
                # The next step finds what this one has not: nothing is lost by waiting.
                terminal.stderr.write(f"The database did not answer: {error}".strip())
    leave()
    if first.failures:
        sys.exit(FAILED)


def _step(terminal: BaseCommand, *, as_values: bool) -> watch.WatchStep:
    step = watch.step(timezone.now())
    hourly.compare()
    if as_values:
        terminal.stdout.write(as_json(watch.step_values(step)))
        return step
    for line in watch.step_lines(step):
        terminal.stdout.write(line)
    times = pluralized(step.judgement.judged, "scheduled time")
    terminal.stdout.write(f"{times} looked at: {len(step.missed)} missed, {len(step.lost)} lost.")
    return step


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


def rebuild_stats(terminal: BaseCommand, **_: Any) -> None:
    """Make all figures anew, but those of times of which runs were pruned."""
    bar = ProgressBar(terminal.stderr)
    for done, bar.total in rebuild():
        bar.advance(done)
    bar.clear()
    terminal.stdout.write("The figures are made anew from the runs.")


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
