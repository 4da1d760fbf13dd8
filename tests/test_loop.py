"""The whole loop in one process: a row, a push, Google's rules, the view, the history."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from scheduled_jobs.models import JobRun
from scheduled_jobs.services import execution
from scheduled_jobs.testing import running_cloud_scheduler
from tests.support import make_task

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scheduled_jobs.tasks import PeriodicTask
    from scheduled_jobs.testing import CloudScheduler

pytestmark = pytest.mark.django_db(transaction=True)

Status = JobRun.Status


@pytest.fixture
def google() -> Iterator[CloudScheduler]:
    with running_cloud_scheduler() as scheduler:
        yield scheduler


@pytest.fixture
def slot(google: CloudScheduler) -> datetime:
    """The only slot of the day: the second next full minute. Tokens are good for an hour of real time."""
    return google.now.replace(second=0, microsecond=0) + timedelta(minutes=2)


def daily(slot: datetime) -> str:
    return f"{slot.minute} {slot.hour} * * *"


def history() -> list[tuple[str, str, Any, int]]:
    runs = JobRun.objects.order_by("pk")
    return [(run.trigger, run.status, run.scheduled_for, run.deliveries) for run in runs]


def test_a_task_is_seeded_pushed_fired_and_run(google: CloudScheduler, slot: datetime) -> None:
    task = make_task(run_every=daily(slot), schedule_body_payload=classmethod(lambda cls: {"region": "emea"}))
    job = task.schedule()

    [answer] = google.advance_to(slot + timedelta(seconds=1))

    run = JobRun.objects.get(job=job)
    assert answer.json() == {"status": "executed", "result": {"region": "emea"}, "run": run.pk}
    assert (run.trigger, run.scheduled_for, run.attempt) == ("schedule", slot, 1)


def test_a_failed_slot_is_retried_by_google_until_it_succeeds(google: CloudScheduler, slot: datetime) -> None:
    outcomes = iter([ValueError("a"), ValueError("b"), None])

    def run(self: PeriodicTask) -> None:
        error = next(outcomes)
        if error is not None:
            raise error

    make_task(run, run_every=daily(slot), schedule_retries=classmethod(lambda cls: 3)).schedule()
    answers = google.advance_to(slot + timedelta(minutes=2))

    assert [answer.status_code for answer in answers] == [500, 500, 200]
    attempts = JobRun.objects.order_by("pk").values_list("attempt", "status", "scheduled_for")
    assert list(attempts) == [
        (1, Status.FAILED, slot),
        (2, Status.FAILED, slot),
        (3, Status.SUCCEEDED, slot),
    ]


def test_run_now_is_executed_once_with_its_own_payload(google: CloudScheduler, slot: datetime) -> None:
    job = make_task(run_every=daily(slot)).schedule()

    asked = job.run_now({"region": "apac"}, by="ana")
    assert asked.status == Status.QUEUED
    google.deliver_forced()
    google.advance_to(slot + timedelta(seconds=1))

    asked.refresh_from_db()
    assert (asked.status, asked.result, asked.sent, asked.deliveries) == (
        Status.SUCCEEDED,
        {"region": "apac"},
        1,
        1,
    )
    assert history() == [("manual", Status.SUCCEEDED, None, 1), ("schedule", Status.SUCCEEDED, slot, 1)]


def test_run_now_just_before_the_slot_gives_the_same_two_runs(google: CloudScheduler, slot: datetime) -> None:
    job = make_task(run_every=daily(slot)).schedule()
    google.advance_to(slot - timedelta(seconds=1))
    asked = job.run_now({"region": "apac"})

    google.advance_to(slot + timedelta(seconds=1))

    assert sorted(history()) == [
        ("manual", Status.SUCCEEDED, None, 1),
        ("schedule", Status.SUCCEEDED, slot, 1),
    ]
    asked.refresh_from_db()
    assert asked.result == {"region": "apac"}


def test_a_rerun_of_a_failed_slot_settles_it(google: CloudScheduler, slot: datetime) -> None:
    outcomes = iter([ValueError("a"), None])

    def run(self: PeriodicTask) -> None:
        error = next(outcomes)
        if error is not None:
            raise error

    make_task(run, run_every=daily(slot)).schedule()
    google.advance_to(slot + timedelta(seconds=1))

    execution.rerun(JobRun.objects.get(), by="ana")
    google.deliver_forced()

    assert history() == [("schedule", Status.FAILED, slot, 1), ("retry", Status.SUCCEEDED, slot, 1)]
    assert JobRun.objects.latest().settled_slot == slot


def test_a_paused_job_runs_only_what_a_person_asks_for(google: CloudScheduler, slot: datetime) -> None:
    job = make_task(run_every=daily(slot)).schedule()
    job.pause(reason="stocktaking")
    asked = job.run_now()
    google.deliver_forced()
    google.advance_to(slot + timedelta(seconds=1))

    asked.refresh_from_db()
    assert asked.status == Status.SUCCEEDED
    assert JobRun.objects.count() == 1
