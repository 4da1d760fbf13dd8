"""Which runs are kept, and how the others are found and deleted."""

from __future__ import annotations

from collections import deque
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING

import pytest
from django.db import connection, transaction
from django.test import override_settings
from django.test.utils import CaptureQueriesContext
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduled_jobs.models import JobRun, ScheduledJob, runs, writing
from scheduled_jobs.models.leases import Turn
from scheduled_jobs.models.stats import FOLD
from scheduled_jobs.services.history import retention
from scheduled_jobs.services.history.retention import BAD, GOOD, Pruned, prune
from tests.support import make_job, make_task

if TYPE_CHECKING:
    from collections.abc import Sequence

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 23, tzinfo=UTC)


@pytest.fixture
def job() -> ScheduledJob:
    return make_job(make_task())


def make_runs(job: ScheduledJob, *runs: tuple[str, float]) -> list[int]:
    """Runs of these statuses, so many days ago, whose figures are made."""
    made = JobRun.objects.bulk_create(
        JobRun(job=job, status=status, trigger="manual", unfolded=None, created_at=NOW - timedelta(days=days))
        for status, days in runs
    )
    return [run.pk for run in made]


def read_at_once(patch: pytest.MonkeyPatch, size: int) -> None:
    for module in (runs, retention):
        patch.setattr(module, "AT_ONCE", size)


def kept() -> list[int]:
    return sorted(JobRun.objects.values_list("pk", flat=True))


def pruned(now: datetime = NOW, *, write: bool = True) -> int:
    """How many were deleted by a pruning that nobody stops."""
    return deque(prune(now, write=write), maxlen=1)[0].deleted


def keeping(days: int | None = 30, *, failures: int | None = 60, least: int = 0) -> override_settings:
    return override_settings(
        DJANGO_CLOUD_TASKS_HISTORY_MAX_AGE=days,
        DJANGO_CLOUD_TASKS_HISTORY_FAILURES_MAX_AGE=failures,
        DJANGO_CLOUD_TASKS_HISTORY_MIN_RUNS=least,
    )


def test_runs_that_are_written_faster_than_folded_keep_nobody_from_pruning(
    job: ScheduledJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    fold = retention.stats.fold

    def fold_while_others_write(*, most: int) -> int:
        folded = fold(most=most)
        JobRun.objects.bulk_create(JobRun(job=job, status="succeeded", trigger="manual") for _n in range(3))
        return folded

    monkeypatch.setattr(retention, "MANY_FOLDED", 1)
    monkeypatch.setattr(retention.stats, "fold", fold_while_others_write)
    make_runs(job, ("succeeded", 40), ("succeeded", 39))
    JobRun.objects.create(job=job, status="succeeded", trigger="manual")
    with keeping():
        steps = list(islice(prune(NOW), 50))
    assert steps[-1] == Pruned(1, done=1, deleted=2)


def test_old_runs_go_and_the_last_good_and_bad_one_stay(job: ScheduledJob) -> None:
    _, good, _, bad, waiting, _, new = make_runs(
        job,
        ("succeeded", 90), ("succeeded", 80), ("lost", 71), ("failed", 70), ("queued", 66), ("skipped", 65),
        ("skipped", 29),
    )  # fmt: skip
    with keeping():
        assert pruned(write=False) == 3
        assert len(kept()) == 7
        assert pruned() == 3
        assert kept() == [good, bad, waiting, new]
        assert pruned() == 0


def test_what_was_the_last_goes_once_there_is_a_later_one(job: ScheduledJob) -> None:
    make_runs(job, ("succeeded", 90), ("failed", 80))
    with keeping():
        assert pruned() == 0
        later = make_runs(job, ("succeeded", 2), ("missed", 1))
        assert pruned() == 2
    assert kept() == later


def test_a_failure_is_kept_longer(job: ScheduledJob) -> None:
    made = make_runs(job, ("failed", 61), ("failed", 59), ("timed_out", 31), ("skipped", 31), ("failed", 1))
    with keeping():
        assert pruned() == 2
        assert kept() == [made[1], made[2], made[4]]
    with keeping(failures=None):
        assert pruned(NOW + timedelta(days=5000)) == 0
    with keeping(failures=1):  # never shorter than the others
        assert pruned() == 2
    assert kept() == [made[4]]


def test_so_many_runs_of_each_job_stay_whatever_their_age(job: ScheduledJob) -> None:
    rare = make_job(make_task(name="Rare"), name="shop--rare")
    often = make_runs(job, *[("skipped", 90 - n) for n in range(5)])
    rarely = make_runs(rare, ("skipped", 900), ("skipped", 800))
    with keeping(least=2):
        assert pruned() == 3
    assert kept() == sorted([*often[-2:], *rarely])


def test_without_an_age_everything_is_kept(job: ScheduledJob) -> None:
    make_runs(job, ("succeeded", 9000), ("succeeded", 8000))
    with keeping(None):
        assert list(prune(NOW)) == [Pruned(jobs=1, done=1)]


def test_a_run_whose_figures_are_not_made_stays(job: ScheduledJob) -> None:
    first, second, _ = make_runs(job, ("skipped", 90), ("skipped", 80), ("skipped", 70))
    JobRun.objects.filter(pk__in=[first, second]).update(unfolded=1)
    assert Turn(FOLD, timedelta(hours=1)).take()  # another process folds
    with keeping():
        assert pruned() == 1
        assert kept() == [first, second]
        JobRun.objects.filter(pk=second).update(unfolded=None)
        assert pruned() == 1
    assert kept() == [first]


def test_a_job_tells_until_when_runs_of_it_are_gone(job: ScheduledJob) -> None:
    other = make_job(make_task(name="Other"), name="shop--other")
    make_runs(other, ("skipped", 1))
    make_runs(job, ("skipped", 90), ("skipped", 80), ("failed", 50), ("skipped", 1))
    with keeping():
        pruned(write=False)
        assert until(job) is None
        pruned()
        assert until(job) == NOW - timedelta(days=50) + retention.NEXT
        pruned(NOW - timedelta(days=20))
    assert until(job) == NOW - timedelta(days=50) + retention.NEXT
    assert until(other) is None


def until(job: ScheduledJob) -> datetime | None:
    return ScheduledJob.objects.get(pk=job.pk).pruned_until


# --- Against the rule, said plainly ---------------------------------------------------------------

STATUSES = st.sampled_from(["succeeded", "failed", "lost", "skipped", "queued", "running", "discarded"])
HISTORIES = st.lists(st.tuples(STATUSES, st.integers(0, 100)), max_size=15)


def expected(history: Sequence[tuple[int, tuple[str, float]]], least: int, failures: int | None) -> list[int]:
    """Who stays, of runs by their keys with status and age."""
    ordered = sorted(history, key=lambda run: (-run[1][1], run[0]))
    lasts = [[run for run in ordered if run[1][0] in kind][-1:] for kind in (GOOD, BAD)]
    oldest_of_the_last = ordered[-least:][0][1][1] if least and ordered else -1
    return sorted(
        pk
        for pk, (status, age) in ordered
        if status in JobRun.OPEN
        or any((pk, (status, age)) in last for last in lasts)
        or age <= 30
        or (status in BAD and (failures is None or age <= failures))
        or age <= oldest_of_the_last
    )


@settings(max_examples=25)
@given(histories=st.lists(HISTORIES, min_size=1, max_size=2), least=st.integers(0, 4),
       failures=st.sampled_from([1, 60, None]), size=st.sampled_from([1, 2, 500]), steps=st.integers(0, 6),
       known=st.booleans())  # fmt: skip
def test_what_stays_is_what_the_rule_says(
    histories: list[list[tuple[str, float]]],
    least: int,
    failures: int | None,
    size: int,
    steps: int,
    known: bool,
) -> None:
    """Also where the first pruning is stopped after some steps, and few runs are read at a time."""
    ScheduledJob.objects.all().delete()
    wanted = []
    for n, history in enumerate(histories):
        job = make_job(make_task(name=f"Task{n}"), name=f"shop--{n}")
        made = list(zip(make_runs(job, *history), history, strict=True))
        wanted += expected(made, least, failures)
        if known:
            lasts = {
                f"last_{name}_id": max(
                    ((-age, pk) for pk, (status, age) in made if status in kind), default=(0, None)
                )[1]
                for name, kind in (("success", GOOD), ("failure", BAD))
            }
            ScheduledJob.objects.filter(pk=job.pk).update(**lasts)
    with keeping(failures=failures, least=least), pytest.MonkeyPatch.context() as patch:
        count = pruned(write=False)
        assert count == JobRun.objects.count() - len(wanted)
        if steps:
            going = prune(NOW)
            first = deque(islice(going, steps), maxlen=1)[0].deleted
            going.close()
            assert first + pruned() == count
        else:
            read_at_once(patch, size)
            assert pruned() == count
        assert kept() == sorted(wanted)
        assert pruned() == 0


# --- What it costs --------------------------------------------------------------------------------


def statements(now: datetime = NOW) -> int:
    """How many there are, with all figures made."""
    with CaptureQueriesContext(connection) as captured, pytest.MonkeyPatch.context() as patch:
        patch.setattr(retention.stats, "fold", lambda **_: 0)
        pruned(now)
    return len([query for query in captured if "SAVEPOINT" not in query["sql"]])


def test_jobs_with_nothing_to_prune_cost_no_statement_each() -> None:
    task = make_task()
    for n in range(30):
        make_runs(make_job(task, name=f"shop--{n}"), ("succeeded", 1), ("failed", 2))
    with keeping():
        # How many they are, and runs to fold, twice the list of jobs, and twice what was told.
        assert statements() == 6


def test_what_was_kept_is_not_read_again(job: ScheduledJob, monkeypatch: pytest.MonkeyPatch) -> None:
    read_at_once(monkeypatch, 5)
    make_runs(job, *[(status, 50 - n / 100) for n in range(100) for status in ("failed", "skipped")])
    with keeping():
        assert statements() > 100
        assert len(kept()) == 100
        # One look at the beginning of those, and one behind them; and two at what was told.
        assert statements() == 8
        make_runs(job, ("skipped", 49), ("skipped", 31))
        assert pruned() == 2


def test_the_last_success_that_the_row_names_is_not_looked_for(job: ScheduledJob) -> None:
    [good] = make_runs(job, ("succeeded", 90))
    with keeping():
        pruned()
        before = statements()
        ScheduledJob.objects.filter(pk=job.pk).update(last_success=good)
        assert statements() == before - 1


def test_much_that_is_not_in_the_figures_is_folded_in_steps(
    job: ScheduledJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    JobRun.objects.bulk_create(JobRun(job=job, status="succeeded", trigger="manual") for _n in range(5))
    folded = iter([3, 2])
    monkeypatch.setattr(retention, "MANY_FOLDED", 2)
    monkeypatch.setattr(retention.stats, "fold", lambda *, most: next(folded))
    with keeping():
        assert list(prune(NOW)) == [Pruned(1), Pruned(1), Pruned(1, done=1)]


@pytest.mark.django_db(transaction=True)
def test_a_long_pruning_rests_for_nine_times_as_long_as_it_writes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    slept: list[float] = []
    clock = iter(range(100))
    monkeypatch.setattr(writing, "monotonic", lambda: next(clock))
    monkeypatch.setattr(writing, "sleep", slept.append)
    going = writing.Pace()
    for _ in range(3):
        with going.writing():
            pass
    with transaction.atomic(), going.writing():
        pass
    assert slept == [0, 9, 9]
