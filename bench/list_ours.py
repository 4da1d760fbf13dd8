"""Our list of jobs, for ``bench.admin_list``: ten thousand jobs with runs, overrides and an audit."""

from __future__ import annotations

import os
import random
from datetime import timedelta

from django.utils import timezone

from bench.list_worker import LIST, serve

JOBS = int(os.environ["BENCH_JOBS"])
RUNS = int(os.environ["BENCH_RUNS"])
OWN_ROUNDS = 5
"""Runs of each job that differ from one another; the rest repeats them."""
ZONES = ("UTC", "Europe/Lisbon", "America/New_York")


def seed() -> None:
    from scheduled_jobs.models import ScheduledJob

    luck = random.Random(7)
    now = timezone.now()
    jobs = []
    for n in range(JOBS):
        schedule = f"{n % 60} {n % 24} * * *" if n % 3 else f"*/{2 + n % 28} * * * *"
        job = ScheduledJob(
            name=f"bench--app{n % 50}-tasks-Task{n}",
            task=f"app{n % 50}.tasks.Task{n}",
            declared_schedule=schedule,
            declared_time_zone=ZONES[n % len(ZONES)],
            declared_description=f"What task {n} is for, in one line.",
            declared_payload={"region": "emea", "limit": n, "note": "x" * 60},
            sync_state="synced" if n % 50 else "drifted",
            live={"schedule": schedule, "payload": {"region": "emea"}, "state": "ENABLED"},
            pushed={"sent": {"schedule": schedule, "payload": {"region": "emea"}}, "answer": {}},
            live_seen_at=now - timedelta(minutes=2),
            next_run_at=now + timedelta(hours=1),
            last_run_at=now - timedelta(minutes=luck.randrange(1, 600)),
            last_status="succeeded",
        )
        if n % 5 == 0:
            job.schedule_override = f"{n % 60} 3 * * *"
        if n % 40 == 0:
            job.paused, job.pause_reason = True, "Being looked at"
        if n % 60 == 0:
            job.last_status, job.failures_in_a_row = "failed", 3
        jobs.append(job)
    ScheduledJob.objects.bulk_create(jobs, batch_size=500)
    seed_history(luck)


def seed_history(luck: random.Random) -> None:
    from django.db import connection

    from scheduled_jobs.models import JobChange, JobRun, ScheduledJob

    now = timezone.now()
    jobs = list(ScheduledJob.objects.order_by("pk").only("pk", "name", "task"))
    for _round in range(min(OWN_ROUNDS, RUNS // JOBS)):
        JobRun.objects.bulk_create(
            (
                JobRun(
                    job=job,
                    status=luck.choice(["succeeded"] * 9 + ["failed"]),
                    trigger="schedule",
                    started_at=now,
                    finished_at=now,
                    duration=timedelta(seconds=luck.uniform(0.1, 9)),
                    payload={"region": "emea"},
                    result={"done": 12},
                )
                for job in jobs
            ),
            batch_size=500,
        )
    quote = connection.ops.quote_name
    given = [field for field in JobRun._meta.fields if not (field.primary_key or field.generated)]
    columns = ", ".join(quote(field.column) for field in given)
    table, own = quote(JobRun._meta.db_table), JobRun.objects.count()
    first = JobRun.objects.order_by("pk").values_list("pk", flat=True)[0]
    with connection.cursor() as cursor:
        for _copy in range(max(0, RUNS - own) // max(own, 1)):
            cursor.execute(
                f"INSERT INTO {table} ({columns}) SELECT {columns} FROM {table} "
                f"WHERE id >= {first} AND id < {first + own} ORDER BY id"
            )
    JobRun.objects.bulk_create(
        JobRun(job=job, status="running", trigger="schedule", started_at=now, lease_until=now)
        for job in jobs[:: max(1, JOBS // 50)]
    )
    overridden = [(number, job) for number, job in enumerate(jobs) if number % 5 == 0]
    JobChange.objects.bulk_create(
        (
            JobChange(job=job, job_name=job.name, task=job.task, field=field)
            for number, job in overridden
            for field in ("schedule", *(("declared_schedule",) if number % 50 == 0 else ()))
        ),
        batch_size=500,
    )


if __name__ == "__main__":
    serve(
        ["scheduled_jobs"],
        seed,
        lambda: {LIST: "/admin/scheduled_jobs/scheduledjob/"},
        DJANGO_CLOUD_TASKS_PUSH="off",
        DJANGO_CLOUD_TASKS_PROJECT_ID="bench",
        DJANGO_CLOUD_TASKS_LOCATION="europe-west1",
    )
