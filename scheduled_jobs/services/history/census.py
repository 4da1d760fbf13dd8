"""How many jobs there are of each kind, for tallies and the counts beside filters: two queries for all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from django.db.models import Case, CharField, Count, Value, When

from scheduled_jobs.services.history.health import code_changed_since, health, overridden

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from django.db.models import QuerySet

    from scheduled_jobs.models import ScheduledJob

FOLLOWS, OVERRIDDEN, CODE_CHANGED = "no", "yes", "changed"
"""How a job stands to its code: follows it, is overridden, is overridden and the code changed since."""


def following() -> Case:
    """The expression that gives FOLLOWS, OVERRIDDEN or CODE_CHANGED."""
    return Case(
        When(code_changed_since(), then=Value(CODE_CHANGED)),
        When(overridden(), then=Value(OVERRIDDEN)),
        default=Value(FOLLOWS),
        output_field=CharField(),
    )


class Group(NamedTuple):
    """Jobs that are alike in all that one can filter by."""

    state: str
    outcome: str
    overridden: str
    google: str
    origin: str
    jobs: int


@dataclass(frozen=True)
class Census:
    groups: list[Group]

    @property
    def total(self) -> int:
        return sum(group.jobs for group in self.groups)

    def count(self, wanted: Mapping[str, Iterable[str]]) -> int:
        """How many jobs have, for each facet that is named, one of these values."""
        return sum(
            group.jobs
            for group in self.groups
            if all(getattr(group, facet) in values for facet, values in wanted.items())
        )


def take_census(jobs: QuerySet[ScheduledJob], now: datetime) -> Census:
    """Count the jobs at ``now`` (aware), in two queries.

    Those whose code changed since are counted by a condition and not by an expression: PostgreSQL takes a
    subquery in an expression for something that it runs for every row, and compiles it for longer than
    the query takes.
    """
    is_overridden = Case(When(overridden(), then=Value(OVERRIDDEN)), default=Value(FOLLOWS))
    counted = (
        jobs.order_by()
        .annotate(_health=health(now), _follows=is_overridden)
        .values_list("_health", "last_status", "_follows", "sync_state", "origin")
        .annotate(_jobs=Count("pk"))
    )
    groups = {row[:5]: Group(*row) for row in counted}
    for row in counted.filter(code_changed_since()):
        changed = Group(*row)
        group = groups.get(row[:5])
        if group is not None:
            # What changes between the two queries is not counted twice.
            number = min(changed.jobs, group.jobs)
            groups[row[:5]] = group._replace(jobs=group.jobs - number)
            groups[(*row[:5], CODE_CHANGED)] = changed._replace(overridden=CODE_CHANGED, jobs=number)
    return Census([group for group in groups.values() if group.jobs])
