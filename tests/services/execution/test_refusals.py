"""A genuine token of another account is counted on the job, at most once a minute, and nobody can flood it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.db import Error, connection
from django.test.utils import CaptureQueriesContext

from scheduled_jobs.services.execution import refusals
from scheduled_jobs.services.execution.refusals import MOST_IN_A_MINUTE, Minute, note_refusal
from tests.support import SLOT

if TYPE_CHECKING:
    from datetime import datetime

    from pytest_django.fixtures import DjangoAssertNumQueries

    from scheduled_jobs.models import ScheduledJob

pytestmark = pytest.mark.django_db

OTHER = "other@test-project.iam.gserviceaccount.com"
MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def _a_new_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refusals, "minute", Minute())


def counted(job: ScheduledJob) -> tuple[int, datetime | None, str]:
    job.refresh_from_db()
    return job.refusals, job.refused_at, job.refused_caller


def test_refusals_are_counted_once_a_minute(
    job: ScheduledJob, monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for second in range(0, 59, 2):
        note_refusal(job.task, job.name, OTHER, SLOT + timedelta(seconds=second))
    assert counted(job) == (1, SLOT, OTHER)
    with django_assert_num_queries(0):
        note_refusal(job.task, job.name, OTHER, SLOT + timedelta(seconds=59))
    monkeypatch.setattr(refusals, "minute", Minute())  # another process of the same minute
    note_refusal(job.task, job.name, OTHER, SLOT + timedelta(seconds=30))
    assert counted(job)[0] == 1
    note_refusal(job.task, job.name, "", SLOT + 2 * MINUTE)
    assert counted(job) == (2, SLOT + 2 * MINUTE, "")


def test_refusals_of_other_names_and_tasks_are_nobodys(
    job: ScheduledJob, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    note_refusal("shop.tasks.Other", job.name, OTHER, SLOT)
    note_refusal(job.task, "other\x00", OTHER, SLOT)
    with django_assert_num_queries(0):
        note_refusal(job.task, "", OTHER, SLOT)
    with CaptureQueriesContext(connection) as queries:
        for number in range(1_000):
            note_refusal(job.task, f"flood-{number}", OTHER, SLOT)
    updates = [query["sql"] for query in queries if query["sql"].startswith("UPDATE")]
    assert len(updates) == MOST_IN_A_MINUTE - 2
    assert counted(job) == (0, None, "")


def test_a_hostile_account_is_kept_as_a_text_that_can_be_shown(job: ScheduledJob) -> None:
    note_refusal(job.task, job.name, f"\x00eyJhbGciOi.eyJ{'x' * 400}@a", SLOT)
    assert counted(job)[2] == "\N{REPLACEMENT CHARACTER}[token]@a"
    note_refusal(job.task, job.name, "a" * 400, SLOT + MINUTE)
    assert counted(job)[2] == "a" * 254


def test_a_database_that_is_away_leaves_the_answer_as_it_is(
    job: ScheduledJob, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def away() -> None:
        raise Error("gone")

    monkeypatch.setattr(refusals.statements, "statement", away)
    note_refusal(job.task, job.name, OTHER, SLOT)
    assert f"The refusal of a call could not be written on job {job.name}" in caplog.text
