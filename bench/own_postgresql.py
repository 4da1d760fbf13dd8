"""A PostgreSQL server of one's own, which may be stopped and killed as nobody may the one of DATABASE_URL."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg

if TYPE_CHECKING:
    from collections.abc import Iterator

USER = "dev"


def programs() -> Path | None:
    """The folder of PostgreSQL's programs, the newest where there are several; None without a server."""
    found = shutil.which("postgres")
    folders = [*Path("/usr/lib/postgresql").glob("*/bin"), *([Path(found).parent] if found else [])]
    return max(folders, default=None, key=lambda folder: (len(folder.parts), folder.as_posix()))


class PostgreSQL:
    """One server on loopback, in a folder that is gone after it."""

    def __init__(self, folder: Path, programs: Path) -> None:
        self._programs, self._data = programs, folder / "data"
        self._log = folder / "server.log"
        # It refuses to be root.
        self._as_user: dict[str, Any] = {}
        if os.geteuid() == 0:
            self._as_user = {"user": "postgres", "group": "postgres"}
            os.chown(folder, pwd.getpwnam("postgres").pw_uid, -1)
        with socket.create_server(("127.0.0.1", 0)) as listening:
            self.port = int(listening.getsockname()[1])
        self._process: subprocess.Popen[bytes] | None = None
        command = [
            f"{programs}/initdb",
            "-D",
            f"{self._data}",
            "-U",
            USER,
            "--auth=trust",
            "-E",
            "UTF8",
            "-N",
        ]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=folder, **self._as_user)

    @property
    def url(self) -> str:
        """As DATABASE_URL names it."""
        return f"postgres://{USER}@127.0.0.1:{self.port}/postgres"

    def database(self, name: str = "postgres", **more: Any) -> dict[str, Any]:
        """What DATABASES says of it."""
        place = {"HOST": "127.0.0.1", "PORT": self.port, "USER": USER, "PASSWORD": "", "NAME": name}
        return {"ENGINE": "django.db.backends.postgresql", **place, **more}

    def execute(self, statement: str, name: str = "postgres") -> None:
        """Execute this over a connection of its own, outside of all transactions."""
        address = f"postgres://{USER}@127.0.0.1:{self.port}/{name}"
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute(statement.encode())

    def start(self, *settings: str) -> None:
        """Start it, and wait until it answers. ``settings`` are of the form ``name=value``."""
        options = [f"port={self.port}", "listen_addresses=127.0.0.1", "unix_socket_directories=", *settings]
        command = [f"{self._programs}/postgres", "-D", f"{self._data}", *(f"--{name}" for name in options)]
        with self._log.open("ab") as log:
            process: subprocess.Popen[bytes] = subprocess.Popen(
                command, stdout=log, stderr=log, cwd=self._data, **self._as_user
            )
        self._process = process
        give_up = time.monotonic() + 60
        while True:
            try:
                self.execute("SELECT 1")
            except psycopg.OperationalError:
                if process.poll() is not None or time.monotonic() > give_up:
                    raise AssertionError(self._log.read_text()) from None
                time.sleep(0.05)
            else:
                return

    def stop(self, how: int = signal.SIGINT) -> None:
        """Stop it: SIGINT ends its connections first, SIGQUIT lets it fall as it stands."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(60)
            self._process = None


@contextmanager
def own_postgresql(*settings: str) -> Iterator[PostgreSQL]:
    """A server that runs during the block. Raises RuntimeError where there is none to be had."""
    if (found := programs()) is None:
        raise RuntimeError("no program of PostgreSQL's server was found in /usr/lib/postgresql")
    with tempfile.TemporaryDirectory(prefix="postgresql-") as folder:
        server = PostgreSQL(Path(folder), found)
        server.start(*settings)
        try:
            yield server
        finally:
            server.stop()
