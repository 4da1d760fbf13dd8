"""One run among its neighbours: the other attempts, what came before and after, what it was asked for.

Each question is answered by an index and by a few rows, however long the history of the job: what lies
further back than ``LOOKED_BACK`` runs is not looked for.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import takewhile

from django.db.models import Exists, OuterRef, Q, QuerySet

from scheduled_jobs.models import Alert, AlertRun, JobRun, ScheduledJob
from scheduled_jobs.services.history.last_attempts import Told, told_of
from scheduled_jobs.services.history.looks import last_list, later
from scheduled_jobs.services.history.stats.figures import Figures, figures
from scheduled_jobs.services.history.stats.reading import Unfolded

Status = JobRun.Status

BRIEF = (
    "pk", "job_id", "status", "trigger", "scheduled_for", "attempt", "created_at", "started_at",
    "finished_at", "lease_until", "duration", "error_key", "requested_by", "retry_of_id",
)  # fmt: skip
"""What is read of a neighbour: not its payload, result and traceback, which may be long."""
LOOKED_BACK = 200
"""How many of the job's runs before it are looked at."""
SAMPLE = 20
"""Of how many successes the usual duration is the median."""
MOST = 50
"""Most attempts, reruns and runs at the same time that are read."""
MOST_MISSED = 101
"""Most missed runs that are counted: at most a hundred are run again at once."""
DAY = timedelta(days=1)
AROUND = timedelta(minutes=1)
"""Before and after a missed time: what else arrived then."""


@dataclass(frozen=True)
class Story:
    """The neighbours of a run. ``attempts`` are those of its slot, itself included, the first one first."""

    run: JobRun
    attempts: list[JobRun]
    retry_of: JobRun | None
    reruns: list[JobRun]
    previous: JobRun | None
    next: JobRun | None
    last_success: JobRun | None
    """The last one before: among the runs that are looked at, or the last of all."""
    alike: int
    """How many runs in a row before this one failed with the same error; attempts at one slot are one run."""
    usual: timedelta | None
    """Median duration of the last successes; None before the first."""
    holder: JobRun | None
    """Another run of the job that is going on: what a queued run would overlap with."""
    before: list[JobRun]
    """Of a queued rerun or backfill that was not sent: what of its job goes before it."""
    told: Told | None
    """What Google said of its last attempt; None where it has not tried yet, and for a run without Google."""
    seen_at: datetime | None
    """When Google was last asked about the job."""
    beside: list[JobRun] = field(default_factory=list)
    """Of a missed run: what other jobs ran at its time, with their jobs, the earliest first."""
    also_missed: list[JobRun] = field(default_factory=list)
    """Of a missed run: those of its job in a day before and after it that nothing has made up for.

    The earliest first, itself included unless it is made up for.
    """
    day: Figures | None = None
    """Of a missed run: the figures of its job in the 24 hours up to now."""
    alerts: list[Alert] = field(default_factory=list)
    """What was told of it, the earliest first."""


def story_of(run: JobRun, now: datetime) -> Story:
    """Read the neighbours of a run, whose job is loaded; the number of queries does not depend on them."""
    of_job = JobRun.objects.filter(job_id=run.job_id)
    # No run has the key 0.
    origin, newest = run.retry_of_id or 0, run.job.last_success_id or 0
    named = JobRun.objects.filter(pk__in=[origin, newest]).only(*BRIEF).in_bulk()
    reruns = JobRun.objects.reruns_of(run, now).only(*BRIEF)[:MOST]
    attempts = []
    if run.scheduled_for is not None:
        at_slot = of_job.filter(scheduled_for=run.scheduled_for).only(*BRIEF, "error")
        attempts = list(at_slot.order_by("attempt", "pk")[:MOST])
    before = _before(run, of_job)
    same_slot = {other.pk for other in attempts}
    others = [other for other in before if other.pk not in same_slot]
    successes = [other for other in others if other.status == Status.SUCCEEDED]
    if not successes and newest in named and named[newest].at < run.at:
        successes = [named[newest]]
    holders = JobRun.objects.holding(run.job_id).exclude(pk=run.pk).only(*BRIEF)
    return Story(
        run=run,
        attempts=attempts,
        retry_of=named.get(origin),
        reruns=sorted(reruns, key=lambda other: other.pk),
        previous=next(iter(others), None),
        next=_after(run, of_job),
        last_success=next(iter(successes), None),
        alike=_alike(run, others),
        usual=_usual(successes),
        holder=None if run.is_over else holders.first(),
        before=_before_in_turn(run),
        told=told_of(run.job) if run.trigger != JobRun.Trigger.EAGER else None,
        seen_at=later(run.job.live_seen_at, last_list()),
        beside=_beside(run) if run.status == Status.MISSED else [],
        also_missed=_also_missed(run, of_job) if run.status == Status.MISSED else [],
        day=_day(run, now) if run.status == Status.MISSED else None,
        alerts=list(_telling_of(run)) if run.is_over else [],
    )


def _day(run: JobRun, now: datetime) -> Figures | None:
    """The figures of a day of its job; None where they are not those of now."""
    unfolded = Unfolded.read([run.job_id])
    return figures(now - DAY, now, run.job_id, unfolded) if unfolded.as_of is None else None


def _before(run: JobRun, of_job: QuerySet[JobRun]) -> list[JobRun]:
    """The runs before this one, the latest first."""
    # The bound on ``at`` alone is what an index can begin with.
    earlier = of_job.filter(Q(at__lt=run.at) | Q(pk__lt=run.pk), at__lte=run.at)
    return list(earlier.order_by("-at", "-pk").only(*BRIEF)[:LOOKED_BACK])


def _before_in_turn(run: JobRun) -> list[JobRun]:
    if run.status != Status.QUEUED or run.sent or run.trigger not in JobRun.IN_TURN:
        return []
    opened = JobRun.objects.filter(status__in=JobRun.OPEN, trigger__in=JobRun.IN_TURN, pk__lt=run.pk)
    return list(opened.of_jobs([run.job_id]).oldest_first().only(*BRIEF)[:MOST])


def _after(run: JobRun, of_job: QuerySet[JobRun]) -> JobRun | None:
    """The run after this one that is no other attempt of its."""
    following = of_job.filter(Q(at__gt=run.at) | Q(pk__gt=run.pk), at__gte=run.at)
    if run.scheduled_for is not None:
        following = following.exclude(scheduled_for=run.scheduled_for)
        if run.status == Status.MISSED:
            # One of an earlier time that came late is not what came next.
            following = following.exclude(scheduled_for__lt=run.scheduled_for)
    return following.order_by("at", "pk").only(*BRIEF).first()


def _alike(run: JobRun, before: list[JobRun]) -> int:
    if run.status not in JobRun.FAILING or not run.error_key:
        return 0
    alike = (True, run.error_key)
    same = takewhile(lambda other: (other.status in JobRun.FAILING, other.error_key) == alike, before)
    return len({other.scheduled_for or other.pk for other in same})


def _usual(successes: list[JobRun]) -> timedelta | None:
    """The median duration of the last successes; None without any."""
    lasted = [other.duration.total_seconds() for other in successes if other.duration is not None]
    return timedelta(seconds=statistics.median(lasted[:SAMPLE])) if lasted else None


def _also_missed(run: JobRun, of_job: QuerySet[JobRun]) -> list[JobRun]:
    same = JobRun.objects.filter(job=OuterRef("job_id"), scheduled_for=OuterRef("scheduled_for"))
    made_up_for = same.filter(Q(settled_slot__isnull=False) | Q(status__in=JobRun.OPEN))
    missed = of_job.filter(status=Status.MISSED, at__range=(run.at - DAY, run.at + DAY))
    return list(missed.exclude(Exists(made_up_for)).order_by("at", "pk").only(*BRIEF)[:MOST_MISSED])


def _telling_of(run: JobRun) -> QuerySet[Alert]:
    told = AlertRun.objects.filter(run=run.pk, alert__isnull=False).values("alert")
    return Alert.objects.filter(pk__in=told).defer("text", "fields").order_by("pk")[:MOST]


def _beside(run: JobRun) -> list[JobRun]:
    if run.scheduled_for is None:
        return []
    then = (run.scheduled_for - AROUND, run.scheduled_for + AROUND)
    others = JobRun.objects.filter(at__range=then).exclude(job=run.job_id).select_related("job")
    of_job = ("job__name", "job__task", "job__origin", "job__time_zone_override", "job__declared_time_zone")
    return list(others.order_by("at", "pk").only(*BRIEF, *of_job)[:MOST])


def going_on(job: ScheduledJob) -> JobRun | None:
    """The run of a job with which another would overlap."""
    return JobRun.objects.holding(job.pk).only(*BRIEF).first()


def waiting(job: ScheduledJob) -> int:
    """How many runs of a job are asked for and not yet begun."""
    return JobRun.objects.queued().of_jobs([job.pk]).count()
