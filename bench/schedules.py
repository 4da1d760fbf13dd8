"""The next run of twenty typical expressions, read and stepped: ``python -m bench.schedules``.

Prints JSON: microseconds for parse and next, for this package without its cache, for croniter and for
cronsim, in UTC and in New York, and the ratios to the two. They take turns expression by expression in one
run, so that a busy machine slows all of them; of several rounds each keeps its fastest. croniter and cronsim
only read and step; this package also refuses what Google refuses, and marks the times that clocks skip or
repeat.
"""

from __future__ import annotations

import argparse
import json
from datetime import UTC, datetime
from importlib.metadata import version
from time import perf_counter
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from croniter import croniter
from cronsim import CronSim

from scheduled_jobs.domain.schedules.schedule import Schedule, parse_uncached

if TYPE_CHECKING:
    from collections.abc import Callable

EXPRESSIONS = [
    "* * * * *",
    "*/5 * * * *",
    "*/15 * * * *",
    "0 * * * *",
    "30 * * * *",
    "0 */2 * * *",
    "0 */6 * * *",
    "0 0 * * *",
    "30 2 * * *",
    "15 3 * * 2",
    "0 9 * * 1-5",
    "0 9 * * MON",
    "0 18 * * FRI",
    "*/10 8-18 * * 1-5",
    "0 0 * * 0",
    "0 0 1 * *",
    "0 0 1,15 * *",
    "0 12 1-7 * *",
    "0 0 1 */3 *",
    "0 6 1 1 *",
]
ZONES = ["UTC", "America/New_York"]
NOW = datetime(2026, 11, 23, 12, 3, tzinfo=UTC)


def ours(expression: str, zone: str, _now: datetime) -> datetime:
    """Read and step with this package, as at the first sight of an expression."""
    return parse_uncached(expression, zone).upcoming(NOW, 1)[0].at


def ours_again(expression: str, zone: str, _now: datetime) -> datetime:
    """The same for an expression that was seen before, as on most pages."""
    return Schedule.parse(expression, zone).upcoming(NOW, 1)[0].at


def with_croniter(expression: str, _zone: str, now: datetime) -> datetime:
    """Read and step with croniter."""
    return croniter(expression, now, ret_type=datetime).get_next()


def with_cronsim(expression: str, _zone: str, now: datetime) -> datetime:
    """Read and step with cronsim."""
    return next(CronSim(expression, now))


RIVALS: dict[str, Callable[[str, str, datetime], datetime]] = {
    "ours": ours,
    "ours, seen before": ours_again,
    "croniter": with_croniter,
    "cronsim": with_cronsim,
}


def seconds(call: Callable[[str, str, datetime], datetime], *arguments: object, times: int) -> float:
    """What one call takes, on average over ``times`` calls in a row."""
    start = perf_counter()
    for _ in range(times):
        call(*arguments)  # type: ignore[arg-type]
    return (perf_counter() - start) / times


def measure(zone: str, rounds: int, times: int) -> dict[str, dict[str, float]]:
    """Microseconds by expression and rival: the fastest round of each."""
    now = NOW.astimezone(ZoneInfo(zone))
    found: dict[str, dict[str, float]] = {}
    for expression in EXPRESSIONS:
        answers = {call(expression, zone, now).astimezone(UTC) for call in RIVALS.values()}
        if len(answers) != 1:
            raise SystemExit(f"{expression} in {zone}: the rivals disagree, {sorted(answers)}")
        best = dict.fromkeys(RIVALS, float("inf"))
        for _ in range(rounds):
            for name, call in RIVALS.items():
                best[name] = min(best[name], seconds(call, expression, zone, now, times=times))
        found[expression] = {name: round(best[name] * 1e6, 1) for name in RIVALS}
    return found


def summary(found: dict[str, dict[str, float]]) -> dict[str, object]:
    """Means over the expressions, and how they compare."""
    means = {name: sum(row[name] for row in found.values()) / len(found) for name in RIVALS}
    slowest = max(found, key=lambda expression: found[expression]["ours"])
    return {
        "microseconds": {name: round(mean, 1) for name, mean in means.items()},
        "ours / croniter": round(means["ours"] / means["croniter"], 2),
        "ours / cronsim": round(means["ours"] / means["cronsim"], 2),
        "slower than croniter": [text for text, row in found.items() if row["ours"] > row["croniter"]],
        "our slowest": {slowest: found[slowest]["ours"]},
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--times", type=int, default=200, help="calls in a row per round")
    parser.add_argument("--each", action="store_true", help="print every expression too")
    options = parser.parse_args()
    report: dict[str, object] = {
        "expressions": len(EXPRESSIONS),
        "versions": {name: version(name) for name in ("croniter", "cronsim")},
    }
    for zone in ZONES:
        found = measure(zone, options.rounds, options.times)
        report[zone] = summary(found) | ({"each": found} if options.each else {})
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
