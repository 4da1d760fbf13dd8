"""What tests of alerts share: a task that fails as long as it is told to, and servers that take webhooks."""

from __future__ import annotations

import json
import socket
import threading
import time
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import django

from scheduled_jobs.services import execution
from tests.support import SLOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from pytest_django.fixtures import SettingsWrapper

    from scheduled_jobs.models import ScheduledJob
    from scheduled_jobs.tasks import PeriodicTask


AFTER = SLOT + timedelta(seconds=1)


def deliver_slot(
    job: ScheduledJob, task: type[PeriodicTask], *, slot: datetime | None = SLOT, now: datetime = AFTER
) -> None:
    """One delivery, by a clock that stands still."""
    job.refresh_from_db()
    delivery = execution.Delivery(
        job=job, task=task, schedule_time=None if slot is None else slot.isoformat(), body=b""
    )
    execution.deliver(delivery, clock=lambda: now)


def send_mails_by(settings: SettingsWrapper, backend: str) -> None:
    """Let mails be sent by this backend, as this release of Django has it."""
    if django.VERSION >= (6, 1):
        settings.MAILERS = {"default": {"BACKEND": backend}}
    else:
        settings.EMAIL_BACKEND = backend


class Failing:
    """A ``run`` that raises ``error`` while there is one."""

    def __init__(self) -> None:
        self.error: Exception | None = KeyError("PT-LIS-2")
        failing = self

        def run(self: Any, **kwargs: Any) -> None:
            if failing.error is not None:
                raise failing.error

        self.run = run


class Hook:
    """A server on loopback that takes POSTs; ``answer`` is a status, "hang", "drip" or "redirect"."""

    def __init__(self, answer: int | str) -> None:
        self.answer = answer
        self.got: list[tuple[str, bytes]] = []
        self.stop = threading.Event()
        self.address = ""

    @property
    def bodies(self) -> list[Any]:
        return [json.loads(body) for _path, body in self.got]


@contextmanager
def hook(answer: int | str = 200) -> Iterator[Hook]:
    """A webhook at an address with a secret in it."""
    taking = Hook(answer)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            taking.got.append((self.path, self.rfile.read(int(self.headers.get("Content-Length") or 0))))
            if taking.answer == "hang":
                taking.stop.wait(30)
            elif taking.answer == "drip":
                self.wfile.write(b"HTTP/1.1 200 OK\r\n")
                while not taking.stop.wait(0.2):
                    try:
                        self.wfile.write(b"X-Drip: 1\r\n")
                    except OSError:
                        return
            elif taking.answer == "redirect":
                self.send_response(302)
                self.send_header("Location", f"{taking.address}/elsewhere")
                self.end_headers()
            else:
                self.send_response(int(taking.answer))
                self.send_header("Content-Length", "0")
                self.end_headers()

        def log_message(self, format: str, *args: Any) -> None: ...  # noqa: A002 – the base class's name

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    taking.address = f"http://127.0.0.1:{server.server_port}/services/T0S3CR3T"
    try:
        yield taking
    finally:
        taking.stop.set()
        server.shutdown()
        thread.join()
        server.server_close()


def nobody_listens() -> str:
    """An address at which nothing answers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}/T0S3CR3T"


def wait_for(condition: Any, *, seconds: float = 20) -> None:
    """Wait until it is true; the time is only a bound for what never comes."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it did not come"
        time.sleep(0.02)
