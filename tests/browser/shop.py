"""A shop with all its real parts: emulator in its own process, web server, database, operators' browsers."""

from __future__ import annotations

import re
import socket
import sqlite3
import threading
import time
from contextlib import ExitStack, closing, contextmanager
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from django.core.management import call_command
from django.core.signals import request_started
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.test.utils import override_settings
from google.cloud.scheduler_v1 import Job
from playwright.sync_api import expect
from pytest_django.live_server_helper import LiveServer

from scheduled_jobs.backends import forget_backends, get_backend
from scheduled_jobs.models import ScheduledJob
from scheduled_jobs.services.execution.clockwork import steady_now
from scheduled_jobs.services.execution.heartbeat import Beat, heartbeat
from tests.browser.people import sign_in
from tests.support.emulator_process import running_emulator
from tests.support.people import LIST

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from pathlib import Path

    from google.cloud.scheduler_v1 import CloudSchedulerClient
    from playwright.sync_api import Browser, Locator, Page

    from tests.support.emulator_process import RunningEmulator

BACKEND = "scheduled_jobs.backends.cloud_scheduler.CloudSchedulerBackend"


class Shop:
    """The running shop. ``client`` is Google's own, as the console uses it."""

    def __init__(self, chromium: Browser, folder: Path) -> None:
        self.chromium = chromium
        self.folder = folder
        self.url = ""
        self._emulator = ExitStack()
        self._contexts = ExitStack()
        self._port = "0"
        self.start_google()

    def start_google(self) -> None:
        """Start the emulator, again with the jobs, the signing key and the port it had."""
        emulator: RunningEmulator = self._emulator.enter_context(
            running_emulator(self.folder / "google.json", ["--port", self._port])
        )
        self.host = emulator.host
        self._port = emulator.host.rpartition(":")[2]
        # A gRPC channel that was refused waits for seconds before it tries again.
        forget_backends()

    def stop_google(self) -> None:
        self._emulator.close()

    @contextmanager
    def line_to_google_is_cut(self) -> Iterator[None]:
        """Google calls this application as ever, and this application cannot call Google."""
        host, _, port = self.host.rpartition(":")
        certificates = f"http://{host}:{int(port) + 1}/certs"
        with socket.socket() as nobody:
            nobody.bind(("127.0.0.1", 0))
            cut = f"127.0.0.1:{nobody.getsockname()[1]}"
            with override_settings(
                DJANGO_CLOUD_TASKS_EMULATOR_HOST=cut,
                DJANGO_CLOUD_TASKS_OIDC_CERTS_URL=certificates,
                DJANGO_CLOUD_TASKS_RPC_TIMEOUT=2,
            ):
                forget_backends()
                yield
        forget_backends()

    @contextmanager
    def deliveries_wait_at_the_door(self) -> Iterator[None]:
        """Google's calls reach the web server, and none of them is served before the end of this block."""
        door = threading.Event()

        def wait(environ: dict[str, Any], **kwargs: Any) -> None:
            if environ["PATH_INFO"].startswith("/tasks/"):
                door.wait(120)

        request_started.connect(wait)
        try:
            yield
        finally:
            request_started.disconnect(wait)
            door.set()

    def disable(self, remote_name: str) -> None:
        """What only the service itself does to a job, on an error of its own; it is stopped meanwhile."""
        self.stop_google()
        with closing(sqlite3.connect(self.folder / "google.json")) as state, state:
            [kept] = state.execute("SELECT job FROM jobs WHERE name = ?", [remote_name]).fetchone()
            job = Job.deserialize(kept)
            job.state = Job.State.DISABLED
            state.execute("UPDATE jobs SET job = ? WHERE name = ?", [Job.serialize(job), remote_name])
        self.start_google()

    def close(self) -> None:
        self._contexts.close()
        self._emulator.close()

    @property
    def client(self) -> CloudSchedulerClient:
        backend = get_backend()
        client: CloudSchedulerClient = backend.client  # type: ignore[attr-defined]
        return client

    def deploy(self) -> None:
        """What a release runs after its migrations."""
        call_command("schedule_tasks", verbosity=0)

    def browser(self, username: str, *, javascript: bool = True) -> Page:
        """A browser of its own in which this person has logged in."""
        context = self._contexts.enter_context(
            self.chromium.new_context(
                base_url=self.url, java_script_enabled=javascript, locale="en-GB", timezone_id="UTC"
            )
        )
        sign_in(context, username, self.url)
        return context.new_page()


@contextmanager
def running_shop(chromium: Browser, folder: Path) -> Iterator[Shop]:
    """Open the shop; close everything however the test ends."""
    with ExitStack() as stack:
        stack.enter_context(database_of_several_threads(folder / "shop.sqlite3"))
        shop = Shop(chromium, folder)
        stack.callback(shop.close)
        server = LiveServer("127.0.0.1")
        stack.callback(server.stop)
        shop.url = server.url
        stack.enter_context(
            override_settings(
                ALLOWED_HOSTS=["*"],
                DJANGO_CLOUD_TASKS_BACKEND=BACKEND,
                DJANGO_CLOUD_TASKS_EMULATOR_HOST=shop.host,
                DJANGO_CLOUD_TASKS_ENDPOINT=shop.url,
                DJANGO_CLOUD_TASKS_RPC_TIMEOUT=20,
            )
        )
        forget_backends()
        stack.callback(forget_backends)
        yield shop


@contextmanager
def database_of_several_threads(path: Path) -> Iterator[None]:
    """A copy of the tests' database in a file, where that is one in memory.

    The live server would share this thread's one connection, and with it the transaction that a delivery
    is just in; deliveries, polls and the test would see and end one another's.
    """
    original = connections["default"]
    if original.vendor != "sqlite" or not original.is_in_memory_db():  # type: ignore[attr-defined]
        yield
        return
    with original.cursor() as cursor:
        cursor.execute("VACUUM INTO %s", [str(path)])
    values = original.settings_dict
    name = values["NAME"]
    del connections["default"]
    disconnect_heartbeat()
    values["NAME"] = str(path)
    try:
        yield
    finally:
        connections["default"].close()
        values["NAME"] = name
        connections["default"] = original


def disconnect_heartbeat() -> None:
    """Close the connection of the heartbeat's thread: one to memory outlives ``close()``, whatever its name."""
    is_closed = threading.Event()

    def close(now: datetime) -> None:
        BaseDatabaseWrapper.close(connections["default"])
        heartbeat._beats.remove(due)
        is_closed.set()

    due = Beat(0, "default", steady_now(), steady_now())
    with patch.object(heartbeat, "step", close):
        with heartbeat._condition:
            heartbeat._beats.append(due)
            heartbeat._wake_or_start()
        assert is_closed.wait(60)


def wait_for(what: Callable[[], Any], seconds: float = 60) -> Any:
    """What is true at last; fails after so many seconds."""
    end = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.1)
    return found


def said(page: Page, *sentences: str) -> None:
    """The messages on top of the page are exactly these."""
    expect(page.locator(".messagelist li")).to_have_text(list(sentences))


def address(job: ScheduledJob, part: str = "change") -> str:
    """A page of a job."""
    return f"{LIST}{job.pk}/{part}/"


def facts(page: Page, title: str) -> Locator:
    """What stands beside this title in the facts of a job or a run."""
    return (
        page.locator(".sj-facts dt")
        .filter(has_text=re.compile(f"^{title}$"))
        .locator("xpath=following-sibling::dd[1]")
    )


def job_of(name: str) -> ScheduledJob:
    """The row of the task ``shop.reports.<name>`` as it is now."""
    return ScheduledJob.objects.get(task=f"shop.reports.{name}", origin="code")
