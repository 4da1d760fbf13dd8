"""The address of the run list, filtered: what another page says of runs leads to exactly these."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.contrib.admin import ModelAdmin

from scheduled_jobs.admin.page.render import address_if_any
from scheduled_jobs.admin.words import times


def run_list_url(
    model_admin: ModelAdmin[Any],
    *,
    job: int | str = "",
    status: str = "",
    how: str = "",
    error_key: str = "",
    start: datetime | None = None,
    end: datetime | None = None,
    over: timedelta | None = None,
    late: timedelta | None = None,
    twice: bool = False,
    q: str = "",
) -> str:
    """The run list with these filters; empty where the admin has no such page.

    ``job`` is its key, ``status`` one of a run's, or ``open`` or ``failing``, ``how`` a trigger. ``start``
    and ``end`` are aware: start <= at < end. ``over`` is a duration and ``late`` a start delay that is
    passed, ``twice`` means delivered more than once, ``q`` is searched for.
    """
    url = address_if_any(model_admin, "jobrun_changelist")
    asked = {
        "job": job,
        "status": status,
        "how": how,
        "error": error_key,
        "start": times.machine(start) if start else "",
        "end": times.machine(end) if end else "",
        "over": _seconds(over),
        "late": _seconds(late),
        "twice": "1" if twice else "",
        "q": q,
    }
    query = urlencode({name: value for name, value in asked.items() if value != ""})
    return f"{url}?{query}" if url and query else url


def backfill_url(model_admin: ModelAdmin[Any], job: int, start: datetime, last: datetime) -> str:
    """The page that asks about a job's times from ``start`` to ``last`` (aware), both of them included."""
    url = address_if_any(model_admin, "scheduledjob_backfill", job)
    query = urlencode({"start": times.machine(start), "end": times.machine(last + timedelta(minutes=1))})
    return f"{url}?{query}" if url else ""


def _seconds(length: timedelta | None) -> str:
    return "" if length is None else f"{length.total_seconds():g}"
