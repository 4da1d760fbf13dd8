"""A shop with a past, at one moment that stands still: jobs in every state, runs of every outcome.

Everything is made by the package's own services, at the times at which it is to have happened, against a
Cloud Scheduler in memory; only what a process leaves behind as it dies is written by hand.
"""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import time_machine
from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection, connections
from django.test.utils import override_settings
from pytest_django.live_server_helper import LiveServer

from scheduled_jobs import registry
from scheduled_jobs.backends import use_backend
from scheduled_jobs.backends.memory import MemoryBackend
from tests.browser.screens.code import NOW
from tests.browser.screens.past import Past, find
from tests.browser.shop import database_of_several_threads
from tests.support.people import permissions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from time_machine import Traveller

    from scheduled_jobs.models import JobRun, ScheduledJob

FILE = "desk.sqlite3"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


class Desk:
    """The shop and its web server. ``fill()`` gives it its past, and ``runs`` one run of each kind."""

    def __init__(self, clock: Traveller, google: MemoryBackend, url: str) -> None:
        self.clock = clock
        self.google = google
        self.url = url
        self.runs: dict[str, JobRun] = {}

    @property
    def is_full(self) -> bool:
        """Whether the past has happened; it cannot be undone."""
        return bool(self.runs)

    def fill(self) -> None:
        """Let the past happen, once."""
        if not self.is_full:
            self.runs = Past(self.clock, self.google).happen()

    def job(self, name: str) -> ScheduledJob:
        """The row of a task by the last part of its name, or of an operator's own job by its id."""
        return find(name)


def strict_policy(get_response: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A middleware: the strictest Content-Security-Policy under which Django's own admin works."""

    def answer(request: Any) -> Any:
        response = get_response(request)
        response["Content-Security-Policy"] = POLICY
        return response

    return answer


@contextmanager
def open_desk(folder: Path) -> Iterator[Desk]:
    """The desk with its people and nothing else yet; the clock stands still at NOW."""
    before = dict(registry._tasks)
    google = MemoryBackend()
    with ExitStack() as stack:
        stack.callback(lambda: (registry._tasks.clear(), registry._tasks.update(before)))
        registry._tasks.clear()
        # Nobody else closes them: they belong to this thread only for as long as the browser is there.
        stack.callback(connections.close_all)
        stack.enter_context(database_of_several_threads(folder / FILE))
        stack.callback(emptied)
        stack.enter_context(use_backend(google))
        stack.enter_context(
            override_settings(
                ALLOWED_HOSTS=["*"],
                MIDDLEWARE=[*settings.MIDDLEWARE, f"{__name__}.strict_policy"],
                DJANGO_CLOUD_TASKS_PROJECT_ID="shop-prod-eu",
                DJANGO_CLOUD_TASKS_OIDC_SERVICE_ACCOUNT="scheduler@shop-prod-eu.iam.gserviceaccount.com",
            )
        )
        # A clock that ticks would show in the pictures how fast the machine was.
        clock = stack.enter_context(time_machine.travel(NOW, tick=False))
        server = LiveServer("127.0.0.1")
        stack.callback(server.stop)
        User.objects.create_superuser("maria", "", "secret")
        viewer = User.objects.create_user("ines", password="secret", is_staff=True)
        viewer.user_permissions.set(permissions(["view"]))
        yield Desk(clock, google, server.url)


def emptied() -> None:
    """Leave nothing behind where the database is not a copy, as Django does after each test."""
    if not str(connection.settings_dict["NAME"]).endswith(FILE):
        call_command("flush", verbosity=0, interactive=False, inhibit_post_migrate=False)
