"""Our screens over a long history, for ``bench.history``: 1,000 jobs, 100,000 runs a day."""

from __future__ import annotations

import os
from collections import defaultdict
from datetime import timedelta
from itertools import islice, pairwise
from urllib.parse import quote

from bench.history_rows import NOW, indexed_after, insert, length, numbers, seconds_before, table
from bench.list_worker import serve

RUNS = int(os.environ["BENCH_RUNS"])
JOBS = 1_000
A_DAY = 100_000
SECONDS = 86_400
READ_BY_PAGES = timedelta(days=32)
"""No page tells an older figure."""
TOKEN = "only-for-the-bench"
ERRORS = [
    (n, f"{name}: line {n} says no") for n, name in enumerate(["ValueError", "KeyError", "Refused"] * 7)
]
TRACE = "Traceback (most recent call last):\n" + '  File "tasks.py", line 41, in run\n' * 12


def runs_a_day(n: int) -> int:
    """How often the n-th job runs: 50 each minute, 200 each quarter, 350 each hour, 400 each day."""
    kind = n % 20
    return 1_440 if kind == 0 else 96 if kind <= 4 else 24 if kind <= 11 else 1


def schedule(n: int) -> str:
    return {1_440: "* * * * *", 96: "*/15 * * * *", 24: f"{n % 60} * * * *"}.get(
        runs_a_day(n), f"{n % 60} {n % 24} * * *"
    )


def run(self: object) -> None:
    """What the tasks do."""


def seed() -> None:
    from scheduled_jobs.models import ScheduledJob
    from scheduled_jobs.tasks import PeriodicTask

    jobs = []
    for n in range(JOBS):
        body = {"__module__": f"app{n % 50}.tasks", "run_every": schedule(n), "run": run}
        type(f"Task{n}", (PeriodicTask,), body)
        jobs.append(
            ScheduledJob(
                name=f"bench--app{n % 50}-tasks-Task{n}",
                task=f"app{n % 50}.tasks.Task{n}",
                declared_schedule=schedule(n),
                declared_description=f"What task {n} is for, in one line.",
                declared_payload={"region": "emea", "limit": n},
                schedule_override="0 3 * * *" if n % 25 == 24 else None,
                paused=n % 40 == 17,
                sync_state="synced" if n % 50 else "drifted",
                live={"schedule": schedule(n), "state": "ENABLED"},
                live_seen_at=NOW - timedelta(minutes=2),
                next_run_at=NOW + timedelta(hours=1),
            )
        )
    ScheduledJob.objects.bulk_create(jobs, batch_size=500)
    seed_runs()
    seed_facts()
    seed_figures()


def seed_runs() -> None:
    """Day after day, so that keys follow the time as they do where runs are recorded."""
    from scheduled_jobs.domain.errors import error_key
    from scheduled_jobs.models import JobRun, ScheduledJob

    pks = ScheduledJob.objects.order_by("pk").values_list("pk", flat=True)
    jobs = [(pk, n, runs_a_day(n), SECONDS // runs_a_day(n)) for n, pk in enumerate(pks)]
    numbers(1_440)
    table("bench_job", "pk integer, n integer, often integer, period integer", jobs)
    table(
        "bench_error",
        "e integer, text varchar(200), kind varchar(200)",
        [(e, text, error_key(*text.split(": "))) for e, text in ERRORS],
    )
    source = (
        "(SELECT pk, n, {day} * 86400 + k * period + (n %% 20) AS ago, "
        "(k * 7919 + n * 10477 + {day} * 31) %% 1000 AS luck "
        "FROM bench_job JOIN bench_numbers ON k < often) AS drawn "
        "LEFT JOIN bench_error ON luck < 25 AND e = (n + luck) %% 21 ORDER BY ago DESC"
    )
    status = (
        "CASE WHEN luck < 25 THEN 'failed' WHEN luck < 30 THEN 'timed_out' WHEN luck < 33 THEN 'lost' "
        "WHEN luck < 40 THEN 'missed' WHEN luck < 50 THEN 'skipped' WHEN luck < 60 THEN 'discarded' "
        "ELSE 'succeeded' END"
    )
    took = "(n %% 97) * 0.2 + luck * 0.013 + 0.05"
    slot, begun = seconds_before("ago"), seconds_before("ago - luck %% 7 * 0.4")
    columns = {
        "job_id": "pk",
        "status": status,
        "trigger": "CASE WHEN luck = 999 THEN 'manual' ELSE 'schedule' END",
        "requested_by": "CASE WHEN luck = 999 THEN 'maria' ELSE '' END",
        "created_at": begun,
        "scheduled_for": f"CASE WHEN luck = 999 THEN NULL ELSE {slot} END",
        "settled_slot": f"CASE WHEN luck < 40 OR luck = 999 THEN NULL ELSE {slot} END",
        "started_at": f"CASE WHEN luck >= 33 AND luck < 50 THEN NULL ELSE {begun} END",
        "finished_at": seconds_before(f"ago - luck %% 7 * 0.4 - ({took})"),
        "duration": f"CASE WHEN luck >= 60 OR luck < 25 THEN {length(took)} END",
        "error": "COALESCE(text, '')",
        "error_key": f"CASE WHEN luck < 25 THEN kind WHEN luck < 40 THEN {status} ELSE '' END",
        "traceback": f"CASE WHEN luck < 25 THEN '{TRACE.replace(chr(39), '')}' ELSE '' END",
        "deliveries": "CASE WHEN luck %% 50 = 7 THEN 2 ELSE 1 END",
    }
    values = {"payload": {"region": "emea"}, "result": {"done": 12}, "unfolded": None}
    with indexed_after(JobRun):
        for day in reversed(range(max(1, RUNS // A_DAY))):
            insert(JobRun, source.format(day=day), columns, values)
    pk = pks[0]
    for job in list(pks[::50]):
        JobRun.objects.create(
            job_id=job, status="running", trigger="schedule", started_at=NOW, deliveries=1,
            lease_until=NOW + timedelta(days=1), scheduled_for=NOW + timedelta(seconds=job - pk + 1),
        )  # fmt: skip


def seed_facts() -> None:
    """What the rows of the jobs say of their last runs."""
    from scheduled_jobs.models import JobRun, ScheduledJob

    bad = ("failed", "timed_out", "lost", "missed")
    for job in ScheduledJob.objects.all():
        runs = JobRun.objects.filter(job=job).order_by("-at", "-pk")
        last = runs.exclude(status__in=("running", "queued", "skipped")).first()
        success, failure = runs.filter(status="succeeded").first(), runs.filter(status__in=bad).first()
        if last is None:
            continue
        is_failing = last.status in bad
        # What is kept of runs is written by a statement: save() leaves it alone.
        ScheduledJob.objects.filter(pk=job.pk).update(
            last_run=last,
            last_run_at=last.at,
            last_status=last.status,
            last_duration=last.duration,
            last_error=last.error,
            last_error_key=last.error_key,
            last_success=success,
            last_success_at=success and success.at,
            last_failure=failure,
            last_failure_at=failure and failure.at,
            failures_in_a_row=int(is_failing),
            failing_since=last.at if is_failing else None,
            last_delivery_at=NOW,
        )


def seed_figures() -> None:
    """The cells of the runs of ``READ_BY_PAGES``, which are read once; those of older ones are like them."""
    from django.db import connection
    from django.utils import timezone

    from scheduled_jobs.models import JobRun, RunStats, ScheduledJob
    from scheduled_jobs.models.stats import LENGTHS, TEN_MINUTES, Key, cell_of, floor
    from scheduled_jobs.services.history.stats.cells import READ, Run, Tally, app_of

    now = timezone.now()
    apps = {job.pk: app_of(job.task) for job in ScheduledJob.objects.only("task")}
    found: dict[Key, Tally] = defaultdict(Tally)
    since = floor(now - READ_BY_PAGES, LENGTHS[0])
    runs = JobRun.objects.filter(at__gte=since).order_by().values_list(*READ)
    for row in runs.iterator(chunk_size=10_000):
        run = Run(*row)
        found[cell_of(run.job, run.scheduled_for, run.created_at, now)].count(run)

    def add(part: Key, whole: Key) -> None:
        found[whole].add(found[part].values())

    for shorter, longer in pairwise(reversed(LENGTHS)):
        for key in [key for key in found if key.length == shorter]:
            add(key, key.within(longer))
    for key in list(found):
        add(key, key._replace(job=0, app=apps[key.job]))
    for key in [key for key in found if key.app]:
        add(key, key._replace(app=""))
    rows = (RunStats.of(key, of_app=apps.get(key.job, ""), **tally.values()) for key, tally in found.items())
    while some := list(islice(rows, 20_000)):
        RunStats.objects.bulk_create(some, batch_size=2_000)
    names = [field.column for field in RunStats._meta.concrete_fields if not field.primary_key]
    older = ", ".join(f"start - interval '{READ_BY_PAGES}'" if name == "start" else name for name in names)
    for n in range(1, RUNS // A_DAY // READ_BY_PAGES.days):
        at = since - (n - 1) * READ_BY_PAGES
        with connection.cursor() as cursor:
            cursor.execute(
                f"INSERT INTO {RunStats._meta.db_table} ({', '.join(names)}) SELECT {older} "
                f"FROM {RunStats._meta.db_table} WHERE length > %s AND start >= %s AND start < %s",
                [TEN_MINUTES, at, at + READ_BY_PAGES],
            )


def screens() -> dict[str, str]:
    """What is measured: a name, and the address."""
    from scheduled_jobs.models import JobRun, ScheduledJob

    home = "/admin/scheduled_jobs/"
    jobs, runs = f"{home}scheduledjob/", f"{home}jobrun/"
    job = ScheduledJob.objects.order_by("pk")[0].pk
    failed = JobRun.objects.filter(job=job, status="failed").latest()
    values = {
        "job": job,
        "number": failed.pk,
        "error": quote(failed.error_key),
        "at": f"{NOW - timedelta(hours=20):%Y-%m-%dT%H:%M}",
        "place": f"{NOW - timedelta(hours=9):%Y-%m-%dT%H:%M:%S}_",
    }
    of_jobs = (
        "p=5", "state=failing", "outcome=failed", "overridden=overridden", "google=drifted", "origin=code",
        "q=Task77",
    )  # fmt: skip
    of_runs = (
        *(f"status={status}" for status in (*JobRun.Status, "open", "failing")),
        *(f"span={span}" for span in ("1h", "7d", "30d", "all")),
        "job={job}", "job={job}&status=lost", "job={job}&twice=1", "job={job}&q=KeyError", "how=manual",
        "how=retry", "over=10", "over=3600", "late=10", "twice=1", "span=all&over=3600", "q=maria",
        "q=KeyError", "q={number}", "span=7d&q=maria", "span=30d&q=nothing", "error={error}", "at={at}",
        "before={place}", "after={place}",
    )  # fmt: skip
    found = {f"dashboard, {span}": f"{home}?span={span}" for span in ("1h", "24h", "7d", "30d")}
    found |= {"job list": jobs, **{f"job list, {query}": f"{jobs}?{query}" for query in of_jobs}}
    found |= {f"job, {tab}": f"{jobs}{job}/{tab}/" for tab in ("change", "settings", "changes")}
    found |= {
        "run list": runs,
        **{f"run list, {query}": f"{runs}?{query.format(**values)}" for query in of_runs},
    }
    found["run"] = f"{runs}{failed.pk}/change/"
    return found | {"metrics": "/tasks/metrics", "health": "/tasks/health"}


if __name__ == "__main__":
    serve(
        ["scheduled_jobs"],
        seed,
        screens,
        headers={"Authorization": f"Bearer {TOKEN}"},
        DJANGO_CLOUD_TASKS_PUSH="off",
        DJANGO_CLOUD_TASKS_PROJECT_ID="bench",
        DJANGO_CLOUD_TASKS_LOCATION="europe-west1",
        DJANGO_CLOUD_TASKS_METRICS_TOKEN=TOKEN,
    )
