"""``manage.py scheduled_jobs dev`` in other people's projects, really started."""

from __future__ import annotations

import ast
import os
import re
import signal
import subprocess
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import pytest

from tests.support.demo_process import Program, alive, descendants, free_ports
from tests.support.project import TASKS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.project import Project

pytestmark = pytest.mark.uncounted

PRODUCTION = """
from project.settings import *

ALLOWED_HOSTS = ["shop.example.com"]
DJANGO_CLOUD_TASKS_PROJECT_ID = "shop-production"
DJANGO_CLOUD_TASKS_LOCATION = "europe-west1"
DJANGO_CLOUD_TASKS_ENDPOINT = "https://shop.example.com"
DJANGO_CLOUD_TASKS_OIDC_SERVICE_ACCOUNT = "scheduler@shop-production.iam.gserviceaccount.com"
DJANGO_CLOUD_TASKS_OIDC_AUDIENCE = "https://shop.example.com"
DJANGO_CLOUD_TASKS_OIDC_ALLOWED_EMAILS = ["scheduler@shop-production.iam.gserviceaccount.com"]
"""
LEDGER = """
from scheduled_jobs.models import GoogleName
print(sorted(GoogleName.objects.values_list(
    "name", "endpoint", "job__task", "gone_at", "busy_until", "former_job",
)))
"""
SECOND = """

class Invoice(Report):
    run_every = "0 9 * * *"
"""


class Dev(Program):
    """A started ``dev``."""

    def __init__(self, project: Project, port: int, *args: str, **env: str) -> None:
        self.project, self.port = project, port
        verb = ("manage.py", "scheduled_jobs", "dev", str(port), *args)
        super().__init__(*verb, cwd=project.folder, env={**project.env, **env})

    def wait_for(self, pattern: str) -> re.Match[str]:
        """Wait for a line; fails with the whole output."""
        until = time.monotonic() + 300
        while (found := re.search(pattern, self.output, re.MULTILINE)) is None:
            assert self.process.poll() is None, self.output
            assert time.monotonic() < until, self.output
            time.sleep(0.05)
        return found

    def write_tasks(self, text: str, pattern: str) -> None:
        """Save the module of the tasks, until this is seen: Django misses what changes while it starts."""
        path = self.project.folder / "shop/tasks.py"
        until = time.monotonic() + 300
        while re.search(pattern, self.output, re.MULTILINE) is None:
            assert time.monotonic() < until, self.output
            path.write_text(text)
            time.sleep(1.5)

    def environment(self) -> dict[str, str]:
        """What it says to export in another terminal."""
        name, value = self.wait_for(r"export (\w+)='(.+)'$").groups()
        return {name: value}

    def run_now(self) -> str:
        """Run the task, and the line that tells of the attempt, without its time."""
        done = self.project.manage("scheduled_jobs", "run", "shop.tasks.Report", **self.environment())
        assert done.returncode == 0, done.stderr
        return self.wait_for(r"^\d\d:\d\d:\d\d (.*shop-tasks-Report: attempt.*)$")[1]

    def end(self, number: signal.Signals) -> int:
        """Send a signal to it alone; the exit code. Fails if anything that it has started is left."""
        below = descendants(self.process.pid)
        self.process.send_signal(number)
        code = self.process.wait(30)
        self._reader.join(30)
        assert len(below) >= 2
        assert alive(below) == set()
        return code


@contextmanager
def running_dev(project: Project, *args: str, **env: str) -> Iterator[Dev]:
    dev = Dev(project, free_ports()[0], *args, **env)
    try:
        yield dev
    finally:
        if dev.process.poll() is None:
            below = descendants(dev.process.pid)
            dev.process.terminate()
            with suppress(subprocess.TimeoutExpired):
                dev.process.wait(30)
            for left in (dev.process, *alive(below)):
                with suppress(ProcessLookupError):
                    os.kill(left.pid, signal.SIGKILL)


@pytest.fixture
def migrated(project: Project) -> Project:
    done = project.manage("migrate", "-v0")
    assert done.returncode == 0, done.stderr
    return project


def test_one_command_shows_a_task_firing_and_again_after_a_reload(migrated: Project) -> None:
    with running_dev(migrated) as dev:
        dev.wait_for(r"^\[\+\] Job created: shop\.tasks\.Report$")
        dev.wait_for(r"^The next to fire is shop-tasks-Report, at \d\d:\d\d \S+ on ")
        dev.wait_for(
            rf"^Jobs and their runs are at http://127\.0\.0\.1:{dev.port}/admin/scheduled_jobs/scheduledjob/$"
        )
        address = f"http://127.0.0.1:{dev.port}/tasks/shop.tasks.Report"
        assert dev.run_now() == f"shop-tasks-Report: attempt 1 of {address}: 200 OK: executed"
        dev.write_tasks(f"{TASKS}\nhalf a line (", "^SyntaxError: ")
        dev.write_tasks(TASKS + SECOND, r"^\[\+\] Job created: shop\.tasks\.Invoice$")
        assert dev.end(signal.SIGINT) == 0


def test_a_copy_of_productions_database_owes_nothing_at_google(migrated: Project) -> None:
    migrated.write("project/production.py", PRODUCTION)
    migrated.env["DJANGO_SETTINGS_MODULE"] = "project.production"
    migrated.write("shop/tasks.py", TASKS + "\n\nclass Gone(Report):\n    pass\n")
    migrated.run_code("""
        from django.utils import timezone
        from scheduled_jobs import registry
        from scheduled_jobs.models import GoogleName, ScheduledJob
        from scheduled_jobs.services import scheduling

        scheduling.seed_tasks(registry.tasks(), retire=False)
        for job in ScheduledJob.objects.all():
            name = f"projects/shop-production/locations/europe-west1/jobs/{job.name}"
            GoogleName.objects.create(
                name=name, identifier=job.name, job=job, endpoint="https://shop.example.com",
                confirmed_at=timezone.now(),
            )
    """)
    migrated.write("shop/tasks.py", TASKS)
    before = migrated.run_code(LEDGER)
    assert before.count("shop-production") == 2
    del migrated.env["DJANGO_SETTINGS_MODULE"]
    elsewhere = {"DJANGO_CLOUD_TASKS_EMULATOR_HOST": "127.0.0.1:1", "DJANGO_CLOUD_TASKS_EAGER": "1"}
    migrated.env |= dict.fromkeys(("http_proxy", "https_proxy", "ALL_PROXY"), "http://127.0.0.1:1")
    with running_dev(migrated, "--settings", "project.production", **elsewhere) as dev:
        dev.wait_for(r"^\[~\] Job updated: shop\.tasks\.Report \(name\)$")
        dev.wait_for(r"^The next to fire is shop-tasks-Report, ")
        migrated.env["DJANGO_SETTINGS_MODULE"] = "project.production"
        assert dev.run_now().endswith("/tasks/shop.tasks.Report: 200 OK: executed")
        assert "[!]" not in dev.output
        assert dev.end(signal.SIGTERM) == 0
    after = ast.literal_eval(migrated.run_code(LEDGER))
    assert [row for row in after if "shop-production" in row[0]] == ast.literal_eval(before)
    ours = "projects/local/locations/us-central1/jobs/shop-tasks-Report"
    (mine,) = [row for row in after if "shop-production" not in row[0]]
    assert mine == (ours, f"http://127.0.0.1:{dev.port}", "shop.tasks.Report", None, None, None)


GATE = """
from django.http import HttpResponse, HttpResponseRedirect


def gate(get_response):
    def answer(request):
        if request.path.startswith("/login/"):
            return HttpResponse("<title>Who are you?</title>")
        return HttpResponseRedirect("/login/?next=" + request.path)

    return answer
"""


def test_what_stands_between_emulator_and_view_is_told(migrated: Project) -> None:
    migrated.write("shop/middleware.py", GATE)
    migrated.add_settings('MIDDLEWARE = ["shop.middleware.gate", *MIDDLEWARE]')
    with running_dev(migrated) as dev:
        path = "/tasks/shop.tasks.Report"
        dev.wait_for(rf"^\[!\] .*{re.escape(path)}.*login")
        assert dev.run_now() == (
            f"[!] shop-tasks-Report: attempt 1 of http://127.0.0.1:{dev.port}{path}: 302 to "
            f"/login/?next={path}, then 200 OK: Who are you? (to Cloud Scheduler a success)"
        )


def test_without_its_tables_it_says_so_in_one_line(project: Project) -> None:
    done = project.manage("scheduled_jobs", "dev", str(free_ports()[0]))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "CommandError: [!] Not applied, 1 migration: 0001_initial. Run manage.py migrate.\n"
    )


def test_a_redirect_to_https_is_told_with_the_remedy_for_here(project: Project) -> None:
    project.add_settings("SECURE_SSL_REDIRECT = True")
    port = free_ports()[0]
    done = project.manage("scheduled_jobs", "dev", str(port))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"CommandError: SECURE_SSL_REDIRECT is on, and DJANGO_CLOUD_TASKS_ENDPOINT is http://127.0.0.1:{port}: "
        "each call would be redirected, and no task run. "
        "Set SECURE_SSL_REDIRECT to False on a developer's machine.\n"
    )
