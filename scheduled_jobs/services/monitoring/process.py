"""What can be found out without a network: settings, tasks, database, versions."""

from __future__ import annotations

import platform
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime

import django
from django.core import checks
from django.db import connections
from django.db.migrations.executor import MigrationExecutor

from scheduled_jobs import registry
from scheduled_jobs.conf import MEMORY_BACKEND, PREFIX, settings
from scheduled_jobs.models.job_queryset import ScheduledJobQuerySet
from scheduled_jobs.models.jobs import DAY
from scheduled_jobs.models.writer import writer
from scheduled_jobs.services.monitoring.findings import Finding, how_many, right, some, wrong
from scheduled_jobs.services.scheduling.faults import faults

RUN_ON = {
    ("5.2", "3.11"): ("SQLite", "PostgreSQL"),
    ("6.0", "3.12"): ("SQLite", "PostgreSQL", "MariaDB"),
    ("6.1", "3.13"): ("SQLite", "PostgreSQL", "MariaDB"),
}
"""Django and Python -> the databases with which the tests are run, as docs/compatibility.md has it."""
UNREADABLE = 1
"""The fault of a setting that cannot be read: its number."""
REFUSED = (
    f"If the jobs are to call by this account, name it in {PREFIX}OIDC_ALLOWED_EMAILS; else run manage.py "
    "schedule_tasks, by which they call by the right one. If you do not know it, somebody else has tried."
)
MODES = {
    "push-off": (
        f'Pushes are off ({PREFIX}PUSH = "off"): nothing is sent to Google',
        f"Remove {PREFIX}PUSH and run schedule_tasks.",
    ),
    "eager": (
        f"Tasks run in schedule_tasks alone ({PREFIX}EAGER): nothing is sent to Google",
        f"Remove {PREFIX}EAGER and run schedule_tasks.",
    ),
}


def examine_settings() -> Iterator[Finding]:
    """What ``manage.py check`` says of this app, in its words."""
    holding_back = {fault.text: fault.holds_back for fault in faults()}
    is_readable = not any(fault.number == UNREADABLE for fault in faults())
    # What is right on a developer's machine only is told where Google itself is called, and nothing else is
    # the matter with the settings: that would often have the same cause.
    with_deployment = not any(holding_back.values()) and settings.calls_google
    found = checks.run_checks(tags=["scheduled_jobs"], include_deployment_checks=with_deployment)
    # With some nothing is sent, silenced or not.
    messages = [message for message in found if not message.is_silenced() or holding_back.get(message.msg)]
    if not messages:
        yield right("settings", "manage.py check finds no fault in settings and tasks")
    for message in messages:
        # Without a task there is nothing that could run.
        stops = holding_back.get(message.msg, message.is_serious()) or not any(registry.tasks())
        yield wrong("settings", str(message.msg), str(message.hint or ""), stops=stops)
    if is_readable and settings.mode in MODES:
        text, remedy = MODES[settings.mode]
        yield wrong("settings", text, remedy)
    elif is_readable and settings.is_isolated:
        yield right("settings", "Tests are run here: jobs are kept in memory, and nobody outside is called")
    elif is_readable and settings.BACKEND == MEMORY_BACKEND:
        text = f"Jobs are kept in the memory of this process ({PREFIX}BACKEND), and nobody fires them"
        yield wrong("settings", text, f"Remove {PREFIX}BACKEND; the default is Cloud Scheduler.")


def examine_tasks() -> Iterator[Finding]:
    """Which tasks there are; that there is none is told by ``manage.py check``."""
    if names := [registry.dotted_path(task) for task in registry.tasks()]:
        yield right("tasks", how_many(names, "task"))


def examine_database() -> Iterator[Finding]:
    """Whether the database of the jobs answers, and has our tables."""
    connection = connections[writer()]
    name = f"the database {connection.alias!r}"
    try:
        connection.ensure_connection()
        version = ".".join(map(str, connection.get_database_version()))
    except Exception as error:  # noqa: BLE001 – drivers raise what they like
        yield wrong(
            "database",
            f"{name} cannot be reached: {error}",
            "Correct DATABASES, or start the server of the database.",
        )
        return
    yield right("database", f"{name}, {_name_of_database()} {version}, answers")
    if missing := not_applied():
        option = "" if connection.alias == "default" else f" --database {connection.alias}"
        text = f"Not applied, {how_many(missing, 'migration')}"
        yield wrong("migrations", text, f"Run manage.py migrate{option}.")
    else:
        yield right("migrations", "All migrations of scheduled_jobs are applied")


def not_applied() -> list[str]:
    executor = MigrationExecutor(connections[writer()])
    nodes = [node for node in executor.loader.graph.leaf_nodes() if node[0] == "scheduled_jobs"]
    plan = executor.migration_plan(nodes)
    return [migration.name for migration, _ in plan if migration.app_label == "scheduled_jobs"]


def examine_refusals(jobs: ScheduledJobQuerySet, now: datetime) -> Iterator[Finding]:
    """Calls whose token is genuine and whose account may not run tasks here, since nothing else arrived."""
    by_caller = defaultdict(list)
    for job in jobs.filter(refused_at__gt=now - DAY).order_by("name"):
        if job.is_refused(now):
            by_caller[job.refused_caller or "no account"].append(job.name)
    for caller, names in by_caller.items():
        text = f"the token of {caller} is genuine, and it may not run tasks here (403): {some(names)}"
        yield wrong("attempts", text, REFUSED)


def examine_versions() -> Iterator[Finding]:
    """On what it runs, and whether the tests of this package are."""
    python, release = platform.python_version(), django.get_version()
    database = _name_of_database()
    text = f"Django {release}, Python {python}, {database}"
    if database in RUN_ON.get((_minor(release), _minor(python)), ()):
        yield right("versions", f"{text}: the tests of this package are run on these")
    else:
        text = f"{text}: the tests of this package have not been run on these together"
        yield wrong("versions", text, "docs/compatibility.md says on which they have.", stops=False)


def _minor(version: str) -> str:
    return ".".join(version.split(".")[:2])


def _name_of_database() -> str:
    connection = connections[writer()]
    return "MariaDB" if getattr(connection, "mysql_is_mariadb", False) else str(connection.display_name)
