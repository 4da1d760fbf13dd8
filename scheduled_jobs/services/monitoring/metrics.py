"""What a monitor outside asks: how the jobs are, as JSON for an uptime check and as text for Prometheus.

Both are read from facts on the rows of the jobs and from figures that are kept: they cost the same however
long the history is. The text is written here by hand: Prometheus's own client keeps its values in the memory
of one process, and what is told here stands in the database, for every process the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db.models import Case, Q, Value, When

from scheduled_jobs.conf import settings
from scheduled_jobs.models import ScheduledJob
from scheduled_jobs.services.history.health import Health, health, late, paused
from scheduled_jobs.services.history.stats.cells import OUTCOMES
from scheduled_jobs.services.history.stats.figures import figures, figures_by_job
from scheduled_jobs.services.history.stats.reading import Unfolded
from scheduled_jobs.services.monitoring.watch import last_step

Sample = tuple[dict[str, str], float]
"""Labels and a value."""

SPAN = timedelta(hours=1)
"""How far back figures are told."""
SENT_WITHIN = timedelta(minutes=1)
"""How long after an edit a push may still be on its way."""
FAILING = (Health.FAILING, Health.LOST, Health.MISSED)
UNREACHABLE = (Health.UNREACHABLE, Health.NO_RUN_HERE, Health.STOPPED)


class Vital(NamedTuple):
    """What is asked of a job that ought to exist in Google."""

    pk: int
    name: str
    sync_state: str
    edited_at: datetime
    last_duration: timedelta | None
    last_success_at: datetime | None
    last_delivery_at: datetime | None
    failures_in_a_row: int
    health: str
    is_late: bool
    is_paused: bool

    def is_unsent(self, now: datetime) -> bool:
        """Whether Google was not told what is in force, or refused it."""
        state = ScheduledJob.SyncState
        is_pending = self.sync_state == state.PENDING and self.edited_at < now - SENT_WITHIN
        return settings.mode == "google" and (is_pending or self.sync_state == state.FAILED)


def vitals(now: datetime) -> list[Vital]:
    """All jobs that ought to exist in Google; in one query."""
    columns = Vital._fields[:-3]
    jobs = ScheduledJob.objects.active().order_by("name").annotate(
        _health=health(now), _late=_whether(late(now)), _paused=_whether(paused(now))
    )  # fmt: skip
    return [Vital(*row) for row in jobs.values_list(*columns, "_health", "_late", "_paused")]


def _whether(condition: Q) -> Case:
    # By itself it would be null where a column is.
    return Case(When(condition, then=Value(value=True)), default=Value(value=False))


def health_report(now: datetime) -> dict[str, Any]:
    """Which jobs want somebody, ``status`` "ok" where none does. A paused one is in somebody's hands."""
    jobs = vitals(now)
    watched = [job for job in jobs if not job.is_paused]
    found = {
        "overdue": [job.name for job in watched if job.is_late],
        "failing": [job.name for job in watched if job.health in FAILING],
        "unreachable": [job.name for job in watched if job.health in UNREACHABLE],
        "not_sent": [job.name for job in jobs if job.is_unsent(now)],
    }
    return {
        "status": "unhealthy" if any(found.values()) else "ok",
        **found,
        "jobs": len(jobs),
        "last_delivery_at": _last_delivery(jobs),
        "last_watch_at": last_step(),
    }


def _last_delivery(jobs: Iterable[Vital]) -> datetime | None:
    return max((job.last_delivery_at for job in jobs if job.last_delivery_at is not None), default=None)


# --- For Prometheus -----------------------------------------------------------------------------------


def metrics(now: datetime) -> str:
    """The same in numbers, in Prometheus's text format (version 0.0.4)."""
    return "".join(line + "\n" for line in _lines(now))


def _lines(now: datetime) -> Iterator[str]:
    jobs, unfolded = vitals(now), Unfolded.read()
    runs = figures_by_job(now - SPAN, now, unfolded=unfolded)
    overall = figures(now - SPAN, now, unfolded=unfolded)
    yield from _gauge("jobs", "Jobs that ought to exist in Google.", [({}, len(jobs))])
    last = _last_delivery(jobs)
    yield from _gauge(
        "last_delivery_age_seconds",
        "Time since anything arrived from Cloud Scheduler.",
        [({}, _seconds(now - last))] if last else [],
    )
    watched_at = last_step()
    yield from _gauge(
        "last_watch_age_seconds",
        "Time since somebody last looked for runs that did not come.",
        [({}, _seconds(now - watched_at))] if watched_at else [],
    )
    as_of = unfolded.as_of
    yield from _gauge(
        "figures_age_seconds",
        "Time since the figures of the last hour were true, where they are not those of now.",
        [({}, _seconds(now - as_of))] if as_of is not None else [],
    )
    yield from _gauge(
        "runs_last_hour",
        "Runs of the last hour by how they ended.",
        [
            ({"job": job.name, "outcome": outcome}, getattr(runs[job.pk], outcome))
            for job in jobs
            if job.pk in runs
            for outcome in OUTCOMES
        ],
    )
    for name, text, lengths in (
        ("duration", "How long successful runs took", {"0.5": overall.median, "0.95": overall.p95}),
        ("start_delay", "How long after their time runs started", {"0.95": overall.started_within}),
    ):
        samples = [({"quantile": q}, _seconds(length)) for q, length in lengths.items() if length is not None]
        yield from _gauge(f"{name}_last_hour_seconds", f"{text}, of the last hour and of all jobs.", samples)
    for name, text, values in (
        (
            "last_duration_seconds",
            "How long the last run took.",
            [(job, _seconds(job.last_duration)) for job in jobs if job.last_duration is not None],
        ),
        (
            "last_success_age_seconds",
            "Time since the last run that succeeded began.",
            [(job, _seconds(now - job.last_success_at)) for job in jobs if job.last_success_at is not None],
        ),
        ("failures_in_a_row", "Times of the schedule whose runs failed, since the last success.",
         [(job, job.failures_in_a_row) for job in jobs]),
        ("overdue", "Whether its time has passed and nothing arrived.", [(job, job.is_late) for job in jobs]),
        ("paused", "Whether its runs are skipped.", [(job, job.is_paused) for job in jobs]),
        ("not_sent", "Whether Google was not told what is in force.",
         [(job, job.is_unsent(now)) for job in jobs]),
    ):  # fmt: skip
        yield from _gauge(f"job_{name}", text, [({"job": job.name}, value) for job, value in values])


def _gauge(name: str, text: str, samples: Iterable[Sample]) -> Iterator[str]:
    name = f"scheduled_jobs_{name}"
    yield f"# HELP {name} {text}"
    yield f"# TYPE {name} gauge"
    for labels, value in samples:
        inside = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
        yield f"{name}{{{inside}}} {float(value):g}" if inside else f"{name} {float(value):g}"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _seconds(length: timedelta) -> float:
    return max(length.total_seconds(), 0.0)
