"""Hostile requests at the view, by the ten thousand: ``python -m bench.fuzz``.

Prints JSON. Most go through Django in this process, where after each of them it is known whether there is a
new run; some over the wire to gunicorn, as bytes. The database is PostgreSQL's server of DATABASE_URL, else a
file of SQLite's.

The goals, of which ``met`` tells: no answer that is not foreseen, no run without a good token, no token in an
answer, a line of the log or a row.
"""

from __future__ import annotations

import argparse
import http.client
import json
import logging
import os
import resource
import socket
import sys
import time
from collections import Counter
from random import Random
from typing import TYPE_CHECKING, Any

from google.auth import jwt

from bench.execution import postgresql, sqlite
from bench.hostile import Enemy, Hostile
from bench.web import ACCOUNT, ADDRESS, ENDPOINT, Google, Web, name_of
from scheduled_jobs.emulator.tokens import ISSUER

if TYPE_CHECKING:
    from django.core.handlers.wsgi import WSGIHandler

OF_THE_SERVER = {400, 405, 408, 414, 417, 431, 501}
"""What gunicorn answers by itself, without asking the app."""


class Ears(logging.Handler):
    """Hears what the package logs."""

    def __init__(self) -> None:
        super().__init__()
        self.lines = self.with_tokens = self.broken = 0

    def emit(self, record: logging.LogRecord) -> None:
        line = record.getMessage()
        self.lines += 1
        self.with_tokens += "eyJ" in line
        self.broken += any(character in line for character in "\r\n\x1b\x85\u2028")


def enemy_of(google: Google, seed: int) -> Enemy:
    """Who knows two of the jobs, and tokens of all kinds."""

    def signed(claims: dict[str, Any]) -> str:
        now = int(time.time())
        usual = {"iss": ISSUER, "aud": ENDPOINT, "email": ACCOUNT, "email_verified": True}
        all_claims = {**usual, "sub": "1", "iat": now, "exp": now + 3600, **claims}
        token: bytes = jwt.encode(google._issuer._signer, all_claims)
        return token.decode()

    names = [name_of(0), name_of(1)]
    return Enemy(Random(seed), path=ADDRESS, names=names, good=lambda: google.tokens()[0], signed=signed)


def inside(enemy: Enemy, number: int) -> dict[str, Any]:
    """So many requests through Django, here."""
    from django.core.handlers.wsgi import WSGIRequest

    from bench.execution_app import application
    from scheduled_jobs.models import JobRun

    handler: WSGIHandler = application
    ears = Ears()
    logging.getLogger("scheduled_jobs").addHandler(ears)
    logging.getLogger("django.request").setLevel(logging.CRITICAL)
    statuses: Counter[int] = Counter()
    faults: list[str] = []
    runs, longest, slowest, memory = JobRun.objects.count(), 0.0, "", 0
    for turn in range(number):
        hostile = enemy.request()
        begun = time.perf_counter()
        answer: Any = handler.get_response(WSGIRequest(hostile.environ()))
        if (took := time.perf_counter() - begun) > longest:
            longest, slowest = took, f"{answer.status_code} to {str(hostile)[:300]}"
        before, runs = runs, JobRun.objects.count()
        statuses[answer.status_code] += 1
        if fault := hostile.fault_in(answer.status_code, answer.content, has_run=runs > before):
            faults.append(f"{turn}: {fault}: {str(hostile)[:500]}")
        if turn == number // 2:
            memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    rows = JobRun.objects.values_list("error", "traceback", "context", "requested_by", "log", "result")
    return {
        "requests": number,
        "statuses": dict(sorted(statuses.items())),
        "runs": runs,
        "longest_ms": round(longest * 1000),
        "slowest": slowest,
        "memory_grown_mb": round((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory) / 1024, 1),
        "log_lines": ears.lines,
        "log_lines_with_tokens": ears.with_tokens,
        "log_lines_broken": ears.broken,
        "rows_with_tokens": sum("eyJ" in json.dumps(row) for row in rows.iterator()),
        "faults": faults,
    }


def over_the_wire(web: Web, enemy: Enemy, number: int) -> dict[str, Any]:
    """So many requests as bytes: those without a good token first, after which there must be no run."""
    from scheduled_jobs.models import JobRun

    requests = sorted((enemy.request() for _ in range(number)), key=lambda hostile: hostile.is_good)
    statuses: Counter[int] = Counter()
    faults: list[str] = []
    before, bad = JobRun.objects.count(), sum(not hostile.is_good for hostile in requests)
    web.start()
    try:
        for turn, hostile in enumerate(requests):
            if turn == bad and JobRun.objects.count() != before:
                faults.append("there is a run without a good token")
            status, content = _sent(web.port, hostile)
            statuses[status] += 1
            is_ours = content.startswith(b"{") or status not in OF_THE_SERVER | {0}
            if is_ours and (fault := hostile.fault_in(status, content, has_run=False)):
                faults.append(f"{turn}: {fault}: {str(hostile)[:500]}: {content[:200]!r}")
    finally:
        web.stop()
    return {"requests": number, "statuses": dict(sorted(statuses.items())), "faults": faults}


def _sent(port: int, hostile: Hostile) -> tuple[int, bytes]:
    """Status and body of the answer; 0 where the server has hung up."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
            connection.sendall(hostile.raw())
            connection.shutdown(socket.SHUT_WR)
            answer = http.client.HTTPResponse(connection, method=hostile.method)
            answer.begin()
            return answer.status, answer.read()
    except (OSError, http.client.HTTPException):
        return 0, b""


def main() -> int:
    """Print the figures; 1 if a goal is missed."""
    parser = argparse.ArgumentParser(prog="python -m bench.fuzz", description=__doc__)
    parser.add_argument("--requests", type=int, default=18_000)
    parser.add_argument("--wire", type=int, default=2_000, help="of them, over the wire to gunicorn")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    google = Google()
    kind = postgresql if os.environ.get("DATABASE_URL", "").startswith("postgres") else sqlite
    with kind() as database:
        web = Web(database, google, "--timeout=60")
        web.tell("fill")
        os.environ.update({name: web.env[name] for name in ("BENCH_DATABASE", "BENCH_CERTS")})
        told: dict[str, Any] = {
            "seed": options.seed,
            "inside": inside(enemy_of(google, options.seed), options.requests),
            "over_the_wire": over_the_wire(web, enemy_of(google, options.seed + 1), options.wire),
        }
        from django.db import connections

        connections.close_all()
    inner = told["inside"]
    told["met"] = {
        "no answer that is not foreseen": not inner["faults"] and not told["over_the_wire"]["faults"],
        "no token in a log or a row": not inner["log_lines_with_tokens"] + inner["rows_with_tokens"],
        "no forged line of a log": not inner["log_lines_broken"],
    }
    sys.stdout.write(json.dumps(told, indent=2) + "\n")
    return 0 if all(told["met"].values()) else 1


if __name__ == "__main__":
    sys.exit(main())
