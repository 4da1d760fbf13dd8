"""What Google was told, from when to when, kept beside every call that changes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scheduled_jobs.models import JobVersion
from scheduled_jobs.services.scheduling.inserting import insert_rows

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from datetime import datetime

    from django.db.models import QuerySet

    from scheduled_jobs.domain.jobs import LiveJob
    from scheduled_jobs.domain.plan import Desired
    from scheduled_jobs.services.scheduling.push.call import Outcome

ABSENT = "ABSENT"
"""The state of a job that Google does not have."""

Told = tuple[str, str, str]
COLUMNS = ("job_id", "since", "confirmed_at", "schedule", "time_zone", "state")
MANY = 500
"""From so many jobs on, reading all rows is quicker than naming those that are wanted."""


def told_of(desired: Desired) -> Told | None:
    """Schedule, time zone and state that Google is about to be told; None if that cannot be said."""
    if desired.state is None:
        return ("", "", ABSENT)
    if desired.spec is None:
        return None
    return (desired.spec.schedule, desired.spec.time_zone, desired.state)


def told_by(live: LiveJob | None) -> Told:
    """Schedule, time zone and state that Google has."""
    if live is None:
        return ("", "", ABSENT)
    return (str(live.values["schedule"]), str(live.values["time_zone"]), live.state)


def open_versions(wanted: Iterable[Desired], *, now: datetime, using: str) -> None:
    """Before the calls: what Google has is uncertain from now on, until an answer confirms it."""
    told = {desired.pk: told_of(desired) for desired in wanted if desired.pk is not None}
    rows = JobVersion.objects.using(using)
    current = _open_versions(rows, told)
    # In the order of the keys: each new row takes a lock on its job.
    changing = [
        pk
        for pk, new in sorted(told.items())
        if new is not None
        and ((version := current.get(pk)) is None or version[2] != new or version[1] is None)
    ]
    rows.filter(job__in=changing, until=None).update(until=now)
    opened = ((pk, now, None, *new) for pk in changing if (new := told[pk]) is not None)
    insert_rows(JobVersion, COLUMNS, opened, using)


def settle_versions(outcomes: Iterable[Outcome], *, now: datetime, using: str) -> None:
    """After the calls: confirm what Google answered; where the answer is not known, nothing is confirmed."""
    confirm_versions(
        {
            outcome.desired.pk: outcome.live
            for outcome in outcomes
            if outcome.is_certain and outcome.desired.pk is not None
        },
        now=now,
        using=using,
    )


def confirm_versions(seen: dict[int, LiveJob | None], *, now: datetime, using: str) -> None:
    """Record what a look at Google, or its answer, has shown: job -> what Google has."""
    rows = JobVersion.objects.using(using)
    current = _open_versions(rows, seen)
    agreeing, changed = [], []
    for job, live in seen.items():
        version = current.get(job)
        if version is not None and version[2] == told_by(live):
            if version[1] is None:
                agreeing.append(version[0])
        elif version is not None or live is not None:
            changed.append(job)
    rows.filter(pk__in=agreeing).update(confirmed_at=now)
    rows.filter(job__in=changed, until=None).update(until=now)
    insert_rows(JobVersion, COLUMNS, ((pk, now, now, *told_by(seen[pk])) for pk in changed), using)


def _open_versions(
    rows: QuerySet[JobVersion], jobs: Collection[int]
) -> dict[int, tuple[int, datetime | None, Told]]:
    """Job -> key, confirmation and content of its open version. For many jobs, all there are."""
    chosen = rows.filter(until=None).order_by("pk")
    if len(jobs) < MANY:
        chosen = chosen.filter(job__in=jobs)
    columns = ("job_id", "pk", "confirmed_at", "schedule", "time_zone", "state")
    return {
        job: (pk, confirmed_at, (schedule, time_zone, state))
        for job, pk, confirmed_at, schedule, time_zone, state in chosen.values_list(*columns)
    }
