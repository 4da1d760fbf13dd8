"""``make demo``: the shop, its web server and the Cloud Scheduler emulator, started and stopped together.

The web server is Django's own: it answers in threads and serves the admin's static files, and a demo on
the loopback address needs no more than that.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import signal
import sys
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from threading import Event
from typing import IO, TYPE_CHECKING

from sample_project import ports
from sample_project.processes import DemoFailed, Program

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from scheduled_jobs.models import JobRun

ROOT = Path(__file__).resolve().parent.parent
LOGIN, PASSWORD = "admin", "admin"
READY_WITHIN = 60.0
LOOK_BACK = timedelta(seconds=10)
"""The end of a run is read from the clock before it is committed, so that ends may appear out of order."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo until SIGINT, SIGTERM or SIGHUP; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m sample_project.demo", description=__doc__)
    parser.add_argument("--port", type=ports.port, default=ports.WEB, help="port of the web server")
    parser.add_argument(
        "--emulator-port", type=ports.port, default=ports.EMULATOR, help="port of the emulator; it needs two"
    )
    options = parser.parse_args(arguments)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    with stop_signals() as stopped:
        try:
            demo(options.port, options.emulator_port, stopped)
        except DemoFailed as failure:
            sys.stderr.write(f"{failure}\n")
            return 1
    return 0


@contextmanager
def stop_signals() -> Iterator[Event]:
    """An event that is set by what stops a program at a terminal.

    No exception is raised inside what happens to be under way, so that no child is ever left unknown.
    The handlers are set explicitly: a shell without job control starts its programs deaf to Ctrl-C.
    """
    stopped = Event()
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, lambda *_: stopped.set()) for number in numbers}
    try:
        yield stopped
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def demo(web_port: int, emulator_port: int, stopped: Event) -> None:
    """Start everything, show what fires, and stop everything when ``stopped`` is set or a program ends."""
    ports.check(web_port, emulator_port)
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "sample_project.settings",
        "PORT": str(web_port),
        "EMULATOR_PORT": str(emulator_port),
        "PYTHONUNBUFFERED": "1",
    }
    from django.conf import settings

    directory: Path = settings.DEMO_DIR
    directory.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        stack.enter_context(only_one(directory))
        (directory / "ports.json").write_text(json.dumps({"web": web_port, "emulator": emulator_port}))
        prepare_database(directory)
        # The web server first, and stopped last: the emulator fires the jobs it remembers at once.
        web = Program(
            "web server",
            [sys.executable, "manage.py", "runserver", "--noreload", f"{ports.HOST}:{web_port}"],
            directory / "web.log",
            cwd=ROOT,
        )
        stack.callback(web.stop)
        emulator = Program(
            "emulator",
            [
                *(sys.executable, "-m", "scheduled_jobs.emulator", "--port", str(emulator_port)),
                *("--state", str(directory / "emulator.json"), "--log-attempts"),
            ],
            directory / "emulator.log",
            cwd=ROOT,
        )
        stack.callback(emulator.stop)
        web.wait_until(lambda: ports.answers(web_port), stopped, timeout=READY_WITHIN)
        emulator.wait_until(lambda: "listening on" in emulator.log.read_text(), stopped, timeout=READY_WITHIN)
        if not stopped.is_set():
            schedule_tasks()
            tell(web_port, emulator_port)
        watch((web, emulator), stopped)
        print("Stopping ...")


@contextmanager
def only_one(directory: Path) -> Iterator[None]:
    """Keep a second demo, on other ports, off the same database and the same jobs."""
    lock: IO[bytes]
    with (directory / "lock").open("wb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise DemoFailed(
                f"Another demo is running in {directory}. Stop it with Ctrl-C where it was started."
            ) from None
        yield


def prepare_database(directory: Path) -> None:
    """Migrate the SQLite file and make sure that somebody can log in."""
    import django
    from django.db import connection

    django.setup()
    from django.contrib.auth.models import User

    print("Preparing the database ...")
    if not migrate():
        print(f"The database in {directory} is that of another version of this package: starting anew.")
        connection.close()
        for name in ("db.sqlite3", "db.sqlite3-wal", "db.sqlite3-shm", "emulator.json"):
            (directory / name).unlink(missing_ok=True)
        migrate()
    if not User.objects.filter(username=LOGIN).exists():
        User.objects.create_superuser(LOGIN, password=PASSWORD)


def migrate() -> bool:
    """Migrate the database; False where its tables are others than the models' all the same.

    Until the first release the first migration is rewritten, which a database of before does not notice.
    """
    from django.apps import apps
    from django.core.management import call_command
    from django.db import DatabaseError, connection
    from django.db.migrations.exceptions import InconsistentMigrationHistory

    try:
        call_command("migrate", verbosity=0)
        with connection.cursor() as cursor:
            for model in apps.get_app_config("scheduled_jobs").get_models():
                columns = connection.introspection.get_table_description(cursor, model._meta.db_table)
                # SQLite keeps the names of its own types in capitals.
                found = {(column.name, column.type_code.lower()) for column in columns}
                if found != {(field.column, field.db_type(connection)) for field in model._meta.local_fields}:
                    return False
    except (DatabaseError, InconsistentMigrationHistory):
        return False
    return True


def schedule_tasks() -> None:
    """Make the emulator's jobs those of the code. A faulty one has its line, and the others go on."""
    from django.core.management import CommandError, call_command

    print("schedule_tasks:")
    try:
        # The emulator is the demo's own: jobs that point at the port of yesterday are moved.
        call_command("schedule_tasks", adopt=True)
    except CommandError as error:
        raise DemoFailed(f"schedule_tasks: {error}") from error
    except SystemExit:
        print("Not all jobs could be scheduled; the lines above say why.")


def tell(web_port: int, emulator_port: int) -> None:
    """Print the address and the login."""
    print(
        f"\n  Admin      http://{ports.HOST}:{web_port}/admin/\n"
        f"  Login      {LOGIN}, password {PASSWORD}\n"
        f"  Emulator   {ports.HOST}:{emulator_port}\n\n"
        "Jobs fire at every full minute; each run is a line here and a row in the admin. Ctrl-C stops.\n"
    )


def watch(programs: tuple[Program, ...], stopped: Event) -> None:
    """Print a line for each run that ends, until ``stopped`` is set; raises DemoFailed if a program ends."""
    from django.utils import timezone

    from scheduled_jobs.models import JobRun

    seen: set[int] = set()
    started = timezone.now()
    while not stopped.wait(0.5):
        for program in programs:
            program.check()
        since = max(started, timezone.now() - LOOK_BACK)
        for run in JobRun.objects.filter(finished_at__gte=since).exclude(pk__in=seen).order_by("finished_at"):
            print(line_of(run))
            seen.add(run.pk)


def line_of(run: JobRun) -> str:
    """One run that has ended, in one line; the time is UTC."""
    seconds = "" if run.duration is None else f"{run.duration.total_seconds():.1f} s"
    name = run.job.task.rpartition(".")[2]
    return f"{run.finished_at:%H:%M:%S}  {run.status:<9}  {name:<27} {seconds:>7}  {run.error[:100]}".rstrip()


if __name__ == "__main__":
    sys.exit(main())
