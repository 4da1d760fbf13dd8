"""A server goes on serving its visitors as they are, whatever a task does to the process."""

from __future__ import annotations

import http.client
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.support.demo_process import free_ports

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.project import Project

SETTINGS = """
USE_I18N = True
MIDDLEWARE.insert(2, "django.middleware.locale.LocaleMiddleware")
DJANGO_CLOUD_TASKS_BACKEND = "scheduled_jobs.backends.memory.MemoryBackend"
DJANGO_CLOUD_TASKS_ALLOW_UNAUTHENTICATED = True
"""

URLS = """
from django.http import HttpResponse
from django.urls import include, path
from django.utils import timezone, translation


def page(request):
    return HttpResponse(f"{timezone.get_current_timezone_name()} {translation.get_language()}")


urlpatterns = [path("tasks/", include("scheduled_jobs.urls")), path("", page)]
"""

TASKS = """
import asyncio
import sys

from django.contrib.auth.models import User
from django.utils import timezone, translation

from scheduled_jobs.tasks import PeriodicTask


class Exits(PeriodicTask):
    run_every = "* * * * *"
    schedule_use_oidc = False

    def run(self):
        timezone.activate("Asia/Tokyo")
        translation.activate("de")
        sys.exit(0)


class ExitsWithinAsyncCode(PeriodicTask):
    run_every = "* * * * *"
    schedule_use_oidc = False

    async def run(self):
        async def leave():
            sys.exit(3)

        timezone.activate("Asia/Tokyo")
        await asyncio.gather(leave(), asyncio.sleep(60))


class Counts(PeriodicTask):
    run_every = "* * * * *"
    schedule_use_oidc = False

    async def run(self):
        async with asyncio.timeout(30):
            return await User.objects.acount()


class Interrupts(PeriodicTask):
    run_every = "* * * * *"
    schedule_use_oidc = False

    def run(self):
        raise KeyboardInterrupt
"""


SERVERS = (
    ("-m", "uvicorn", "project.asgi:application", "--port", "{port}"),
    ("manage.py", "runserver", "--noreload", "127.0.0.1:{port}"),
)


@contextmanager
def serving(project: Project, *command: str) -> Iterator[int]:
    """The project's server on a port of its own."""
    port, _ = free_ports()
    server = subprocess.Popen(
        [sys.executable, *(part.format(port=port) for part in command)],
        cwd=project.folder,
        env=project.env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while server.poll() is None:
            try:
                ask(port, "GET", "/")
            except OSError:
                time.sleep(0.05)
            else:
                break
        yield port
        assert server.poll() is None
    finally:
        server.terminate()
        server.wait()


def ask(port: int, method: str, path: str, **headers: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    try:
        connection.request(method, path, headers=headers)
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


def test_a_task_that_exits_leaves_the_server_to_its_visitors(project: Project) -> None:
    project.add_settings(SETTINGS)
    project.write("project/urls.py", URLS)
    project.write("shop/tasks.py", TASKS)
    project.write(
        "project/asgi.py",
        "from django.core.asgi import get_asgi_application\n\napplication = get_asgi_application()\n",
    )
    assert project.manage("migrate", "-v0").returncode == 0
    assert project.manage("schedule_tasks").returncode == 0
    for command in SERVERS:
        answers = []
        with serving(project, *command) as port:
            before = ask(port, "GET", "/", **{"Accept-Language": "en"})
            assert before == (200, "America/Chicago en")
            for name in ("Exits", "ExitsWithinAsyncCode", "Counts", "Interrupts"):
                job = {"X-CloudScheduler-JobName": f"shop-tasks-{name}", "Content-Length": "0"}
                answers.append(ask(port, "POST", f"/tasks/shop.tasks.{name}", **job)[0])
                assert ask(port, "GET", "/", **{"Accept-Language": "en"}) == before
        assert answers == [200, 500, 200, 500]
