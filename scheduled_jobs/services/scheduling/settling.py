"""What was asked for and waits: sent once more, given up, or sent because its turn has come."""

from __future__ import annotations

import time
from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from scheduled_jobs.conf import settings
from scheduled_jobs.domain.attempts import NEVER, SKEW, code_meaning
from scheduled_jobs.domain.jobs import LiveJob
from scheduled_jobs.exceptions import BackendError
from scheduled_jobs.logs import logger
from scheduled_jobs.models import JobRun, ScheduledJob
from scheduled_jobs.models.runs import ALREADY_DONE, JobRunQuerySet
from scheduled_jobs.services.scheduling.client import Client
from scheduled_jobs.services.scheduling.push.on_commit import push_jobs
from scheduled_jobs.services.scheduling.run_now import (
    MOST_SENT,
    NOT_DELIVERED,
    NOTHING_SENT,
    UNDELIVERED,
    ask_google,
    give_up,
    look_at,
)

Status = JobRun.Status

LEFT_BEHIND = timedelta(minutes=1)
"""After this long a pending row's writer has died, or Google did not answer it."""
NO_JOB = "the job is retired or being deleted: Google has no job to run any more"


def settle(job_pk: int | None = None, *, most: int | None = None) -> None:
    """Send, or give up, what was asked for and is not under way.

    That is what was sent and never delivered, what nobody came to send, and the next of what goes one after
    the other. At most ``most`` runs are sent, and as many given up for each reason: what a delivery does for
    others is bounded. Each job is read from Google first: its row says what Google's last attempt met.
    """
    now = timezone.now()
    runs = JobRun.objects.all() if job_pk is None else JobRun.objects.of_jobs([job_pk])
    queued = runs.filter(status=Status.QUEUED)
    _close(queued, now, most)
    # Asked for just before a slot, its delivery may have come while that slot was run, and been turned away.
    # Should it be another's that was, the second one sent is answered as a duplicate.
    turned_away = JobRun.objects.filter(
        job=OuterRef("job"),
        scheduled_for__gte=OuterRef("sent_at"),
        deliveries__gt=1,
        finished_at__isnull=False,
    )
    is_late = Q(sent_at__lt=now - UNDELIVERED) | Exists(turned_away)
    undelivered = Q(sent__gt=0, sent__lt=MOST_SENT) & is_late
    forgotten = Q(sent=0, created_at__lt=now - NOTHING_SENT) & ~Q(trigger__in=JobRun.IN_TURN)
    # In a process that never asks Google they wait for another that does.
    turns = runs.next_in_turn(now) if settings.mode == "google" else []
    due = queued.filter(undelivered | forgotten | Q(pk__in=turns, sent=0))
    for run in due.select_related("job").oldest_first()[:most]:
        ask_google(run)


def is_left_behind(job: ScheduledJob, now: datetime) -> bool:
    """Whether a push of the job is due that nobody seems to be about to make."""
    return job.sync_state == ScheduledJob.SyncState.PENDING and job.edited_at < now - LEFT_BEHIND


def after_delivery(job_pk: int) -> None:
    """What a delivery may do for its own job once it is answered: one RunJob, and a push left behind.

    It is asked for where something may be due by what the delivery has read: a job whose runs wait for
    nobody, and that owes no push, costs nothing here.
    Never raises: the run that was delivered has nothing to do with it.
    """
    try:
        settle(job_pk, most=1)
        now = timezone.now()
        stale = ScheduledJob.objects.filter(
            pk=job_pk, sync_state=ScheduledJob.SyncState.PENDING, edited_at__lt=now - LEFT_BEHIND
        )
        if stale.exists():
            push_jobs([job_pk])
    except Exception:
        logger.exception("after a delivery of job %s", job_pk)


def _close(queued: JobRunQuerySet, now: datetime, most: int | None) -> None:
    """End what need not, or cannot, be run any more."""
    spent = queued.filter(sent__gte=MOST_SENT, sent_at__lt=now - UNDELIVERED)
    seen: dict[int, LiveJob | None] = {}
    for run in spent.select_related("job").oldest_first()[:most]:
        if run.job_id not in seen:
            seen[run.job_id] = _look(run.job)
        give_up(run, Status.LOST, NOT_DELIVERED + _met(run, seen[run.job_id]))
    has_no_job = Q(job__retired_at__isnull=False) | Q(job__deleting_at__isnull=False)
    in_turn = queued.filter(sent=0, trigger__in=JobRun.IN_TURN)
    for unsent, why in ((in_turn.filter(has_no_job), NO_JOB), (in_turn.already_done(), ALREADY_DONE)):
        for run in unsent.select_related("job").oldest_first()[:most]:
            give_up(run, Status.DISCARDED, why)


def _look(job: ScheduledJob) -> LiveJob | None:
    try:
        return look_at(job, Client(time.monotonic() + settings.RPC_TIMEOUT))
    except BackendError:
        return None


def _met(run: JobRun, live: LiveJob | None) -> str:
    """What Google's attempt at a run that never arrived has met; nothing where that is not known."""
    at = live.last_attempt_time if live is not None else None
    if live is None or at is None or run.sent_at is None or live.status == NEVER:
        return ""
    # Until its deadline has passed, the status may be that of the attempt before.
    over = timedelta(seconds=live.values["attempt_deadline"])
    if at < run.sent_at - SKEW or timezone.now() - at <= over:
        return ""
    meaning = code_meaning(live.status)
    return f": its attempt at {at:%Y-%m-%d %H:%M:%S} UTC {meaning.told} ({meaning.name})"
