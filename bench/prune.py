"""What pruning costs those who write meanwhile: ``python -m bench.prune``.

Prints JSON: how many runs were deleted and in how many seconds, the longest statement, and the rate at which
another process recorded runs meanwhile, beside its usual rate. Both rates are taken in the same minutes, in
turns of three seconds with pruning and without, so that what else the machine does falls on both. With
``--delete`` the runs are those of one job, which is deleted with all of them.

``DATABASE_URL`` names an empty database on PostgreSQL; without it SQLite is used, on a file of its own.

The goals, of which ``met`` tells: no statement takes longer than 200 ms, and runs are recorded at no less
than 80 % of their usual rate.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from bisect import bisect_left
from datetime import UTC, datetime
from itertools import accumulate
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.connection import Connection

TURN = 3.0
MOST_MS = 200
LEAST_RATIO = 0.8
BEGIN = datetime(2020, 1, 1, tzinfo=UTC)


def configure(database: str) -> None:
    """Django with nothing but this package."""
    import dj_database_url
    import django
    from django.conf import settings

    found: dict[str, Any] = {**dj_database_url.parse(database)}
    if found["ENGINE"].endswith("sqlite3"):
        found["OPTIONS"] = {
            "timeout": 20,
            "transaction_mode": "IMMEDIATE",
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL",
        }
    settings.configure(
        INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "scheduled_jobs"],
        DATABASES={"default": found},
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        ROOT_URLCONF="scheduled_jobs.urls",
        SECRET_KEY="bench",
        USE_TZ=True,
        DJANGO_CLOUD_TASKS_PUSH="off",
        DJANGO_CLOUD_TASKS_HISTORY_MIN_RUNS=100,
        LOGGING_CONFIG=None,
    )
    django.setup()
    from scheduled_jobs.tasks import PeriodicTask

    body = {"__module__": "bench.tasks", "run_every": "* * * * *", "run": run}
    type("Report", (PeriodicTask,), body)


def run(self: Any) -> None:
    """What the task does."""


def fill(jobs: int, runs: int, *, of_one: bool) -> None:
    """Jobs with so many runs of a year, one in fifty of them failed; or one job that has them all."""
    from django.db import connection

    from scheduled_jobs.models import JobRun, RunStats, ScheduledJob
    from scheduled_jobs.models.stats import HOUR, Key

    ScheduledJob.objects.bulk_create(
        ScheduledJob(name=f"bench--{n}", task="bench.tasks.Report", declared_schedule="* * * * *")
        for n in range(jobs)
    )
    first = ScheduledJob.objects.order_by("pk").values_list("pk", flat=True)[0]
    job = ScheduledJob.objects.get(pk=first)
    if of_one:
        ScheduledJob.objects.filter(pk=first).update(origin="operator", deleting_at=BEGIN)
        hours = (Key(first, "", HOUR, BEGIN + n * HOUR) for n in range(365 * 24))
        RunStats.objects.bulk_create((RunStats.of(key, of_app="bench", runs=1) for key in hours), 500)
    common = {"trigger": "schedule", "payload": {"region": "emea"}, "deliveries": 1}
    made = [
        JobRun(job=job, status="succeeded", result={"rows": 120}, **common),
        JobRun(job=job, status="failed", error="ValueError: no", traceback="line\n" * 300, **common),
    ]
    for run in JobRun.objects.bulk_create(made):
        JobRun.objects.filter(pk=run.pk).update(unfolded=None)
    own = {"job_id", "created_at", "started_at", "finished_at", "scheduled_for", "settled_slot"}
    left_out = own | {"id", "at"}
    copied = [f.column for f in JobRun._meta.concrete_fields if f.column not in left_out]
    seconds = 365 * 86400 / runs
    if connection.vendor == "sqlite":
        at = f"datetime('{BEGIN:%Y-%m-%d %H:%M:%S}', '+' || CAST(n * {seconds} AS INTEGER) || ' seconds')"
    else:
        at = f"timestamptz '{BEGIN.isoformat()}' + n * {seconds} * interval '1 second'"
    names = ", ".join([*own, *copied])
    values = {
        "job_id": f"{first} + n % {1 if of_one else jobs}",
        "settled_slot": f"CASE WHEN n % 50 = 0 THEN NULL ELSE {at} END",
    }
    chosen = ", ".join([*(values.get(name, at) for name in own), *copied])
    with connection.cursor() as cursor:
        cursor.execute(
            f"WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {runs}) "
            f"INSERT INTO scheduled_jobs_jobrun ({names}) SELECT {chosen} FROM numbers JOIN "
            "scheduled_jobs_jobrun ON status = CASE WHEN n % 50 = 0 THEN 'failed' ELSE 'succeeded' END "
            f"AND id IN ({made[0].pk}, {made[1].pk})"
        )
    JobRun.objects.filter(pk__in=[run.pk for run in made]).delete()
    if connection.vendor != "sqlite":  # which keeps no statistics by itself either
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")


def record(database: str, channel: Connection) -> None:
    """Record runs, one after the other, until something is said; sends when each of them was recorded."""
    configure(database)
    from scheduled_jobs import registry
    from scheduled_jobs.models import ScheduledJob
    from scheduled_jobs.services import execution

    task = registry.get("bench.tasks.Report")
    assert task is not None
    names = list(ScheduledJob.objects.filter(deleting_at=None).values_list("name", flat=True))
    recorded: list[float] = []
    channel.send("ready")
    while not channel.poll():
        job = execution.job_of_task("bench.tasks.Report", names[len(recorded) % len(names)])[0]
        assert job is not None
        assert execution.deliver(execution.Delivery(job=job, task=task)).status == 200
        recorded.append(time.monotonic())
    channel.send(recorded)


def prune_in_turns(until: float | None, *, of_one: bool) -> dict[str, Any]:
    """Prune in turns, or delete the one job; returns what it cost, and when it was at work."""
    from django.db import connection
    from django.utils import timezone

    from scheduled_jobs.services.history.retention import prune
    from scheduled_jobs.services.scheduling.deleting import finish_deletions

    longest = {"ms": 0.0, "processor_ms": 0.0, "sql": ""}

    def steps() -> Iterator[int]:
        """How many are deleted so far."""
        if of_one:
            yield from accumulate(finish_deletions())
        else:
            yield from (pruned.deleted for pruned in prune(timezone.now()))

    def timed(execute: Any, sql: str, params: Any, many: Any, context: Any) -> Any:
        begin, worked = time.perf_counter(), time.process_time()
        try:
            return execute(sql, params, many, context)
        finally:
            ms = (time.perf_counter() - begin) * 1000
            longest["processor_ms"] = max(longest["processor_ms"], (time.process_time() - worked) * 1000)
            if ms > longest["ms"]:
                longest.update(ms=round(ms, 1), sql=sql[:120])

    turns, begin, deleted, worked = [], time.monotonic(), 0, 0.0
    with connection.execute_wrapper(timed):
        for deleted in steps():  # noqa: B007 – the last of them is told
            if (now := time.monotonic()) - begin >= TURN:
                turns.append((begin, now))
                worked += now - begin
                time.sleep(TURN)
                begin = time.monotonic()
            if until is not None and worked > until:
                break
        # With nothing left, a second pruning is to cost little.
        again = time.monotonic()
        left = sum(1 for _ in steps()) if until is None else 0
    return {
        "deleted": deleted,
        "seconds": round(worked + again - begin, 1),
        "seconds_again": round(time.monotonic() - again, 2),
        "steps_again": left,
        "longest_statement_ms": longest["ms"],
        "longest_statement": longest["sql"],
        # In a database of this process what it took by itself, without waiting for others.
        "longest_statement_processor_ms": round(longest["processor_ms"], 1),
        "turns": turns,
    }


def measure(database: str, jobs: int, runs: int, until: float | None, *, of_one: bool) -> dict[str, Any]:
    """All of it, on an empty database."""
    configure(database)
    from django.core.management import call_command
    from django.db import connection

    call_command("migrate", verbosity=0)
    begin = time.monotonic()
    fill(jobs, runs, of_one=of_one)
    filled = round(time.monotonic() - begin, 1)
    connection.close()
    ours, theirs = get_context("spawn").Pipe()
    recorder = get_context("spawn").Process(target=record, args=(database, theirs))
    recorder.start()
    assert ours.recv() == "ready"
    time.sleep(TURN)
    found = prune_in_turns(until, of_one=of_one)
    ours.send("stop")
    recorded = ours.recv()
    recorder.join()

    def rate(spans: list[tuple[float, float]]) -> float:
        count = sum(bisect_left(recorded, end) - bisect_left(recorded, begin) for begin, end in spans)
        return count / max(sum(end - begin for begin, end in spans), 0.001)

    turns = found.pop("turns")
    usual = rate([(end, end + TURN) for _, end in turns[:-1]])
    meanwhile = rate(turns)
    ratio = meanwhile / usual if usual else 0
    return {
        "database": connection.vendor,
        "jobs": jobs,
        "runs": runs,
        "seconds_to_fill": filled,
        **found,
        "rate_usual": round(usual, 1),
        "rate_meanwhile": round(meanwhile, 1),
        "ratio": round(ratio, 3),
        "met": found["longest_statement_ms"] <= MOST_MS and ratio >= LEAST_RATIO,
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=1_000_000)
    parser.add_argument("--jobs", type=int, default=1000)
    parser.add_argument("--seconds", type=float, help="stop pruning after so many seconds of work")
    parser.add_argument("--delete", action="store_true", help="delete one job that has all the runs")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        database = os.environ.get("DATABASE_URL") or f"sqlite:///{Path(folder) / 'bench.sqlite3'}"
        told = measure(database, options.jobs, options.runs, options.seconds, of_one=options.delete)
        print(json.dumps(told, indent=2))


if __name__ == "__main__":
    main()
