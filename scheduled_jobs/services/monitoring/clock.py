"""The clock of this machine beside that of its database, now and then.

A token of Google's tells of a clock that is behind only while it is fresh, and Google sends one for an hour.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import timedelta

from django.db import Error, connections
from django.utils import timezone

from scheduled_jobs.authentication.clock import NOTABLE, By, Skew, clocks
from scheduled_jobs.logs import logger
from scheduled_jobs.models.writer import writer
from scheduled_jobs.services.monitoring.findings import Finding, right, wrong

EVERY = 3600.0
"""Seconds between two comparisons of a process."""
FIRST = 60.0
"""Seconds after which a process makes its first."""
NOTABLE_BESIDE_CERTIFICATES = timedelta(seconds=5)
WRONG = timedelta(seconds=10)
"""From here on a clock that is behind refuses fresh tokens."""
NOW = {
    "postgresql": "SELECT EXTRACT(EPOCH FROM clock_timestamp())",
    "mysql": "SELECT UNIX_TIMESTAMP(NOW(6))",
}
"""What the time is, in seconds, by the database's own clock; SQLite has none but ours."""


def skew_of_database() -> Skew | None:
    """How far this machine's clock is from the database's, as far as the answer's time lets it be known."""
    connection = connections[writer()]
    if (question := NOW.get(connection.vendor)) is None:
        return None
    with connection.cursor() as cursor:
        before = timezone.now().timestamp()
        cursor.execute(question)
        theirs = float(cursor.fetchone()[0])
        after = timezone.now().timestamp()
    behind = max(theirs - after, 0.0) or min(theirs - before, 0.0)
    return Skew(By.DATABASE, behind)


def examine_database_clock() -> Iterator[Finding]:
    """Whether both clocks tell the same time; nothing where they do, or where they are one."""
    skew = skew_of_database()
    if skew is not None and abs(skew.behind) > NOTABLE:
        remedy = "Set both by a time server (NTP): by a clock that is behind, scheduled runs count as forced."
        yield wrong("clock", str(skew), remedy, stops=False)


def beside_certificates(ahead: timedelta, took: timedelta) -> Finding:
    """``ahead`` is known to the second that a server tells, and to the time that its answer ``took``."""
    surely = abs(ahead) - took - timedelta(seconds=1)
    if surely <= NOTABLE_BESIDE_CERTIFICATES:
        return right("clock", "the clock of this machine is right")
    which = "fast" if ahead > timedelta() else "slow"
    text = f"the clock of this machine is {abs(ahead).total_seconds():.0f} seconds {which}"
    return wrong("clock", text, "Set it by a time server (NTP).", stops=surely > WRONG)


class Hourly:
    """When this process compares next."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._due = monotonic() + FIRST

    def compare(self) -> None:
        """Compare, once an hour; what is found is in the log and on the pages. Raises nothing."""
        now = self._monotonic()
        if now < self._due:
            return
        self._due = now + EVERY
        if connections[writer()].in_atomic_block:
            return
        try:
            skew = skew_of_database()
        except Error as error:
            logger.warning("The database's clock could not be asked: %s", error)
        else:
            if skew is not None:
                clocks.note(skew, timezone.now())


hourly = Hourly()
