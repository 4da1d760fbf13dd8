"""From a delivery to its answer: decide, run, record. Also a run here and now, which no delivery asks for."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from django.db import Error, connections
from django.utils import timezone

from scheduled_jobs import deployment
from scheduled_jobs.domain.payloads import clean_text
from scheduled_jobs.models import GoogleName, JobRun, ScheduledJob
from scheduled_jobs.models.writer import writer
from scheduled_jobs.registry import Task
from scheduled_jobs.services import alerts
from scheduled_jobs.services.execution import decision, ending, facts, runner, statements
from scheduled_jobs.services.execution.delivery import Announcement, Answer, Begun, Delivery
from scheduled_jobs.services.execution.heartbeat import heartbeat
from scheduled_jobs.services.execution.situation import Situation, job_and_situation

Clock = Callable[[], datetime]
Sleep = Callable[[float], None]

SHORT = timedelta(seconds=1)
"""Within this time what was read before a run is as good as read after it."""


def job_of_task(
    task: str, name: str, schedule_time: str | None = None, now: datetime | None = None
) -> tuple[ScheduledJob | None, Situation | None]:
    """The job of a task by its id in Google, or by one that it had before; None if there is none.

    And what decides about a delivery of it that announces this time, ``now``, as it was when the job was
    read; None where that has to be read later. A job of another task is not found: the caller's header
    chooses history and pause, never the code.
    """
    if clean_text(task + name) != task + name:
        return None, None  # PostgreSQL refuses to look for what no database holds
    announced = Announcement.parse(schedule_time)
    at = announced.slot if now is not None and announced.is_due(now) else None
    using = writer()
    try:
        return _find(using, task, name, at)
    except Error:
        if connections[using].in_atomic_block:
            raise
        # A pooled connection that went stale is no outage: once, it is opened anew.
        connections[using].close()
        return _find(using, task, name, at)


def _find(
    using: str, task: str, name: str, at: datetime | None
) -> tuple[ScheduledJob | None, Situation | None]:
    job, seen = job_and_situation(task, name, at)
    if job is not None:
        return job, seen
    names = GoogleName.objects.using(using).filter(identifier=name).order_by("-pk")
    known = [known for known in names.select_related("job", "former_job") if known.identifier == name]
    # Two tasks that swap their names lose no slot: what was sent to the one before is still for that one.
    jobs = [*(name.job for name in known), *(name.former_job for name in known)]
    return next((job for job in jobs if job is not None and job.task == task), None), None


def lacks_tables() -> bool:
    """Whether the database answers, and has no table of jobs."""
    connection = connections[writer()]
    try:
        return ScheduledJob._meta.db_table not in connection.introspection.table_names()
    except Error:
        return False


def write_nothing() -> None:
    """Raise the database's Error where it takes no writes. No row is changed."""
    ScheduledJob.objects.filter(pk=0).update(name="")


def deliver(
    delivery: Delivery,
    *,
    clock: Clock | None = None,
    sleep: Sleep = time.sleep,
    monotonic: Callable[[], float] = time.monotonic,
) -> Answer:
    """Answer a delivery: run the task, or say why not.

    Waits up to five seconds for a slot that is about to come: it never starts early by the clock of this
    process; and up to fifteen for a run that is in its way, until that is known to live or to be dead. Raises
    the database's Error where it does not answer before anything has begun, and what stops the process
    (SystemExit, KeyboardInterrupt) once the end is written.
    """
    clock = clock or timezone.now  # looked up late, so that a test may move the clock
    arrived = clock()
    deciding = decision.deciding(delivery, arrived, clock=clock, monotonic=monotonic)
    while True:
        try:
            seconds = next(deciding)
        except StopIteration as decision_made:
            decided = decision_made.value
            break
        sleep(seconds)
    if isinstance(decided, Answer):
        facts.note_delivery(delivery.job.pk, arrived)
        return decided
    return _serve(delivery, decided, clock, sleep)


def _serve(delivery: Delivery, begun: Begun, clock: Clock, sleep: Sleep) -> Answer:
    run = begun.run
    log = runner.log_of(run)
    with heartbeat.of(run, log) as report:
        check_in = alerts.begin_check_in(delivery.task)
        outcome = runner.execute(
            run,
            delivery.task,
            begun.arguments,
            clock=clock,
            report=report,
            log=log,
            request=delivery.request,
            headers=delivery.headers,
        )
        delays = () if outcome.is_stopping else ending.DELAYS
        ended = clock()
        recorded = ending.finish(run, outcome, now=ended, sleep=sleep, delays=delays)
    if check_in is not None:
        check_in.end(run, outcome.status, outcome.error)
    if outcome.is_stopping and outcome.raised is not None:
        raise outcome.raised
    answer = _answer(begun, outcome, recorded=recorded)
    # While a run takes its time, somebody may have asked for another.
    is_short = run.started_at is not None and ended - run.started_at < SHORT
    return answer if is_short and not begun.has_queue else replace(answer, has_queue=True)


def _answer(begun: Begun, outcome: runner.Outcome, *, recorded: bool) -> Answer:
    run_id: int = begun.run.pk
    if outcome.status == JobRun.Status.SUCCEEDED:
        return Answer.executed(run_id, outcome.result, recorded=recorded)
    if outcome.status == JobRun.Status.DISCARDED:
        return Answer.discarded(run_id, recorded=recorded)
    return Answer.failed(run_id, may_retry=not begun.claimed, recorded=recorded)


def run_eagerly(job: ScheduledJob, task: type[Task]) -> Any:
    """Run a task here and now, without Google, with the payload in force; returns what it returns.

    The run is recorded. Raises what the task raised, TaskExited in place of what would end the process, and
    InvalidPayload if the payload does not fit ``run()``. A task that discards itself returns None.
    """
    now = timezone.now()
    with statements.statement():
        run = JobRun.objects.create(
            job=job,
            status=JobRun.Status.RUNNING,
            trigger=JobRun.Trigger.EAGER,
            created_at=now,
            started_at=now,
            lease_until=now + statements.LEASE,
            payload=job.payload,
            code_version=deployment.code_version(),
            context={"host": deployment.host()},
        )
    log = runner.log_of(run)
    with heartbeat.of(run, log) as report:
        outcome = runner.execute(run, task, None, clock=timezone.now, report=report, log=log)
        ending.finish(run, outcome, now=timezone.now())
    if outcome.raised is not None:
        raise outcome.raised
    return outcome.value
