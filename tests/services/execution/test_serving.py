"""Tasks that are run here and now."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest

from scheduled_jobs.exceptions import DiscardTask, InvalidPayload
from scheduled_jobs.models import JobRun
from scheduled_jobs.services import execution
from tests.support import make_job, make_task

if TYPE_CHECKING:
    from scheduled_jobs.tasks import PeriodicTask

pytestmark = pytest.mark.django_db

Status = JobRun.Status


def test_the_result_is_returned_as_it_is_and_the_run_recorded() -> None:
    made = object()
    seen: list[PeriodicTask] = []

    def run(self: PeriodicTask, **kwargs: Any) -> Any:
        seen.append(self)
        return made

    task = make_task(run)
    job = make_job(task, declared_payload={"region": "emea"})

    assert execution.run_eagerly(job, task) is made

    found = JobRun.objects.get()
    assert (found.status, found.trigger, found.payload) == (Status.SUCCEEDED, "eager", {"region": "emea"})
    assert (found.scheduled_for, found.deliveries, found.overlap_lock) == (None, 0, None)
    [instance] = seen
    assert (instance.request, instance.metadata.deadline) == (None, None)
    assert isinstance(instance.metadata.scheduled_for, datetime)
    job.refresh_from_db()
    assert (job.last_run, job.last_status) == (found, "succeeded")


def test_what_the_task_raises_is_recorded_and_raised() -> None:
    def run(self: PeriodicTask) -> None:
        raise ValueError("no rates")

    task = make_task(run)
    job = make_job(task)
    with pytest.raises(ValueError, match="no rates"):
        execution.run_eagerly(job, task)
    assert JobRun.objects.get().error == "ValueError: no rates"


def test_a_payload_that_does_not_fit_is_recorded_and_raised() -> None:
    def run(self: PeriodicTask, *, region: str) -> None: ...

    task = make_task(run)
    job = make_job(task)
    with pytest.raises(InvalidPayload):
        execution.run_eagerly(job, task)
    assert JobRun.objects.get().status == Status.FAILED


def test_a_task_that_discards_itself_returns_nothing() -> None:
    def run(self: PeriodicTask) -> None:
        raise DiscardTask("closed")

    task = make_task(run)
    assert execution.run_eagerly(make_job(task), task) is None
    assert JobRun.objects.get().status == Status.DISCARDED
