"""How fresh is what is said of Google."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Max, Min

from scheduled_jobs.models import LastList, ScheduledJob


def last_list() -> datetime | None:
    """When all jobs were last looked at; a job's row is written only where that showed something new."""
    at: datetime | None = LastList.objects.aggregate(at=Max("at"))["at"]
    return at


def last_look() -> datetime | None:
    """Since when each of the jobs that are said to be synced has been compared with Google; None if never."""
    # Of a retired job there is nothing more to be looked at.
    synced = ScheduledJob.objects.filter(sync_state=ScheduledJob.SyncState.SYNCED, retired_at=None)
    return later(synced.aggregate(at=Min("live_seen_at"))["at"], last_list())


def later(seen_at: datetime | None, listed_at: datetime | None) -> datetime | None:
    """When a job was last seen: by itself, or with all of them; None for one that never was."""
    return max(seen_at, listed_at or seen_at) if seen_at is not None else None
