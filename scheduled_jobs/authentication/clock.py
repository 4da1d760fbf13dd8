"""What this process has met of its clock: one that is wrong takes scheduled runs for forced ones."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from scheduled_jobs.logs import logger

NOTABLE = 2.0
"""Seconds from which on natural runs come near to being taken for forced ones, and somebody ought to know."""
HOUR = timedelta(hours=1)
"""How long what was met counts."""


class By(StrEnum):
    """Whose clock this machine's was compared with."""

    TOKENS = "the one that Google's tokens are made by"
    DATABASE = "that of its database"


class Skew(NamedTuple):
    by: By
    behind: float
    """Seconds, as far as they are sure; less than 0 where this machine's clock is ahead."""

    def __str__(self) -> str:
        side = "behind" if self.behind > 0 else "ahead of"
        return f"The clock of this machine is {abs(self.behind):.1f} seconds {side} {self.by}"


class Clocks:
    """The comparisons of one process."""

    def __init__(self) -> None:
        self._met: dict[By, tuple[Skew, datetime]] = {}

    def note(self, skew: Skew, now: datetime) -> None:
        """Keep a comparison, and warn in the log, if it is one to be known of."""
        if abs(skew.behind) <= NOTABLE:
            self._met.pop(skew.by, None)
            return
        self._met[skew.by] = (skew, now)
        logger.warning("%s", skew)

    def met(self, now: datetime) -> list[Skew]:
        """What of the last hour is to be known."""
        return [skew for skew, at in self._met.values() if abs(now - at) <= HOUR]


clocks = Clocks()
"""Those of this process."""
