"""A server of several processes, on a database of its own, in front of which a test is Google."""

from __future__ import annotations

import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.db.utils import ConnectionHandler

from bench.web import Answer, Google, Web
from tests.support.databases import new_database

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future
    from pathlib import Path

STORM = pytest.mark.skipif(not os.environ.get("STORM"), reason="takes minutes: nox -s storm")
SLOT = datetime(2026, 1, 5, 12, tzinfo=UTC)
NEXT_SLOT = SLOT + timedelta(hours=1)
ROWS = (
    "SELECT r.attempt, r.status, r.error FROM scheduled_jobs_jobrun r JOIN scheduled_jobs_scheduledjob j"
    " ON j.id = r.job_id WHERE j.name = 'bench--{}' ORDER BY r.id"
)


class Place:
    """A server and its database, as a test sees both."""

    def __init__(self, web: Web, database: dict[str, Any]) -> None:
        self.web, self._database = web, database
        self._pool = ThreadPoolExecutor(16)

    def execute(self, statement: str) -> list[tuple[Any, ...]]:
        """What the database answers, over a connection of its own."""
        connection = ConnectionHandler({"default": self._database})["default"]
        try:
            with connection.cursor() as cursor:
                cursor.execute(statement)
                return list(cursor.fetchall()) if cursor.description else []
        finally:
            connection.close()

    def runs(self, job: int) -> list[tuple[Any, ...]]:
        """Attempt, status and error of each run of the job of this number."""
        return self.execute(ROWS.format(job))

    def statuses(self, job: int) -> list[str]:
        return [status for _, status, _ in self.runs(job)]

    def marks(self, job: int, status: str) -> list[dict[str, Any]]:
        """What the task has left behind, which tells the process that ran it."""
        rows = self.execute(f"SELECT payload FROM bench_row WHERE status = '{status}' ORDER BY id")
        found = [json.loads(row) if isinstance(row, str) else row for (row,) in rows]
        return [mark for mark in found if mark["job"] == f"bench--{job}"]

    def deliver(self, job: int, slot: datetime | None = SLOT, **payload: Any) -> Future[Answer]:
        """Deliver a slot; the answer is there later."""
        return self._pool.submit(self.web.deliver, job, slot, payload)

    def begin(
        self, job: int, slot: datetime = SLOT, *, marks: str = "begun", **payload: Any
    ) -> tuple[Future[Answer], int]:
        """Deliver, and wait until the task runs; also the id of the process that runs it."""
        answer = self.deliver(job, slot, marks=marks, **payload)
        wait_until(lambda: self.marks(job, "begun") or (answer.done() and answer.result()))
        return answer, self.marks(job, "begun")[-1]["process"]


@contextmanager
def started(web: Web, database: dict[str, Any]) -> Iterator[Place]:
    """A server with jobs, until the block ends."""
    web.tell("fill")
    web.start()
    try:
        yield Place(web, database)
    finally:
        web.stop()


def wait_until(found: Any, seconds: float = 90) -> Any:
    """What is found at last; a database that does not answer finds nothing."""
    give_up = time.monotonic() + seconds
    while time.monotonic() < give_up:
        with suppress(Exception):
            if value := found():
                return value
        time.sleep(0.1)
    return found()


@pytest.fixture(scope="session")
def google() -> Google:
    return Google()


@pytest.fixture
def options() -> list[str]:
    """What gunicorn is started with."""
    return []


@pytest.fixture
def place(tmp_path: Path, google: Google, options: list[str], django_db_blocker: Any) -> Iterator[Place]:
    """A server with two workers that runs, on a database like that of the other tests."""
    with django_db_blocker.unblock(), ExitStack() as stack:
        database = stack.enter_context(new_database(tmp_path))
        yield stack.enter_context(started(Web(database, google, *options), database))
