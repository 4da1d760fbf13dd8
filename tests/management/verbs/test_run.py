"""``scheduled_jobs run``: run a job now."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.utils import timezone

from scheduled_jobs import registry
from scheduled_jobs.management.verbs import acting as verb
from scheduled_jobs.management.verbs import common
from scheduled_jobs.models import JobChange, JobRun, ScheduledJob
from tests.management.verbs.calling import NAME, call, refusal
from tests.support.declaring import declare

if TYPE_CHECKING:
    from scheduled_jobs.backends.memory import MemoryBackend

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_tasks")]


def test_run_asks_google_and_says_so(google: MemoryBackend, job: ScheduledJob) -> None:
    said = call("run", NAME, "--payload", '{"region": "apac"}', "--reason", "again")
    run = JobRun.objects.get()
    assert said == f"Run {run.pk} of {NAME} is queued; Google was asked to fire it.\n"
    assert (run.payload, run.reason, run.requested_by) == ({"region": "apac"}, "again", common.who())
    assert JobChange.objects.latest("pk").via == "cli"


def test_run_refuses_a_payload_that_is_none(job: ScheduledJob) -> None:
    assert refusal("run", NAME, "--payload", "[1]").startswith("--payload is not a JSON object; write one")
    assert refusal("run", NAME, "--payload", "{").startswith("--payload is not JSON: ")


def test_run_refuses_a_payload_that_does_not_fit(job: ScheduledJob) -> None:
    def run(self: object, region: str) -> None:
        """Takes one parameter."""

    declare("One", run=run)
    assert "The payload does not fit shop.tasks.One: " in refusal("run", NAME, "--payload", '{"regoin": "x"}')


def test_run_that_google_refuses_is_an_error(google: MemoryBackend, job: ScheduledJob) -> None:
    google.store.faults.refuse("RunJob", "PERMISSION_DENIED", "no")
    assert refusal("run", NAME).endswith("was not started: no")


def test_waiting_tells_how_the_run_ended(
    google: MemoryBackend, job: ScheduledJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends = iter(["queued", "running", "running", "succeeded", "failed"])

    def end(_: float) -> None:
        JobRun.objects.filter(status__in=["queued", "running"]).update(status=next(ends), error="why")

    monkeypatch.setattr(verb.time, "sleep", end)
    assert call("run", NAME, "--wait").splitlines()[1:] == [
        "Waiting for Cloud Scheduler to deliver it, which is asked once more after 3 minutes.",
        "It is running: waiting for its end.",
        f"Run {JobRun.objects.get().pk} succeeded: why",
    ]
    assert refusal("run", NAME, "--wait").endswith("failed: why")


def test_waiting_for_what_google_does_not_deliver_comes_to_an_end(
    google: MemoryBackend, job: ScheduledJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing else fires: no delivery, and no other command."""

    def age(_: float) -> None:
        JobRun.objects.update(sent_at=timezone.now() - timedelta(minutes=4))

    monkeypatch.setattr(verb.time, "sleep", age)
    assert refusal("run", NAME, "--wait").endswith(" lost: Cloud Scheduler did not deliver it")
    assert [call.method for call in google.store.faults.calls].count("RunJob") == 2


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        (
            "[" * 100_000,
            "--payload is nested too deeply: at most 50 objects and lists lie within one another",
        ),
        (
            '{"region": "a\\u0000"}',
            "--payload cannot be stored: region: the text holds the character U+0000, which PostgreSQL cannot store",
        ),
        ('{"region": NaN}', "--payload cannot be stored: it holds NaN or Infinity, which is not JSON"),
    ],
)
def test_run_refuses_a_payload_that_no_database_holds(job: ScheduledJob, payload: str, message: str) -> None:
    # Nobody knows what the task takes where its class is not in the code.
    registry._tasks.clear()
    assert refusal("run", NAME, "--payload", payload) == message
    assert JobRun.objects.count() == 0


def test_a_job_deleted_while_its_run_is_waited_for_is_an_error(
    job: ScheduledJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verb.time, "sleep", lambda _: job.delete())
    assert refusal("run", NAME, "--wait").endswith(" was deleted meanwhile, with its job.")
    job.pk = 99
    monkeypatch.setattr(verb, "job_named", lambda _: job)
    assert refusal("run", NAME) == f"the job {NAME} was deleted meanwhile"
