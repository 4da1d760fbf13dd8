from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from scheduled_jobs.models import JobRun
from scheduled_jobs.services.history import strips
from scheduled_jobs.services.history.strips import recent_runs, runs_by_key
from tests.support import make_job, make_run, make_task

pytestmark = pytest.mark.django_db
Status = JobRun.Status


def test_the_last_runs_of_many_jobs_come_in_one_query(
    django_assert_num_queries: Any,
) -> None:
    jobs = [make_job(make_task(), f"job-{n}") for n in range(3)]
    for number in range(5):
        for job in jobs[:2]:
            make_run(job, Status.SUCCEEDED, duration=timedelta(seconds=number))
    with django_assert_num_queries(1):
        found = recent_runs([job.pk for job in jobs], length=3)
    assert [bar.seconds for bar in found[jobs[0].pk]] == [2.0, 3.0, 4.0]
    assert [bar.seconds for bar in found[jobs[1].pk]] == [2.0, 3.0, 4.0]
    assert found[jobs[2].pk] == []


def test_a_bar_tells_the_run_its_outcome_and_its_seconds() -> None:
    job = make_job(make_task())
    failed = make_run(job, Status.FAILED, duration=timedelta(milliseconds=4250))
    missed = make_run(job, Status.MISSED)
    assert recent_runs([job.pk])[job.pk] == [
        strips.Bar(failed.pk, "failed", 4.25),
        strips.Bar(missed.pk, "missed", None),
    ]


def test_no_jobs_ask_nothing(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        assert recent_runs([]) == {}
        assert runs_by_key([]) == {}


def test_more_jobs_than_one_statement_takes_are_asked_in_several(
    monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: Any
) -> None:
    monkeypatch.setattr(strips, "MOST", 2)
    jobs = [make_job(make_task(), f"job-{n}") for n in range(5)]
    runs = [make_run(job, Status.SUCCEEDED) for job in jobs]
    with django_assert_num_queries(3):
        found = recent_runs([job.pk for job in jobs])
    assert [found[job.pk][0].pk for job in jobs] == [run.pk for run in runs]


def test_a_hundred_jobs_with_thirty_runs_are_one_statement(
    django_assert_num_queries: Any,
) -> None:
    jobs = [make_job(make_task(), f"job-{n}") for n in range(100)]
    JobRun.objects.bulk_create(
        JobRun(job=job, status="succeeded", trigger="schedule") for _n in range(31) for job in jobs
    )
    with django_assert_num_queries(1):
        found = recent_runs([job.pk for job in jobs])
    assert {len(bars) for bars in found.values()} == {30}


def test_a_run_that_is_pruned_meanwhile_is_left_out(django_assert_num_queries: Any) -> None:
    job = make_job(make_task())
    kept, pruned = (make_run(job, Status.FAILED, error="E" * 400) for _ in range(2))
    pruned.delete()
    with django_assert_num_queries(1):
        told = runs_by_key([kept.pk, pruned.pk or 0])
    assert list(told) == [kept.pk]
    assert (told[kept.pk].status, told[kept.pk].error) == ("failed", "E" * 300)
