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
class Badge:
    """``icon`` is an id of ``_icons.html``, ``tone`` a class of the sheet, both without their ``sj-``."""

    icon: str
    tone: str
    word: _StrPromise | str


RUN_BADGES: dict[str, Badge] = {
    Status.QUEUED: Badge("queue", "run", _("Queued")),
    Status.RUNNING: Badge("run", "run", _("Running")),
    Status.SUCCEEDED: Badge("ok", "ok", _("Succeeded")),
    Status.FAILED: Badge("bad", "bad", _("Failed")),
    Status.DISCARDED: Badge("disc", "off", _("Discarded")),
    Status.TIMED_OUT: Badge("timeout", "bad", _("Timed out")),
    Status.LOST: Badge("lost", "bad", _("Lost")),
    Status.MISSED: Badge("missed", "warn", _("Missed")),
    Status.SKIPPED: Badge("skip", "off", _("Skipped")),
}
"""Status of a run -> its badge."""


HEALTH_BADGES: dict[str, Badge] = {
    Health.FAILING: Badge("bad", "bad", _("Failing")),
    Health.LOST: Badge("lost", "bad", _("Lost")),
    Health.MISSED: Badge("missed", "warn", _("Missed")),
    Health.UNREACHABLE: Badge("warn", "bad", _("Unreachable")),
    Health.NO_RUN_HERE: Badge("warn", "bad", _("No run here")),
    Health.STOPPED: Badge("pause", "warn", _("Stopped")),
    Health.LATE: Badge("warn", "warn", _("Late")),
    Health.RUNNING: Badge("run", "run", _("Running")),
    Health.QUEUED: Badge("queue", "run", _("Queued")),
    Health.HEALTHY: Badge("ok", "ok", _("Healthy")),
    Health.NEW: Badge("sched", "off", _("New")),
    Health.PAUSED: Badge("pause", "off", _("Paused")),
    Health.DELETING: Badge("retired", "off", _("Deleting")),
    Health.RETIRED: Badge("retired", "off", _("Retired")),
}
"""Health of a job -> its badge."""

SYNC_BADGES: dict[str, Badge] = {
    SyncState.SYNCED: Badge("synced", "off", _("Same as here")),
    SyncState.DRIFTED: Badge("drift", "warn", _("Differs")),
    SyncState.PENDING: Badge("pending", "run", _("Pending")),
    SyncState.FAILED: Badge("syncbad", "bad", _("Not sent")),
}
"""Sync state of a job -> its badge."""
