"""Every line of the table of answers, by how the run ends."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from scheduled_jobs.exceptions import DiscardTask
from scheduled_jobs.models import JobRun, ScheduledJob
from tests.services.execution.calling import AFTER, BEFORE, deliver
from tests.support import NEXT_SLOT, SLOT, ask, make_job, make_run, make_task

if TYPE_CHECKING:
    from scheduled_jobs.tasks import PeriodicTask

pytestmark = pytest.mark.django_db

Status, Trigger = JobRun.Status, JobRun.Trigger


def fail(self: PeriodicTask, **kwargs: Any) -> None:
    raise ValueError("no rates for today")


def discard(self: PeriodicTask, **kwargs: Any) -> None:
    raise DiscardTask("closed on Sundays")


def test_a_natural_run_that_raised_is_500_so_that_google_retries() -> None:
    task = make_task(fail)
    job = make_job(task)

    answer = deliver(job, task)

    run = JobRun.objects.get()
    assert (answer.status, answer.body) == (500, {"status": "failed", "run": run.pk})
    assert (run.status, run.error, run.settled_slot) == (
        Status.FAILED,
        "ValueError: no rates for today",
        None,
    )
    assert run.traceback.startswith("Traceback (most recent call last):\n")
    assert 'raise ValueError("no rates for today")' in run.traceback
    assert "runner.py" not in run.traceback


def test_a_run_forced_in_the_console_that_raised_is_500() -> None:
    task = make_task(fail)
    answer = deliver(make_job(task), task, slot=NEXT_SLOT)
    assert (answer.status, answer.body["status"]) == (500, "failed")


def test_a_run_asked_for_that_raised_is_200_and_not_retried() -> None:
    task = make_task(fail)
    job = make_job(task)
    queued = ask(job, sent_at=BEFORE)

    answer = deliver(job, task, slot=NEXT_SLOT)

    assert (answer.status, answer.body) == (200, {"status": "failed", "run": queued.pk})
    queued.refresh_from_db()
    assert queued.status == Status.FAILED


def test_a_discarded_run_is_202_and_settles_its_slot() -> None:
    task = make_task(discard)
    job = make_job(task)

    answer = deliver(job, task)

    run = JobRun.objects.get()
    assert (answer.status, answer.body) == (202, {"status": "discarded", "result": None, "run": run.pk})
    assert (run.status, run.error, run.settled_slot) == (Status.DISCARDED, "closed on Sundays", SLOT)
    assert deliver(job, task).body == {"status": "duplicate", "run": run.pk}


@pytest.mark.parametrize(
    "result",
    [
        pytest.param(math.nan, id="NaN"),
        pytest.param({"x": [math.inf]}, id="infinity"),
        pytest.param("a\x00b", id="NUL"),
        pytest.param("\ud800", id="surrogate"),
        pytest.param(object(), id="object"),
        pytest.param("x" * 1_000_000, id="huge"),
    ],
)
def test_a_result_that_cannot_be_kept_is_dropped(result: Any) -> None:
    task = make_task(lambda self: result)
    job = make_job(task)

    answer = deliver(job, task)

    run = JobRun.objects.get()
    assert (answer.status, answer.body) == (200, {"status": "executed", "result": None, "run": run.pk})
    assert (run.status, run.result) == (Status.SUCCEEDED, None)
    [note] = run.context["notes"]
    assert note.startswith("The result was not kept: ")


def needs_region(self: PeriodicTask, *, region: str) -> str:
    return region


def test_a_payload_that_does_not_fit_is_400_and_a_failed_attempt() -> None:
    task = make_task(needs_region)
    job = make_job(task)

    answer = deliver(job, task, body=b'{"place": "emea"}')
    again = deliver(job, task, body=b'{"place": "emea"}')

    assert (answer.status, list(answer.body)) == (400, ["error"])
    assert again.status == 400
    first, second = JobRun.objects.order_by("pk")
    assert (first.status, first.scheduled_for, first.attempt) == (Status.FAILED, SLOT, 1)
    assert (first.payload, first.settled_slot) == ({"place": "emea"}, None)
    assert first.error == f"InvalidPayload: {answer.body['error']}"
    assert second.attempt == 2


def test_a_forced_payload_that_does_not_fit_fails_without_a_slot() -> None:
    task = make_task(needs_region)
    job = make_job(task)

    assert deliver(job, task, slot=NEXT_SLOT, body=b"{}").status == 400
    run = JobRun.objects.get()
    assert (run.status, run.scheduled_for, run.trigger) == (Status.FAILED, None, Trigger.MANUAL)


def test_a_payload_is_not_looked_at_where_it_would_not_be_run() -> None:
    task = make_task(needs_region)
    job = make_job(task)
    queued = ask(job, sent_at=BEFORE, payload={"region": "asked"})
    misfit = {"body": b'{"place": 1}'}

    assert deliver(job, task, slot=NEXT_SLOT, **misfit).body["run"] == queued.pk
    make_run(job, Status.RUNNING, scheduled_for=BEFORE)
    assert deliver(job, task, **misfit).body == {
        "status": "skipped",
        "reason": "previous run still going",
    }
    assert deliver(job, task, **misfit).body["status"] == "duplicate"
    ScheduledJob.objects.update(paused=True, pause_reason="x")
    assert deliver(job, task, slot=NEXT_SLOT, **misfit).body == {"status": "skipped", "reason": "paused"}


def test_a_recorded_payload_that_no_longer_fits_fails_the_run() -> None:
    task = make_task(needs_region)
    job = make_job(task)
    queued = ask(job, sent_at=BEFORE, payload={"place": "emea"})

    answer = deliver(job, task, slot=NEXT_SLOT, body=b'{"region": "emea"}')

    assert (answer.status, answer.body) == (200, {"status": "failed", "run": queued.pk})
    queued.refresh_from_db()
    assert queued.error.startswith("InvalidPayload: ")


@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff", b'{"x": NaN}'])
@pytest.mark.parametrize("slot", [SLOT, NEXT_SLOT, None])
def test_a_body_that_is_no_object_is_400_and_a_failed_run(body: bytes, slot: Any) -> None:
    task = make_task()
    job = make_job(task)

    answer = deliver(job, task, slot=slot, body=body)

    assert (answer.status, list(answer.body)) == (400, ["error"])
    run = JobRun.objects.get()
    assert (run.status, run.payload) == (Status.FAILED, None)
    assert run.scheduled_for == (SLOT if slot == SLOT else None)


def test_a_bad_body_for_a_settled_slot_fails_without_a_slot() -> None:
    task = make_task()
    job = make_job(task)
    make_run(job, Status.SUCCEEDED, scheduled_for=SLOT)

    assert deliver(job, task, body=b"[").status == 400
    assert JobRun.objects.get(status=Status.FAILED).scheduled_for is None


def test_a_failure_counts_on_its_job_until_a_success() -> None:
    outcomes = iter([ValueError("a"), ValueError("b"), None])

    def run(self: PeriodicTask) -> None:
        error = next(outcomes)
        if error is not None:
            raise error

    task = make_task(run)
    job = make_job(task)
    counts = []
    for attempt in range(3):
        deliver(job, task, now=AFTER + timedelta(seconds=attempt))
        job.refresh_from_db()
        counts.append((job.last_status, job.failures_in_a_row))

    assert counts == [("failed", 1), ("failed", 1), ("succeeded", 0)], "it is one scheduled time"
    assert job.last_run == JobRun.objects.latest()
    assert (job.last_run_at, job.last_duration) == (AFTER + timedelta(seconds=2), timedelta())
