"""One time of the day on days named by their place in the month: the English-like form, but intervals."""

from __future__ import annotations

from typing import NamedTuple

from scheduled_jobs.domain.schedules.days import Days
from scheduled_jobs.domain.schedules.wall_times import WallTimes


class SpecificTime(NamedTuple):
    """``time`` is seconds of the day; days are ``month_days``, or the ``ordinals`` of ``weekdays``.

    Sunday is 0. All five ordinals are every week, no weekday and no day of the month is every day.
    """

    time: int
    month_days: tuple[int, ...]
    ordinals: tuple[int, ...]
    weekdays: tuple[int, ...]
    months: tuple[int, ...]

    @property
    def every_week(self) -> bool:
        """Whether the weekdays are meant in every week of the month."""
        return len(self.ordinals) == 5

    @property
    def times(self) -> WallTimes:
        """The times; a time that occurs twice runs at its first occurrence, as at any fixed hour."""
        hour, minute = self.time // 3600, self.time // 60 % 60
        return WallTimes((minute,), (hour,), self._days(), repeats=False)

    def _days(self) -> Days:
        months = () if len(self.months) == 12 else self.months
        month_days = () if len(self.month_days) == 31 else self.month_days
        if self.every_week:
            weekdays = () if len(self.weekdays) == 7 else self.weekdays
            return Days(months=months, weekdays=weekdays)
        return Days(month_days, months, self.weekdays, self.ordinals)
