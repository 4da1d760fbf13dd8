"""How fast the list of 10,000 jobs is, beside django-celery-beat's: ``python -m bench.admin_list``.

Prints JSON. Both lists are measured in turn, request by request, in two processes with the same Django,
the same middleware and a database of the same kind each: a hundred rows a page, signed in as a superuser.
django-celery-beat pins a version of cron-descriptor that we cannot use, so that it gets an environment of
its own in ``.bench/``, made at the first run. ``--runs`` is the length of our history; django-celery-beat
keeps none. With ``DATABASE_URL=postgres://…`` both run on PostgreSQL.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import tomllib
from collections import defaultdict
from pathlib import Path
from typing import Any

import django

from bench.list_worker import LIST

ROOT = Path(__file__).resolve().parent.parent


def peer_python(name: str, group: str) -> Path:
    """The Python of a peer's environment, which is made where it is missing."""
    home = ROOT / ".bench" / name
    python = home / "bin" / "python"
    wanted = [
        *tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"][group],
        f"django=={django.get_version()}",
        "psycopg[binary]",
    ]
    marker = home / "installed.json"
    if not marker.exists() or json.loads(marker.read_text()) != wanted:
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(home)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", *wanted], check=True, stdout=sys.stderr)
        marker.write_text(json.dumps(wanted))
    return python


class Side:
    """One of the two processes."""

    def __init__(self, python: Path, module: str, folder: str, **numbers: int) -> None:
        database = "_".join(["bench", module.rpartition(".")[2], *map(str, numbers.values())])
        environment = {
            **os.environ,
            "BENCH_DATABASE": str(Path(folder) / f"{database}.sqlite3"),
            **{f"BENCH_{name.upper()}": str(value) for name, value in numbers.items()},
        }
        self.process = subprocess.Popen(
            [str(python), "-m", module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=environment,
        )
        self.seconds: dict[str, list[tuple[float, float]]] = defaultdict(list)

    def hear(self) -> Any:
        """The next line that the process says."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.process.args} has ended; its error stands above")
        return json.loads(line)

    def get(self, screen: str = LIST) -> None:
        """Measure one request."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{screen}\n")
        self.process.stdin.flush()
        self.seconds[screen].append(self.hear())

    def end(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()

    def figures(self, screen: str = LIST) -> dict[str, float]:
        ordered, worked = (sorted(some) for some in zip(*self.seconds[screen], strict=True))
        return {
            "median_ms": round(statistics.median(ordered) * 1000, 1),
            "p95_ms": round(ordered[int(0.95 * (len(ordered) - 1))] * 1000, 1),
            "best_ms": round(ordered[0] * 1000, 1),
            "processor_ms": round(statistics.median(worked) * 1000, 1),
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=300_000)
    parser.add_argument("--requests", type=int, default=60)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        sides = {
            "ours": Side(
                Path(sys.executable), "bench.list_ours", folder, jobs=options.jobs, runs=options.runs
            ),
            "celery_beat": Side(
                peer_python("celery-beat", "bench-peer"), "bench.list_celery_beat", folder, jobs=options.jobs
            ),
        }
        about = {name: side.hear()[LIST] for name, side in sides.items()}
        for _request in range(options.requests):
            for side in sides.values():
                side.get()
        for side in sides.values():
            side.end()
    result = {name: {**about[name], **side.figures()} for name, side in sides.items()}
    ratio = result["ours"]["median_ms"] / result["celery_beat"]["median_ms"]
    print(
        json.dumps(
            {
                "django": django.get_version(),
                "jobs": options.jobs,
                "runs": options.runs,
                **result,
                "ours_over_celery_beat": round(ratio, 2),
            },
            indent=2,
        )
    )


if __name__ == "__main__":
    main()
