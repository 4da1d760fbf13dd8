"""Running what a schedule has left out: a range of its times, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from django.db import Error, IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from scheduled_jobs import registry, signals
from scheduled_jobs.conf import settings
from scheduled_jobs.domain.jobs import ENABLED
from scheduled_jobs.domain.payloads import Signature
from scheduled_jobs.domain.schedules import InvalidSchedule, Schedule
from scheduled_jobs.exceptions import RunRefused
from scheduled_jobs.models import JobChange, JobRun, JobVersion, ScheduledJob
from scheduled_jobs.models.changes import current_attribution, label_of
from scheduled_jobs.models.runs import JobRunQuerySet
from scheduled_jobs.models.writer import writer
from scheduled_jobs.models.writing import is_lost_race
from scheduled_jobs.services.execution import statements
from scheduled_jobs.services.execution.statements import Status, Trigger

MOST = 100
"""Runs that are asked for at once."""
MOST_TIMES = 10_000
"""Scheduled times, and runs, that are looked at: a week of a job of every minute."""
YEARS = range(1971, 9000)
"""Within these, no arithmetic in any zone leaves what a datetime holds."""
EDGE = timedelta(minutes=1)
"""So near to a change of the schedule it is not known by which one Google went."""
ROUNDS = 10


@dataclass(frozen=True, slots=True)
class TimeToRun:
    """A scheduled time that has no run, or none that settled it: ``last`` is the key of its last one.

    ``doubt`` is why it may be none at all, as a sentence; else empty.
    """

    at: datetime
    attempt: int = 1
    last: int | None = None
    doubt: str = ""


@dataclass(frozen=True, slots=True)
class BackfillPlan:
    """What a backfill would run: ``times``, the earliest first.

    Of the other times, ``done`` have a run that settled them, and ``going`` one that goes on or waits.
    ``guessed`` tells that Google counted from the last run in this time, so that only the runs which are
    known can be run again.
    """

    times: list[TimeToRun] = field(default_factory=list)
    done: int = 0
    going: int = 0
    guessed: bool = False

    @property
    def doubtful(self) -> list[TimeToRun]:
        """The times that may be none."""
        return [time for time in self.times if time.doubt]


def plan_backfill(job: ScheduledJob, start: datetime, end: datetime, now: datetime) -> BackfillPlan:
    """Which scheduled times of a job in ``start <= at < end`` (aware), up to ``now``, have no settled run.

    The times are those of the schedule that Google had then, as far as that is known, else of the one in
    force; with them each time whose run failed, was lost or missed. Raises RunRefused where it is too long.
    """
    if not {start.year, end.year} <= {*YEARS}:
        raise RunRefused(_("No run has its time there: name years from 1971 to 8999."))
    end = min(end, now)
    slots = _slots(job, start, end)
    scheduled, guessed = _scheduled(job, start, end)
    times, done, going = [], 0, 0
    for at in sorted({*scheduled, *slots}):
        slot = slots.get(at)
        if slot is None:
            times.append(TimeToRun(at, doubt=scheduled[at]))
        elif slot.is_settled:
            done += 1
        elif slot.is_open:
            going += 1
        elif at in scheduled or slot.is_bad:
            times.append(TimeToRun(at, slot.attempts + 1, slot.last))
    return BackfillPlan(times, done, going, guessed)


class PlanChanged(RunRefused):
    """What a backfill would run is not what was shown any more."""


def backfill(
    job: ScheduledJob,
    start: datetime,
    end: datetime,
    by: Any = None,
    reason: str = "",
    *,
    is_as_shown: Callable[[ScheduledJob, BackfillPlan], bool] | None = None,
) -> list[JobRun]:
    """Ask for a run of each time that ``plan_backfill`` finds, with the payload in force.

    They go one after the other, the earliest first; a time that is settled before its turn has come is left
    out. ``by`` is a user or a name; ``is_as_shown`` is asked about what is then found, while nobody else can
    ask for the same. Raises RunRefused where there are none, or more than 100, or where they could not be
    run; PlanChanged, InvalidPayload, and BeingDeleted.
    """
    if settings.mode != "google":
        raise RunRefused(_("Google is not asked to run anything here: pushes are off, or tasks run eagerly."))
    if job.retired_at is not None:
        raise RunRefused(_("This job is retired: Google has no job to run any more."))
    for _round in range(ROUNDS):
        try:
            return _ask(job, start, end, by, reason, is_as_shown)
        except Error as error:
            # Another attempt at one of the times was begun, or has ended, meanwhile.
            is_inside = transaction.get_connection(writer()).in_atomic_block
            if not isinstance(error, IntegrityError) and (is_inside or not is_lost_race(error)):
                raise
            if is_inside:  # whose view of the slots may be an old one
                break
    raise RunRefused(_("Other attempts for these times keep coming; try again."))


def cancel_backfill(run: JobRun, by: Any = None) -> int:
    """Discard what waits of the backfill that a run belongs to; returns how many runs that are."""
    now = timezone.now()
    who = label_of(by) or current_attribution().label
    error = f"cancelled by {who}" if who else "cancelled"
    with transaction.atomic(using=writer()):
        waiting = list(waiting_with(run))
        cancelled = [
            one.pk
            for one in waiting
            if statements.close_queued(one.pk, Status.DISCARDED, error, now, delivered=False)
        ]
        if cancelled:
            change = {"backfill": ({"first": cancelled[0], "runs": len(cancelled)}, None)}
            JobChange.record(run.job, change, by=by)
    return len(cancelled)


def waiting_with(run: JobRun) -> JobRunQuerySet:
    """What waits of the backfill that a run belongs to: it was asked for in the same moment."""
    queued = JobRun.objects.queued().of_jobs([run.job_id])
    return queued.filter(trigger=Trigger.BACKFILL, created_at=run.created_at)


def _ask(
    job: ScheduledJob,
    start: datetime,
    end: datetime,
    by: Any,
    reason: str,
    is_as_shown: Callable[[ScheduledJob, BackfillPlan], bool] | None,
) -> list[JobRun]:
    who = label_of(by) or current_attribution().label
    with job.locked() as rows:
        # Two who ask for the same at once: the second finds what the first has asked for.
        job = rows.get()
        task = registry.find_or_none(job.task)
        if task is not None:
            Signature.of(task.run).validate(job.payload, secret_keys=settings.REDACTED_KEYS)
        now = timezone.now()
        plan = plan_backfill(job, start, end, now)
        if is_as_shown is not None and not is_as_shown(job, plan):
            raise PlanChanged(_("This has changed since it was shown."))
        times = plan.times
        if not times:
            raise RunRefused(_("Every scheduled time in that time has a run that settled it, or waits."))
        if len(times) > MOST:
            raise RunRefused(too_many(times))
        asked = [
            JobRun(
                job=job,
                status=Status.QUEUED,
                trigger=Trigger.BACKFILL,
                created_at=now,
                scheduled_for=time.at,
                attempt=time.attempt,
                retry_of_id=time.last,
                payload=job.payload,
                requested_by=who,
                reason=reason,
            )
            for time in times
        ]
        for run in asked:  # each with its key, whatever the database, in the order of their times
            run.save(force_insert=True)
        change = {
            "from": times[0].at.isoformat(),
            "to": times[-1].at.isoformat(),
            "first": asked[0].pk,
            "runs": len(asked),
        }
        JobChange.record(job, {"backfill": (None, change)}, by=by, reason=reason)
        signals.run_requested.send(sender=JobRun, pks=[run.pk for run in asked], using=writer())
    return list(JobRun.objects.filter(pk__in=[run.pk for run in asked]).oldest_first())


def too_many(times: Sequence[TimeToRun]) -> str:
    """Why so many times are not run at once, and up to when fewer are; ``times`` are more than 100."""
    return _(
        "%(n)d scheduled times have no settled run, and at most %(most)d are run at once: "
        "those before %(end)s are so many."
    ) % {"n": len(times), "most": MOST, "end": f"{times[MOST].at:%Y-%m-%d %H:%M:%S} UTC"}


# --- What is known of the time --------------------------------------------------------------------


@dataclass(slots=True)
class _Slot:
    attempts: int = 0
    last: int | None = None
    is_settled: bool = False
    is_open: bool = False
    is_bad: bool = False


def _slots(job: ScheduledJob, start: datetime, end: datetime) -> dict[datetime, _Slot]:
    rows = JobRun.objects.filter(job_id=job.pk, scheduled_for__gte=start, scheduled_for__lt=end)
    columns = ("scheduled_for", "attempt", "pk", "status", "settled_slot")
    found = list(rows.order_by("scheduled_for", "attempt").values_list(*columns)[: MOST_TIMES + 1])
    if len(found) > MOST_TIMES:
        raise RunRefused(_too_long())
    slots: dict[datetime, _Slot] = {}
    for at, attempt, pk, status, settled in found:
        slot = slots.setdefault(at, _Slot())
        slot.attempts, slot.last = attempt, pk
        # A skipped one may still be run by a late delivery; a person has nothing to make up for.
        slot.is_settled |= settled is not None or status == Status.SKIPPED
        slot.is_open |= status in JobRun.OPEN
        slot.is_bad |= status in JobRun.BAD
    return slots


def _scheduled(job: ScheduledJob, start: datetime, end: datetime) -> tuple[dict[datetime, str], bool]:
    """The times of the schedule, with what makes one doubtful; and whether some could only be guessed."""
    times: dict[datetime, str] = {}
    guessed = False
    for since, until, expression, zone, doubt in _spans(job, start, end):
        try:
            schedule = Schedule.parse(expression, zone)
        except InvalidSchedule:
            continue
        if schedule.is_estimate:
            guessed = True
            continue
        for occurrence in islice(schedule.between(since, until), MOST_TIMES + 1 - len(times)):
            near = (since > start and occurrence.at - since < EDGE) or (
                until < end and until - occurrence.at <= EDGE
            )
            notice = occurrence.notice or "" if occurrence.doubtful else ""
            edge = _("The job was changed in Google within a minute of it.") if near else ""
            times.setdefault(occurrence.at, doubt or notice or edge)
        if len(times) > MOST_TIMES:
            raise RunRefused(_too_long())
    return times, guessed


def _spans(
    job: ScheduledJob, start: datetime, end: datetime
) -> Iterator[tuple[datetime, datetime, str, str, str]]:
    """From, until, schedule, zone and doubt: what Google had, where nothing is known what is in force."""
    unknown = _("Google did not have this job then; it is a time of the schedule in force now.")
    versions = JobVersion.objects.filter(job=job.pk, since__lt=end)
    known = versions.exclude(schedule="").exclude(until__lte=start).order_by("since", "pk")
    cursor = start
    for version in known:
        since, until = max(version.since, cursor), min(version.until or end, end)
        if since > cursor:
            yield cursor, since, job.schedule, job.time_zone, unknown
        doubt = ""
        if version.confirmed_at is None:
            doubt = _("Google had not confirmed the schedule by then.")
        elif version.state != ENABLED:
            doubt = _("The job was paused then.")
        if since < until:
            yield since, until, version.schedule, version.time_zone, doubt
        cursor = max(cursor, until)
    if cursor < end:
        yield cursor, end, job.schedule, job.time_zone, unknown


def _too_long() -> str:
    text = _("More than %(most)s scheduled times, or runs, lie in that time; choose a shorter one.")
    return text % {"most": f"{MOST_TIMES:,}"}
