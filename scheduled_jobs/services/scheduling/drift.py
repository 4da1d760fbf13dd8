"""What differs in Google, and what a person decides about it: push, or adopt it as override.

A look at Google changes nothing there. The decisions take the look on which they were made.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError
from django.db import router, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from scheduled_jobs import registry
from scheduled_jobs.conf import settings
from scheduled_jobs.domain.jobs import ENABLED, OVERRIDABLE, PAUSED, value_of
from scheduled_jobs.domain.plan import drifted_fields
from scheduled_jobs.exceptions import NotFound
from scheduled_jobs.models import JobChange, ScheduledJob, attribution
from scheduled_jobs.services.scheduling.client import Client
from scheduled_jobs.services.scheduling.desired import desired_of_all
from scheduled_jobs.services.scheduling.names import ownership
from scheduled_jobs.services.scheduling.push.call import NotOurs
from scheduled_jobs.services.scheduling.push.on_commit import push_on_commit
from scheduled_jobs.services.scheduling.push.record import seen
from scheduled_jobs.services.scheduling.seed.rows import seed_tasks
from scheduled_jobs.services.scheduling.versions import confirm_versions

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from scheduled_jobs.domain.jobs import LiveJob
    from scheduled_jobs.domain.plan import Change, Desired
    from scheduled_jobs.models.job_queryset import ScheduledJobQuerySet
    from scheduled_jobs.services.scheduling.sync.report import Report

SyncState = ScheduledJob.SyncState

ADOPTABLE = (*OVERRIDABLE, "state")
"""Never the address, the headers or the account: these say who may call whom."""


@dataclass(frozen=True)
class Look:
    """A row beside what Google has, as of ``at``; ``live`` is None where Google has no such job."""

    job: ScheduledJob
    desired: Desired
    live: LiveJob | None
    at: datetime

    @cached_property
    def why_not(self) -> str | None:
        """Why Google's job of this id is not this app's, or None."""
        return ownership().why_not(self.live) if self.live else None

    @cached_property
    def differences(self) -> dict[str, tuple[Any, Any]]:
        """Field -> (live, wanted)."""
        if self.live is None or self.desired.state is None:
            return {}
        return self.desired.differences(self.live)

    @cached_property
    def drifted(self) -> tuple[str, ...]:
        """The differences that somebody made in Google; the others were never pushed."""
        if self.live is None:
            return ()
        return drifted_fields(self.desired, self.live, self.differences)

    @property
    def is_drift(self) -> bool:
        """Whether Google has what nobody has asked for here, an absent job included."""
        return bool(self.drifted) or (self.live is None and self.desired.state is not None)


def adoptable(fields: Mapping[str, tuple[Any, Any]]) -> list[str]:
    """Which of these fields (field -> live, wanted) may become overrides, the state a pause."""
    return [
        name
        for name, (live, _wanted) in fields.items()
        if name in ADOPTABLE and (name != "state" or live in (PAUSED, ENABLED))
    ]


# --- Looking ----------------------------------------------------------------------------------------


def look(pk: int) -> Look:
    """One job beside what Google has now. Raises ScheduledJob.DoesNotExist, and BackendError of Google's."""
    calls = Client(time.monotonic() + settings.RPC_TIMEOUT)
    job = _rows().get(pk=pk)
    at = timezone.now()
    try:
        live: LiveJob | None = calls.get(calls.backend.remote_name(job.name))
    except NotFound:
        live = None
    # Read after the look, so that an edit made in between is not taken for drift.
    job.refresh_from_db()
    return Look(job, desired_of_all([job], calls.backend, using=_using())[0], live, at)


def record(found: Look) -> None:
    """Write on the row what a look has shown, unless it is being edited or pushed."""
    if found.why_not is not None:
        return
    _record([found.job.pk] if found.is_drift else [], {found.job.pk: found.live}, found.at)
    if not found.differences and found.live is not None:
        _agree([found.job.pk], found.at)


def record_all(report: Report) -> None:
    """Write on the rows what a plan's look has shown; nothing was pushed."""
    if report.listing is None:
        return
    drifted = [
        change
        for change in report.plan.of("create", "update", "refuse")
        if change.pk is not None and (change.kind == "create" or change.drifted)
    ]
    live = {change.pk: report.listing.jobs.get(change.remote_name) for change in drifted if change.pk}
    _record([change.pk for change in drifted if change.pk], live, report.listing.at)
    _agree([desired.pk for desired in report.plan.unchanged if desired.pk], report.listing.at)


def _record(drifted: list[int], live: Mapping[int, LiveJob | None], at: datetime) -> None:
    # A row that is not synced says what is wrong already; one that is being pushed is about to change.
    for pk in drifted:
        _rows().filter(pk=pk, sync_state__in=(SyncState.SYNCED, SyncState.DRIFTED), push_token=None).update(
            sync_state=SyncState.DRIFTED, live=seen(live[pk]), live_seen_at=at
        )
    confirm_versions(dict(live), now=at, using=_using())


def _agree(pks: list[int], at: datetime) -> None:
    """Google has what is wanted; where it had not, somebody has taken the difference back there."""
    for rows in _rows().filter(push_token=None).among(pks):
        with transaction.atomic(using=rows.db):
            rows.lock()
            rows.filter(sync_state=SyncState.SYNCED, live_seen_at__lt=at).update(live_seen_at=at)
            rows.filter(sync_state=SyncState.DRIFTED).update(
                sync_state=SyncState.SYNCED, synced_at=at, live_seen_at=at
            )


# --- Deciding ---------------------------------------------------------------------------------------


def adopt(found: Look, fields: Iterable[str], *, by: Any = None, reason: str = "") -> None:
    """Make live values overrides here, and a live state a pause.

    They are validated like any other override: raises ValidationError, keyed by the ``…_override`` field,
    and by ``state`` where a pause has no reason. ValueError for a field that cannot be adopted.
    """
    wanted = {name: found.differences[name] for name in fields}
    if refused := sorted(wanted.keys() - set(adoptable(wanted))):
        raise ValueError(f"{', '.join(refused)} cannot be adopted; only {', '.join(ADOPTABLE)}")
    state = wanted.pop("state", None)
    if state is not None and state[0] == PAUSED and not reason.strip():
        raise ValidationError({"state": [_("A pause needs a reason: say why the job is paused.")]})
    using = _using()
    with transaction.atomic(using=using), attribution(by, via=JobChange.Via.ADOPT, reason=reason):
        job = _locked(found)
        for name, (live, _wanted) in wanted.items():
            setattr(job, f"{name}_override", value_of(name, live))
        if wanted:
            job.full_clean()
            job.save(using=using)
        if state is not None and state[0] == PAUSED:
            job.pause(reason=reason)
        elif state is not None:
            job.resume()


def overwrite(found: Look, *, by: Any = None, reason: str = "") -> None:
    """Make Google what the row says; the values replaced stay in the audit."""
    using = _using()
    with transaction.atomic(using=using), attribution(by, via=JobChange.Via.SYNC, reason=reason):
        job = _locked(found)
        JobChange.record(job, {name: found.differences[name] for name in found.drifted}, using=using)
        push_on_commit([job.pk], using)


def bring_up_to_date(change: Change) -> int | None:
    """The row of a planned change, as the code declares it now; None for a class that is gone.

    A plan compares with what the code says, which ``schedule_tasks`` may not have written yet.
    """
    task = registry.get(change.task)
    if task is not None:
        seed_tasks([task], retire=False)
    rows = _rows().filter(name=change.name)
    return rows.values_list("pk", flat=True).first()


def delete_orphan(remote_name: str, *, by: Any = None, reason: str = "") -> None:
    """Delete a job of ours in Google that belongs to no row. Raises NotOurs, and Google's BackendError."""
    calls = Client(time.monotonic() + 2 * settings.RPC_TIMEOUT)
    try:
        live = calls.get(remote_name)
    except NotFound:
        return
    if (why := ownership().why_not(live)) is not None:
        raise NotOurs(f"{live.name} is not deleted: {why}")
    if _rows().filter(name=live.name).exists():
        raise NotOurs(f"{live.name} is not deleted: a job here has its name by now; look at Google again")
    calls.delete(remote_name)
    gone = ScheduledJob(name=live.name)
    with attribution(by, via=JobChange.Via.SYNC, reason=reason):
        JobChange.record(gone, {"job": (live.name, None)}, using=_using())


def _locked(found: Look) -> ScheduledJob:
    """The row as it is now. Two who decide at once wait for each other: neither choice loses the other."""
    return _rows().select_for_update().get(pk=found.job.pk)


def _using() -> str:
    return router.db_for_write(ScheduledJob)


def _rows() -> ScheduledJobQuerySet:
    return ScheduledJob.objects.using(_using())
