"""What differs in Google, and what a person decides about it: push, or adopt it as override.

A look at Google changes nothing there. The decisions take the look on which they were made.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from scheduled_jobs import registry
from scheduled_jobs.conf import settings
from scheduled_jobs.domain.jobs import ENABLED, OVERRIDABLE, PAUSED, LiveJob, value_of
from scheduled_jobs.domain.plan import Change, Desired, Listing, Ownership, drifted_fields
from scheduled_jobs.models import JobChange, ScheduledJob, attribution
from scheduled_jobs.models.writer import writer
from scheduled_jobs.services.scheduling.client import Client
from scheduled_jobs.services.scheduling.desired import desired_of_all
from scheduled_jobs.services.scheduling.push.on_commit import push_on_commit
from scheduled_jobs.services.scheduling.push.record import record_agreement, record_drift, record_seen
from scheduled_jobs.services.scheduling.seed.rows import Seeded, seed_tasks
from scheduled_jobs.services.scheduling.seen import record_list
from scheduled_jobs.services.scheduling.sync.compare import compare, seen_of
from scheduled_jobs.services.scheduling.sync.report import Options, Report
from scheduled_jobs.services.scheduling.sync.sync import LIST_PATIENCE, sync_jobs

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
    ownership: Ownership

    @cached_property
    def refusal_reason(self) -> str | None:
        """Why Google's job of this id is not this app's, or None."""
        return self.ownership.refusal_reason(self.live) if self.live else None

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
    client = Client(time.monotonic() + settings.RPC_TIMEOUT)
    job = ScheduledJob.objects.get(pk=pk)
    at = timezone.now()
    live = client.look(client.backend.remote_name(job.name))
    # Read after the look, so that an edit made in between is not taken for drift.
    job.refresh_from_db()
    [desired] = desired_of_all([job], client.backend.remote_name(""))
    return Look(job, desired, live, at, client.ownership)


def record(found: Look) -> None:
    """Write on the row what a look has shown, unless it is being edited or pushed."""
    if found.refusal_reason is not None:
        return
    pk = found.job.pk
    if found.is_drift:
        record_drift([pk], found.at)
    elif found.live is not None and not found.differences:
        same = {pk: (found.desired, found.live)}
        record_agreement(same, found.at, healed=[SyncState.DRIFTED])
    record_seen({pk: found.live}, found.at, is_of_all=False)


def look_at_all() -> Report:
    """All jobs beside what Google has now, written on their rows. Raises a BackendError of Google's."""
    report = sync_jobs(Options(write=False))
    record_all(report)
    return report


def look_at_rows() -> Report:
    """The same of the rows as they are. What the code says besides is for schedule_tasks to write.

    Asking each class what it declares takes longer than all else.
    """
    client = Client(time.monotonic() + LIST_PATIENCE)
    at, parent = timezone.now(), client.backend.parent
    listing = Listing(parent, {live.remote_name: live for live in client.list()}, at)
    options = Options()
    found = compare(listing, Seeded(), options, client.backend)
    report = Report(found, options)
    record_all(report)
    return report


def record_all(report: Report) -> None:
    """Write on the rows what a plan's look has shown; nothing was pushed."""
    jobs, at = report.listing.jobs, report.listing.at
    drifted = [
        change.pk
        for change in report.plan.of_kind("create", "update", "refuse")
        if change.pk is not None and (change.kind == "create" or change.drifted)
    ]
    record_drift(drifted, at)
    # What is compared in a plan is what the code says, which no row may have yet.
    agreeing = {d.pk: (d, jobs.get(d.remote_name)) for d in report.comparison.agreeing if d.pk is not None}
    record_agreement(agreeing, at, healed=[SyncState.DRIFTED])
    record_seen(seen_of(report.comparison), at)
    record_list(report.listing)


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
    with transaction.atomic(using=writer()), attribution(by, via=JobChange.Via.ADOPT, reason=reason):
        job = _locked(found)
        for name, (live, _wanted) in wanted.items():
            setattr(job, f"{name}_override", value_of(name, live))
        if wanted:
            job.full_clean()
            job.save()
        if state is not None and state[0] == PAUSED:
            job.pause(reason=reason)
        elif state is not None:
            job.resume()


def overwrite(found: Look, *, by: Any = None, reason: str = "") -> None:
    """Make Google what the row says; the values replaced stay in the audit."""
    with transaction.atomic(using=writer()), attribution(by, via=JobChange.Via.SYNC, reason=reason):
        job = _locked(found)
        JobChange.record(job, {name: found.differences[name] for name in found.drifted})
        push_on_commit([job.pk], writer())


def bring_up_to_date(change: Change) -> int | None:
    """The row of a planned change, as the code declares it now; None for a class that is gone.

    A plan compares with what the code says, which ``schedule_tasks`` may not have written yet.
    """
    task = registry.find_or_none(change.task)
    if task is not None:
        seed_tasks([task], retire=False)
    rows = ScheduledJob.objects.filter(name=change.name)
    return rows.values_list("pk", flat=True).first()


def _locked(found: Look) -> ScheduledJob:
    """The row as it is now. Two who decide at once wait for each other: neither choice loses the other."""
    return ScheduledJob.objects.select_for_update().get(pk=found.job.pk)
