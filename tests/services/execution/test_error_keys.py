"""Errors of one kind share a key, whatever each was about."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from scheduled_jobs.models import JobRun
from scheduled_jobs.services import execution
from tests.services.execution.calling import AFTER, another_process, deliver, stopped_by
from tests.support import NEXT_SLOT, SLOT, make_job, make_run, make_task

if TYPE_CHECKING:
    from collections.abc import Callable

    from scheduled_jobs.models import ScheduledJob
    from scheduled_jobs.tasks import PeriodicTask

pytestmark = pytest.mark.django_db


class Refused(Exception):
    """An error of the project's own."""


def keys(run: Callable[..., Any]) -> list[str]:
    """The keys of a run at each of two slots."""
    task = make_task(run)
    job = make_job(task)
    for slot in (SLOT, NEXT_SLOT):
        deliver(job, task, slot=slot, now=slot + timedelta(seconds=1))
    return list(JobRun.objects.order_by("pk").values_list("error_key", flat=True))


def test_an_own_error_is_its_class_and_what_does_not_vary() -> None:
    def run(self: PeriodicTask) -> None:
        raise Refused(f"order {self.metadata.run_id} is not paid")

    assert keys(run) == ["Refused: order … is not paid"] * 2


def test_an_error_of_python_is_told_apart_by_where_it_was_raised() -> None:
    def run(self: PeriodicTask) -> None:
        {}[self.metadata.run_id]

    place = "test_an_error_of_python_is_told_apart_by_where_it_was_raised.<locals>.run"
    assert keys(run) == [f"KeyError: … in {__name__}.{place}"[:200]] * 2


def test_a_secret_of_the_payload_is_not_in_the_key() -> None:
    def run(self: PeriodicTask, token: str = "") -> None:
        raise Refused(f"no access with {token} here")

    task = make_task(run)
    deliver(make_job(task), task, body=b'{"token": "open-sesame"}')
    assert "sesame" not in JobRun.objects.get().error_key


def test_a_run_that_succeeds_or_discards_itself_has_none() -> None:
    assert keys(lambda self: None) == ["", ""]


def test_a_lost_run_has_a_key_of_its_own_until_its_end_comes(job: ScheduledJob) -> None:
    def run(self: PeriodicTask) -> None:
        with another_process():
            execution.expire(AFTER + timedelta(minutes=5))
        assert JobRun.objects.get().error_key == "lost"

    deliver(job, make_task(run))
    assert JobRun.objects.get().error_key == ""


def test_a_run_stopped_after_its_deadline_has_a_key_of_its_own(job: ScheduledJob) -> None:
    run = make_run(job, "running", deadline_at=AFTER - timedelta(minutes=1))
    with stopped_by(SystemExit(1)) as stopped:
        outcome = execution.runner.execute(
            run, make_task(stopped), {}, clock=lambda: AFTER, report=lambda *_: None
        )
    assert (outcome.status, outcome.error_key) == ("timed_out", "timed_out")


def test_a_payload_that_does_not_fit_is_an_error_like_any_other() -> None:
    task = make_task(takes_a_number)
    deliver(make_job(task), task, body=b'{"number": "many"}')
    assert JobRun.objects.get().error_key.startswith("InvalidPayload: ")


def takes_a_number(self: PeriodicTask, number: int) -> None:
    """A task that needs a parameter."""
