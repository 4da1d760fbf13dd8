"""``scheduled_jobs backfill``: which times it runs, and what is wrong with what was typed."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest
from django.core.management import CommandError, call_command

from scheduled_jobs.models import JobRun, ScheduledJob
from tests.support import SLOT, make_run
from tests.support.declaring import declare, row, schedule_tasks

if TYPE_CHECKING:
    from scheduled_jobs.backends.memory import MemoryBackend

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_tasks")]


@pytest.fixture
def job(google: MemoryBackend) -> ScheduledJob:
    declare("One", run_every="0 * * * *", run=lambda self, region="emea": None)
    schedule_tasks()
    return row("One")


def typed(*words: str) -> str:
    stdout = io.StringIO()
    call_command("scheduled_jobs", "backfill", "shop.tasks.One", *words, stdout=stdout)
    return stdout.getvalue()


def test_the_times_are_said_and_then_queued(job: ScheduledJob) -> None:
    make_run(job, "missed", scheduled_for=SLOT)
    words = ("--from", "2026-11-23T09:00", "--to", "2026-11-23T11:00Z")
    unknown = "Google did not have this job then; it is a time of the schedule in force now."
    assert typed(*words, "--dry-run").splitlines() == [
        "2026-11-23 09:00:00Z  attempt 2",
        f"2026-11-23 10:00:00Z  attempt 1  {unknown}",
        f"2 scheduled time(s) of {job.name} would be run, 0 have a settled run, 0 run or wait. Nothing was done.",
    ]
    assert JobRun.objects.count() == 1

    said = typed(*words, "--reason", "the network was down")

    first, last = JobRun.objects.filter(trigger="backfill").order_by("pk")
    assert said == (
        f"2 run(s) of {job.name} are queued, #{first.pk} to #{last.pk}, for 2026-11-23 09:00:00Z to "
        "2026-11-23 10:00:00Z; they go one after the other.\n"
    )
    assert (first.sent, last.sent, first.reason) == (1, 0, "the network was down")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--from", "yesterday"], "--from is 'yesterday'; write a time such as 2026-12-24T18:00Z"),
        (
            ["--from", "2026-11-31T00:00"],
            "--from is '2026-11-31T00:00'; write a time such as 2026-12-24T18:00Z",
        ),
        (
            ["--from", "2026-11-23T09:00", "--to", "2026-11-23T09:00"],
            "--to is not after --from: no scheduled time lies between them",
        ),
        (
            ["--from", "0001-01-01T00:00+14:00", "--to", "9999-12-31T23:59-12:00"],
            "No run has its time there: name years from 1971 to 8999.",
        ),
        (
            ["--from", "2026-11-23T09:10", "--to", "2026-11-23T09:20"],
            "Every scheduled time in that time has a run that settled it, or waits.",
        ),
    ],
)
def test_what_cannot_be_run_is_said_in_one_line(job: ScheduledJob, words: list[str], why: str) -> None:
    with pytest.raises(CommandError) as refusal:
        typed(*words)
    assert str(refusal.value) == why


def test_a_payload_that_does_not_fit_is_refused(job: ScheduledJob) -> None:
    ScheduledJob.objects.update(payload_override={"nobody": 1})
    with pytest.raises(CommandError, match=r"^The payload in force does not fit shop\.tasks\.One: "):
        typed("--from", "2026-11-23T09:00")
