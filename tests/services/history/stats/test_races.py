"""Who folds, and who writes meanwhile."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from importlib import import_module
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from scheduled_jobs.models import JobRun, ScheduledJob, writing
from scheduled_jobs.models.leases import Turn
from scheduled_jobs.models.stats import FOLD
from scheduled_jobs.services.history import stats
from scheduled_jobs.services.history.stats.figures import figures
from tests.services.history.stats.oracle import assert_true, counted
from tests.support import make_job, make_run, make_task, with_several_writers

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)
folding: Any = import_module(
    "scheduled_jobs.services.history.stats.fold"
)  # the package has a function of its name


@pytest.fixture
def job() -> ScheduledJob:
    return make_job(make_task())


def span() -> tuple[datetime, datetime]:
    return timezone.now() - DAY, timezone.now() + DAY


@pytest.mark.parametrize("write", [{"status": "succeeded"}, {"deliveries": 2}, None], ids=str)
def test_a_run_that_is_written_while_it_is_folded_is_folded_again(
    job: ScheduledJob, monkeypatch: pytest.MonkeyPatch, write: dict[str, Any] | None
) -> None:
    run = make_run(job, "lost")
    make_run(job, "failed")
    make, seen = folding._make, []

    def made_then_written(*args: Any, **values: Any) -> None:
        make(*args, **values)
        if not seen:
            rows = JobRun.objects.filter(pk=run.pk)
            rows.update(**write) if write else rows.delete()
        seen.append(args)

    monkeypatch.setattr(folding, "_make", made_then_written)
    stats.fold()
    stats.fold()
    assert len(seen) > 1
    assert_true(figures(*span()), counted(*span()))
    assert not JobRun.objects.filter(unfolded=1).exists()


def test_only_one_folds_at_a_time(job: ScheduledJob) -> None:
    make_run(job, "failed")
    other = Turn(FOLD, timedelta(minutes=1))
    assert other.take()
    assert stats.fold() == 0
    assert figures(*span()).failed == 1
    other.free()
    assert stats.fold() == 1
    assert figures(*span()).failed == 1


@pytest.mark.django_db(transaction=True)
def test_others_may_write_between_two_transactions_of_a_fold(
    job: ScheduledJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    rests: list[float] = []
    monkeypatch.setattr(folding, "AT_ONCE", 1)
    monkeypatch.setattr(writing, "sleep", rests.append)
    for _ in range(2):
        make_run(job, "failed")
    assert stats.fold() == 2
    assert [rest > 0 for rest in rests] == [False, True, True]


def test_pruning_that_begins_meanwhile_keeps_the_figures(
    job: ScheduledJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        make_run(job, "failed")
    stats.fold()
    JobRun.objects.filter(pk=JobRun.objects.latest().pk).update(status="lost")
    count = folding.count_runs

    def pruned_then_counted(keys: Any) -> Any:
        ScheduledJob.objects.update(pruned_until=timezone.now() + DAY)
        JobRun.objects.filter(status="failed").delete_at_once()
        return count(keys)

    monkeypatch.setattr(folding, "count_runs", pruned_then_counted)
    stats.fold()
    assert figures(*span()).runs == 3


def test_one_delivery_in_fifty_folds_and_few_where_that_takes_long(
    job: ScheduledJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fold takes half a second here: the next ten are the deliveries' own."""

    def is_folded_after(run_id: int | None, at: float) -> bool:
        make_run(job, "failed")
        times = iter([at, at + 0.5])
        stats.fold_after(run_id, clock=lambda: next(times))
        return not JobRun.objects.filter(unfolded=1).exists()

    monkeypatch.setattr(folding, "_rests_until", 0.0)
    turns = [(None, 100), (125, 100), (150, 100), (200, 110), (200, 110.5), (250, 120), (300, 121)]
    assert [is_folded_after(run, at) for run, at in turns] == [False, False, True, False, True, False, True]


@with_several_writers
@pytest.mark.django_db(transaction=True)
def test_two_who_fold_beside_one_who_writes_lose_nothing(job: ScheduledJob) -> None:
    runs = [make_run(job, "queued") for _ in range(60)]

    def write() -> None:
        for run in runs:
            JobRun.objects.filter(pk=run.pk).update(status="lost")
            JobRun.objects.filter(pk=run.pk).update(status="succeeded", deliveries=2)
        connection.close()

    def fold() -> None:
        for _ in range(10):
            stats.fold()
        connection.close()

    with ThreadPoolExecutor(3) as pool:
        for done in [pool.submit(write), pool.submit(fold), pool.submit(fold)]:
            done.result()
    stats.fold()
    assert not JobRun.objects.filter(unfolded=1).exists()
    assert_true(figures(*span()), counted(*span()))
