"""How fast the screens are over a long history: ``python -m bench.history --runs 1000000``.

Prints JSON: of each screen the median of full requests by a superuser over so many runs of 1,000 jobs, and
how many times that it takes over 100,000 runs; beside them django-celery-results' own list of as many
results, in the same minutes and on a database of the same kind. All requests are measured in turn, in three
processes with the same Django and middleware; the peer has an environment of its own in ``.bench/``, made at
the first run. With ``DATABASE_URL=postgres://...`` all of it lies on PostgreSQL. ``health`` answers 503, the
dearer of its answers: it names the jobs that fail.

The goals, of which ``missed`` names the screens: under 100 ms, and no more than 1.3 times its time at 100,000
runs.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

import django

from bench.admin_list import Side, peer_python

MOST_MS = 100
MOST_GROWTH = 1.3
FEW = 100_000
RESULTS = "list of results"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1_000_000)
    parser.add_argument("--requests", type=int, default=15)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        own, peer = Path(sys.executable), peer_python("celery-results", "bench-peer-results")
        few = Side(own, "bench.history_ours", folder, runs=FEW)
        many = Side(own, "bench.history_ours", folder, runs=options.runs)
        results = Side(peer, "bench.history_celery_results", folder, runs=options.runs)
        sides = (few, many, results)
        about = {side: side.hear() for side in sides}
        for _request in range(options.requests):
            for side in sides:
                for screen in about[side]:
                    side.get(screen)
        for side in sides:
            side.end()
    of_peer = results.figures(RESULTS)
    screens = {}
    for name, seen in about[many].items():
        figures, before = many.figures(name), few.figures(name)
        growth = figures["median_ms"] / before["median_ms"]
        screens[name] = {
            **seen,
            **figures,
            "growth": round(growth, 2),
            "queries_at_100000": about[few][name]["queries"],
            "over_celery_results": round(figures["median_ms"] / of_peer["median_ms"], 3),
            "is_met": figures["median_ms"] < MOST_MS
            and growth <= MOST_GROWTH
            and seen["queries"] == about[few][name]["queries"],
        }
    told = {
        "django": django.get_version(),
        "runs": options.runs,
        "celery_results": {**about[results][RESULTS], **of_peer},
        "screens": screens,
        "missed": [name for name, screen in screens.items() if not screen["is_met"]],
    }
    print(json.dumps(told, indent=2))


if __name__ == "__main__":
    main()
