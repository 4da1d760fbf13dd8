"""``dev``: the emulator, the web server and ``schedule_tasks``, in one terminal and on this machine alone.

The emulator lives in this process. The web server is the project's own ``runserver``, with its reloader; it
runs ``schedule_tasks`` whenever it starts (``management/dev_server.py``). Both have the settings of
``conf.dev_settings``, so that whatever the project's say nothing reaches Google.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings as django_settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.core.management.commands.runserver import naiveip_re
from django.db import connections
from django.utils.autoreload import get_child_arguments

from scheduled_jobs.conf import CLOUD_SCHEDULER_BACKEND, DEV_VARIABLE, PREFIX, dev_settings, settings
from scheduled_jobs.exceptions import CannotStart
from scheduled_jobs.models.writer import writer
from scheduled_jobs.services import monitoring
from scheduled_jobs.services.scheduling.faults import refuse

STOP_WITHIN = 8.0  # seconds


def dev(terminal: BaseCommand, addrport: str, emulator_port: int, **options: Any) -> None:
    """Run until Ctrl-C or SIGTERM; raises CommandError for whatever stands in the way."""
    # gRPC takes a while to import: no other verb needs it at once.
    from scheduled_jobs.emulator.cli import AWAKE_EVERY, attempts_told, stop_signals
    from scheduled_jobs.emulator.ports import why_taken
    from scheduled_jobs.emulator.process import Emulator
    from scheduled_jobs.emulator.store import Store

    if os.name != "posix":
        raise CommandError(
            f"dev runs on Linux and macOS. Here set {PREFIX}EMULATOR_HOST to 127.0.0.1:8085, and start "
            "run_scheduler_emulator, runserver and schedule_tasks, each in a terminal of its own."
        )
    if settings.is_isolated:
        raise CommandError("dev starts servers, and tests are run here: use scheduled_jobs.testing in them.")
    if not django_settings.DEBUG:
        raise CommandError("dev is for a developer's machine: it needs DEBUG = True in the settings.")
    host, port = _address(addrport)
    if (why := why_taken(host, port)) is not None:
        raise CommandError(
            f"The web server cannot have port {port} of {host}: {why}. "
            f"Choose another: manage.py scheduled_jobs dev {port + 1}"
        )
    try:
        emulator = Emulator(Store(), port=emulator_port)
    except CannotStart as error:
        raise CommandError(f"The emulator cannot start: {error}") from error
    endpoint = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    with stop_signals() as stop, emulator, dev_settings(emulator.host, endpoint):
        refuse_another_backend()
        refuse()
        refuse_missing_tables(terminal)
        terminal.stdout.write(
            f"Cloud Scheduler's emulator is on {emulator.host}; each attempt is a line here. Ctrl-C stops.\n"
            "For other commands, in another terminal: "
            f"export {DEV_VARIABLE}='{os.environ[DEV_VARIABLE]}'\n"
        )
        terminal.stdout.flush()
        with attempts_told(every=True, to=sys.stdout), _web_server(addrport, options) as server:
            while not stop.wait(AWAKE_EVERY):
                if (code := server.poll()) is not None:
                    raise CommandError(f"The web server has ended with exit code {code}.")


def _address(addrport: str) -> tuple[str, int]:
    """The host, as it is called from this machine, and the port."""
    match = re.match(naiveip_re, addrport)
    if match is None or not 1 <= int(match["port"]) <= 65535:
        raise CommandError(f"{addrport!r} is not an address: write a port, or host:port, as for runserver.")
    host = (match["addr"] or "127.0.0.1").strip("[]")
    return {"0.0.0.0": "127.0.0.1", "0": "127.0.0.1", "::": "::1"}.get(host, host), int(match["port"])  # noqa: S104


def refuse_another_backend() -> None:
    """Raise CommandError where calls would go past the emulator."""
    if settings.BACKEND != CLOUD_SCHEDULER_BACKEND:
        raise CommandError(
            f"{PREFIX}BACKEND is {settings.BACKEND!r}, and not the package's own: dev cannot know where that "
            "would send the jobs. Leave it unset while DEBUG is True."
        )


def refuse_missing_tables(terminal: BaseCommand) -> None:
    """Raise CommandError unless all migrations of ours are applied; at a terminal offer to apply them."""
    alias = writer()
    findings = [finding for finding in monitoring.examine_database() if not finding.is_ok]
    connections[alias].close()
    for finding in findings:
        if finding.topic != "migrations" or not sys.stdin.isatty():
            raise CommandError(finding.line)
        terminal.stdout.write(f"{finding.text}. Run manage.py migrate now? [Y/n] ", ending="")
        terminal.stdout.flush()
        if sys.stdin.readline().strip().lower() not in ("", "y", "yes"):
            raise CommandError("Nothing was started.")
        call_command("migrate", database=alias)


@contextmanager
def _web_server(addrport: str, options: dict[str, Any]) -> Iterator[subprocess.Popen[bytes]]:
    """The project's own runserver, in our group of processes: what is typed reaches it, and Ctrl-C too."""
    ours = len(sys.argv) - 1
    passed_on = [f"--{name}={options[name]}" for name in ("settings", "pythonpath") if options.get(name)]
    server = subprocess.Popen(  # noqa: S603 – this very program again
        [*map(str, get_child_arguments()[:-ours]), "runserver", addrport, *passed_on],
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    try:
        yield server
    finally:
        server.terminate()  # the reloader ends what it has started
        try:
            server.wait(STOP_WITHIN)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
