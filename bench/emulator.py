"""How late the emulator fires many jobs that are due in one second: ``python -m bench.emulator``.

Prints JSON. Three figures, one after the other against the same target: 1,000 jobs, 10,000 jobs (none may
be lost within the minute), and beside them APScheduler with its SQLAlchemy store on 1,000. Lateness is
counted from the second the jobs are due to the arrival of their request at the target. Takes about four
minutes, since cron knows whole minutes only.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import grpc
from google.cloud import scheduler_v1
from google.cloud.scheduler_v1.services.cloud_scheduler.transports import CloudSchedulerGrpcTransport

from bench.http_target import Target

if TYPE_CHECKING:
    from collections.abc import Iterator

PARENT = "projects/bench/locations/here"
LEAD = 5.0  # seconds between the last job's creation and its time
CREATED_PER_SECOND = 400  # a cautious guess, to choose the minute


def percentile(sorted_values: list[float], share: float) -> float:
    """The value that this share of all values does not exceed."""
    return sorted_values[min(len(sorted_values) - 1, int(share * len(sorted_values)))]


def next_minute(jobs: int) -> float:
    """The first whole minute that leaves time to create the jobs, in seconds since 1970."""
    return (time.time() + LEAD + jobs / CREATED_PER_SECOND) // 60 * 60 + 60


def figures(arrivals: list[tuple[float, str]], jobs: int, due: float) -> dict[str, Any]:
    """Lateness in seconds, and what is missing."""
    late = sorted(at - due for at, _ in arrivals)
    names = {name for _, name in arrivals}
    if not late:
        return {"jobs": jobs, "lost": jobs}
    return {
        "jobs": jobs,
        "lost": jobs - len(names),
        "sent_twice": len(arrivals) - len(names),
        "early": sum(1 for seconds in late if seconds < 0),
        "late_p50_s": round(percentile(late, 0.5), 3),
        "late_p99_s": round(percentile(late, 0.99), 3),
        "late_max_s": round(late[-1], 3),
    }


def wait_for(target: Target, jobs: int, due: float) -> list[tuple[float, str]]:
    """Everything that arrives within the minute."""
    while time.time() < due + 58 and len(target.arrivals) < jobs:
        time.sleep(0.2)
    time.sleep(1)  # a second request of a job would come now
    return target.take()


def expressions(due: float) -> Iterator[str]:
    """Different schedules that are all due then, so that no cache of the emulator is flattered."""
    at = datetime.fromtimestamp(due, UTC)
    others = [hour for hour in range(24) if (hour - at.hour) % 24 not in (0, 1)]
    number = 0
    while True:
        hours = [at.hour, *(hour for place, hour in enumerate(others) if number >> place & 1)]
        yield f"{at.minute} {','.join(map(str, sorted(hours)))} * * *"
        number += 1


@contextmanager
def emulator() -> Iterator[scheduler_v1.CloudSchedulerClient]:
    """A fresh emulator process and a client of it."""
    command = [sys.executable, "-m", "scheduled_jobs.emulator", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            host = process.stdout.readline().split("listening on ")[1].split(",")[0]
            with grpc.insecure_channel(host) as channel:
                yield scheduler_v1.CloudSchedulerClient(
                    transport=CloudSchedulerGrpcTransport(channel=channel)
                )
        finally:
            process.terminate()


def emulator_figures(target: Target, jobs: int) -> dict[str, Any]:
    """Create the jobs through Google's client and see when they arrive."""
    due = next_minute(jobs)
    with emulator() as client, ThreadPoolExecutor(8) as pool:
        started = time.monotonic()
        list(
            pool.map(
                lambda pair: create(client, target, *pair), zip(range(jobs), expressions(due), strict=False)
            )
        )
        created = time.monotonic() - started
        assert time.time() < due, "the jobs were not created in time; run the bench on a quieter machine"
        return {**figures(wait_for(target, jobs, due), jobs, due), "created_per_s": round(jobs / created)}


def create(client: scheduler_v1.CloudSchedulerClient, target: Target, number: int, schedule: str) -> None:
    """One job as the package makes them: JSON body, ID token."""
    job = scheduler_v1.Job(
        name=f"{PARENT}/jobs/job-{number}",
        schedule=schedule,
        time_zone="UTC",
        http_target=scheduler_v1.HttpTarget(
            uri=f"http://127.0.0.1:{target.port}/task",
            body=b"{}",
            headers={"Content-Type": "application/json"},
            oidc_token=scheduler_v1.OidcToken(service_account_email="bench@example.com", audience="bench"),
        ),
    )
    client.create_job(parent=PARENT, job=job)


def apscheduler_figures(target: Target, jobs: int) -> dict[str, Any]:
    """The same work for APScheduler, in a process of its own."""
    due = next_minute(jobs)
    command = [sys.executable, "-m", "bench.apscheduler_rival", str(target.port), str(jobs), str(due)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline() == "ready\n"
        result = figures(wait_for(target, jobs, due), jobs, due)
        process.stdin.close()
        process.wait(30)
    return result


def main() -> int:
    """Print the figures; 1 if a bound of ours is not kept."""
    parser = argparse.ArgumentParser(prog="python -m bench.emulator", description=__doc__)
    parser.add_argument("--skip-rival", action="store_true", help="leave APScheduler out")
    options = parser.parse_args()
    target = Target()
    result: dict[str, Any] = {"cpus": os.cpu_count(), "load_before": os.getloadavg()[0]}
    result["emulator_1000"] = emulator_figures(target, 1_000)
    result["emulator_10000"] = emulator_figures(target, 10_000)
    if not options.skip_rival:
        result["apscheduler_sqlalchemy_1000"] = apscheduler_figures(target, 1_000)
    thousand, ten_thousand = result["emulator_1000"], result["emulator_10000"]
    result["bounds_kept"] = {
        "1000 jobs within 1 s at p99": not thousand["lost"] and thousand["late_p99_s"] <= 1,
        "10000 jobs in the minute, none lost": not ten_thousand["lost"] and ten_thousand["late_max_s"] <= 60,
    }
    print(json.dumps(result, indent=2))
    return 0 if all(result["bounds_kept"].values()) else 1


if __name__ == "__main__":
    sys.exit(main())
