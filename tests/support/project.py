"""Somebody's Django project: written into a folder, and used from outside by its ``manage.py``."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import textwrap
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tests.support.demo_process import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SETTINGS = """
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent
SECRET_KEY = "for tests alone"
DEBUG = True
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "project.urls"
USE_TZ = True
STATIC_URL = "static/"
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "scheduled_jobs",
    "shop",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": BASE_DIR / "db.sqlite3",
        "OPTIONS": {"transaction_mode": "IMMEDIATE", "timeout": 20},
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
"""

URLS = """
from django.contrib import admin
from django.urls import include, path

urlpatterns = [path("admin/", admin.site.urls), path("tasks/", include("scheduled_jobs.urls"))]
"""

TASKS = '''
from scheduled_jobs.tasks import PeriodicTask


class Report(PeriodicTask):
    """Counts what was sold."""

    run_every = "* * * * *"

    def run(self, **kwargs):
        return kwargs
'''


class Project:
    """A project with one app, ``shop``, and one task; it sees no setting of whoever runs the tests."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.env = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("DJANGO_", "DATABASE_", "SCHEDULED_JOBS_", "GOOGLE_"))
        }
        self.env["PYTHONPATH"] = os.pathsep.join([str(folder), str(ROOT)])
        self.env["DJANGO_SETTINGS_MODULE"] = "project.settings"
        self.write(
            "manage.py",
            "import sys\nfrom django.core.management import execute_from_command_line\nexecute_from_command_line(sys.argv)\n",
        )
        for package in ("project", "shop"):
            self.write(f"{package}/__init__.py", "")
        self.write("project/settings.py", SETTINGS)
        self.write("project/urls.py", URLS)
        self.write("shop/tasks.py", TASKS)

    def write(self, path: str, text: str) -> None:
        """Write a file of the project anew."""
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(text))

    def add_settings(self, text: str) -> None:
        """Add lines at the end of the settings."""
        with (self.folder / "project/settings.py").open("a") as file:
            file.write("\n" + textwrap.dedent(text))

    def use_databases(self, **databases: dict[str, Any]) -> None:
        """Put these in place of the project's database."""
        if any(database["ENGINE"].endswith("mysql") for database in databases.values()):
            self.add_settings("import pymysql\npymysql.install_as_MySQLdb()")
        self.add_settings(f"DATABASES = {databases!r}")

    def python(self, *args: str, timeout: float = 120, **env: str) -> subprocess.CompletedProcess[str]:
        """What Python does with these arguments in the project's folder."""
        return subprocess.run(
            [sys.executable, *args],
            cwd=self.folder,
            env={**self.env, **env},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def manage(self, *args: str, timeout: float = 120, **env: str) -> subprocess.CompletedProcess[str]:
        """What ``manage.py`` does with these arguments; keywords are environment variables."""
        return self.python("manage.py", *args, timeout=timeout, **env)

    def run_code(self, code: str, **env: str) -> str:
        """What this code prints, run after ``django.setup()``; an error of it fails the test."""
        done = self.python("-c", "import django; django.setup()\n" + textwrap.dedent(code), **env)
        assert done.returncode == 0, done.stderr
        return done.stdout

    @contextmanager
    def serving(self, **env: str) -> Iterator[str]:
        """Its web server, ended by its id; gives scheme, host and port."""
        port = free_port()
        command = [sys.executable, "manage.py", "runserver", "--noreload", f"127.0.0.1:{port}"]
        with (
            (self.folder / "server.log").open("w+") as log,
            subprocess.Popen(
                command, cwd=self.folder, env={**self.env, **env}, stdout=log, stderr=log
            ) as server,
        ):
            try:
                give_up = time.monotonic() + 300
                while not is_listening(port):
                    if server.poll() is not None or time.monotonic() > give_up:
                        raise AssertionError((self.folder / "server.log").read_text())
                    time.sleep(0.05)
                yield f"http://127.0.0.1:{port}"
            finally:
                server.terminate()
                server.wait(10)


def free_port() -> int:
    """A port on which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


def is_listening(port: int) -> bool:
    """Whether something listens on this port of loopback."""
    with socket.socket() as connecting:
        return connecting.connect_ex(("127.0.0.1", port)) == 0
