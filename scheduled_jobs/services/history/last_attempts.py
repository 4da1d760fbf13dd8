"""What Google's last attempts say of jobs, as the last look has shown them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models.fields.json import KT

from scheduled_jobs.domain.attempts import OK, SKEW, CodeMeaning, code_meaning, stands, time_of
from scheduled_jobs.models import JobRun, ScheduledJob
from scheduled_jobs.services.history.health import paused, running, unserved

MOST = 1_000
"""Jobs that are read to tell of all of them."""
IN_LIVE = {
    "attempted_at": KT("live__last_attempt_time"),
    "attempt_status": KT("live__status"),
    "address": KT("live__uri"),
}
"""What is read of ``live``, which may be large, by the names that ``told_by`` takes."""
READ = ("unreachable_since", "no_run_since", "last_delivery_at")


@dataclass(frozen=True, slots=True)
class Told:
    """Google's last attempt at one job."""

    at: datetime
    code: int
    address: str
    is_unserved: bool
    """Whether nothing has arrived here that could be it."""

    @property
    def meaning(self) -> CodeMeaning:
        """What Google says of it."""
        return code_meaning(self.code)

    @property
    def is_success(self) -> bool:
        """Whether Google takes it for one."""
        return self.code == OK


def told_by(row: Mapping[str, Any], *, is_running: bool) -> Told | None:
    """What a row says, read as the columns ``READ`` and ``IN_LIVE``; None where Google has not tried yet."""
    at = time_of(row["attempted_at"])
    try:
        code = int(row["attempt_status"])
    except (TypeError, ValueError):
        return None  # an older release, or a hand, has written it
    if at is None:
        return None
    since = row["unreachable_since"] or row["no_run_since"]
    is_unserved = not is_running and stands(since, row["last_delivery_at"])
    return Told(at, code, str(row["address"] or ""), is_unserved)


def told_of(job: ScheduledJob, *, is_running: bool | None = None) -> Told | None:
    """The same of one job; a run that is going on may be what Google tried, and is looked for if need be."""
    live = job.live or {}
    row = {
        "attempted_at": live.get("last_attempt_time"),
        "attempt_status": live.get("status"),
        "address": live.get("uri"),
        **{name: getattr(job, name) for name in READ},
    }
    if is_running is None:
        since = job.unreachable_since or job.no_run_since
        going_on = JobRun.objects.filter(status=JobRun.Status.RUNNING).of_jobs([job.pk])
        is_running = stands(since, job.last_delivery_at) and going_on.exists()
    return told_by(row, is_running=is_running)


def went_on(told: Told, job: ScheduledJob, looked_at: datetime | None) -> bool:
    """Whether Google was asked, at ``looked_at``, before the run that this attempt was had ended.

    What it says of it is then still the status of the attempt before.
    """
    began, duration = job.last_run_at, job.last_duration
    if began is None or duration is None or looked_at is None:
        return False
    return abs(began - told.at) <= SKEW and began <= looked_at < began + duration


def jobs_running() -> set[int]:
    """The jobs of which a run is going on."""
    going_on = JobRun.objects.filter(status=JobRun.Status.RUNNING).order_by()
    return set(going_on.values_list("job_id", flat=True))


def unserved_attempts(now: datetime) -> list[Told]:
    """The last attempts of all jobs of which nothing arrived here; in one query."""
    jobs = ScheduledJob.objects.active().filter(unserved(), ~running(), ~paused(now)).order_by()
    rows = jobs.annotate(**IN_LIVE).values(*READ, *IN_LIVE)[:MOST]
    return [told for row in rows if (told := told_by(row, is_running=False)) is not None]
