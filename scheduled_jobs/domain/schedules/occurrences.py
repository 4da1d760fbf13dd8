"""One time at which a schedule starts its job, and what the clocks do there, in words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NAIVE_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 – the wall clock of any zone
MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip


class Occurrence(NamedTuple):
    """A time at which Cloud Scheduler starts the job.

    ``at`` is aware and in UTC. ``notice`` is a sentence about what the clocks do there, or None: the time
    occurs twice, times just before it were skipped, it is an estimate. ``doubtful`` tells that Cloud
    Scheduler may start the job at ``at`` or may not, so that a run is neither owed nor wrong there; a notice
    about skipped times leaves the occurrence itself certain.
    """

    at: datetime
    notice: str | None = None
    doubtful: bool = False


def moment(seconds: int) -> datetime:
    """Seconds since 1970 as an aware datetime in UTC."""
    return datetime.fromtimestamp(seconds, UTC)


def wall_datetime(wall: int) -> datetime:
    """Seconds of a wall clock since its own 1970-01-01 00:00 as a naive datetime."""
    return NAIVE_EPOCH + timedelta(seconds=wall)


def day_in_words(when: datetime) -> str:
    """ "14 March 2027", in any locale."""
    return f"{when.day} {MONTHS[when.month - 1]} {when.year}"


def occurs_twice(wall: int, zone: str) -> str:
    """The notice of a time in the hour that the clocks repeat."""
    when = wall_datetime(wall)
    return f"{when:%H:%M} occurs twice on {day_in_words(when)} in {zone}"


def do_not_exist(first: int, last: int) -> str:
    """The notice of the times of a schedule, from the first to the last, that one gap leaves out.

    They are on one day: no gap since 1970 begins before midnight and ends after it.
    """
    start, end = wall_datetime(first), wall_datetime(last)
    if first == last:
        return f"{start:%H:%M} does not exist on {day_in_words(start)}: skipped"
    return f"{start:%H:%M} to {end:%H:%M} do not exist on {day_in_words(start)}: skipped"
