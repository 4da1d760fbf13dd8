"""The zones that a field for one offers."""

from __future__ import annotations

from functools import lru_cache

from scheduled_jobs.domain.schedules.zones import time_zones

EXCLUDED_ZONES = ("Etc/", "posix/", "right/", "SystemV/")
"""Names of the tz database that are no places, or places with leap seconds."""


@lru_cache(maxsize=1)
def offered_zones() -> tuple[str, ...]:
    """Those that are named after a place, and UTC."""
    return ("UTC", *sorted(z for z in time_zones() if "/" in z and not z.startswith(EXCLUDED_ZONES)))
