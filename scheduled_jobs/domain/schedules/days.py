"""The days on which a schedule comes, and the step from one to the next.

croniter does the stepping wherever months, leap years and ordinals matter. What it does otherwise than Google
is kept away from it:

- it moves a time in the spring gap behind the gap, where Google skips it (recorded for ``30 2 14 3 *`` in
  New York, 2026-10-01), and gives a time that occurs twice at a fixed hour twice: so it is asked for days
  only, on a calendar without a zone, and ``wall_times`` reads the clock;
- it accepts ``L``, ``W``, ``?``, ``5-1`` and six fields, which Google refuses: so it is handed the numbers
  that ``cron`` and ``english`` have read and checked, which also saves the dearer half of its work;
- it takes a field that lists every day for ``*``, which turns "either field" into "both": so ``cron``
  resolves such a field.
"""

from __future__ import annotations

from copy import copy
from datetime import datetime, timedelta
from typing import NamedTuple

from croniter import croniter

from scheduled_jobs.domain.schedules.occurrences import NAIVE_EPOCH

EPOCH_WEEKDAY = 4
"""1970-01-01 was a Thursday; 0 is Sunday."""

MIDNIGHT: croniter[datetime] = croniter("0 0 * * *", NAIVE_EPOCH, ret_type=datetime)
"""Copied for each step, never stepped itself."""


class Days(NamedTuple):
    """Days by their number in the month, by the day of the week, and in certain months.

    Each is sorted, and empty where it does not matter; 0 is Sunday. With both ``month_days`` and
    ``weekdays`` a day that is one of either matches. ``ordinals``, where not empty, say which of the
    ``weekdays`` in the month are meant. There is always a next day: what never comes was refused before.
    Days are counted from 1970-01-01, which is 0.
    """

    month_days: tuple[int, ...] = ()
    months: tuple[int, ...] = ()
    weekdays: tuple[int, ...] = ()
    ordinals: tuple[int, ...] = ()

    def on_or_after(self, day: int) -> int:
        """The first of the days from ``day`` on."""
        if not self.month_days and not self.months and not self.ordinals:
            if not self.weekdays:
                return day
            today = (day + EPOCH_WEEKDAY) % 7
            return day + min((weekday - today) % 7 for weekday in self.weekdays)
        # croniter gives what comes after its start: the second before the day begins. It gives up after 50
        # years without a match; a fifth Monday of February takes 40 at most.
        start = NAIVE_EPOCH + timedelta(days=day, seconds=-1)
        return (self._stepper().get_next(start_time=start) - NAIVE_EPOCH).days

    def _stepper(self) -> croniter[datetime]:
        if self.ordinals:
            months = ",".join(map(str, self.months)) or "*"
            days = ",".join(f"{weekday}#{ordinal}" for weekday in self.weekdays for ordinal in self.ordinals)
            return croniter(f"0 0 * {months} {days}", NAIVE_EPOCH, ret_type=datetime)
        stepper = copy(MIDNIGHT)
        fields = (self.month_days, self.months, self.weekdays)
        # The stubs of croniter know strings only; its own reader puts numbers and "*" there.
        stepper.expanded = [[0], [0], *(list(field) or ["*"] for field in fields)]  # type: ignore[list-item]
        return stepper
