"""A web server killed again and again in the middle of 200 deliveries: ``python -m bench.storm``.

Prints JSON. The emulator fires so many jobs in one second at gunicorn on a PostgreSQL server of its own, and
tries again as Google does by default: five times, after 5, 10, 20, 40 and 80 seconds. Meanwhile ``kill -9``
takes single workers, and now and then the whole server, which is started anew. Each run takes half a second
and leaves a mark before and after its work. A minute or two for each round.

``met`` tells whether each scheduled time has exactly one success in the end, and no run says that it is
running. Work may be done twice: where the process dies between the work and its record.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import grpc
import psycopg
from google.cloud import scheduler_v1
from google.cloud.scheduler_v1.services.cloud_scheduler.transports import CloudSchedulerGrpcTransport

from bench.own_postgresql import PostgreSQL, own_postgresql
from bench.web import ACCOUNT, ADDRESS, ENDPOINT, Web, name_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PARENT = "projects/bench/locations/here"
WORK = {"seconds": 0.5, "marks": "begun done"}
PATIENCE = 240
"""Seconds for the last retry, and what it waits for: 5 + 10 + 20 + 40 + 80, and a deadline."""
FIGURES = """
SELECT status, count(*) FROM scheduled_jobs_jobrun GROUP BY status
"""
SLOTS = """
SELECT count(*) FILTER (WHERE successes = 1), count(*) FILTER (WHERE successes > 1), count(*)
FROM (SELECT count(*) FILTER (WHERE status = 'succeeded') AS successes FROM scheduled_jobs_jobrun
      WHERE scheduled_for IS NOT NULL GROUP BY job_id, scheduled_for) AS slot
"""
STUCK = "SELECT count(*) FROM scheduled_jobs_jobrun WHERE status = 'running'"
MARKS = "SELECT status, count(*) FROM bench_row GROUP BY status"
TWICE = """
SELECT count(*) FROM (SELECT 1 FROM bench_row WHERE status = 'done' GROUP BY payload ->> 'job', started_at
                      HAVING count(*) > 1) AS slot
"""


class Emulator:
    """A running emulator, on a port that stays the same however often it is killed and started."""

    def __init__(self, *options: str) -> None:
        self._options = options
        self._port = random.randrange(20_000, 30_000)
        self._process: subprocess.Popen[str] | None = None
        self.url = f"http://127.0.0.1:{self._port + 1}/certs"

    def start(self) -> None:
        """Start it, and wait until it listens."""
        command = [sys.executable, "-m", "scheduled_jobs.emulator", "--port", str(self._port), *self._options]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        assert "listening on " in self._process.stdout.readline()
        channel = grpc.insecure_channel(f"127.0.0.1:{self._port}")
        transport = CloudSchedulerGrpcTransport(channel=channel)
        self.client = scheduler_v1.CloudSchedulerClient(transport=transport)

    def stop(self, how: int = signal.SIGTERM) -> None:
        """Stop it, or kill it."""
        if self._process is not None:
            self.client.transport.close()  # type: ignore[no-untyped-call]
            self._process.send_signal(how)
            self._process.communicate()
            self._process = None


@contextmanager
def emulator(*options: str) -> Iterator[Emulator]:
    """One in a process of its own."""
    google = Emulator(*options)
    google.start()
    try:
        yield google
    finally:
        google.stop()


def create(google: Emulator, web: Web, jobs: int, schedule: str, work: Mapping[str, Any] = WORK) -> None:
    """Jobs with the retries that Google has by default where there are any."""
    for number in range(jobs):
        job = scheduler_v1.Job(
            name=f"{PARENT}/jobs/{name_of(number)}",
            schedule=schedule,
            time_zone="UTC",
            retry_config=scheduler_v1.RetryConfig(retry_count=5),
            attempt_deadline=timedelta(seconds=60),
            http_target=scheduler_v1.HttpTarget(
                uri=f"http://127.0.0.1:{web.port}{ADDRESS}",
                body=json.dumps(work).encode(),
                headers={"Content-Type": "application/json"},
                oidc_token=scheduler_v1.OidcToken(service_account_email=ACCOUNT, audience=ENDPOINT),
            ),
        )
        google.client.create_job(parent=PARENT, job=job)


def kill(web: Web, options: argparse.Namespace, chance: random.Random) -> dict[str, int]:
    """Kill as often as asked for; returns how many workers, and how many servers."""
    killed = {"workers": 0, "servers": 0}
    moments = ["worker"] * options.workers + ["server"] * options.servers
    chance.shuffle(moments)
    for what in moments:
        time.sleep(chance.uniform(0.5, 4))
        if what == "server":
            web.kill()
            time.sleep(chance.uniform(0, 2))
            web.start()
            killed["servers"] += 1
        elif workers := web.workers():
            with suppress(ProcessLookupError):
                os.kill(chance.choice(workers), signal.SIGKILL)
                killed["workers"] += 1
    return killed


def round_of(server: PostgreSQL, google: Emulator, options: argparse.Namespace, seed: int) -> dict[str, Any]:
    """One round on a database of its own."""
    name = f"storm_{seed}_{time.time_ns()}"
    server.execute(f"CREATE DATABASE {name}")
    web = Web(server.database(name, CONN_MAX_AGE=600), google, "--threads=8", workers=2)
    web.tell("fill")
    web.start()
    chance = random.Random(seed)
    try:
        begun = time.time()
        due = datetime.fromtimestamp((begun + 15) // 60 * 60 + 60, UTC)
        create(google, web, options.deliveries, f"{due:%-M %-H %-d %-m *}")
        time.sleep(max(0.0, due.timestamp() - time.time()))
        killed = kill(web, options, chance)
        with psycopg.connect(f"{server.url.rpartition('/')[0]}/{name}", autocommit=True) as connection:

            def ask(query: str) -> list[tuple[Any, ...]]:
                return connection.execute(query.encode()).fetchall()

            give_up = time.monotonic() + PATIENCE
            while time.monotonic() < give_up:
                ((single, _, _),) = ask(SLOTS)
                if single == options.deliveries and not ask(STUCK)[0][0]:
                    break
                time.sleep(1)
            ((single, doubled, seen),) = ask(SLOTS)
            return {
                "killed": killed,
                "seconds": round(time.time() - due.timestamp(), 1),
                "slots": options.deliveries,
                "seen": seen,
                "with_one_success": single,
                "with_several": doubled,
                "running_at_the_end": ask(STUCK)[0][0],
                "runs": dict(ask(FIGURES)),
                "work": {**dict(ask(MARKS)), "done_twice": ask(TWICE)[0][0]},
            }
    finally:
        web.stop()
        for number in range(options.deliveries):
            google.client.delete_job(name=f"{PARENT}/jobs/{name_of(number)}")


def main() -> int:
    """Print the figures; 1 if a promise is broken."""
    parser = argparse.ArgumentParser(prog="python -m bench.storm", description=__doc__)
    parser.add_argument("--deliveries", type=int, default=200, help="256 at most")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=8, help="killed in each round")
    parser.add_argument("--servers", type=int, default=2, help="killed in each round")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with own_postgresql() as server, emulator() as google:
        rounds = [
            round_of(server, google, options, options.seed + number) for number in range(options.rounds)
        ]
    met = all(
        found["with_one_success"] == found["slots"] and not found["running_at_the_end"] for found in rounds
    )
    print(json.dumps({"rounds": rounds, "met": met}, indent=2))
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
