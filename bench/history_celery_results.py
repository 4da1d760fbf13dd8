"""django-celery-results' list of task results, for ``bench.history``."""

from __future__ import annotations

import os

from bench.history_rows import insert, numbers, seconds_before
from bench.list_worker import serve

RUNS = int(os.environ["BENCH_RUNS"])
DAY = 86_400


def seed() -> None:
    from django_celery_results.models import TaskResult

    numbers(1_000)
    for thousand in range(RUNS // 1_000):
        at = seconds_before(f"({thousand} * 1000 + k) * {DAY / 100_000}")
        insert(
            TaskResult,
            "bench_numbers",
            {
                "task_id": f"'task-{thousand}-' || k",
                "task_name": "'app' || (k % 50) || '.tasks.Task' || k",
                "status": "CASE WHEN k % 50 = 0 THEN 'FAILURE' ELSE 'SUCCESS' END",
                "date_created": at,
                "date_started": at,
                "date_done": at,
            },
            {"result": '{"done": 12}', "content_type": "application/json", "worker": "worker-1"},
        )


if __name__ == "__main__":
    serve(
        ["django_celery_results"],
        seed,
        lambda: {"list of results": "/admin/django_celery_results/taskresult/"},
    )
