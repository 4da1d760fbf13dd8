"""What the list of jobs shows of them, in three queries, whatever the number of jobs and of runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from django.db.models import BooleanField, ExpressionWrapper
from django.db.models.fields.json import KT

from scheduled_jobs.models import FACTS, JobRun, ScheduledJob
from scheduled_jobs.services.history.census import following
from scheduled_jobs.services.history.health import paused
from scheduled_jobs.services.history.last_attempts import IN_LIVE, READ, Told, told_by
from scheduled_jobs.services.history.strips import last_runs, recent_runs

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from scheduled_jobs.services.history.strips import Bar, LastRun

READ_OF_JOB = (
    *FACTS, "pk", "name", "origin", "declared_description", "description_override",
    "pause_reason", "paused_by", "sync_state", "last_run_at", "last_status", "failures_in_a_row",
    "late_since", "live_seen_at", *READ,
)  # fmt: skip
"""Not the payloads and what Google has, which may be large."""


class ListedJob(NamedTuple):
    """One job. ``columns`` has also ``overridden`` (see census), ``held`` (paused now), ``google_…``.

    ``last`` is its newest run, ``active`` the one that is running or queued, ``told`` Google's last attempt.
    """

    columns: dict[str, Any]
    bars: Sequence[Bar]
    last: LastRun | None
    active: LastRun | None
    told: Told | None


def listed_jobs(pks: Sequence[int], now: datetime) -> list[ListedJob]:
    """These jobs in their order, at ``now`` (aware); those that are gone meanwhile are left out."""
    rows = (
        ScheduledJob.objects.filter(pk__in=pks)
        .order_by()
        .annotate(
            overridden=following(),
            held=ExpressionWrapper(paused(now), output_field=BooleanField()),
            google_state=KT("live__state"),
            google_schedule=KT("live__schedule"),
            **IN_LIVE,
        )
        .values(*READ_OF_JOB, "overridden", "held", "google_state", "google_schedule", *IN_LIVE)
    )
    found = {row["pk"]: row for row in rows}
    bars = recent_runs(pks)
    lasts = last_runs(bars)
    return [_listed(found[pk], bars[pk], *lasts.get(pk, (None, None))) for pk in pks if pk in found]


def _listed(
    columns: dict[str, Any], bars: Sequence[Bar], last: LastRun | None, active: LastRun | None
) -> ListedJob:
    is_running = active is not None and active.status == JobRun.Status.RUNNING
    return ListedJob(columns, bars, last, active, told_by(columns, is_running=is_running))
