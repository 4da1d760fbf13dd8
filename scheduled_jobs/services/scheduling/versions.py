"""What Google was told, from when to when, kept beside every call that changes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from scheduled_jobs.models import JobVersion
from scheduled_jobs.models.lost_races import persistent
from scheduled_jobs.services.scheduling.inserting import insert_rows

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from datetime import datetime

    from django.db.models import QuerySet

    from scheduled_jobs.domain.jobs import LiveJob
    from scheduled_jobs.domain.plan import Desired

ABSENT = "ABSENT"
"""The state of a job that Google does not have."""


class Content(NamedTuple):
    """What a version says that Google has."""

    schedule: str
    time_zone: str
    state: str


_Version = tuple[int, "datetime | None", tuple[str, ...]]
"""Key, confirmation and content."""

MANY = 500
"""From so many jobs on, reading all rows is quicker than naming those that are wanted."""


@persistent
def open_versions(wanted: Iterable[Desired], *, now: datetime, using: str) -> None:
    """Before the calls: what Google has is uncertain from now on, until an answer confirms it."""
    contents = {
        desired.pk: content
        for desired in wanted
        if desired.pk is not None and (content := _wanted_content(desired)) is not None
    }
    rows = JobVersion.objects.using(using)
    current = _current(rows, contents)
    # In the order of the keys: each new row takes a lock on its job.
    changing = {
        pk: content
        for pk, content in sorted(contents.items())
        if (version := current.get(pk)) is None or version[1] is None or version[2] != content
    }
    _replace(rows, changing, now=now, confirmed_at=None)


@persistent
def confirm_versions(seen: Mapping[int, LiveJob | None], *, now: datetime, using: str) -> None:
    """Record what a look at Google, or its answer, has shown: job -> what Google has."""
    rows = JobVersion.objects.using(using)
    current = _current(rows, seen)
    agreeing: list[int] = []
    changed: dict[int, Content] = {}
    for job, live in seen.items():
        version = current.get(job)
        if version is not None and version[2] == _live_content(live):
            if version[1] is None:
                agreeing.append(version[0])
        elif version is not None or live is not None:
            changed[job] = _live_content(live)
    rows.filter(pk__in=agreeing).update(confirmed_at=now)
    _replace(rows, changed, now=now, confirmed_at=now)


def _replace(
    rows: QuerySet[JobVersion],
    contents: Mapping[int, Content],
    *,
    now: datetime,
    confirmed_at: datetime | None,
) -> None:
    if not contents:
        return
    rows.filter(job__in=contents, until=None).update(until=now)
    new = [
        {"job_id": pk, "since": now, "confirmed_at": confirmed_at, **content._asdict()}
        for pk, content in contents.items()
    ]
    insert_rows(JobVersion, new, using=rows.db)


def _current(rows: QuerySet[JobVersion], jobs: Collection[int]) -> dict[int, _Version]:
    """Job -> its open version. For many jobs, all there are."""
    chosen = rows.filter(until=None).order_by("pk")
    if len(jobs) < MANY:
        chosen = chosen.filter(job__in=jobs)
    versions = chosen.values_list("job_id", "pk", "confirmed_at", *Content._fields)
    return {job: (pk, confirmed_at, tuple(content)) for job, pk, confirmed_at, *content in versions}


def _wanted_content(desired: Desired) -> Content | None:
    """What Google is about to be told; None if that cannot be said."""
    if desired.state is None:
        return Content("", "", ABSENT)
    if desired.spec is None:
        return None
    return Content(desired.spec.schedule, desired.spec.time_zone, desired.state)


def _live_content(live: LiveJob | None) -> Content:
    if live is None:
        return Content("", "", ABSENT)
    return Content(str(live.values["schedule"]), str(live.values["time_zone"]), live.state)
