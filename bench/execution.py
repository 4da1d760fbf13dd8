"""What a delivery costs, beside a bare view that writes one row: ``python -m bench.execution``.

Prints JSON. gunicorn serves both with the same workers, over the same database: a trivial task with a real
token, and a view with one INSERT and one UPDATE by the ORM and no token. Both are asked in turn over as many
connections, in several rounds; the ratio is that of the requests per second, the median of the rounds'. The
processor's time of the workers tells more than the clock's where the machine is busy. Each delivery has a
slot of its own, and most a token of their own. The database is PostgreSQL's server of DATABASE_URL, or else
one that is started for it; SQLite comes second.

The goals, of which ``met`` tells: 0.7 of the bare view's requests per second on PostgreSQL, and at most six
statements.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import socket
import statistics
import sys
import tempfile
import threading
import time
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dj_database_url
import psycopg

from bench.own_postgresql import own_postgresql
from bench.web import ADDRESS, Google, Web, headers

if TYPE_CHECKING:
    from collections.abc import Iterator

LEAST_RATIO = 0.7
MOST_STATEMENTS = 6
TOKENS = 3_000
JOBS = 256
SLOT = datetime(2026, 1, 5, tzinfo=UTC)
BODY = b'{"region": "emea"}'
TICKS = os.sysconf("SC_CLK_TCK")
SQLITE = {
    "ENGINE": "django.db.backends.sqlite3",
    "OPTIONS": {"transaction_mode": "IMMEDIATE", "timeout": 20, "init_command": "PRAGMA journal_mode=WAL"},
}


@contextmanager
def postgresql() -> Iterator[dict[str, Any]]:
    """An empty database on PostgreSQL."""
    with ExitStack() as stack:
        url = os.environ.get("DATABASE_URL", "")
        if not url.startswith("postgres"):
            url = stack.enter_context(own_postgresql()).url
        name = f"bench_execution_{os.getpid()}"
        server = dj_database_url.parse(url)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
            try:
                # As a project sets it that has many requests: a connection for each costs more than all else.
                yield {**server, "NAME": name, "CONN_MAX_AGE": 600}
            finally:
                connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def sqlite() -> Iterator[dict[str, Any]]:
    """An empty file in a folder that is gone after the block."""
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        yield {**SQLITE, "NAME": f"{folder}/bench.sqlite3", "CONN_MAX_AGE": 600}


def processor_seconds(pids: list[int]) -> float:
    """What these processes have used so far."""
    fields = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in pids]
    return sum(int(field[11]) + int(field[12]) for field in fields) / TICKS


class Load:
    """Requests over several connections, each of which asks again as soon as it is answered."""

    def __init__(self, web: Web, tokens: list[str], connections: int) -> None:
        self._port, self._pids = web.port, web.workers()
        self._tokens = itertools.cycle(tokens)
        self._connections = connections
        self._slots = itertools.count()

    def _bare(self, _connection: int) -> bytes:
        return self._request("/bare/", {"Content-Type": "application/json"})

    def _delivery(self, connection: int) -> bytes:
        turn = next(self._slots)
        # No two connections deliver a slot of the same job, which would be skipped.
        job = connection + turn % (JOBS // self._connections) * self._connections
        return self._request(ADDRESS, headers(job, SLOT + timedelta(minutes=turn), next(self._tokens)))

    def _request(self, address: str, headers: dict[str, str]) -> bytes:
        lines = [f"POST {address} HTTP/1.1", "Host: bench.example.com", "Connection: close"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        return "\r\n".join([*lines, f"Content-Length: {len(BODY)}", "", ""]).encode() + BODY

    def measure(self, what: str, seconds: float) -> dict[str, Any]:
        """Requests per second, and the processor's time of each."""
        make = self._bare if what == "bare" else self._delivery
        took: list[float] = []
        wrong: list[bytes] = []
        begin, used = time.perf_counter(), processor_seconds(self._pids)

        def ask(connection: int) -> None:
            while (begun := time.perf_counter()) < begin + seconds:
                answer = _asked(self._port, make(connection))
                took.append(time.perf_counter() - begun)
                if b'"executed"' not in answer:
                    wrong.append(answer)

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(self._connections)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not wrong, wrong[0]
        passed = time.perf_counter() - begin
        return {
            "requests_per_second": len(took) / passed,
            "processor_ms": (processor_seconds(self._pids) - used) * 1000 / len(took),
            "median_ms": statistics.median(took) * 1000,
            "p99_ms": sorted(took)[int(len(took) * 0.99)] * 1000,
            "requests": len(took),
        }


def _asked(port: int, request: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(request)
        parts = []
        while part := connection.recv(65_536):
            parts.append(part)
    return b"".join(parts)


def figures(database: dict[str, Any], options: argparse.Namespace, google: Google) -> dict[str, Any]:
    """All figures on one database, which is empty."""
    web = Web(database, google, "--timeout=120", workers=options.workers)
    web.tell("fill")
    sides: dict[str, list[dict[str, Any]]] = {"bare": [], "ours": []}
    web.start()
    try:
        load = Load(web, google.tokens(TOKENS), options.connections)
        for side in sides:
            load.measure(side, 2)  # each worker fetches the certificates, and connects
        for _round in range(options.rounds):
            for side, found in sides.items():
                found.append(load.measure(side, options.seconds))
    finally:
        web.stop()
    told = web.tell("statements")
    pairs = list(zip(sides["ours"], sides["bare"], strict=True))
    return {
        "ratio": round(_median([a["requests_per_second"] / b["requests_per_second"] for a, b in pairs]), 3),
        "processor_ratio": round(_median([b["processor_ms"] / a["processor_ms"] for a, b in pairs]), 3),
        **{
            side: {key: round(_median([one[key] for one in found]), 2) for key in found[0]}
            for side, found in sides.items()
        },
        "delivery": json.loads(told),
    }


def _median(values: list[float]) -> float:
    return statistics.median(values)


def main() -> int:
    """Print the figures; 1 if a goal is missed."""
    parser = argparse.ArgumentParser(prog="python -m bench.execution", description=__doc__)
    parser.add_argument("--seconds", type=float, default=5, help="of each side in each round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--skip-sqlite", action="store_true")
    options = parser.parse_args()
    google = Google()
    told: dict[str, Any] = {"cpus": os.cpu_count(), "load_before": os.getloadavg()[0]}
    kinds = {"postgresql": postgresql, **({} if options.skip_sqlite else {"sqlite": sqlite})}
    for kind, make in kinds.items():
        with make() as database:
            told[kind] = figures(database, options, google)
    ours = told["postgresql"]
    told["met"] = {
        f"at least {LEAST_RATIO} of the bare view": ours["ratio"] >= LEAST_RATIO,
        f"at most {MOST_STATEMENTS} statements": ours["delivery"]["statements"] <= MOST_STATEMENTS,
    }
    print(json.dumps(told, indent=2))
    return 0 if all(told["met"].values()) else 1


if __name__ == "__main__":
    sys.exit(main())
