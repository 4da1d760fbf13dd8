"""What Google was told, from when to when, kept beside every call that changes it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

from django.db.models import Max, Q

from scheduled_jobs.domain.jobs import ENABLED, LiveJob
from scheduled_jobs.domain.missed import fired_until
from scheduled_jobs.domain.plan import Desired
from scheduled_jobs.models import JobVersion, LastList, ScheduledJob
from scheduled_jobs.models.versions import ABSENT, HELD
from scheduled_jobs.models.writing import insert_rows, persistent


class Content(NamedTuple):
    """What a version says that Google has."""

    schedule: str
    time_zone: str
    state: str


class _Version(NamedTuple):
    """The open version of a job."""

    pk: int
    since: datetime
    confirmed_at: datetime | None
    content: Content


Known = Mapping[int, Collection[Content]]
"""Job -> what Google may have by what was seen last, and by what it was told since without an answer."""
MANY = 500
"""From so many jobs on, reading all rows is quicker than naming those that are wanted."""


@persistent
def open_versions(wanted: Iterable[Desired], *, now: datetime) -> Known:
    """Before the calls: what Google has is uncertain from now on, until an answer confirms it.

    Returns what it may have until then.
    """
    contents = {
        desired.pk: content
        for desired in wanted
        if desired.pk is not None and (content := _wanted_content(desired)) is not None
    }
    contents = _with_held(contents, now)
    current = _current(contents)
    # In the order of the keys: each new row takes a lock on its job.
    changing = {
        pk: content
        for pk, content in sorted(contents.items())
        if (version := current.get(pk)) is None or version.content != content
    }
    known = _known(current)
    _replace(changing, since=dict.fromkeys(changing, now), confirmed_at=None)
    return known


@persistent
def withdraw_versions(opened: Mapping[int, datetime]) -> None:
    """No call was made after all (job -> when its version was opened): Google has what it had."""
    rows = JobVersion.objects
    for job, at in opened.items():
        if rows.filter(job=job, since=at, confirmed_at=None, until=None).delete()[0]:
            before = rows.filter(job=job, until=at).aggregate(pk=Max("pk"))["pk"]
            rows.filter(pk=before).update(until=None)


@persistent
def doubt_versions(found: Mapping[int, LiveJob | None], known: Known, *, now: datetime) -> None:
    """What a push has found before its first write, where it is another than ``known``.

    Somebody has changed it in Google since the last look: until the push is answered nothing is certain.
    """
    strange = _strange({job: _live_content(live) for job, live in found.items()}, known)
    if strange:
        current = _current(strange)
        since = _last_known({job: found[job] for job in current}, known, now)
        contents = {job: version.content for job, version in current.items()}
        _replace(contents, since=since, confirmed_at=None)


@persistent
def confirm_versions(seen: Mapping[int, LiveJob | None], *, now: datetime, is_look: bool = False) -> None:
    """Record what an answer of Google's has shown: job -> what Google has.

    ``is_look``: it was looked at, at ``now``. What is another than was known has become so since the last
    look, and nobody knows when.
    """
    contents = _with_held({job: _live_content(live) for job, live in seen.items()}, now)
    current = _current(contents)
    agreeing: list[int] = []
    changed: dict[int, Content] = {}
    for job, content in contents.items():
        version = current.get(job)
        if version is not None and version.since > now:
            continue  # what the look has shown was changed since
        if version is not None and version.content == content:
            if version.confirmed_at is None:
                agreeing.append(version.pk)
        elif version is not None or seen[job] is not None:
            changed[job] = content
    if agreeing:
        JobVersion.objects.filter(pk__in=agreeing).update(confirmed_at=now)
    since = dict.fromkeys(changed, now)
    if is_look:
        known = _known({job: current[job] for job in changed if job in current})
        since |= _last_known({job: seen[job] for job in _strange(changed, known)}, known, now)
    _replace(changed, since=since, confirmed_at=now)


def _known(versions: Mapping[int, _Version]) -> dict[int, set[Content]]:
    """What Google may have of these jobs, where it was ever seen."""
    known = {job: {_fired(v.content)} for job, v in versions.items() if v.confirmed_at is not None}
    if unanswered := versions.keys() - known.keys():
        rows = JobVersion.objects.filter(job__in=unanswered).order_by("pk")
        for job, confirmed_at, *content in rows.values_list("job_id", "confirmed_at", *Content._fields):
            if confirmed_at is not None:
                known[job] = {_fired(Content(*content))}
            elif job in known:
                known[job].add(_fired(Content(*content)))
    return known


def _fired(content: Content) -> Content:
    """The same as Google has it: it knows nothing of a pause in the database."""
    return content._replace(state=ENABLED) if content.state == HELD else content


def _strange(found: Mapping[int, Content], known: Known) -> list[int]:
    """The jobs of which Google has what nothing here explains."""
    return [job for job, content in found.items() if job in known and _fired(content) not in known[job]]


def _last_known(strange: Mapping[int, LiveJob | None], known: Known, now: datetime) -> dict[int, datetime]:
    """Job -> until when Google had what was known of it, as it was seen last or as its last attempt shows."""
    if not strange:
        return {}
    listed_at = LastList.objects.aggregate(at=Max("at"))["at"]
    until: dict[int, datetime] = {}
    for some in ScheduledJob.objects.in_batches(strange):
        for job, seen_at in some.values_list("pk", "live_seen_at"):
            proofs = [seen_at, listed_at, _fired_until(strange[job], known[job])]
            until[job] = min(max((at for at in proofs if at is not None), default=now), now)
    return until


def _fired_until(live: LiveJob | None, known: Collection[Content]) -> datetime | None:
    """Until when it fired by the schedule that is known, where only its state is another now."""
    if live is None or live.last_attempt_time is None:
        return None
    content = _live_content(live)._replace(state=ENABLED)
    if content not in known:
        return None
    return fired_until(content.schedule, content.time_zone, live.last_attempt_time)


def _replace(
    contents: Mapping[int, Content],
    *,
    since: Mapping[int, datetime],
    confirmed_at: datetime | None,
) -> None:
    if not contents:
        return
    rows = JobVersion.objects
    for at in set(since.values()):
        ended = rows.filter(job__in=[job for job in contents if since[job] == at])
        ended.filter(Q(until=None) | Q(until__gt=at)).update(until=at)
    new = [
        {"job_id": pk, "since": since[pk], "confirmed_at": confirmed_at, **content._asdict()}
        for pk, content in contents.items()
    ]
    insert_rows(JobVersion, new)


def _current(jobs: Collection[int]) -> dict[int, _Version]:
    """Job -> its open version. For many jobs, all there are."""
    chosen = JobVersion.objects.filter(until=None).order_by("pk")
    if len(jobs) < MANY:
        chosen = chosen.filter(job__in=jobs)
    versions = chosen.values_list("job_id", "pk", "since", "confirmed_at", *Content._fields)
    return {
        job: _Version(pk, since, confirmed_at, Content(*content))
        for job, pk, since, confirmed_at, *content in versions
    }


def _with_held(contents: dict[int, Content], now: datetime) -> dict[int, Content]:
    """The same, where a pause in the database skips what Google fires."""
    firing = [job for job, content in contents.items() if content.state == ENABLED]
    if not firing:
        return contents
    paused = ScheduledJob.objects.filter(Q(paused_until=None) | Q(paused_until__gt=now), paused=True)
    if len(firing) < MANY:
        paused = paused.filter(pk__in=firing)
    held = set(paused.values_list("pk", flat=True)).intersection(firing)
    return {**contents, **{job: contents[job]._replace(state=HELD) for job in held}}


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
