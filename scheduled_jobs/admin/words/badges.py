"""The icon, the tone and the word of every status: never one without the others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

from scheduled_jobs.models import JobRun, ScheduledJob
from scheduled_jobs.services.history.health import Health

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

Status = JobRun.Status
SyncState = ScheduledJob.SyncState


@dataclass(frozen=True, slots=True)
class Mark:
    """``icon`` is an id of ``_icons.html`` without its ``sj-``, ``tone`` a class of ``desk.css`` likewise."""

    icon: str
    tone: str
    word: _StrPromise


RUN_MARKS: dict[str, Mark] = {
    Status.QUEUED: Mark("queue", "run", _("Queued")),
    Status.RUNNING: Mark("run", "run", _("Running")),
    Status.SUCCEEDED: Mark("ok", "ok", _("Succeeded")),
    Status.FAILED: Mark("bad", "bad", _("Failed")),
    Status.DISCARDED: Mark("disc", "off", _("Discarded")),
    Status.TIMED_OUT: Mark("timeout", "bad", _("Timed out")),
    Status.LOST: Mark("lost", "bad", _("Lost")),
    Status.MISSED: Mark("missed", "warn", _("Missed")),
    Status.SKIPPED: Mark("skip", "off", _("Skipped")),
}
"""Status of a run -> its mark."""

SCHEDULED = Mark("sched", "off", _("Scheduled"))
"""A slot that lies ahead."""

HEALTH_MARKS: dict[str, Mark] = {
    Health.FAILING: Mark("bad", "bad", _("Failing")),
    Health.LOST: Mark("lost", "bad", _("Lost")),
    Health.MISSED: Mark("missed", "warn", _("Missed")),
    Health.LATE: Mark("warn", "warn", _("Late")),
    Health.RUNNING: Mark("run", "run", _("Running")),
    Health.QUEUED: Mark("queue", "run", _("Queued")),
    Health.HEALTHY: Mark("ok", "ok", _("Healthy")),
    Health.NEW: Mark("sched", "off", _("New")),
    Health.PAUSED: Mark("pause", "off", _("Paused")),
    Health.DELETING: Mark("retired", "off", _("Deleting")),
    Health.RETIRED: Mark("retired", "off", _("Retired")),
}
"""Health of a job -> its mark."""

SYNC_MARKS: dict[str, Mark] = {
    SyncState.SYNCED: Mark("synced", "off", _("Synced")),
    SyncState.DRIFTED: Mark("drift", "warn", _("Drifted")),
    SyncState.PENDING: Mark("pending", "run", _("Pending")),
    SyncState.FAILED: Mark("syncbad", "bad", _("Not synced")),
}
"""Sync state of a job -> its mark."""
