"""Pages of runs by time: every run once and in order, and no page looks at more runs than it may."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scheduled_jobs.models import JobRun, ScheduledJob
from scheduled_jobs.services.history import run_list
from scheduled_jobs.services.history.run_list import (
    GROUPS,
    Asked,
    Place,
    newest_runs,
    open_runs,
    runs_after,
    walk,
)
from tests.support import SLOT, make_job, make_run, make_task

pytestmark = pytest.mark.django_db
Status, Trigger = JobRun.Status, JobRun.Trigger
ENDED = [status for status in Status if status not in JobRun.OPEN]
MINUTE = timedelta(minutes=1)


@pytest.fixture
def job(no_tasks: None) -> ScheduledJob:
    return make_job(make_task())


def ran(job: ScheduledJob, status: str = Status.SUCCEEDED, at: int = 0, **values: Any) -> int:
    """A run that has started so many minutes after ``SLOT``."""
    run = make_run(job, status, **{"started_at": SLOT + at * MINUTE, **values})
    return int(run.pk)


def pages(asked: Asked, size: int) -> list[list[int]]:
    found, place = [], None
    while True:
        page = newest_runs(asked, place, size)
        found.append(page.pks)
        place = page.earlier
        if place is None:
            return found


RUNS = st.lists(
    st.tuples(st.integers(0, 9), st.sampled_from(ENDED), st.sampled_from(("schedule", "retry")), st.booleans()),
    max_size=14,
)  # fmt: skip
QUESTIONS = st.builds(
    Asked,
    statuses=st.sampled_from(((), (Status.FAILED,), GROUPS["failing"], tuple(ENDED))),
    trigger=st.sampled_from(("", "retry")),
    error_key=st.sampled_from(("", "A")),
    text=st.sampled_from(("", "keyerror")),
    start=st.sampled_from((None, SLOT + 2 * MINUTE)),
    end=st.sampled_from((None, SLOT + 8 * MINUTE)),
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(runs=RUNS, asked=QUESTIONS, size=st.integers(1, 4), most=st.integers(3, 9), of_job=st.booleans())
def test_paging_visits_every_run_once_in_order(
    job: ScheduledJob, runs: list[Any], asked: Asked, size: int, most: int, of_job: bool
) -> None:
    JobRun.objects.all().delete()
    for at, status, trigger, is_key in runs:
        values = {"error_key": "A", "error": "KeyError: 'x'"} if is_key else {}
        ran(job, status, at, trigger=trigger, **values)
    asked = Asked(**{**vars(asked), "job_id": job.pk if of_job else None})
    wanted = [
        run.pk
        for run in sorted(JobRun.objects.all(), key=lambda run: (run.at, run.pk), reverse=True)
        if (not asked.statuses or run.status in asked.statuses)
        and (not asked.trigger or run.trigger == asked.trigger)
        and (not asked.error_key or run.error_key == asked.error_key)
        and (not asked.text or run.error.startswith("KeyError"))
        and (asked.start is None or asked.start <= run.at)
        and (asked.end is None or run.at < asked.end)
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run_list, "MOST_LOOKED_AT", most)
        found = pages(asked, size)
        if wanted:
            there = JobRun.objects.get(pk=wanted[-1])
            back, place = [wanted[-1]], Place(there.at, there.pk)
            while (page := runs_after(asked, place, size)) is not None:
                back = page.pks + back
                newest = JobRun.objects.filter(pk__in=page.pks).order_by("-at", "-pk").first()
                place = place if newest is None else Place(newest.at, newest.pk)
                if newest is None:
                    break
            assert wanted[-len(back) :] == back
    assert [pk for page in found for pk in page] == wanted
    assert all(len(page) <= size for page in found)


def test_paging_visits_every_run_once_while_runs_are_added(job: ScheduledJob) -> None:
    before = [ran(job, at=n // 3) for n in range(12)]
    first = newest_runs(Asked(), size=5)
    ran(job, at=20)
    second = newest_runs(Asked(), first.earlier, size=5)
    ran(job, at=21)
    third = newest_runs(Asked(), second.earlier, size=5)
    assert first.pks + second.pks + third.pks == before[::-1]
    assert third.earlier is None


def test_queued_and_running_runs_stand_apart_from_the_others(job: ScheduledJob) -> None:
    other = make_job(make_task(name="Other"), "shop--other")
    over = ran(job, at=5)
    running = ran(job, Status.RUNNING, at=1)
    queued = make_run(other, Status.QUEUED, trigger=Trigger.MANUAL, created_at=SLOT + 3 * MINUTE).pk
    assert newest_runs(Asked()).pks == [over]
    assert open_runs(Asked()) == ([queued, running], {"queued": 1, "running": 1})
    assert open_runs(Asked(job_id=job.pk)) == ([running], {"running": 1})
    assert newest_runs(Asked(statuses=JobRun.OPEN)).pks == [queued, running]
    assert newest_runs(Asked(statuses=JobRun.OPEN, job_id=other.pk)).pks == [queued]


def test_runs_are_found_by_how_long_and_how_late_they_were(job: ScheduledJob) -> None:
    slow = ran(job, at=1, duration=timedelta(seconds=61))
    ran(job, at=2, duration=timedelta(seconds=60))
    late = ran(job, at=7, scheduled_for=SLOT + timedelta(minutes=6, seconds=49), deliveries=2)
    ran(job, at=8, scheduled_for=SLOT + timedelta(minutes=7, seconds=50), deliveries=1)
    assert newest_runs(Asked(over=MINUTE)).pks == [slow]
    assert newest_runs(Asked(late=timedelta(seconds=10))).pks == [late]
    assert newest_runs(Asked(twice=True)).pks == [late]


def test_a_search_reads_first_lines_people_and_numbers_alone(job: ScheduledJob) -> None:
    failed = ran(job, Status.FAILED, 1, error="KeyError: 'PT-LIS-2'\nsecret line 77%")
    asked_for = ran(job, at=2, requested_by="Rui", trigger=Trigger.MANUAL)
    ran(job, at=3, payload={"token": "geheim"}, result={"a": "geheim"}, log="geheim", traceback="geheim")
    assert newest_runs(Asked(text="pt-lis")).pks == [failed]
    assert newest_runs(Asked(text="rui")).pks == [asked_for]
    assert [newest_runs(Asked(text=text)).pks for text in ("secret", "geheim", "%", "#0")] == [[]] * 4
    # The number of a run is found whatever the span; without its sign it may stand in an error too.
    assert newest_runs(Asked(text=f"#{failed}", start=SLOT + MINUTE * 9)).pks == [failed]
    numbered = ran(job, Status.FAILED, 4, error=f"HTTP {failed}")
    assert newest_runs(Asked(text=f"{failed}")).pks == [failed, numbered]
    other = make_job(make_task(name="Other"), "shop--other")
    assert newest_runs(Asked(text=f"#{failed}", job_id=other.pk)).pks == []


def test_a_question_that_no_index_knows_stops_and_goes_on(
    job: ScheduledJob, monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: Any
) -> None:
    monkeypatch.setattr(run_list, "MOST_LOOKED_AT", 5)
    again = ran(job, at=0, trigger=Trigger.RETRY)
    others = [ran(job, at=n) for n in range(1, 9)]
    with django_assert_num_queries(1):
        page = newest_runs(Asked(trigger="retry"))
    assert (page.pks, page.is_stopped) == ([], True)
    assert page.earlier == Place(SLOT + 4 * MINUTE, others[3])
    page = newest_runs(Asked(trigger="retry"), page.earlier)
    assert page == run_list.Found([again])


def test_all_runs_of_a_question_come_chunk_by_chunk(
    job: ScheduledJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_list, "CHUNK", 2)
    runs = [ran(job, at=n) for n in range(5)]
    assert [[run.pk for run in chunk] for chunk in walk(Asked(), 99)] == [runs[:2:-1], runs[2:0:-1], runs[:1]]
    assert [run.pk for chunk in walk(Asked(), 3) for run in chunk] == runs[:1:-1]
