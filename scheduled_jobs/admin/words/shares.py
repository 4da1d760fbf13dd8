"""How long a run took, as a bar of which three quarters are the 95th percentile of its job."""

from __future__ import annotations

from datetime import timedelta
from typing import NamedTuple

TICK = 75
"""Where the 95th percentile stands, in percent of the bar."""


class Share(NamedTuple):
    """``percent`` of the 95th percentile; ``within`` and ``over`` are parts of the bar, in percent of it."""

    percent: int
    within: int
    over: int


def share_of(duration: timedelta | None, p95: float | None) -> Share | None:
    """The bar of a duration; ``p95`` in seconds. None where one of them is not known."""
    if duration is None or not p95:
        return None
    part = duration.total_seconds() / p95
    return Share(
        round(100 * part), round(TICK * min(part, 1)), round(min(TICK * max(part - 1, 0), 100 - TICK))
    )
