"""The last runs of many jobs at once: one query, whatever the number of jobs and of runs."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db import connections
from django.db.models.functions import Left

from scheduled_jobs.models import JobRun
from scheduled_jobs.models.writer import writer

LENGTH = 30
"""How many runs a strip shows."""
MOST = 400
"""Jobs in one statement: SQLite takes 500 branches."""
ERROR = 300
"""Characters of an error of which the first line is shown."""


class Bar(NamedTuple):
    """One run of a strip. ``seconds`` is None while it has no duration."""

    pk: int
    status: str
    seconds: float | None


def recent_runs(job_pks: Iterable[int], length: int = LENGTH) -> dict[int, list[Bar]]:
    """Job -> its last ``length`` runs, the oldest first; a job without runs has an empty list."""
    pks = list(dict.fromkeys(job_pks))
    bars: dict[int, list[Bar]] = {pk: [] for pk in pks}
    if not pks:
        return bars
    connection = connections[writer()]
    with connection.cursor() as cursor:
        for chunk in (pks[start : start + MOST] for start in range(0, len(pks), MOST)):
            cursor.execute(_statement(connection, len(chunk), length), chunk)
            for job, _at, pk, status, seconds in sorted(cursor.fetchall()):
                bars[job].append(Bar(pk, status, seconds))
    return bars


def _statement(connection: Any, jobs: int, length: int) -> str:
    """One branch for each job, so that each reads no more than ``length`` entries of the index.

    A window function reads the whole history of every job; a correlated join is planned as a scan of
    all runs as soon as a job has many. A lateral join says the same in one branch, which PostgreSQL plans
    sooner; SQLite and MariaDB do not know it. PostgreSQL gives numbers: to make thousands of times of what
    it says of one takes longest.
    """
    quote = connection.ops.quote_name
    job, at, pk, status, duration = map(quote, ("job_id", "at", "id", "status", "duration"))
    table = quote(JobRun._meta.db_table)
    is_postgresql = connection.vendor == "postgresql"
    # Databases without an interval type hold microseconds.
    when, seconds = at, f"{duration} / 1e6"
    if is_postgresql:
        when, seconds = (f"DATE_PART('epoch', {column})" for column in (at, duration))

    def branch(of: str) -> str:
        newest = f"ORDER BY {at} DESC, {pk} DESC LIMIT {int(length)}"
        return f"SELECT {job}, {at}, {pk}, {status}, {duration} FROM {table} WHERE {job} = {of} {newest}"  # noqa: S608

    if is_postgresql:
        wanted = ", ".join(["(%s)"] * jobs)
        runs = f"(VALUES {wanted}) AS j(pk) CROSS JOIN LATERAL ({branch('j.pk')}) AS r"
    else:
        each = branch("%s")
        runs = " UNION ALL ".join(f"SELECT * FROM ({each}) AS t{n}" for n in range(jobs))  # noqa: S608
        runs = f"({runs}) AS r"
    return f"SELECT {job}, {when}, {pk}, {status}, {seconds} FROM {runs}"  # noqa: S608


class ToldRun(NamedTuple):
    """What a list says in words about a run. All times are aware; ``error`` is the head of it."""

    pk: int
    status: str
    at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    scheduled_for: datetime | None
    lease_until: datetime | None
    duration: timedelta | None
    progress_done: float | None
    progress_total: float | None
    requested_by: str
    error: str


def runs_by_key(pks: Collection[int]) -> dict[int, ToldRun]:
    """These runs, in one query; a run may be pruned meanwhile."""
    rows = JobRun.objects.filter(pk__in=pks).order_by().annotate(head=Left("error", ERROR))
    names = ("head" if name == "error" else name for name in ToldRun._fields)
    return {row[0]: ToldRun(*row) for row in rows.values_list(*names)}
