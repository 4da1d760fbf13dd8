"""What a timeline draws: how the runs of each of its steps ended, for each of many jobs or apps."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from scheduled_jobs.services.history.stats.reading import CellSpan, Scope, Unfolded, read_cells

COUNTED = ("succeeded + discarded", "failed + timed_out", "lost", "missed", "skipped")
"""The columns of cells that a mark tells, in its order."""


class Mark(NamedTuple):
    """How runs ended from ``at`` on, until ``until`` or as long as a mark."""

    at: datetime
    until: datetime | None = None
    ok: int = 0
    bad: int = 0
    lost: int = 0
    missed: int = 0
    skipped: int = 0

    @property
    def runs(self) -> int:
        """All but those that go on."""
        return sum(self[2:])


def marks_by_job(
    start: datetime, end: datetime, step: timedelta, job_ids: Collection[int], unfolded: Unfolded
) -> dict[int, list[Mark]]:
    """Job -> its steps (of whole ten minutes) that have runs, the earliest first."""
    return _marks(CellSpan(start, end, step), Scope.of_jobs(job_ids), step, unfolded)


def marks_by_app(
    start: datetime, end: datetime, step: timedelta, apps: Collection[str], unfolded: Unfolded
) -> dict[str, list[Mark]]:
    """The same of apps, by their labels."""
    return _marks(CellSpan(start, end, step), Scope.of_apps(apps), step, unfolded)


def _marks(span: CellSpan, scope: Scope, step: timedelta, unfolded: Unfolded) -> dict[Any, list[Mark]]:
    found = read_cells(span, scope, unfolded, COUNTED)
    lies = {n: (at := span.begin(n), at + step) for n in set().union(*found.values())}
    return {
        of: [Mark(*lies[n], *steps[n]) for n in sorted(steps) if any(steps[n])] for of, steps in found.items()
    }
