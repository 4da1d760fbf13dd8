"""A shop with all its real parts: emulator in its own process, web server, database, operators' browsers."""

from __future__ import annotations

import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from django.core.management import call_command
from django.db import connections
from django.test.utils import override_settings
from pytest_django.live_server_helper import LiveServer

from scheduled_jobs.backends import forget_backends, get_backend
from scheduled_jobs.models import ScheduledJob
from tests.emulator_process import running_emulator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from google.cloud.scheduler_v1 import CloudSchedulerClient
    from playwright.sync_api import Browser, Page

    from tests.emulator_process import RunningEmulator

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
        """A browser of its own in which this person, whose password is "secret", has logged in."""
        context = self._contexts.enter_context(
            self.chromium.new_context(
                base_url=self.url, java_script_enabled=javascript, locale="en-GB", timezone_id="UTC"
            )
        )
        page = context.new_page()
        page.goto("/admin/login/?next=/admin/")
        page.get_by_label("Username").fill(username)
        page.get_by_label("Password").fill("secret")
        page.get_by_role("button", name="Log in").click()
        page.wait_for_url("/admin/")
        return page


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
                DJANGO_CLOUD_TASKS_RPC_TIMEOUT=2,
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
    values["NAME"] = str(path)
    try:
        yield
    finally:
        connections["default"].close()
        values["NAME"] = name
        connections["default"] = original


def wait_for(what: Callable[[], Any], seconds: float = 15) -> Any:
    """What is true at last; fails after so many seconds."""
    end = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.1)
    return found


def job_of(name: str) -> ScheduledJob:
    """The row of the task ``shop.reports.<name>`` as it is now."""
    return ScheduledJob.objects.get(task=f"shop.reports.{name}")
