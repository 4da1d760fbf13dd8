"""What a team needs before production: an installation that works, local tools, hooks that exist."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
import urllib.request
from datetime import UTC, datetime, timedelta
from importlib import metadata
from typing import TYPE_CHECKING, Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from scheduled_jobs.conf import CLOUD_SCHEDULER_BACKEND
from scheduled_jobs.models import JobRun
from scheduled_jobs.tasks import PeriodicTask
from tests.lessons.doors import declare, row, schedule_tasks
from tests.support.documents import ROOT, read
from tests.support.emulator_process import running_emulator

if TYPE_CHECKING:
    from scheduled_jobs.testing import CloudScheduler


# --- Without Google ---------------------------------------------------------------------------------


def test_a_month_of_jobs_can_be_played_without_google(google: CloudScheduler) -> None:
    """flamingo-run/django-cloud-tasks #25: there is no way to try scheduled tasks locally."""
    told: list[datetime] = []
    declare("Digest", "0 9 1 * *", run=lambda self: told.append(self.metadata.scheduled_for))
    schedule_tasks()
    google.advance(timedelta(days=70))
    assert told == [datetime(2026, 12, 1, 9, tzinfo=UTC), datetime(2027, 1, 1, 9, tzinfo=UTC)]


def test_a_run_that_is_asked_for_is_told_the_time_of_the_test(google: CloudScheduler) -> None:
    """googleapis/google-cloud-python #12138: time in a test of scheduled jobs is the machine's."""
    declare("Digest", run=lambda self: self.metadata.scheduled_for.isoformat())
    schedule_tasks()
    google.advance(timedelta(days=40))
    run = row("Digest").run_now()
    assert run.created_at == google.now
    google.deliver_forced()
    run.refresh_from_db()
    assert run.result == google.now.isoformat()


@pytest.mark.usefixtures("no_tasks")
@pytest.mark.django_db(transaction=True)
def test_the_emulator_takes_the_place_of_google(settings: Any) -> None:
    """aertje/cloud-tasks-emulator #90: the official service has no emulator."""
    declare("Digest")
    with running_emulator() as emulator:
        settings.DJANGO_CLOUD_TASKS_EMULATOR_HOST = emulator.host
        settings.DJANGO_CLOUD_TASKS_BACKEND = CLOUD_SCHEDULER_BACKEND
        assert schedule_tasks().lines == ["[+] Job created: shop.tasks.Digest"]
        assert schedule_tasks("--check").code == 0
        assert row("Digest").sync_state == "synced"
        with urllib.request.urlopen(emulator.certs_url) as answer:
            assert json.load(answer)


# --- Installed afresh -------------------------------------------------------------------------------


def installed_with(names: list[str]) -> set[str]:
    """The distributions that an installation of these requirements brings."""
    found: set[str] = set()
    waiting = [Requirement(name) for name in names]
    seen: set[tuple[str, frozenset[str]]] = set()
    while waiting:
        wanted = waiting.pop()
        name = canonicalize_name(wanted.name)
        key = name, frozenset(wanted.extras)
        if key in seen:
            continue
        seen.add(key)
        found.add(name)
        for line in metadata.requires(name) or []:
            needed = Requirement(line)
            marker = needed.marker
            if marker is None or any(marker.evaluate({"extra": extra}) for extra in ("", *wanted.extras)):
                waiting.append(needed)
    return found


IMPORT_ALL = """
import importlib, importlib.abc, json, pkgutil, sys

blocked = set(json.loads(sys.argv[1]))

class Absent(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in blocked:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Absent())
import django
from django.conf import settings

settings.configure(
    SECRET_KEY="x",
    INSTALLED_APPS=["django.contrib.admin", "django.contrib.auth", "django.contrib.contenttypes",
        "django.contrib.sessions", "django.contrib.messages", "scheduled_jobs"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
)
django.setup()
import scheduled_jobs

for module in pkgutil.walk_packages(scheduled_jobs.__path__, "scheduled_jobs."):
    # The plugin of pytest is imported by pytest alone; this one starts a program; neighbours have extras.
    if module.name not in ("scheduled_jobs.testing.plugin", "scheduled_jobs.emulator.__main__") and (
        not module.name.startswith("scheduled_jobs.contrib.")
    ):
        importlib.import_module(module.name)
        print(module.name)
"""


def test_everything_imports_with_the_declared_dependencies() -> None:
    """django-cloud-tasks 2.21.0: a fresh installation fails, cachetools and REST_FRAMEWORK are missing."""
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    there = installed_with(declared)
    assert {"django", "google-cloud-scheduler", "requests"} <= there
    assert not {"pytest", "mypy", "psycopg"} & there
    absent = {
        module
        for module, owners in metadata.packages_distributions().items()
        if not any(canonicalize_name(owner) in there for owner in owners) and module != "scheduled_jobs"
    }
    assert {"pytest", "hypothesis", "psycopg"} <= absent
    result = subprocess.run(
        [sys.executable, "-W", "error::ImportWarning", "-c", IMPORT_ALL, json.dumps(sorted(absent))],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert "scheduled_jobs.backends.cloud_scheduler" in result.stdout.split()


# --- Hooks ------------------------------------------------------------------------------------------


def test_every_documented_hook_exists() -> None:
    """django-cloud-tasks 2.21.0: its documentation names hooks that are nowhere in the code."""
    named = set(re.findall(r"\bschedule_\w+", read("docs/tasks.md"))) - {"schedule_tasks"}
    assert len(named) >= 13
    assert {name for name in named if not hasattr(PeriodicTask, name)} == set()
    there = {name for name in vars(PeriodicTask) if name.startswith("schedule_")}
    assert there <= named


def test_every_hook_reaches_google(google: CloudScheduler) -> None:
    """django-cloud-tasks 2.21.0: schedule_body_payload and four more are read by nobody."""
    declare(
        "Digest",
        schedule_name="digest",
        schedule_headers={"X-Team": "billing"},
        schedule_retries=3,
        schedule_min_backoff=timedelta(seconds=7),
        schedule_max_backoff=timedelta(minutes=8),
        schedule_max_retry_duration=timedelta(hours=1),
        schedule_attempt_deadline=timedelta(minutes=9),
        schedule_max_doublings=2,
        schedule_body_payload={"region": "emea"},
        schedule_description="The daily digest",
        schedule_time_zone="Europe/Lisbon",
        schedule_paused=True,
        schedule_use_oidc=False,
    )
    schedule_tasks()
    (message,), _token = google.store.list_jobs(google.backend.parent, 10, "")
    assert message.name.endswith("/jobs/shop--digest")
    assert message.http_target.headers["X-Team"] == "billing"
    assert not message.http_target.HasField("oidc_token")
    job = google.jobs["shop--digest"]
    assert job.state == "PAUSED"
    expected = {
        "retry_count": 3,
        "min_backoff": 7,
        "max_backoff": 480,
        "max_retry_duration": 3600,
        "attempt_deadline": 540,
        "max_doublings": 2,
        "payload": {"region": "emea"},
        "description": "The daily digest",
        "time_zone": "Europe/Lisbon",
    }
    assert {name: job.values[name] for name in expected} == expected
    assert not JobRun.objects.exists()
