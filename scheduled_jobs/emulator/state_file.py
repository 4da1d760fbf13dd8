"""The file that keeps jobs, and the key that signs tokens, across restarts: an SQLite database."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from scheduled_jobs.exceptions import CannotStart

SCHEMA = """
CREATE TABLE IF NOT EXISTS jobs (
    name TEXT PRIMARY KEY, number INTEGER NOT NULL, slot TEXT, job BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS secrets (name TEXT PRIMARY KEY, value BLOB NOT NULL);
"""


class StoredJob(NamedTuple):
    """A job as it is kept: its order of creation, its next natural start in UTC, its serialised message."""

    name: str
    number: int
    slot: datetime | None
    message: bytes


class StateFile:
    """Rows by name of job, written one by one: a change of one job costs the same among ten thousand.

    Not thread-safe by itself: the store calls it with its lock held. Raises CannotStart where the file is
    not one of ours, is damaged or cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with self.reading():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._lock = self._locked(path)
            try:
                self._connection = self._open(path)
            except BaseException:
                self._lock.close()
                raise

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Raise CannotStart for whatever a file that is damaged leads to."""
        try:
            yield
        except CannotStart:
            raise
        except Exception as error:
            why = " ".join(str(error).split()) or type(error).__name__
            raise CannotStart(
                f"the state file {self._path} cannot be used ({why}); name another file, or remove this one"
            ) from error

    @staticmethod
    def _locked(path: Path) -> sqlite3.Connection:
        """Hold the file beside it that only one process can lock; the lock ends with the process."""
        beside = path.with_name(f"{path.name}-lock")
        lock = sqlite3.connect(beside, check_same_thread=False, isolation_level=None, timeout=0)
        try:
            lock.execute("BEGIN EXCLUSIVE")
        except sqlite3.DatabaseError as error:
            lock.close()
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                raise CannotStart(f"the file {beside} cannot be locked ({error}); remove it") from error
            raise CannotStart(
                f"another emulator uses the state file {path}; stop that one, or name another file"
            ) from error
        return lock

    @staticmethod
    def _open(path: Path) -> sqlite3.Connection:
        connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        try:
            # The process may be killed at any moment, the machine is not expected to lose its power.
            connection.execute("PRAGMA synchronous = OFF")
            if connection.execute("PRAGMA integrity_check(1)").fetchone() != ("ok",):
                raise sqlite3.DatabaseError("it is damaged")
            connection.executescript(SCHEMA)
            path.chmod(0o600)  # it holds a private key
        except (sqlite3.Error, OSError):
            connection.close()
            raise
        return connection

    def load(self) -> list[StoredJob]:
        """Every job, the oldest first."""
        rows = self._connection.execute("SELECT name, number, slot, job FROM jobs ORDER BY number")
        return [
            StoredJob(name, int(number), None if slot is None else datetime.fromisoformat(slot), message)
            for name, number, slot, message in rows
        ]

    def write(self, changed: Iterable[StoredJob], deleted: Iterable[str]) -> None:
        """Keep these jobs and drop those, all or nothing."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            self._connection.executemany("DELETE FROM jobs WHERE name = ?", [(name,) for name in deleted])
            self._connection.executemany(
                "INSERT OR REPLACE INTO jobs VALUES (?, ?, ?, ?)",
                [(row.name, row.number, row.slot and row.slot.isoformat(), row.message) for row in changed],
            )
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    def secret(self, name: str) -> bytes | None:
        """A secret kept before, if any."""
        row = self._connection.execute("SELECT value FROM secrets WHERE name = ?", (name,)).fetchone()
        return None if row is None else bytes(row[0])

    def keep_secret(self, name: str, value: bytes) -> None:
        """Keep a secret for the next start."""
        self._connection.execute("INSERT OR REPLACE INTO secrets VALUES (?, ?)", (name, value))

    def close(self) -> None:
        """Let the file go."""
        self._connection.close()
        self._lock.close()
