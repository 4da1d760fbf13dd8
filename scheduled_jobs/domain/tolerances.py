"""How patient a task is: after how long a run is missed, and how many in a row are told of."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from scheduled_jobs.exceptions import InvalidDefinition

MOST = 1_000
"""Scheduled times in a row that a tolerance may name."""
LONGEST_GRACE = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Tolerances:
    """What a task's class says of it. ``grace`` is None where the setting MISSED_GRACE counts."""

    grace: timedelta | None = None
    failures: int = 1
    recoveries: int = 1

    @classmethod
    def of(cls, task: Any) -> Tolerances:
        """Those of a task class; the default for None, and in place of a faulty value."""
        found: dict[str, Any] = {}
        for name, attribute, check in (
            ("grace", "missed_grace", check_grace),
            ("failures", "failure_tolerance", check_tolerance),
            ("recoveries", "recovery_tolerance", check_tolerance),
        ):
            try:
                found[name] = check(getattr(task, attribute))
            except (AttributeError, InvalidDefinition):
                continue
        return cls(**found)


def check_grace(value: Any) -> timedelta | None:
    """Raise InvalidDefinition unless it is None or a timedelta that can be waited."""
    if value is None:
        return None
    if not isinstance(value, timedelta):
        raise InvalidDefinition(f"{value!r} is not a timedelta; write one, such as timedelta(minutes=10)")
    if not timedelta() <= value <= LONGEST_GRACE:
        raise InvalidDefinition(f"{value} is not between 0 and {LONGEST_GRACE.days} days; write one that is")
    return value


def check_tolerance(value: Any) -> int:
    """Raise InvalidDefinition unless it is a whole number of scheduled times."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidDefinition(f"{value!r} is not a whole number; write 1 to be told of each")
    if not 1 <= value <= MOST:
        raise InvalidDefinition(f"{value} is not between 1 and {MOST:,}; write 1 to be told of each")
    return value
