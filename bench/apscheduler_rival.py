"""APScheduler with its SQLAlchemy store, given the same work: ``python -m bench.apscheduler_rival``.

Arguments: target port, number of jobs, when they are due (seconds since 1970). Prints "ready" once all jobs
are stored and the scheduler runs, and works until its standard input is closed.
"""

from __future__ import annotations

import http.client
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from threading import local

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.background import BackgroundScheduler

WORKERS = 64

connections = local()


def call(port: int, name: str) -> None:
    """POST what the emulator posts, over a connection that the worker keeps."""
    if not hasattr(connections, "target"):
        connections.target = http.client.HTTPConnection("127.0.0.1", port)
    connections.target.request("POST", "/task", b"{}", {"X-CloudScheduler-JobName": name})
    connections.target.getresponse().read()


def main(port: int, jobs: int, due: float) -> None:
    """Store the jobs, run them when they are due, stop when told."""
    with tempfile.TemporaryDirectory() as folder:
        scheduler = BackgroundScheduler(
            jobstores={"default": SQLAlchemyJobStore(f"sqlite:///{Path(folder) / 'jobs.sqlite'}")},
            executors={"default": ThreadPoolExecutor(WORKERS)},
            job_defaults={"misfire_grace_time": 120},
            timezone=UTC,
        )
        scheduler.start(paused=True)
        at = datetime.fromtimestamp(due, UTC)
        for number in range(jobs):
            name = f"job-{number}"
            scheduler.add_job(call, "cron", (port, name), id=name, hour=at.hour, minute=at.minute, second=0)
        scheduler.resume()
        print("ready", flush=True)
        sys.stdin.read()
        scheduler.shutdown()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))
