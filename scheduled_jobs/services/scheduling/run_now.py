"""Run now: from a queued run to Google's RunJob, and what becomes of a run that is not delivered.

RunJob is not idempotent, and a queued run is executed at most once: ``sent`` counts the calls that may
have been accepted, and is raised before each of them.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from scheduled_jobs import signals
from scheduled_jobs.conf import settings
from scheduled_jobs.domain.errors import error_key
from scheduled_jobs.domain.jobs import LiveJob
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
from scheduled_jobs.models.last_run import note_not_come
from scheduled_jobs.models.writer import writer
from scheduled_jobs.models.writing import persistent
from scheduled_jobs.services import alerts
from scheduled_jobs.services.scheduling.advice import reason_of
from scheduled_jobs.services.scheduling.client import Client
from scheduled_jobs.services.scheduling.faults import refuse
from scheduled_jobs.services.scheduling.push.lease import JobLeases
from scheduled_jobs.services.scheduling.push.on_commit import once_committed, push_jobs
from scheduled_jobs.services.scheduling.push.record import record_seen

NOTHING_SENT = timedelta(minutes=1)
"""After this long without a call, whoever asked for the run has died before calling."""
UNDELIVERED = timedelta(minutes=3)
"""After this long a RunJob that was accepted would have been delivered."""
MOST_SENT = 2

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

    Of several runs of a job the first: two at once would overlap. What goes in turn is sent when its turn
    has come, which settling finds; nobody comes back to it where Google is never asked.
    """
    queued = JobRun.objects.filter(pk__in=list(pks), status=Status.QUEUED).select_related("job")
    asked = list(queued.oldest_first())
    if settings.mode != "google":
        for run in asked:
            give_up(run, Status.FAILED, NOBODY_ASKED[settings.mode])
        return
    first = {run.job_id: run for run in reversed(asked) if run.trigger not in JobRun.IN_TURN}
    for run in reversed(first.values()):
        ask_google(run)
    if in_turn := {run.job_id for run in asked if run.trigger in JobRun.IN_TURN}:
        turns = JobRun.objects.of_jobs(in_turn).next_in_turn(timezone.now())
        for run in JobRun.objects.filter(pk__in=turns).select_related("job").oldest_first():
            ask_google(run)


def fire_on_commit(pks: Iterable[int], using: str) -> None:
    """Ask Google to run these queued runs, after the transaction in which they were asked for."""
    once_committed(fire, pks, using=using)


def ask_google(run: JobRun) -> None:
    """Ask Google to run the job of a queued run; raises nothing of Google's."""
    if settings.mode != "google":
        give_up(run, Status.FAILED, NOBODY_ASKED[settings.mode])
        return
    counted = False
    try:
        refuse()
        client = Client(time.monotonic() + 2 * settings.RPC_TIMEOUT)
        # An old address or old headers must not be fired; the payload comes from the run anyway.
        if run.job.pushed_revision < run.job.revision:
            _push(run.job)
        look_at(run.job, client)
        counted = _claim_sending(run)
        if counted:
            _run_job(run, client)
    except OutcomeUnknown as error:
        logger.warning("run %s of %s: no answer from Cloud Scheduler: %s", run.pk, run.job.name, error)
    except BackendError as error:
        if counted:
            # Nothing was started, so that the call does not count.
            JobRun.objects.filter(pk=run.pk, sent__gt=0).update(sent=F("sent") - 1)
        if isinstance(error, (Aborted, OutOfTime)):
            # Google is busy with the job, and did nothing: it is asked again with the next settling.
            logger.warning("run %s of %s waits: %s", run.pk, run.job.name, error)
        elif run.sent:
            # The first call was accepted and never delivered, and a second one is refused.
            give_up(run, Status.LOST, f"{NOT_DELIVERED}, and now refuses: {reason_of(error)}")
        else:
            give_up(run, Status.FAILED, reason_of(error))


def look_at(job: ScheduledJob, client: Client) -> LiveJob | None:
    """Read a job from Google, and keep what it tells. Raises NotOurs of a job that is not ours to fire.

    A copy of the database must not run the jobs of the original.
    """
    at = timezone.now()
    live = client.look(client.backend.remote_name(job.name))
    if live is not None and (why := client.ownership.refusal_reason(live)) is not None:
        raise NotOurs(f"Google has a job of this id, but {why}")
    record_seen({job.pk: live}, at, is_of_all=False)
    return live


def _claim_sending(run: JobRun) -> bool:
    """Count the call before it is made; False if the run was claimed, cancelled or sent meanwhile."""
    # The count as it was read: of two who settle at once, one sends.
    unsent = JobRun.objects.filter(pk=run.pk, status=Status.QUEUED, sent=run.sent, sent__lt=MOST_SENT)
    return bool(unsent.update(sent=F("sent") + 1, sent_at=timezone.now()))


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
    leases = JobLeases()
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


def give_up(run: JobRun, status: str, why: str) -> None:
    """End a run that nobody has claimed; loses to a delivery that claims it at the same time."""
    key = {Status.LOST: Status.LOST, Status.FAILED: error_key("", why)}.get(Status(status), "")
    values = {"status": status, "finished_at": timezone.now(), "error": why, "error_key": key}
    if not _give_up(run, values):
        return

    def tell() -> None:
        signals.run_finished.send_robust(sender=JobRun, run=run)
        if status in JobRun.FAILING:
            signals.run_failed.send_robust(sender=JobRun, run=run, exception=None)

    # A request of the admin's may be one transaction.
    transaction.on_commit(tell, using=writer(), robust=True)


@persistent
def _give_up(run: JobRun, values: Mapping[str, Any]) -> bool:
    """Write it with what follows from it, in one transaction."""
    with transaction.atomic(using=writer()):
        if not JobRun.objects.filter(pk=run.pk, status=Status.QUEUED).update(**values):
            return False
        run.refresh_from_db()
        # Who asked sees what Google refuses; when what was never delivered is given up, they may be gone.
        if run.status == Status.LOST:
            note_not_come(run)
            alerts.owe_end(run, is_recovery=False)
    return True
