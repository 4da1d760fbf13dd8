"""What the web server of ``scheduled_jobs dev`` does beside serving."""

from __future__ import annotations

import socket
import sys
import time
from contextlib import suppress
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

from django.apps import apps
from django.conf import settings as django_settings
from django.core.management import CommandError, call_command
from django.db import connections
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.autoreload import autoreload_started

from scheduled_jobs.conf import settings

LOOPBACK = ["localhost", "127.0.0.1", "[::1]"]
LISTENS_WITHIN = 10.0  # seconds


def connect() -> None:
    """Let the emulator in, and run ``schedule_tasks`` whenever the reloader has started the server."""
    if django_settings.ALLOWED_HOSTS:  # where it is empty Django lets this machine in, while DEBUG is True
        here = urlsplit(settings.ENDPOINT).hostname
        django_settings.ALLOWED_HOSTS = [*django_settings.ALLOWED_HOSTS, *LOOPBACK, here]
    autoreload_started.connect(_started, dispatch_uid="scheduled_jobs.dev")


def _started(**_: Any) -> None:
    # In a thread, since no file is watched before this returns. It is no daemon: one that is in the middle of
    # a call when Python ends takes the process down with it.
    if apps.ready:
        Thread(target=_seed_and_look, name="scheduled_jobs.dev").start()


def _seed_and_look() -> None:
    from scheduled_jobs.services import monitoring  # not before the apps are loaded

    try:
        with suppress(SystemExit):  # a job that failed is told there
            call_command("schedule_tasks", yes=True)
        _tell_what_comes()
        _await_server()
        _tell("Asking as Google would, but without a token: the view must refuse it with 401.")
        for finding in monitoring.examine():
            if finding.stops:
                _tell(finding.line)
    except CommandError as error:
        _tell(f"schedule_tasks: {error}")
    finally:
        connections.close_all()


def _tell_what_comes() -> None:
    from scheduled_jobs.models import ScheduledJob

    now = timezone.now()
    times = [(row.ahead(now).next_at, row.name) for row in ScheduledJob.objects.active()]
    coming = min(((at, name) for at, name in times if at is not None), default=None)
    if coming is not None:
        at, name = coming
        here = at.astimezone()  # as the emulator tells each attempt
        _tell(f"The next to fire is {name}, at {here:%H:%M %Z} on {here:%A %d %B}.")
    with suppress(NoReverseMatch):
        page = reverse("admin:scheduled_jobs_scheduledjob_changelist")
        _tell(f"Jobs and their runs are at {settings.ENDPOINT}{page}")


def _await_server() -> None:
    """Return once the server listens: it starts while we seed, and a fault of a check keeps it from that."""
    address = urlsplit(settings.ENDPOINT)
    where = (address.hostname or "", address.port or 80)
    until = time.monotonic() + LISTENS_WITHIN
    while time.monotonic() < until:
        with suppress(OSError), socket.create_connection(where, timeout=1):
            return
        time.sleep(0.1)


def _tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
