"""When a job runs: cron, the English-like form and intervals, on the clocks of a zone, as Google does it.

Everything an operator is shown about *when* comes from here::

    Schedule.parse("0 9 * * 1-5", "America/New_York").upcoming(now, 3)

``schedule`` holds the value; ``cron`` and ``english`` read the two dialects; ``wall_times`` and ``intervals``
step through time; ``zones`` knows when clocks are changed; ``words`` describes. ``meant`` says what to write
instead of what is refused, by ``mended_cron``, ``mended_english`` and ``lengths``.
"""

from __future__ import annotations

from scheduled_jobs.domain.schedules.intervals import FOUR_DIGITS
from scheduled_jobs.domain.schedules.occurrences import Occurrence
from scheduled_jobs.domain.schedules.schedule import Schedule, describe_schedule
from scheduled_jobs.domain.schedules.zones import is_same_zone, validate_time_zone
from scheduled_jobs.exceptions import InvalidSchedule

__all__ = [
    "FOUR_DIGITS",
    "InvalidSchedule",
    "Occurrence",
    "Schedule",
    "describe_schedule",
    "is_same_zone",
    "validate_time_zone",
]
