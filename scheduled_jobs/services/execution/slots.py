"""The time that Google announces in ``X-CloudScheduler-ScheduleTime``, and whether it has come.

A forced run announces the job's next slot, a retry the slot of the first attempt: a time that has come
is that of a slot, a time still ahead can only be that of a forced run.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

AHEAD = timedelta(seconds=5)
"""How far Google's clock and ours may be apart: a time that is nearer than this is waited for."""


@dataclass(frozen=True, slots=True)
class Announcement:
    """``slot`` is the announced time in UTC, or None where there is none that can be read."""

    text: str = ""
    slot: datetime | None = None

    @classmethod
    def parse(cls, text: str | None) -> Announcement:
        """Read the header: RFC 3339 with an offset, with or without a fraction of a second.

        A text that cannot be read counts as none at all: a change of Google's format must not stop
        every job.
        """
        text = (text or "").strip()
        try:
            parsed = datetime.fromisoformat(text)
            return cls(text, parsed.astimezone(UTC) if parsed.tzinfo is not None else None)
        except (ValueError, OverflowError):
            return cls(text)

    @property
    def is_unreadable(self) -> bool:
        """Whether something was announced that is not a time."""
        return bool(self.text) and self.slot is None

    def is_due(self, now: datetime) -> bool:
        """Whether the announced time has come."""
        return self.slot is not None and self.slot <= now

    def wait(self, now: datetime) -> float:
        """Seconds to wait before anything is decided: until a slot that is all but there, else none."""
        if self.slot is None or not now < self.slot <= now + AHEAD:
            return 0.0
        return (self.slot - now).total_seconds()
