"""How fast a sync is beside the same calls made by Google's client alone: ``python -m bench.sync``.

Prints JSON: for each scenario the seconds and calls of a sync, those of the floor, and the ratio of the
two; and the peaks of memory. The emulator runs in a process of its own and takes 30 ms for every call;
nothing limits the writes. The floor is the same calls for jobs of the same size, with as many in flight, made
by Google's client with nothing around it, measured in the same run. Where the machine is busy the processor's
time (``cpu_seconds``) tells more than the clock's. ``--jobs`` names the sizes: Google allows 5,000 jobs a
region.

The goals, of which ``met`` tells: the calls are the fewest possible; the first sync of 1,000 jobs takes at
most 1.3 times the floor, and of 5,000 jobs 1.6 times; a sync of 5,000 with nothing to do takes at most 0.6 s
more than the floor; and no sync takes 250 MB.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LATENCY_MS = 30
IN_FLIGHT = 64
SCENARIOS = ("first", "no_op", "ten_changed", "ten_removed")
"""In this order, on one database."""
MOST_RATIO = {1000: 1.3, 5000: 1.6}
MOST_SECONDS = 0.6
MOST_MEMORY = 250
ACCOUNT = "bench@bench.iam.gserviceaccount.com"
PARENT = "projects/bench/locations/here"


@contextmanager
def emulator() -> Iterator[str]:
    """The address of an emulator that lives as long as the block."""
    program = [sys.executable, "-m", "scheduled_jobs.emulator"]
    command = [*program, "--port", "0", "--latency-ms", str(LATENCY_MS)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        words = process.stdout.readline().split()
        yield words[words.index("on") + 1].rstrip(",")
    finally:
        process.terminate()
        process.wait(20)


def timed(action: Callable[[], Any]) -> dict[str, Any]:
    """Seconds by the clock and by this process's processor."""
    begin, used = time.perf_counter(), time.process_time()
    action()
    return {
        "seconds": round(time.perf_counter() - begin, 3),
        "cpu_seconds": round(time.process_time() - used, 3),
    }


def floor(host: str, jobs: int) -> dict[str, Any]:
    """The same calls by Google's client alone."""
    import grpc
    from google.cloud import scheduler_v1
    from google.cloud.scheduler_v1.services.cloud_scheduler.transports import CloudSchedulerGrpcTransport

    channel = grpc.insecure_channel(host)
    client = scheduler_v1.CloudSchedulerClient(transport=CloudSchedulerGrpcTransport(channel=channel))
    made = [_job_like_ours(scheduler_v1, n) for n in range(jobs)]

    def each(call: Callable[[Any], Any], items: list[Any]) -> None:
        with ThreadPoolExecutor(IN_FLIGHT) as pool:
            list(pool.map(call, items))

    def create(job: Any) -> None:
        client.create_job(parent=PARENT, job=job, timeout=10, retry=None)

    def update(job: Any) -> None:
        client.update_job(job=job, update_mask={"paths": ["schedule", "time_zone"]}, timeout=10, retry=None)

    def delete(job: Any) -> None:
        client.delete_job(name=job.name, timeout=10, retry=None)

    def listed() -> int:
        return sum(1 for _ in client.list_jobs(request={"parent": PARENT, "page_size": 500}))

    figures = {
        "first": timed(lambda: (listed(), each(create, made))),
        "no_op": timed(listed),
        "ten_changed": timed(lambda: (listed(), each(update, made[:10]))),
        "ten_removed": timed(lambda: (listed(), each(delete, made[:10]))),
        "peak_memory_mb": _peak(),
    }
    each(delete, made[10:])
    channel.close()
    return figures


def _job_like_ours(scheduler_v1: Any, n: int) -> Any:
    """A job of the size of those that a sync makes: what is listed and sent is then the same work."""
    seconds = {"min_backoff_duration": 5, "max_backoff_duration": 3600, "max_retry_duration": 0}
    return scheduler_v1.Job(
        name=f"{PARENT}/jobs/floor--bench-tasks-Task{n}",
        schedule="0 9 * * *",
        time_zone="UTC",
        http_target={
            "uri": f"https://shop.example.com/bench.tasks.Task{n}",
            "http_method": "POST",
            "headers": {
                "Content-Type": "application/json",
                "X-Scheduled-Jobs": "1; app=floor",
                "X-Scheduled-Jobs-Token": f"floor--bench-tasks-Task{n}:bench.tasks.Task{n}:" + "x" * 43,
            },
            "body": b"{}",
            "oidc_token": {"service_account_email": ACCOUNT, "audience": "https://shop.example.com"},
        },
        attempt_deadline={"seconds": 180},
        retry_config={"max_doublings": 5, **{name: {"seconds": value} for name, value in seconds.items()}},
    )


def ours(host: str, jobs: int, database: Path, scenario: str) -> dict[str, Any]:
    """One sync of as many tasks, on an SQLite file, in this process; only the first finds an empty file."""
    _configure(host, database)
    from django.core.management import call_command

    from scheduled_jobs import registry
    from scheduled_jobs.backends import get_backend
    from scheduled_jobs.tasks import PeriodicTask

    call_command("migrate", verbosity=0)
    registry._tasks.clear()
    memory = {"django": _peak()}
    client: Any = get_backend()
    assert client.client is not None
    memory["with_googles_client"] = _peak()
    body = {"__module__": "bench.tasks", "run_every": "0 9 * * *", "run": run}
    tasks: list[Any] = [type(f"Task{n}", (PeriodicTask,), dict(body)) for n in range(jobs)]
    memory["with_the_task_classes"] = _peak()
    if scenario in ("ten_changed", "ten_removed"):
        for task in tasks[:10]:
            task.run_every = "0 10 * * *"
    if scenario == "ten_removed":
        for task in tasks[:10]:
            del registry._tasks[task.name()]

    def sync() -> None:
        with Path(os.devnull).open("w") as nowhere:
            call_command("schedule_tasks", stdout=nowhere)

    figure = _measured(sync)
    memory["peak"] = _peak()
    return {**figure, "memory_mb": memory}


def run(self: Any) -> None:
    """What the tasks do."""


def _measured(sync: Callable[[], None]) -> dict[str, Any]:
    from scheduled_jobs.backends import get_backend

    client: Any = get_backend()
    counted = _Counted(client.client.transport)
    result = timed(sync)
    result["calls"] = counted.stop()
    return result


class _Counted:
    """Counts the calls that leave through the transport of Google's client."""

    METHODS = ("create_job", "update_job", "delete_job", "pause_job", "resume_job", "get_job", "run_job")

    def __init__(self, transport: Any) -> None:
        self.transport = transport
        self.calls = 0
        self.real = {method: getattr(transport, method) for method in self.METHODS}
        for method, call in self.real.items():
            transport._stubs[method] = self._counting(call)
        # The pager calls this one, which was made together with the client.
        self.list = transport._wrapped_methods[transport.list_jobs]
        transport._wrapped_methods[transport.list_jobs] = self._counting(self.list)

    def _counting(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*args: Any, **kwargs: Any) -> Any:
            self.calls += 1
            return call(*args, **kwargs)

        return counted

    def stop(self) -> int:
        self.transport._stubs.update(self.real)
        self.transport._wrapped_methods[self.transport.list_jobs] = self.list
        return self.calls


def _peak() -> float:
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)


def _configure(host: str, database: Path) -> None:
    import django
    from django.conf import settings

    settings.configure(
        INSTALLED_APPS=[
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "scheduled_jobs",
        ],
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.sqlite3",
                "NAME": str(database),
                "OPTIONS": {
                    "timeout": 20,
                    "transaction_mode": "IMMEDIATE",
                    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL",
                },
            }
        },
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        ROOT_URLCONF="scheduled_jobs.urls",
        SECRET_KEY="bench",
        USE_TZ=True,
        DJANGO_CLOUD_TASKS_EMULATOR_HOST=host,
        DJANGO_CLOUD_TASKS_PROJECT_ID="ours",
        DJANGO_CLOUD_TASKS_LOCATION="here",
        DJANGO_CLOUD_TASKS_APP_NAME="bench",
        DJANGO_CLOUD_TASKS_ENDPOINT="https://shop.example.com",
        DJANGO_CLOUD_TASKS_OIDC_SERVICE_ACCOUNT=ACCOUNT,
        DJANGO_CLOUD_TASKS_WRITES_PER_MINUTE=None,
        DJANGO_CLOUD_TASKS_CONCURRENCY=IN_FLIGHT,
    )
    django.setup()


def one_size(jobs: int) -> dict[str, Any]:
    with emulator() as host, tempfile.TemporaryDirectory() as folder:
        database = Path(folder) / "bench.sqlite3"

        def alone(measure: Callable[..., Any], *arguments: Any) -> Any:
            # In a process of its own, as every schedule_tasks is: the peak of memory is then its own.
            with ProcessPoolExecutor(1, get_context("spawn")) as pool:
                return pool.submit(measure, host, jobs, *arguments).result()

        least = alone(floor)
        figures = {scenario: alone(ours, database, scenario) for scenario in SCENARIOS}
    memory = {
        "floor": least.pop("peak_memory_mb"),
        **{scenario: figure.pop("memory_mb") for scenario, figure in figures.items()},
    }
    pages = -(-max(jobs, 1) // 500)
    minimum = {
        "first": jobs + 1,
        "no_op": pages,
        "ten_changed": pages + 10,
        "ten_removed": pages + 10,
    }
    scenarios = {
        name: {
            **figure,
            "least_calls": minimum[name],
            "floor_seconds": least[name]["seconds"],
            "floor_cpu_seconds": least[name]["cpu_seconds"],
            "ratio_to_floor": round(figure["seconds"] / least[name]["seconds"], 2),
            "seconds_over_floor": round(figure["seconds"] - least[name]["seconds"], 3),
        }
        for name, figure in figures.items()
    }
    return {"jobs": jobs, "memory_mb": memory, **scenarios, "met": met(jobs, memory, scenarios)}


def met(jobs: int, memory: dict[str, Any], scenarios: dict[str, dict[str, Any]]) -> dict[str, bool]:
    """Which of the goals are reached."""
    goals = {
        "fewest_calls": all(figure["calls"] == figure["least_calls"] for figure in scenarios.values()),
        "memory": all(memory[name]["peak"] < MOST_MEMORY for name in scenarios),
    }
    if jobs in MOST_RATIO:
        goals["first"] = scenarios["first"]["ratio_to_floor"] <= MOST_RATIO[jobs]
        goals["no_op"] = scenarios["no_op"]["seconds_over_floor"] <= MOST_SECONDS
    return goals


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, nargs="*", default=[1000, 5000])
    sizes = [one_size(jobs) for jobs in parser.parse_args().jobs]
    print(json.dumps({"latency_ms": LATENCY_MS, "in_flight": IN_FLIGHT, "sizes": sizes}, indent=2))


if __name__ == "__main__":
    main()
