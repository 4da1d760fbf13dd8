"""From the rows to ``domain.missed`` and back: which runs did not come."""

from __future__ import annotations

import time
from collections import defaultdict, namedtuple
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice

from django.db.models import F, Q
from django.db.models.fields.json import KT

from scheduled_jobs import registry
from scheduled_jobs.conf import settings
from scheduled_jobs.domain import missed as domain
from scheduled_jobs.domain.attempts import stands, time_of
from scheduled_jobs.domain.jobs import RETRY_FIELDS
from scheduled_jobs.domain.missed import (
    Arrival,
    Busy,
    Doubt,
    DueTime,
    Epoch,
    FailedAttempt,
    Watched,
    minute_of,
)
from scheduled_jobs.domain.tolerances import Tolerances
from scheduled_jobs.models import JobRun, JobVersion, ScheduledJob
from scheduled_jobs.models.in_force import ValuesInForce
from scheduled_jobs.models.job_queryset import ScheduledJobQuerySet
from scheduled_jobs.models.runs import JobRunQuerySet
from scheduled_jobs.services.execution.missing import Judged, Missed, move_marks, write_missed

Status = JobRun.Status
AT_ONCE = 200
"""Jobs whose runs are read together."""
MARKED_EVERY = timedelta(minutes=10)
"""How far a mark may stay behind where nothing is to be told: what is judged again is judged the same."""
OF_RETRIES = (*RETRY_FIELDS, "attempt_deadline")
COLUMNS = (
    "pk", "name", "task", "watched_until", "pruned_until", "paused", "paused_at", "retired_at", "deleting_at",
    "last_delivery_at", "last_run_at", "last_status", "last_duration", "late_since", "next_run_at",
    "unreachable_since", *(f"declared_{name}" for name in OF_RETRIES),
    *(f"{name}_override" for name in OF_RETRIES),
)  # fmt: skip
OF_GOOGLE = {"attempted_at": KT("live__last_attempt_time"), "attempt_status": KT("live__status")}
_Columns = namedtuple("_Columns", (*COLUMNS, *OF_GOOGLE))  # type: ignore[misc]  # mypy wants to read the names


class _Job(ValuesInForce, _Columns):
    """A job as it is judged, with how it is tried again."""

    __slots__ = ()

    pk: int
    name: str
    task: str
    watched_until: datetime | None
    pruned_until: datetime | None
    paused_at: datetime | None
    last_delivery_at: datetime | None
    last_run_at: datetime | None
    last_status: str
    last_duration: timedelta | None
    late_since: datetime | None
    next_run_at: datetime | None
    unreachable_since: datetime | None
    attempted_at: object
    attempt_status: object

    @property
    def ended_at(self) -> datetime | None:
        """Since when nothing is owed, where that is so now."""
        ends = [self.retired_at, self.deleting_at, self.paused_at if self.paused else None]
        return min((end for end in ends if end is not None), default=None)

    @property
    def attempt(self) -> FailedAttempt | None:
        """Google's last attempt, where it is known that nothing arrived here that could be it."""
        at = time_of(self.attempted_at)
        if at is None or not stands(self.unreachable_since, self.last_delivery_at):
            return None
        try:
            return FailedAttempt(at, int(str(self.attempt_status)), self.unreachable_since or at)
        except ValueError:
            return None


@dataclass
class Judgement:
    """What one look over jobs has found: ``doubtful`` counts times of which nothing can be said, by why."""

    missed: list[JobRun] = field(default_factory=list)
    busy: int = 0
    doubtful: dict[Doubt, int] = field(default_factory=dict)
    judged: int = 0
    left: int = 0
    """Jobs for which time did not suffice."""

    def count(self, some: Iterable[_Watching]) -> None:
        """Count the times that are judged."""
        for one in some:
            self.judged += len(one.slots)
            for slot in one.slots:
                if slot.doubt is not None:
                    self.doubtful[slot.doubt] = self.doubtful.get(slot.doubt, 0) + 1


def judge(now: datetime, *, jobs: Collection[int] | None = None, until: float | None = None) -> Judgement:
    """Find the runs that did not come, of these jobs or of all, and write them down.

    ``until`` is when it must be over (monotonic seconds): what is left then, the next one finds.
    """
    found = Judgement()
    for some, judged in in_parts(now, jobs):
        if until is not None and time.monotonic() >= until:
            found.left += len(some)
            continue
        found.count(some)
        told: list[Judged] = []
        calm: list[Judged] = []
        for one in judged:
            (told if one.missed or one.busy else calm).append(one)
        found.busy += sum(len(judged_one.busy) for judged_one in told)
        if told:
            found.missed += write_missed(told, now)
        move_marks([one for one in calm if _is_behind(one)])
    return found


def suspects(now: datetime, jobs: Collection[int]) -> list[int]:
    """Those of these jobs of which a run seems to be missed; nothing is written."""
    return [one.job for _some, judged in in_parts(now, jobs) for one in judged if one.missed]


def in_parts(
    now: datetime, jobs: Collection[int] | None = None
) -> Iterator[tuple[list[_Watching], Iterator[Judged]]]:
    """Jobs, so many at a time, and what is found out of them; nothing is written."""
    watched = _watched(_jobs(jobs), now)
    # Those whose times lie together are read together: of one that was not watched for long, much is read.
    rest = iter(sorted(watched, key=lambda one: (one.slots[0].at if one.slots else now, one.job.pk)))
    while some := list(islice(rest, AT_ONCE)):
        yield some, _judge(some, now)


def _is_behind(one: Judged) -> bool:
    return one.until is not None and (one.since is None or one.until - one.since >= MARKED_EVERY)


@dataclass
class _Watching:
    """A job, what decides of it, and the times that are to be judged now."""

    job: _Job
    watched: Watched
    slots: list[DueTime]


def _jobs(pks: Collection[int] | None) -> Iterator[_Job]:
    rows: ScheduledJobQuerySet = ScheduledJob.objects.order_by()
    if pks is not None:
        rows = rows.filter(pk__in=pks)
    for row in rows.annotate(**OF_GOOGLE).values_list(*COLUMNS, *OF_GOOGLE):
        yield _Job._make(row)


def _watched(jobs: Iterable[_Job], now: datetime) -> Iterator[_Watching]:
    """The jobs of which something may be owed."""
    spans = _spans()
    usual = settings.MISSED_GRACE
    for job in jobs:
        if not (of_job := spans.get(job.pk)):
            continue
        task = registry.find_or_none(job.task)
        own = Tolerances.of(task).grace if task is not None else None
        marks = [mark for mark in (job.watched_until, job.pruned_until) if mark is not None]
        grace = usual if own is None else own
        watched = Watched(of_job, max(marks, default=None), grace, job.retry_policy, job.ended_at)
        yield _Watching(job, watched, domain.due(watched, now).slots)


def _spans() -> dict[int, list[Epoch]]:
    """Job -> what Google had since it was last judged, in order."""
    rows = JobVersion.objects.filter(
        Q(until=None) | Q(job__watched_until=None) | Q(until__gt=F("job__watched_until"))
    )
    spans: dict[int, list[Epoch]] = defaultdict(list)
    columns = ("job_id", "since", "confirmed_at", "until", "schedule", "time_zone", "state")
    for job, *values in rows.order_by("pk").values_list(*columns):
        spans[job].append(Epoch(*values))
    return spans


def _judge(some: Sequence[_Watching], now: datetime) -> Iterator[Judged]:
    runs = JobRun.objects
    seen = _seen(some, runs)
    silent = {one.job.pk: list(domain.unseen(one.slots, seen[one.job.pk])) for one in some}
    doubtless = [one for one in some if silent[one.job.pk]]
    near = _near(doubtless, silent, runs) if doubtless else {}
    running = _running(some, runs)
    unheard = [one for one in some if any(domain.unheard(one.watched, now))]
    heard = _heard(unheard, running, runs, now) if unheard else {}
    for one in some:
        pk, watched = one.job.pk, one.watched
        until = one.slots[-1].at + domain.INSTANT if one.slots else None
        missed: list[datetime] = []
        busy: list[datetime] = []
        around = domain.Around([*near.get(pk, ()), *running.get(pk, ())])
        for at in silent[pk]:
            others = around.of(at)
            if domain.is_seen(at, others, watched.grace):
                continue
            (busy if domain.is_busy(at, others, watched.retries) else missed).append(at)
        told = _told(one, missed)
        if pk in heard:
            silent_at, heard_until = _silences(one, heard[pk], now)
            told += silent_at
            until = max((at for at in (until, heard_until) if at is not None), default=None)
        yield Judged(pk, one.job.watched_until, until, told, busy[-domain.MOST :])


def _told(one: _Watching, missed: list[datetime]) -> list[Missed]:
    """A row for each, and one for all that are older than so many."""
    older, latest = missed[: -domain.MOST], missed[-domain.MOST :]
    told = [Missed(older[-1], count=len(older), since=older[0])] if older else []
    attempt = one.job.attempt if latest else None
    for at in latest:
        is_its = attempt is not None and domain.is_unreachable(at, domain.next_in(one.watched, at), attempt)
        told.append(Missed(at, attempt if is_its else None))
    return told


def _silences(one: _Watching, heard: _Heard, now: datetime) -> tuple[list[Missed], datetime | None]:
    """The missed runs of an interval, one of each silence, and up to where it is judged."""
    job, told = one.job, []
    until = domain.heard_until(heard.arrivals, now)
    for silence in domain.silences(one.watched, heard.arrivals, now):
        at = silence.missed
        before = [seen for seen in heard.missed if silence.since <= seen <= (silence.until or now)]
        if not before and silence.until is None:
            due = job.late_since or job.next_run_at
            if due is not None and silence.since < due <= now - one.watched.grace:
                at = due
        if not before:
            told.append(Missed(at, job.attempt if silence.until is None else None))
        if silence.until is None:
            until = before[0] if before else at
    return told, until


# --- Reading runs -------------------------------------------------------------------------------------------


def _seen(some: Sequence[_Watching], runs: JobRunQuerySet) -> Mapping[int, dict[datetime, None]]:
    """Job -> the minutes of the schedule of which a row tells."""
    seen: dict[int, dict[datetime, None]] = defaultdict(dict)
    owed = [one for one in some if one.slots]
    if owed:
        first = min(one.slots[0].at for one in owed)
        last = max(one.slots[-1].at for one in owed)
        rows = runs.order_by().filter(
            job__in=[one.job.pk for one in owed],
            scheduled_for__gte=first,
            scheduled_for__lt=last + domain.MINUTE,
        )
        for job, slot in rows.values_list("job_id", "scheduled_for"):
            if slot is not None:
                seen[job][minute_of(slot)] = None
    return seen


@dataclass
class _Heard:
    """What came of an interval, and the times that were found to be missed."""

    arrivals: list[Busy] = field(default_factory=list)
    missed: list[datetime] = field(default_factory=list)


def _heard(
    some: Sequence[_Watching], running: Mapping[int, list[Arrival]], runs: JobRunQuerySet, now: datetime
) -> dict[int, _Heard]:
    """Job -> what came since it was last judged, and what was going on then."""
    found = {one.job.pk: _Heard() for one in some}
    for one in some:
        pk, arrivals = one.job.pk, found[one.job.pk].arrivals
        arrivals += [Busy(run.started_at or now, now + domain.INSTANT) for run in running.get(pk, ())]
        if (at := one.job.last_delivery_at) is not None:
            arrivals.append(Busy(at, at))
    first = min(next(domain.unheard(one.watched, now))[0] - one.job.attempt_deadline for one in some)
    rows = runs.order_by().filter(job__in=list(found), at__gte=first).exclude(trigger=JobRun.Trigger.EAGER)
    columns = ("job_id", "status", "scheduled_for", "started_at", "finished_at", "deadline_at")
    for job, status, slot, started_at, finished_at, deadline_at in rows.values_list(*columns):
        if status == Status.MISSED:
            found[job].missed.append(slot)
        elif status == Status.SKIPPED:
            found[job].arrivals.append(Busy(finished_at, finished_at))
        elif started_at is not None and status != Status.RUNNING:
            given_up = deadline_at if status in (Status.LOST, Status.TIMED_OUT) else None
            found[job].arrivals.append(Busy(started_at, given_up or finished_at))
    return found


def _near(
    some: Sequence[_Watching], silent: Mapping[int, list[datetime]], runs: JobRunQuerySet
) -> dict[int, list[Arrival]]:
    """Job -> the runs that began before or soon after the times of which no row tells."""
    first = min(silent[one.job.pk][0] for one in some)
    last = max(silent[one.job.pk][-1] for one in some)
    before = max(one.job.attempt_deadline + one.watched.retries.max_backoff for one in some)
    rows = runs.filter(
        job__in=[one.job.pk for one in some],
        at__gte=first - before,
        at__lte=last + max(one.watched.grace for one in some),
        started_at__isnull=False,
    )
    return _by_job(rows.exclude(status=Status.RUNNING).order_by("started_at"))


def _running(some: Sequence[_Watching], runs: JobRunQuerySet) -> dict[int, list[Arrival]]:
    return _by_job(runs.filter(status=Status.RUNNING).of_jobs([one.job.pk for one in some]).order_by())


def _by_job(rows: JobRunQuerySet) -> dict[int, list[Arrival]]:
    found: dict[int, list[Arrival]] = defaultdict(list)
    columns = ("job_id", "announced_for", "sent", "scheduled_for", "attempt", "status", "started_at")
    for job, announced, sent, *values in rows.values_list(*columns, "finished_at", "deadline_at"):
        is_unannounced = announced is None and not sent and values[0] is None
        found[job].append(Arrival._make((*values, is_unannounced)))
    return found
