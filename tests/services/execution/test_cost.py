"""What a delivery costs: its statements, on every database, and nothing built or read that is not used."""

from __future__ import annotations

import re
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection, models

from scheduled_jobs.models import JobRun, ScheduledJob
from scheduled_jobs.services import execution, scheduling
from scheduled_jobs.services.execution import Delivery
from tests.services.execution.calling import AFTER, BEFORE, not_waited
from tests.support import NEXT_SLOT, SLOT, ask, make_run, make_task

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from scheduled_jobs.services.execution import Answer
    from scheduled_jobs.tasks import PeriodicTask

pytestmark = pytest.mark.django_db(transaction=True)

Status, Trigger = JobRun.Status, JobRun.Trigger

JOB, LOOK = "SELECT scheduledjob", "SELECT jobrun"
"""The first tells with the job whether there is anything that the second would find."""
START, END, FACTS = "INSERT jobrun", "UPDATE jobrun", "UPDATE scheduledjob"
END_WITH_FACTS = ["WITH scheduledjob"] if connection.vendor == "postgresql" else [END, FACTS]
COUNTED, NOTED = "UPDATE jobrun", "UPDATE scheduledjob"


@contextmanager
def statements() -> Iterator[list[str]]:
    """The statements of the block, each as its verb and its table."""
    found: list[str] = []

    def note(execute: Any, text: str, params: Any, many: bool, context: Any) -> Any:
        if tables := re.findall(r"scheduled_jobs_(\w+)", text):  # else it is SQLite's BEGIN
            found.append(f"{text.split(maxsplit=1)[0]} {tables[-1]}")
        return execute(text, params, many, context)

    with connection.execute_wrapper(note):
        yield found


def deliver(task: type[PeriodicTask], slot: datetime = SLOT, now: datetime = AFTER) -> Answer:
    job, seen = execution.job_of_task(task.name(), "shop--report", slot.isoformat(), now)
    assert job is not None
    delivery = Delivery(job=job, task=task, schedule_time=slot.isoformat(), seen=seen)
    return execution.deliver(delivery, clock=lambda: now, sleep=not_waited)


def cost(task: type[PeriodicTask], slot: datetime = SLOT) -> tuple[str, list[str]]:
    """What a delivery is answered, and its statements."""
    with statements() as found:
        answer = deliver(task, slot)
    return answer.body["status"], found


def test_a_natural_run_costs_at_most_four_statements(job: ScheduledJob, task: type[PeriodicTask]) -> None:
    assert cost(task) == ("executed", [JOB, START, *END_WITH_FACTS])


def test_a_natural_run_that_fails_costs_no_more(job: ScheduledJob) -> None:
    def run(self: PeriodicTask) -> None:
        raise ValueError("no rates")

    assert cost(make_task(run)) == ("failed", [JOB, START, END, FACTS])


@pytest.mark.parametrize(
    "before", [{"failures_in_a_row": 3, "last_status": "failed"}, {"failing_since": SLOT}]
)
def test_a_recovery_costs_no_more(
    before: dict[str, Any], job: ScheduledJob, task: type[PeriodicTask]
) -> None:
    ScheduledJob.objects.update(**before)
    assert cost(task) == ("executed", [JOB, START, END, FACTS])
    job.refresh_from_db()
    assert (job.failures_in_a_row, job.last_status) == (0, "succeeded")


def test_after_an_attempt_that_was_given_up_one_more_is_read(
    job: ScheduledJob, task: type[PeriodicTask]
) -> None:
    make_run(job, Status.LOST, scheduled_for=SLOT)
    assert cost(task) == ("executed", [JOB, LOOK, START, LOOK, *END_WITH_FACTS])


def test_a_duplicate_is_counted_and_its_arrival_noted(job: ScheduledJob, task: type[PeriodicTask]) -> None:
    make_run(job, Status.SUCCEEDED, scheduled_for=SLOT)
    assert cost(task) == ("duplicate", [JOB, LOOK, COUNTED, NOTED])


def test_who_asks_for_what_was_not_read_has_all_of_it_read(job: ScheduledJob) -> None:
    read, _seen = execution.job_of_task(job.task, job.name)
    assert read is not None
    with statements() as found:
        assert (read.schedule, read.time_zone, read.live) == ("0 * * * *", "UTC", None)
    assert found == [JOB]
    assert read.tracker.changed() == {}
    read.time_zone_override = "Asia/Tokyo"
    assert read.tracker.changed() == {"time_zone_override": None}


@pytest.mark.parametrize("why", ["paused", "retired"])
def test_a_skip_costs_its_row(why: str, job: ScheduledJob, task: type[PeriodicTask]) -> None:
    column = {"paused": {"paused": True}, "retired": {"retired_at": BEFORE}}[why]
    ScheduledJob.objects.update(**column)
    assert cost(task) == ("skipped", [JOB, START, NOTED])


def test_a_claimed_run_is_read_whole(job: ScheduledJob, task: type[PeriodicTask]) -> None:
    ask(job, sent_at=BEFORE)
    assert cost(task, NEXT_SLOT) == ("executed", [JOB, LOOK, LOOK, "UPDATE jobrun", *END_WITH_FACTS])


def test_a_forced_run_looks_for_one_that_was_sent_twice(job: ScheduledJob, task: type[PeriodicTask]) -> None:
    """Also among what was cancelled."""
    looks = [LOOK, "SELECT jobchange"]
    assert cost(task, NEXT_SLOT) == ("executed", [JOB, *looks, START, *END_WITH_FACTS])


def test_no_statement_of_a_natural_run_is_built_anew(
    job: ScheduledJob, task: type[PeriodicTask], monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver(task)

    def build(*args: Any, **kwargs: Any) -> Any:
        raise AssertionError("a query set was made")

    monkeypatch.setattr(models.QuerySet, "__init__", build)
    assert deliver(task, NEXT_SLOT, NEXT_SLOT).body["status"] == "executed"


def test_the_look_reads_no_payload_and_three_that_wait(job: ScheduledJob, task: type[PeriodicTask]) -> None:
    texts: list[str] = []
    for _ in range(5):
        ask(job, sent_at=AFTER)

    def note(execute: Any, text: str, params: Any, many: bool, context: Any) -> Any:
        texts.append(text)
        return execute(text, params, many, context)

    with connection.execute_wrapper(note):
        seen = execution.situation.situation_of(job.pk, SLOT)
    assert (len(texts), len(seen.queued)) == (1, 3)
    assert not re.search("payload|result|traceback|context|log", texts[0])


def test_nothing_follows_where_nothing_is_due(job: ScheduledJob, task: type[PeriodicTask]) -> None:
    answer = deliver(task)
    read, _seen = execution.job_of_task(task.name(), "shop--report")
    assert read is not None
    with statements() as found:
        is_left_behind = scheduling.is_left_behind(read, read.edited_at + timedelta(seconds=60))
        is_due = scheduling.is_left_behind(read, read.edited_at + timedelta(seconds=61))
    assert (answer.has_queue, is_left_behind, is_due, found) == (False, False, True, [])


@pytest.mark.parametrize(("waits", "has_queue"), [("itself", False), ("another", True)])
def test_runs_that_wait_are_known_from_the_look(
    waits: str, has_queue: bool, job: ScheduledJob, task: type[PeriodicTask]
) -> None:
    ask(job, sent_at=BEFORE)
    if waits == "another":
        ask(job, sent_at=BEFORE, sent=0, trigger=Trigger.RETRY)
    assert deliver(task, NEXT_SLOT).has_queue is has_queue


def test_after_a_run_that_took_its_time_the_queue_is_looked_at(
    job: ScheduledJob, task: type[PeriodicTask]
) -> None:
    """Somebody may have asked for another meanwhile."""
    times = iter([AFTER, AFTER + timedelta(seconds=1)])
    delivery = Delivery(job=job, task=task, schedule_time=SLOT.isoformat())
    answer = execution.deliver(delivery, clock=lambda: next(times), sleep=not_waited)
    assert answer.has_queue
