"""What a page that keeps itself up to date tells about itself: the script asks for it again and compares."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from scheduled_jobs.admin.words import times


@dataclass(frozen=True)
class Live:
    """A page as it is now.

    ``every`` is the seconds to the next look, 0 where nothing changes any more. ``status`` differs where
    what a person waits for has changed: then ``say`` is read aloud. ``mark`` stands before the title of
    the tab, whose icon tells where something ``is_wrong``; ``at`` is the time of the answer, in the zone of
    the page.
    """

    every: int
    status: str
    say: str
    mark: str
    at: str
    is_wrong: bool = False

    @classmethod
    def of(
        cls,
        now: datetime,
        zone: str,
        *,
        every: int,
        status: str,
        say: str,
        mark: str = "",
        is_wrong: bool = False,
    ) -> Live:
        """The page at ``now`` (aware), whose times are those of ``zone``."""
        return cls(every, status, say, mark, f"{now.astimezone(times.zone_of(zone)):%H:%M:%S}", is_wrong)
