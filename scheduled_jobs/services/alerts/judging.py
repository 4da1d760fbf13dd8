"""What is told of all that is owed and due: read, decided, and written down as messages; nothing is sent."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import Error, transaction
from django.db.models import Max, Q, QuerySet

from scheduled_jobs import registry
from scheduled_jobs.conf import settings
from scheduled_jobs.domain import alerts as domain
from scheduled_jobs.domain.alerts import Decision, OneCause, Owed, ToldAlert
from scheduled_jobs.domain.tolerances import Tolerances
from scheduled_jobs.exceptions import BeingDeleted
from scheduled_jobs.logs import logger
from scheduled_jobs.models import Alert, AlertRun, JobChange, JobRun, ScheduledJob, attribution
from scheduled_jobs.models.job_queryset import ScheduledJobQuerySet
from scheduled_jobs.models.last_run import down, is_down
from scheduled_jobs.models.leases import Turn
from scheduled_jobs.models.writer import writer
from scheduled_jobs.services.alerts import causes, channels, wording
from scheduled_jobs.services.alerts.drafts import Telling
from scheduled_jobs.services.alerts.owing import is_anybody_told

Kind, Status = AlertRun.Kind, JobRun.Status

TURN = "alerts"
LENGTH = timedelta(minutes=1)
"""The lease of whoever decides: two at once would each tell of one cause."""
MOST = 2_000
"""Runs that are judged at once."""
AGAIN = timedelta(minutes=1)
"""After how long a recovery that is not sure yet is looked at again."""
ATTEMPTS = 6
"""Most that a scheduled time usually has."""
PAUSED_BY = "AUTO_PAUSE_AFTER"
"""``paused_by`` of a job that was paused by itself."""


def judge_owed(now: datetime) -> bool:
    """Decide what is told of all that is due at ``now`` (aware), and write the messages that tell it.

    Returns False where another process is about it.
    """
    if not AlertRun.objects.filter(due_at__lte=now).exists() or _has_told_much(now):
        return True
    turn = Turn(TURN, LENGTH)
    if not turn.take():
        return False
    try:
        _judge(now, turn)
    finally:
        turn.free()
    return True


def _has_told_much(now: datetime) -> bool:
    """Whether what comes next waits a minute, to be told together: many causes met within moments."""
    made = Alert.objects.filter(created_at__gt=now - AGAIN, created_at__lte=now).exclude(kind=Kind.TEST)
    return made.count() >= domain.MOST_APART


def _judge(now: datetime, turn: Turn) -> None:
    # A recovery that waits for others is read too: the last of them tells of all.
    due = Q(due_at__lte=now) | Q(due_at__isnull=False, kind=Kind.RECOVERED)
    rows = {row.pk: row for row in AlertRun.objects.filter(due).order_by("due_at", "pk")[:MOST]}
    scene = _Scene(rows, now)
    cooldown = settings.ALERT_COOLDOWN
    owed = [scene.owed(row) for row in rows.values()]
    paused = _pauses(scene, owed)
    decision = domain.decide_alerts(
        [one for one in owed if one.pk not in paused], _recent(now - 2 * cooldown), now,
        cooldown=cooldown, again=AGAIN,
    )  # fmt: skip
    causes_told = [
        *decision.causes,
        *(domain.OneCause(domain.OwedKind.FAILING, [one]) for one in owed if one.pk in paused),
    ]
    messages = [(some, _worded(scene, some, now, paused)) for some in domain.in_messages(causes_told)]
    with transaction.atomic(using=writer()):
        # First a write: it is a lock, and SQLite lets nobody write who has read while another wrote.
        if not turn.renew():
            return
        _write(decision, messages, now)
    for pk in paused:
        _pause(scene, rows[pk])


def _write(decision: Decision, messages: Iterable[tuple[Sequence[OneCause], Alert]], now: datetime) -> None:
    for some, alert in messages:
        pks = [one.pk for cause in some for one in cause.owed]
        if not is_anybody_told():
            AlertRun.objects.filter(pk__in=pks).update(due_at=None)
            continue
        alert.channels, alert.next_try_at, alert.created_at = channels.configured(), now, now
        alert.save(force_insert=True)
        AlertRun.objects.filter(pk__in=pks).update(due_at=None, alert=alert)
    until: dict[datetime, list[int]] = defaultdict(list)
    for pk, at in decision.held.items():
        until[at].append(pk)
    for at, pks in until.items():
        AlertRun.objects.filter(pk__in=pks).update(due_at=at)
    if decision.dropped:
        AlertRun.objects.filter(pk__in=decision.dropped).update(due_at=None)


def _worded(scene: _Scene, some: Sequence[OneCause], now: datetime, paused: Collection[int]) -> Alert:
    tellings = [
        Telling(
            Kind.PAUSED if cause.owed[0].pk in paused else Kind(cause.kind),
            [scene.runs[scene.rows[one.pk].run_id] for one in cause.owed],
            cause.owed[0].told,
        )
        for cause in some
    ]
    try:
        message = wording.message(tellings, now)
    except Error:
        raise
    except Exception:
        # One run that cannot be worded is not to keep all others from being told.
        logger.exception("An alert could not be worded")
        message = wording.in_short(tellings)
    return Alert(**message._asdict())


# --- Pausing ------------------------------------------------------------------------------------------


def _pauses(scene: _Scene, owed: Iterable[Owed]) -> set[int]:
    """Those of what is owed whose job is now to be paused by itself: the last one of each."""
    after = settings.AUTO_PAUSE_AFTER
    if after is None:
        return set()
    found: dict[int, int] = {}
    for one in owed:
        job = scene.jobs.get(one.job)
        if (
            one.kind != domain.OwedKind.FAILING
            or one.is_settled
            or one.is_dealt_with
            or job is None
            or job.paused
        ):
            continue
        if domain.pauses_itself(job.failures_in_a_row, after, causes.sharing(one.cause).count()):
            found[job.pk] = one.pk
    return set(found.values())


def paused_by_themselves(jobs: QuerySet[ScheduledJob]) -> ScheduledJobQuerySet:
    """Those of these jobs that AUTO_PAUSE_AFTER has paused."""
    pks = jobs.filter(paused=True, paused_by=PAUSED_BY, retired_at=None, deleting_at=None)
    return ScheduledJob.objects.filter(pk__in=list(pks.values_list("pk", flat=True)))


def _pause(scene: _Scene, row: AlertRun) -> None:
    job = scene.jobs[row.job_id]
    try:
        with attribution(via=JobChange.Via.AUTO):
            job.pause(reason=wording.reason_of_pause(job), by=PAUSED_BY)
    except (BeingDeleted, ScheduledJob.DoesNotExist):
        logger.info("The job %s was to be paused, and is being deleted", job.name)


# --- What decides -------------------------------------------------------------------------------------


class _Scene:
    """How things are with the runs of some rows, in a few queries."""

    def __init__(self, rows: dict[int, AlertRun], now: datetime) -> None:
        self.rows, self.now = rows, now
        jobs = {row.job_id for row in rows.values()}
        self.jobs = ScheduledJob.objects.in_bulk(jobs)
        runs = JobRun.objects.defer("payload", "result").in_bulk({row.run_id for row in rows.values()})
        for run in runs.values():
            run.job = self.jobs[run.job_id]
        self.runs = runs
        self.slots = self._slots(runs.values())
        self.well_since = _told_well(jobs)
        self.told = _last_told([row.job_id for row in rows.values() if row.kind == Kind.RECOVERED])

    def _slots(self, runs: Iterable[JobRun]) -> dict[tuple[int, datetime | None], list[tuple[int, bool]]]:
        """Attempt, and whether it has settled the slot, of all attempts at the slots of these runs."""
        wanted = {(run.job_id, run.scheduled_for) for run in runs if run.scheduled_for is not None}
        found: dict[tuple[int, datetime | None], list[tuple[int, bool]]] = defaultdict(list)
        slots = JobRun.objects.filter(
            job__in={job for job, _ in wanted}, scheduled_for__in={at for _, at in wanted}
        )
        for job, at, attempt, settled in slots.order_by().values_list(
            "job_id", "scheduled_for", "attempt", "settled_slot"
        ):
            found[job, at].append((attempt, settled is not None))
        return found

    def owed(self, row: AlertRun) -> Owed:
        run, job = self.runs.get(row.run_id), self.jobs.get(row.job_id)
        kind = domain.OwedKind(row.kind)
        if run is None or job is None:
            return Owed(row.pk, kind, row.job_id, row.error_key, is_settled=True)
        tolerances = _tolerances_of(job)
        if kind == domain.OwedKind.RECOVERED:
            wanted, told = tolerances.recoveries, self.told.get(job.pk)
            return Owed(
                row.pk, kind, job.pk, row.error_key,
                in_a_row=_successes(job, wanted), tolerance=wanted, told=told,
            )  # fmt: skip
        wanted, well_since = tolerances.failures, self.well_since.get(job.pk)
        return Owed(
            row.pk, kind, job.pk, row.error_key,
            since=row.created_at, is_over=well_since is not None and run.at < well_since,
            is_settled=self._is_settled(run, job, kind), is_dealt_with=self._is_dealt_with(run, job),
            in_a_row=wanted if wanted == 1 else _in_a_row(run, wanted), tolerance=wanted,
        )  # fmt: skip

    def _is_settled(self, run: JobRun, job: ScheduledJob, kind: domain.OwedKind) -> bool:
        if run.status not in JobRun.BAD:
            return True
        # A failure that a later scheduled time has made good is over; a run that is gone is not made good.
        if (
            kind == domain.OwedKind.FAILING
            and job.last_success_at is not None
            and job.last_success_at > run.at
        ):
            return True
        if run.scheduled_for is None:
            return False
        attempts = self.slots[job.pk, run.scheduled_for]
        return any(attempt > run.attempt or settled for attempt, settled in attempts)

    def _is_dealt_with(self, run: JobRun, job: ScheduledJob) -> bool:
        gone = job.retired_at is not None or job.deleting_at is not None
        ended = run.finished_at or run.at
        paused = job.is_paused(self.now) and job.paused_at is not None and job.paused_at > ended
        return gone or paused or run.acknowledged_at is not None


def _tolerances_of(job: ScheduledJob) -> Tolerances:
    task = registry.find_or_none(job.task)
    try:
        return Tolerances() if task is None else Tolerances.of(task)
    except Exception:
        logger.exception("The tolerances of %s cannot be read", job.task)  # a property of the user's, say
        return Tolerances()


def _successes(job: ScheduledJob, wanted: int) -> int:
    """How many runs of the job have succeeded in a row up to now; counted no further than is wanted."""
    if is_down(job):
        return 0
    if wanted == 1:
        return 1
    last = JobRun.objects.filter(job=job.pk).exclude(status__in=JobRun.OPEN).order_by("-at", "-pk")
    count = 0
    for status in last.values_list("status", flat=True)[: wanted + ATTEMPTS]:
        if status in JobRun.BAD:
            break
        count += status == Status.SUCCEEDED
    return count


def _in_a_row(run: JobRun, wanted: int) -> int:
    """How many scheduled times up to this run went wrong without a success between; no further counted."""
    before = JobRun.objects.filter(job=run.job_id, at__lte=run.at).exclude(status__in=JobRun.OPEN)
    wrong: set[datetime] = set()
    rows = before.order_by("-at", "-pk").values_list("status", "scheduled_for")
    for status, slot in rows[: wanted * ATTEMPTS]:
        if status == Status.SUCCEEDED:
            break
        if status in JobRun.BAD and slot is not None:
            wrong.add(slot)
    return len(wrong)


def _recent(since: datetime) -> list[ToldAlert]:
    return _as_told(AlertRun.objects.filter(alert__created_at__gt=since).exclude(kind=Kind.RECOVERED))


def _as_told(rows: QuerySet[AlertRun]) -> list[ToldAlert]:
    """What the messages of these rows have told, cause by cause."""
    jobs: dict[Any, set[int]] = defaultdict(set)
    columns = ("alert_id", "kind", "error_key", "alert__created_at", "job_id")
    for alert, kind, key, at, job in rows.order_by("alert").values_list(*columns).distinct():
        jobs[(alert, *_cause(kind, key), at)].add(job)
    # Of one alone it is no question whether others are down.
    down = _down({job for some in jobs.values() if len(some) > 1 for job in some})
    return [
        ToldAlert(pk, kind, cause, at, frozenset(some), down & some)
        for (pk, kind, cause, at), some in jobs.items()
    ]


def _cause(kind: str, key: str) -> tuple[domain.OwedKind, str]:
    return domain.OwedKind(kind), domain.told_cause(domain.OwedKind(kind), key)


def _last_told(jobs: Collection[int]) -> dict[int, ToldAlert]:
    """For each of these jobs the message that told of its trouble, if no recovery was told since."""
    last: dict[int, AlertRun] = {}
    for job in set(jobs):
        row = AlertRun.objects.filter(job=job, alert__isnull=False).order_by("-pk").first()
        if row is not None and row.kind != Kind.RECOVERED:
            last[job] = row
    if not last:
        return {}
    rows = AlertRun.objects.filter(alert__in={row.alert_id for row in last.values()})
    told: dict[Any, ToldAlert] = {(one.pk, one.kind, one.cause): one for one in _as_told(rows)}
    return {job: told[(row.alert_id, *_cause(row.kind, row.error_key))] for job, row in last.items()}


def _told_well(jobs: Collection[int]) -> dict[int, datetime]:
    """For each of these jobs when the run began by which it was last told to be well again."""
    rows = AlertRun.objects.filter(job__in=jobs, kind=Kind.RECOVERED, alert__isnull=False).order_by()
    found = rows.values_list("job_id").annotate(at=Max("run__at"))
    return {job: at for job, at in found if at is not None}


def _down(jobs: Collection[int]) -> frozenset[int]:
    """Those of these jobs that fail still, and that nobody has paused."""
    rows = ScheduledJob.objects.filter(
        down(), pk__in=jobs, paused=False, retired_at=None, deleting_at=None,
    )  # fmt: skip
    return frozenset(rows.values_list("pk", flat=True))


def judged_before(before: datetime) -> QuerySet[AlertRun]:
    """What was owed before then, and is no more; not of jobs that are down: their recovery is to be told."""
    is_down = ScheduledJob.objects.filter(down()).values("pk")
    return AlertRun.objects.filter(created_at__lt=before, due_at=None).exclude(job__in=is_down)
