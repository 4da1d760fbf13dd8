"""What the list of jobs shows of them, in three queries, whatever the number of jobs and of runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django.db.models import BooleanField, ExpressionWrapper
from django.db.models.fields.json import KT

from scheduled_jobs.models import FACTS, JobRun, ScheduledJob
from scheduled_jobs.services.history.census import held
from scheduled_jobs.services.history.health import Health, overridden
from scheduled_jobs.services.history.last_attempts import IN_LIVE, READ, Told, told_by
from scheduled_jobs.services.history.strips import Bar, ToldRun, recent_runs, runs_by_key

Status = JobRun.Status
READ_OF_JOB = (
    *FACTS, "pk", "name", "origin", "declared_description", "description_override",
    "pause_reason", "paused_by", "sync_state", "sync_error", "edited_at", "last_run_at", "last_status",
    "failures_in_a_row", "last_failure_id", "late_since", "live_seen_at", *READ,
)  # fmt: skip
"""Not the payloads and what Google has, which may be large."""
WRONG = {
    Health.FAILING: JobRun.FAILING,
    Health.LOST: (Status.LOST,),
    Health.MISSED: (Status.MISSED,),
}
"""The state of a job that one of its runs explains -> how that run may have ended."""


class ListedJob(NamedTuple):
    """One job. ``columns`` has also ``overridden``, ``held`` (paused now) and ``google_…``.

    ``last`` is its newest run, ``active`` the one that is running or queued, ``wrong`` the one that explains
    its state; ``told`` is Google's last attempt.
    """

    columns: dict[str, Any]
    bars: Sequence[Bar]
    last: ToldRun | None
    active: ToldRun | None
    wrong: ToldRun | None
    told: Told | None


def listed_jobs(states: Mapping[int, str], now: datetime, *, with_runs: bool = True) -> list[ListedJob]:
    """These jobs (key -> Health) in their order, at ``now`` (aware); those that are gone are left out.

    Without their runs, two of the queries are not made.
    """
    rows = (
        ScheduledJob.objects.filter(pk__in=states)
        .order_by()
        .annotate(
            overridden=ExpressionWrapper(overridden(), output_field=BooleanField()),
            held=ExpressionWrapper(held(now), output_field=BooleanField()),
            google_state=KT("live__state"),
            google_schedule=KT("live__schedule"),
            **IN_LIVE,
        )
        .values(*READ_OF_JOB, "overridden", "held", "google_state", "google_schedule", *IN_LIVE)
    )
    found = {row["pk"]: row for row in rows}
    bars = recent_runs(states) if with_runs else dict.fromkeys(states, ())
    jobs = [pk for pk in states if pk in found]
    roles = {pk: _roles(found[pk], bars[pk], states[pk]) for pk in jobs}
    wanted = {run for of_one in roles.values() for run in of_one if run is not None}
    runs = runs_by_key(wanted) if with_runs else {}
    listed = []
    for pk in jobs:
        last, active, wrong = (runs.get(run or 0) for run in roles[pk])
        is_running = active is not None and active.status == Status.RUNNING
        told = told_by(found[pk], is_running=is_running)
        listed.append(ListedJob(found[pk], bars[pk], last, active, wrong, told))
    return listed


def _roles(
    columns: Mapping[str, Any], bars: Sequence[Bar], state: str
) -> tuple[int | None, int | None, int | None]:
    """The keys of the newest run, of the one that is open, and of the one that explains the state."""
    newest = bars[-1].pk if bars else None
    opened = _newest(bars, Status.RUNNING) or _newest(bars, Status.QUEUED)
    wrong = _newest(bars, *WRONG.get(Health(state), ()))
    # A paused job may have been skipped more often than a strip is long since it failed.
    return newest, opened, wrong or (columns["last_failure_id"] if state == Health.FAILING else None)


def _newest(bars: Sequence[Bar], *statuses: str) -> int | None:
    return next((run.pk for run in reversed(bars) if run.status in statuses), None)
