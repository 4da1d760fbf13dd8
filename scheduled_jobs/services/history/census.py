"""How many jobs there are of each kind, and which: two queries for the counts beside all filters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from django.db.models import Case, Count, Q, QuerySet, Value, When

from scheduled_jobs.models import ScheduledJob
from scheduled_jobs.services.history.health import (
    Health,
    code_changed_since,
    health,
    overridden,
    paused,
    running,
    unserved,
)

FOLLOWS, OVERRIDDEN, CODE_CHANGED = "no", "yes", "changed"
"""How a job stands to its code: follows it, is overridden, is overridden and the code changed since."""
ATTEMPT_FAILED = "attempt"
"""Of Google: its last attempt at a job failed, and nothing arrived here."""
NO_RUN = "none"
"""Of the last outcome: no run yet."""


def held(now: datetime) -> Q:
    """Jobs that are paused at ``now`` (aware), whatever else they are."""
    return paused(now) & Q(retired_at=None, deleting_at=None)


def attempt_failed() -> Q:
    """Jobs of ATTEMPT_FAILED."""
    return unserved("unreachable_since") & ~running()


class Group(NamedTuple):
    """Jobs that are alike in all that one can filter by; ``kinds`` are facets with their values."""

    kinds: frozenset[tuple[str, str]]
    jobs: int


@dataclass(frozen=True)
class Census:
    """``changed`` are the keys of the jobs that are overridden and whose code changed since."""

    groups: list[Group]
    changed: frozenset[int]

    @property
    def total(self) -> int:
        return sum(group.jobs for group in self.groups)

    def count(self, wanted: Mapping[str, str]) -> int:
        """How many jobs have these values of these facets."""
        return sum(group.jobs for group in self.groups if group.kinds.issuperset(wanted.items()))


def take_census(jobs: QuerySet[ScheduledJob], now: datetime) -> Census:
    """Count the jobs at ``now`` (aware), in two queries.

    Those whose code changed since are few, and found by a condition of their own: PostgreSQL takes a
    subquery in an expression for something that it runs for every row, and compiles it for longer than
    the query takes.
    """
    changed = frozenset(jobs.order_by().filter(code_changed_since()).values_list("pk", flat=True))
    flags = {
        "_held": held(now),
        "_failed": attempt_failed(),
        "_overridden": overridden(),
        "_changed": Q(pk__in=changed),
    }
    counted = (
        jobs.order_by()
        .annotate(
            _health=health(now),
            **{name: Case(When(holds, then=Value(1)), default=Value(0)) for name, holds in flags.items()},
        )
        .values_list("_health", "last_status", "sync_state", "origin", *flags)
        .annotate(_jobs=Count("pk"))
    )
    return Census([Group(_kinds(*row), count) for *row, count in counted], changed)


def _kinds(
    state: str,
    outcome: str,
    google: str,
    origin: str,
    is_held: int,
    has_failed: int,
    is_overridden: int,
    has_changed: int,
) -> frozenset[tuple[str, str]]:
    kinds = {
        ("state", state),
        ("outcome", outcome or NO_RUN),
        ("google", google),
        ("origin", origin),
        ("overridden", OVERRIDDEN if is_overridden else FOLLOWS),
    }
    # A job that is paused and fails is both.
    also = {
        ("state", Health.PAUSED.value): is_held,
        ("google", ATTEMPT_FAILED): has_failed,
        ("overridden", CODE_CHANGED): has_changed,
    }
    return frozenset(kinds.union(kind for kind, holds in also.items() if holds))


def having(jobs: QuerySet[ScheduledJob], wanted: Mapping[str, str], now: datetime) -> QuerySet[ScheduledJob]:
    """The jobs with these values of these facets, as the census counts them at ``now`` (aware)."""
    for facet, value in wanted.items():
        if (facet, value) == ("state", Health.PAUSED):
            jobs = jobs.filter(held(now))
        elif facet == "state":
            jobs = jobs.alias(_wanted_state=health(now)).filter(_wanted_state=value)
        elif (facet, value) == ("google", ATTEMPT_FAILED):
            jobs = jobs.filter(attempt_failed())
        elif facet == "google":
            jobs = jobs.filter(sync_state=value)
        elif facet == "outcome":
            jobs = jobs.filter(last_status="" if value == NO_RUN else value)
        elif facet == "overridden":
            known = {OVERRIDDEN: overridden(), CODE_CHANGED: code_changed_since(), FOLLOWS: ~overridden()}
            jobs = jobs.filter(known[value])
        else:
            jobs = jobs.filter(origin=value)
    return jobs
