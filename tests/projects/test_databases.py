"""More databases than one, and what may stand between them and the project."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from tests.projects.walk import SETTINGS, WALK, WALKED
from tests.support.pgbouncer import PROGRAM, pgbouncer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.project import Project

    NewDatabase = Callable[..., dict[str, Any]]

with_postgresql = pytest.mark.skipif(
    not os.environ.get("DATABASE_URL", "").startswith("postgres"), reason="needs PostgreSQL; set DATABASE_URL"
)

REPLICA = """
class Router:
    def db_for_read(self, model, **hints):
        # What a test client writes of users and sessions is not in the copy either.
        return "replica" if model._meta.app_label == "scheduled_jobs" else "default"

    def db_for_write(self, model, **hints):
        return "default"

    def allow_relation(self, one, other, **hints):
        return True

    def allow_migrate(self, db, app_label, **hints):
        return True
"""
APART = """
class Router:
    def db_for_read(self, model, **hints):
        return "jobs" if model._meta.app_label == "scheduled_jobs" else "default"

    db_for_write = db_for_read

    def allow_relation(self, one, other, **hints):
        return one._state.db == other._state.db

    def allow_migrate(self, db, app_label, **hints):
        return (db == "jobs") == (app_label == "scheduled_jobs")
"""


def test_a_replica_that_lags_is_never_asked(project: Project, new_database: NewDatabase) -> None:
    project.write("project/routers.py", REPLICA)
    project.add_settings(SETTINGS + 'DATABASE_ROUTERS = ["project.routers.Router"]')
    project.use_databases(default=new_database(), replica=new_database())
    assert project.run_code(WALK).endswith(WALKED)


def test_our_tables_lie_in_a_database_without_users(project: Project, new_database: NewDatabase) -> None:
    project.write("project/routers.py", APART)
    project.add_settings(SETTINGS + 'DATABASE_ROUTERS = ["project.routers.Router"]')
    project.use_databases(default=new_database(), jobs=new_database())
    assert project.run_code(WALK).endswith(WALKED)


SYNCED_OFTEN = """
from io import StringIO
with running_cloud_scheduler() as google:
    call_command("schedule_tasks", stdout=StringIO())
    totals = set()
    for n in range(60):
        out = StringIO()
        call_command("schedule_tasks", stdout=out)
        totals.add(out.getvalue().splitlines()[-1])
    print(totals)
"""


@with_postgresql
@pytest.mark.skipif(PROGRAM is None, reason="needs PgBouncer; install pgbouncer")
def test_pgbouncer_gives_each_transaction_a_connection(
    project: Project, new_database: NewDatabase, tmp_path: Path
) -> None:
    project.add_settings(SETTINGS)
    with pgbouncer(new_database(), tmp_path) as database:
        project.use_databases(default=database)
        *walked, totals = project.run_code(WALK + SYNCED_OFTEN).splitlines(keepends=True)
    assert "".join(walked[-3:]) == WALKED
    assert totals == "{'1 job: 0 created, 0 updated, 0 deleted, 0 failed, 1 unchanged.'}\n"


SLOW_TASK = """
import threading, time
from scheduled_jobs.models import JobRun
from scheduled_jobs.tasks import PeriodicTask

both_hold_one = threading.Barrier(2)
both_are_done = threading.Barrier(2)


class Slow(PeriodicTask):
    overlap = "allow"
    run_every = "* * * * *"

    def run(self):
        self.shown()
        both_hold_one.wait(60)
        self.report_progress(1, 2)
        give_up = time.monotonic() + 300
        while self.shown() is None and time.monotonic() < give_up:
            time.sleep(0.1)
        both_are_done.wait(60)
        return self.shown()

    def shown(self):
        return JobRun.objects.values_list("progress_done", flat=True).get(pk=self.metadata.run_id)
"""
TWO_AT_ONCE = """
from concurrent.futures import ThreadPoolExecutor
from django.core.management import call_command
from django.db import connections
from scheduled_jobs.models import ScheduledJob
from scheduled_jobs.services import execution
from shop.tasks import Slow

call_command("migrate", verbosity=0)
ScheduledJob.objects.bulk_create([ScheduledJob(name="slow", task=Slow.name())])
job = ScheduledJob.objects.get()
connections.close_all()

def deliver(n):
    answer = execution.deliver(execution.Delivery(job, Slow, b"", None, None, {}, ""))
    connections.close_all()
    return answer.body["result"]

with ThreadPoolExecutor(2) as pool:
    print(list(pool.map(deliver, range(2))))
"""


@with_postgresql
def test_runs_that_hold_a_whole_pool_show_progress(project: Project, new_database: NewDatabase) -> None:
    pytest.importorskip("psycopg_pool")
    pool = {"min_size": 1, "max_size": 2, "timeout": 2}
    project.write("shop/tasks.py", SLOW_TASK)
    project.add_settings(SETTINGS)
    project.use_databases(default={**new_database(), "OPTIONS": {"pool": pool}})
    assert project.run_code(TWO_AT_ONCE) == "[1.0, 1.0]\n"


EMOJI = """
from datetime import timedelta
from django.core.management import call_command
from scheduled_jobs.models import JobChange, JobRun, ScheduledJob
from scheduled_jobs.testing import running_cloud_scheduler

call_command("migrate", verbosity=0)
with running_cloud_scheduler() as google:
    call_command("schedule_tasks")
    job = ScheduledJob.objects.get()
    job.description_override = "\N{FOX FACE}"
    job.save()
    job.pause(reason="\N{FOX FACE}", by="\N{FOX FACE}")
    job.resume()
    google.advance(timedelta(minutes=1))
    ScheduledJob.objects.update(sync_error="\N{FOX FACE}")
job.refresh_from_db()
run = JobRun.objects.get()
print(job.description, job.sync_error, run.error, run.progress_message, run.status)
print({(change.actor_label, change.reason) for change in JobChange.objects.filter(field="paused", new=True)})
print([search.count() for search in (
    ScheduledJob.objects.filter(name__icontains="REPORT"), ScheduledJob.objects.filter(name="SHOP-TASKS-REPORT"),
)])
"""
FAILS_WITH_EMOJI = '''
from scheduled_jobs.tasks import PeriodicTask

class Report(PeriodicTask):
    """\N{FOX FACE}"""

    run_every = "* * * * *"

    def run(self):
        self.report_progress(1, 2, "\N{FOX FACE}")
        raise ValueError("\N{FOX FACE}")
'''


@pytest.mark.skipif(
    not os.environ.get("DATABASE_URL", "").startswith("mysql"), reason="needs MariaDB; set DATABASE_URL"
)
def test_a_database_of_three_bytes_takes_an_emoji(project: Project, new_database: NewDatabase) -> None:
    project.write("shop/tasks.py", FAILS_WITH_EMOJI)
    project.add_settings(SETTINGS)
    project.use_databases(default=new_database("CHARACTER SET utf8mb3"))
    fox = "\N{FOX FACE}"
    assert project.run_code(EMOJI).splitlines()[-3:] == [
        f"{fox} {fox} ValueError: {fox} {fox} failed",
        f"{{('{fox}', '{fox}')}}",
        "[1, 0]",
    ]
