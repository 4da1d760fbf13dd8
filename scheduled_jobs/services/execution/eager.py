"""Running a task here and now, without Google."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils import timezone

from scheduled_jobs import signals
from scheduled_jobs.models import JobRun, ScheduledJob
from scheduled_jobs.services.execution import ending, runner, statements

if TYPE_CHECKING:
    from scheduled_jobs.registry import Task


def run_eagerly(job: ScheduledJob, task: type[Task]) -> Any:
    """Run a task with the payload in force and return what it returns; the run is recorded.

    Raises what the task raised, InvalidPayload if the payload does not fit ``run()``. A task that
    discards itself returns None.
    """
    now = timezone.now()
    using = statements.database()
    with statements.statement(using):
        run = JobRun.objects.using(using).create(
            job=job,
            status=JobRun.Status.RUNNING,
            trigger=JobRun.Trigger.EAGER,
            created_at=now,
            started_at=now,
            lease_until=now + statements.LEASE,
            payload=job.payload,
            code_version=statements.code_version(),
        )
    ending.send(signals.run_started, run)
    outcome = runner.execute(run, task, None, clock=timezone.now)
    ending.finish(run, outcome, now=timezone.now())
    if outcome.raised is not None:
        raise outcome.raised
    return outcome.value
