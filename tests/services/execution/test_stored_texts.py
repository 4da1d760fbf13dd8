"""What is stored is English, in whatever language the request was that wrote it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.utils import timezone, translation

from scheduled_jobs.models import JobChange, JobRun
from scheduled_jobs.services import execution
from tests.services.execution.calling import AFTER, another_process, deliver
from tests.support import SLOT, ask, make_job, make_run, make_task

if TYPE_CHECKING:
    from scheduled_jobs.models import ScheduledJob
    from scheduled_jobs.tasks import PeriodicTask

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def all_is_translated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(translation._trans, "gettext", lambda message: "übersetzt")
    assert JobRun.Status.LOST.label == "übersetzt"


def test_a_run_that_was_lost(job: ScheduledJob) -> None:
    make_run(job, "running", scheduled_for=SLOT)
    execution.expire(AFTER + timedelta(minutes=5))
    assert JobRun.objects.get().error.startswith("The process that ran it has given no sign of life since ")


def test_a_run_that_was_cancelled(job: ScheduledJob) -> None:
    run = ask(job, sent_at=SLOT)
    execution.cancel(run, by="ana")
    assert run.error == "cancelled by ana"


def test_a_run_that_another_attempt_has_overtaken() -> None:
    def run(self: PeriodicTask) -> None:
        if JobRun.objects.count() == 1:
            with another_process():
                deliver(job, task, now=AFTER + timedelta(minutes=5))

    task = make_task(run)
    job = make_job(task)
    deliver(job, task)
    assert JobRun.objects.get(status="discarded").error == (
        "attempt 2 had already succeeded; this one ran too"
    )


def test_a_result_that_was_not_kept() -> None:
    task = make_task(lambda self: object())
    deliver(make_job(task), task)
    assert JobRun.objects.get().context["notes"][0].startswith("The result was not kept: ")


def test_an_older_payload_of_googles() -> None:
    task = make_task()
    deliver(make_job(task), task, body=b'{"region": "apac"}')
    assert JobRun.objects.get().context["notes"] == ["Google sent another payload than the one in force."]


def test_the_end_of_a_pause(job: ScheduledJob) -> None:
    type(job).objects.update(paused=True, paused_until=timezone.now() - timedelta(seconds=1))
    job.end_pause(timezone.now())
    assert {change.reason for change in JobChange.objects.all()} == {"The pause has ended."}
