"""``make demo``: the shop with a database and a login of its own, run by ``manage.py scheduled_jobs dev``."""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from sample_project import ports
from sample_project.ports import DemoFailed

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).resolve().parent.parent
LOGIN, PASSWORD = "admin", "admin"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo until SIGINT, SIGTERM or SIGHUP; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m sample_project.demo", description=__doc__)
    parser.add_argument("--port", type=ports.port, default=ports.WEB, help="port of the web server")
    parser.add_argument(
        "--emulator-port", type=ports.port, default=ports.EMULATOR, help="port of the emulator; it needs two"
    )
    options = parser.parse_args(arguments)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    try:
        demo(options.port, options.emulator_port)
    except DemoFailed as failure:
        sys.stderr.write(f"{failure}\n")
        return 1


def demo(web_port: int, emulator_port: int) -> NoReturn:
    """Prepare everything, and become the command that shows what fires."""
    ports.check(web_port, emulator_port)
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "sample_project.settings",
        "PORT": str(web_port),
        "EMULATOR_PORT": str(emulator_port),
    }
    from django.conf import settings

    directory: Path = settings.DEMO_DIR
    directory.mkdir(parents=True, exist_ok=True)
    keep_others_off(directory)
    (directory / "ports.json").write_text(json.dumps({"web": web_port, "emulator": emulator_port}))
    prepare_database(directory)
    address = f"{ports.HOST}:{web_port}"
    print(
        f"\n  Admin   http://{address}/admin/\n"
        f"  Login   {LOGIN}, password {PASSWORD}\n\n"
        "Jobs fire at every full minute; each delivery is a line here, and a run in the admin.\n"
    )
    os.chdir(ROOT)
    dev = ["manage.py", "scheduled_jobs", "dev", address, "--emulator-port", str(emulator_port)]
    os.execv(sys.executable, [sys.executable, *dev])  # noqa: S606 – make stops the process that it has started


def keep_others_off(directory: Path) -> None:
    """Keep a second demo, on other ports, off the same database, as long as this process lives."""
    lock = os.open(directory / "lock", os.O_RDWR | os.O_CREAT)
    os.set_inheritable(lock, True)  # noqa: FBT003
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise DemoFailed(
            f"Another demo is running in {directory}. Stop it with Ctrl-C where it was started."
        ) from None


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
        for name in ("db.sqlite3", "db.sqlite3-wal", "db.sqlite3-shm"):
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


if __name__ == "__main__":
    sys.exit(main())
