"""Run now: from a queued run to Google's RunJob, and what becomes of a run that is not delivered.

RunJob is not idempotent, and a queued run is executed at most once: ``sent`` counts the calls that may
have been accepted, and is raised before each of them.
"""

from __future__ import annotations

import time
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db import router
from django.db.models import F, Q
from django.utils import timezone

from scheduled_jobs import signals
from scheduled_jobs.conf import settings
from scheduled_jobs.domain.attempts import NEVER, SKEW, code_meaning
from scheduled_jobs.domain.errors import error_key
from scheduled_jobs.exceptions import (
    Aborted,
    BackendError,
    FailedPrecondition,
    NotFound,
    NotOurs,
    OutcomeUnknown,
    OutOfTime,
)
from scheduled_jobs.logs import logger
from scheduled_jobs.models import JobRun, ScheduledJob
from scheduled_jobs.services.scheduling.advice import reason_of
from scheduled_jobs.services.scheduling.client import Client
from scheduled_jobs.services.scheduling.faults import refuse
from scheduled_jobs.services.scheduling.push.lease import JobLeases
from scheduled_jobs.services.scheduling.push.on_commit import once_committed, push_jobs
from scheduled_jobs.services.scheduling.seen import record_look

if TYPE_CHECKING:
    from collections.abc import Iterable

    from scheduled_jobs.domain.jobs import LiveJob
    from scheduled_jobs.models.runs import JobRunQuerySet


NOTHING_SENT = timedelta(minutes=1)
"""After this long without a call, whoever asked for the run has died before calling."""
UNDELIVERED = timedelta(minutes=3)
"""After this long a RunJob that was accepted would have been delivered."""
MOST_SENT = 2
LEFT_BEHIND = timedelta(minutes=1)
"""After this long a pending row's writer has died, or Google did not answer it."""

NOBODY_ASKED = {
    "push-off": 'pushes are off (DJANGO_CLOUD_TASKS_PUSH = "off"), so that Google cannot be asked to run it',
    "eager": (
        "tasks are run eagerly (DJANGO_CLOUD_TASKS_EAGER), so that Google is not asked; "
        "call schedule() instead"
    ),
}
"""Why no run can be asked for, by the mode of the settings."""
NOT_DELIVERED = "Cloud Scheduler did not deliver it"

Status, Trigger = JobRun.Status, JobRun.Trigger


def fire(pks: Iterable[int]) -> None:
    """Ask Google to run the jobs of these queued runs. Raises nothing: the runs say what happened.

    Of several runs of a job the first: two at once would overlap, and the others wait for their turn.
    """
    queued = _runs().filter(pk__in=list(pks), status=Status.QUEUED).select_related("job").order_by("-pk")
    for run in reversed({run.job_id: run for run in queued}.values()):
        _fire(run)


def fire_on_commit(pks: Iterable[int], using: str) -> None:
    """Ask Google to run these queued runs, after the transaction in which they were asked for."""
    once_committed(fire, pks, using=using)


def settle(job_pk: int | None = None, *, most: int | None = None) -> None:
    """Send again, or give up, what was asked for and never delivered; at most ``most`` runs are sent.

    Each job is read from Google first, so that its row says what Google's last attempt met.
    """
    now = timezone.now()
    queued = _runs().filter(status=Status.QUEUED)
    if job_pk is not None:
        queued = queued.of_jobs([job_pk])
    spent = queued.filter(sent__gte=MOST_SENT, sent_at__lt=now - UNDELIVERED)
    for run in spent.select_related("job").oldest_first():
        _give_up(run, Status.LOST, NOT_DELIVERED + _met(run))
    is_waiting = Q(created_at__lt=now - NOTHING_SENT)
    if job_pk is not None:  # after a delivery, when a rerun may have its turn
        is_waiting |= Q(trigger=Trigger.RETRY)
    due = queued.filter(
        Q(is_waiting, sent=0) | Q(sent__gt=0, sent__lt=MOST_SENT, sent_at__lt=now - UNDELIVERED)
    )
    for run in _in_turn(due.select_related("job").oldest_first())[:most]:
        _fire(run)


def _in_turn(due: Iterable[JobRun]) -> list[JobRun]:
    """These runs, the oldest first, without reruns that another run of their job stands before.

    A rerun that was not sent yet waits for those that were asked for before it, and for a run that is going
    on: it would only be skipped.
    """
    runs = list(due)
    unsent = {run.job_id for run in runs if run.trigger == Trigger.RETRY and not run.sent}
    before: dict[int, int] = {}
    if unsent:
        opened = _runs().filter(Q(status=Status.RUNNING) | Q(status=Status.QUEUED, trigger=Trigger.RETRY))
        for job_id, status, pk in opened.of_jobs(unsent).order_by().values_list("job_id", "status", "pk"):
            place = 0 if status == Status.RUNNING else pk
            before[job_id] = min(before.get(job_id, place), place)
    return [
        run for run in runs if run.sent or run.trigger != Trigger.RETRY or before.get(run.job_id) == run.pk
    ]


def after_delivery(job_pk: int) -> None:
    """What a delivery may do for its own job once it is answered: one RunJob, and a push left behind.

    Never raises: the run that was delivered has nothing to do with it.
    """
    try:
        settle(job_pk, most=1)
        rows = ScheduledJob.objects.using(router.db_for_write(ScheduledJob))
        now = timezone.now()
        stale = rows.filter(
            pk=job_pk, sync_state=ScheduledJob.SyncState.PENDING, edited_at__lt=now - LEFT_BEHIND
        )
        if stale.exists():
            push_jobs([job_pk])
    except Exception:
        logger.exception("after a delivery of job %s", job_pk)


def _runs() -> JobRunQuerySet:
    return JobRun.objects.using(router.db_for_write(JobRun))


def _fire(run: JobRun) -> None:
    if settings.mode != "google":
        _give_up(run, Status.FAILED, NOBODY_ASKED[settings.mode])
        return
    counted = False
    try:
        refuse()
        client = Client(time.monotonic() + 2 * settings.RPC_TIMEOUT)
        # An old address or old headers must not be fired; the payload comes from the run anyway.
        if run.job.pushed_revision < run.job.revision:
            _push(run.job)
        _look(run, client)
        counted = _claim_sending(run)
        if counted:
            _run_job(run, client)
    except OutcomeUnknown as error:
        logger.warning("run %s of %s: no answer from Cloud Scheduler: %s", run.pk, run.job.name, error)
    except BackendError as error:
        if counted:
            # Nothing was started, so that the call does not count.
            _runs().filter(pk=run.pk, sent__gt=0).update(sent=F("sent") - 1)
        if isinstance(error, (Aborted, OutOfTime)):
            # Google is busy with the job, and did nothing: it is asked again with the next settling.
            logger.warning("run %s of %s waits: %s", run.pk, run.job.name, error)
        elif run.sent:
            # The first call was accepted and never delivered, and a second one is refused.
            _give_up(run, Status.LOST, f"{NOT_DELIVERED}, and now refuses: {reason_of(error)}")
        else:
            _give_up(run, Status.FAILED, reason_of(error))


def _look(run: JobRun, client: Client) -> LiveJob | None:
    """Refuse to fire a job that is not ours: a copy of the database must not run the original's."""
    at = timezone.now()
    live = client.look(client.backend.remote_name(run.job.name))
    if live is not None and (why := client.ownership.refusal_reason(live)) is not None:
        raise NotOurs(f"Google has a job of this id, but {why}")
    record_look({run.job_id: live}, at, using=router.db_for_write(ScheduledJob), is_of_all=False)
    return live


def _met(run: JobRun) -> str:
    """What Google's attempt at a run that never arrived has met; nothing where that is not known."""
    try:
        live = _look(run, Client(time.monotonic() + settings.RPC_TIMEOUT))
    except BackendError:
        return ""
    at = live.last_attempt_time if live is not None else None
    if live is None or at is None or run.sent_at is None or live.status == NEVER:
        return ""
    # Until its deadline has passed, the status may be that of the attempt before.
    over = timedelta(seconds=live.values["attempt_deadline"])
    if at < run.sent_at - SKEW or timezone.now() - at <= over:
        return ""
    meaning = code_meaning(live.status)
    return f": its attempt at {at:%Y-%m-%d %H:%M:%S} UTC {meaning.told} ({meaning.name})"


def _claim_sending(run: JobRun) -> bool:
    """Count the call before it is made; False if the run was claimed, cancelled or spent meanwhile."""
    return bool(
        _runs()
        .filter(pk=run.pk, status=Status.QUEUED, sent__lt=MOST_SENT)
        .update(sent=F("sent") + 1, sent_at=timezone.now())
    )


def _run_job(run: JobRun, client: Client) -> None:
    remote_name = client.backend.remote_name(run.job.name)
    try:
        client.run(remote_name)
    except NotFound:
        _push(run.job)
        client.run(remote_name)
    except FailedPrecondition:
        if not run.job.paused:
            raise
        _run_paused(run.job, remote_name, client)


def _run_paused(job: ScheduledJob, remote_name: str, client: Client) -> None:
    """Resume, run and pause a job that Google does not run while it is paused.

    Under the job's lease, so that a person's resume is never undone by the pause. A natural delivery in
    between is answered "skipped": the database is paused all the while. Where Google does not take the pause
    the row is pending, and the next push makes it.
    """
    leases = JobLeases(router.db_for_write(ScheduledJob))
    if not leases.take([job.pk]):
        raise Aborted("the job is being pushed")
    why = "Run now has resumed the job in Google and could not pause it again"
    is_paused = True
    try:
        if not leases.held([job.pk]).filter(paused=True).exists():
            raise Aborted("the job was resumed meanwhile")
        is_paused = False
        client.resume(remote_name)
        try:
            client.run(remote_name)
        finally:
            with suppress(BackendError):
                client.pause(remote_name)
                is_paused = True
    finally:
        leases.free([job.pk], pending=not is_paused, why="" if is_paused else why)


def _push(job: ScheduledJob) -> None:
    outcome = push_jobs([job.pk]).get(job.pk)
    if outcome is not None and outcome.error is not None and outcome.live is None:
        raise outcome.error


def _give_up(run: JobRun, status: str, why: str) -> None:
    """End a run that nobody has claimed; loses to a delivery that claims it at the same time."""
    now = timezone.now()
    key = Status.LOST if status == Status.LOST else error_key("", why)
    queued = _runs().filter(pk=run.pk, status=Status.QUEUED)
    if not queued.update(status=status, finished_at=now, error=why, error_key=key):
        return
    run.refresh_from_db()
    for signal in (signals.run_finished, signals.run_failed):
        signal.send_robust(sender=JobRun, run=run)
