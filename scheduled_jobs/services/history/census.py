"""Which jobs there are of each kind, and how many: two queries for a list and its filters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, lru_cache

from django.db.models import Case, Q, QuerySet, Value, When

from scheduled_jobs.models import ScheduledJob
from scheduled_jobs.services.history.health import (
    ORDER,
    Health,
    code_changed_since,
    health,
    overridden,
    paused,
    running,
    unserved,
    with_urgency,
)

FOLLOWS, OVERRIDDEN, CODE_CHANGED = "no", "yes", "changed"
"""How a job stands to its code: follows it, is overridden, is overridden and the code changed since."""
ATTEMPT_FAILED = "attempt"
"""Of Google: its last attempt at a job failed, and nothing arrived here."""
NO_RUN = "none"
"""Of the last outcome: no run yet."""
GONE = (Health.RETIRED, Health.DELETING)
"""States of jobs that are kept for their history."""


def held(now: datetime) -> Q:
    """Jobs that are paused at ``now`` (aware), whatever else they are."""
    return paused(now) & Q(retired_at=None, deleting_at=None)


def attempt_failed() -> Q:
    """Jobs of ATTEMPT_FAILED."""
    return unserved("unreachable_since") & ~running()


Kinds = frozenset[tuple[str, str]]
"""Facets with their values."""


@dataclass(frozen=True)
class Census:
    """``jobs`` are all of them, in their order: key -> Health, and what they are besides.

    ``changed`` are the keys of the jobs that are overridden and whose code changed since.
    """

    jobs: dict[int, tuple[Health, Kinds]]
    changed: frozenset[int]

    @cached_property
    def groups(self) -> Counter[Kinds]:
        """How many jobs are alike in all that one can filter by."""
        return Counter(kinds for _state, kinds in self.jobs.values())

    @property
    def total(self) -> int:
        return len(self.jobs)

    @property
    def scheduled(self) -> int:
        """How many ought to run: all but those that are retired or being deleted."""
        return self.total - sum(self.count({"state": state}) for state in GONE)

    def count(self, wanted: Mapping[str, str]) -> int:
        """How many jobs have these values of these facets."""
        return sum(jobs for kinds, jobs in self.groups.items() if kinds.issuperset(wanted.items()))

    def having(self, wanted: Mapping[str, str]) -> dict[int, Health]:
        """The jobs with these values of these facets, in their order."""
        return {pk: state for pk, (state, kinds) in self.jobs.items() if kinds.issuperset(wanted.items())}


def take_census(jobs: QuerySet[ScheduledJob], now: datetime) -> Census:
    """Look at the jobs at ``now`` (aware), in two queries.

    Those whose code changed since are few, and found by a condition of their own: PostgreSQL takes a
    subquery in an expression for something that it runs for every row, and compiles it for longer than
    the query takes.
    """
    changed = frozenset(jobs.order_by().filter(code_changed_since()).values_list("pk", flat=True))
    flags = {"_held": held(now), "_failed": attempt_failed(), "_overridden": overridden()}
    rows = (
        with_urgency(jobs, now)
        .annotate(
            **{name: Case(When(holds, then=Value(1)), default=Value(0)) for name, holds in flags.items()}
        )
        .values_list("pk", "urgency", "last_status", "sync_state", "origin", *flags)
    )
    return Census(
        {pk: (ORDER[place], _kinds(ORDER[place], *row, int(pk in changed))) for pk, place, *row in rows},
        changed,
    )


@lru_cache(maxsize=1024)
def _kinds(
    state: str,
    outcome: str,
    google: str,
    origin: str,
    is_held: int,
    has_failed: int,
    is_overridden: int,
    has_changed: int,
) -> Kinds:
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
