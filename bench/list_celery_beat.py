"""django-celery-beat's list of periodic tasks, for ``bench.admin_list``."""

from __future__ import annotations

import os

from bench.list_worker import LIST, serve

JOBS = int(os.environ["BENCH_JOBS"])


def seed() -> None:
    from django_celery_beat.models import CrontabSchedule, PeriodicTask

    crontabs = [CrontabSchedule(minute=str(n % 60), hour=str(n % 24)) for n in range(200)]
    CrontabSchedule.objects.bulk_create(crontabs)
    crontabs = list(CrontabSchedule.objects.all())
    PeriodicTask.objects.bulk_create(
        (
            PeriodicTask(
                name=f"task {n}",
                task=f"app{n % 50}.tasks.Task{n}",
                crontab=crontabs[n % 200],
                description=f"What task {n} is for, in one line.",
            )
            for n in range(JOBS)
        ),
        batch_size=500,
    )


if __name__ == "__main__":
    serve(
        ["django_celery_beat"],
        seed,
        lambda: {LIST: "/admin/django_celery_beat/periodictask/"},
    )
