"""What a job's row says of its last runs."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from scheduled_jobs.models import JobRun, ScheduledJob
from scheduled_jobs.services.execution import facts
from tests.support import SLOT, make_job, make_run, make_task

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)
TOLD = (
    "last_status",
    "last_error",
    "failures_in_a_row",
    "failing_since",
    "last_success_at",
    "last_failure_at",
)


@pytest.fixture
def job() -> ScheduledJob:
    return make_job(make_task())


def ended(job: ScheduledJob, status: str, at: datetime, **values: Any) -> JobRun:
    values = {"scheduled_for": at, **values}
    return make_run(job, status, started_at=at, finished_at=at + MINUTE, duration=MINUTE, **values)


def told(job: ScheduledJob) -> tuple[Any, ...]:
    job.refresh_from_db()
    return tuple(getattr(job, name) for name in TOLD)


def test_a_failing_job_says_since_when_and_with_what(job: ScheduledJob) -> None:
    good = ended(job, "succeeded", SLOT - MINUTE)
    facts.write(good)
    for n in range(2):
        bad = ended(
            job, "failed", SLOT + n * MINUTE, error=f"KeyError: {n}\nin full", error_key="KeyError: …"
        )
        facts.write(bad)
    assert told(job) == ("failed", "KeyError: 1", 2, SLOT, SLOT - MINUTE, SLOT + MINUTE)
    assert (job.last_success, job.last_failure, job.last_run) == (good, bad, bad)
    assert job.last_error_key == "KeyError: …"
    facts.write(ended(job, "succeeded", SLOT + 2 * MINUTE))
    assert told(job) == ("succeeded", "", 0, None, SLOT + 2 * MINUTE, SLOT + MINUTE)


def test_failures_in_a_row_are_scheduled_times_not_attempts(job: ScheduledJob) -> None:
    for attempt in (1, 2, 3):
        facts.write(ended(job, "failed", SLOT + attempt * MINUTE, scheduled_for=SLOT, attempt=attempt))
    assert told(job)[2] == 1
    facts.write(ended(job, "failed", SLOT + 5 * MINUTE, scheduled_for=SLOT + 4 * MINUTE))
    assert told(job)[2] == 2


def test_what_was_asked_for_adds_to_no_failures_in_a_row(job: ScheduledJob) -> None:
    asked = {"scheduled_for": None, "trigger": "manual"}
    counts = []
    for minute, values in enumerate([asked, asked, {}, asked, {}, asked]):
        facts.write(ended(job, "failed", SLOT + minute * MINUTE, **values))
        counts.append(told(job)[2])
    assert counts == [1, 1, 1, 1, 2, 2]
    facts.correct(JobRun.objects.latest())
    assert told(job)[2:4] == (2, SLOT)


def test_a_run_given_up_that_has_succeeded_was_no_failure(job: ScheduledJob) -> None:
    failed = ended(job, "failed", SLOT - 10 * MINUTE)
    facts.write(failed)
    facts.write(ended(job, "succeeded", SLOT - 5 * MINUTE))
    lost = ended(job, "lost", SLOT)
    facts.write(lost)
    assert told(job)[0] == "lost"
    JobRun.objects.filter(pk=lost.pk).update(status="succeeded")
    lost.refresh_from_db()
    assert facts.correct(lost)
    assert told(job) == ("succeeded", "", 0, None, SLOT, SLOT - 10 * MINUTE)
    assert job.last_failure == failed


def test_a_correction_leaves_the_failures_since(job: ScheduledJob) -> None:
    lost = ended(job, "lost", SLOT)
    facts.write(lost)
    facts.write(ended(job, "failed", SLOT + MINUTE, error="no"))
    JobRun.objects.filter(pk=lost.pk).update(status="succeeded")
    lost.refresh_from_db()
    assert not facts.correct(lost)
    assert told(job) == ("failed", "no", 1, SLOT + MINUTE, SLOT, SLOT + MINUTE)


def test_an_older_run_may_be_the_last_that_succeeded(job: ScheduledJob) -> None:
    facts.write(ended(job, "failed", SLOT + MINUTE))
    facts.write(ended(job, "succeeded", SLOT))
    assert told(job) == ("failed", "", 1, SLOT + MINUTE, SLOT, SLOT + MINUTE)
