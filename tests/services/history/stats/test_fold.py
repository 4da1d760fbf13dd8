"""The figures that are kept are those of the runs, whatever has happened to them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any

import pytest
import time_machine
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scheduled_jobs.models import JobRun, RunStats, ScheduledJob
from scheduled_jobs.models.stats import DAY, HOUR, TEN_MINUTES, floor
from scheduled_jobs.services.history.stats import fold, reading, rebuild
from scheduled_jobs.services.history.stats.figures import figures, figures_by_job, series
from scheduled_jobs.services.history.stats.marks import marks_by_app
from scheduled_jobs.services.history.stats.reading import Unfolded
from tests.services.history.stats.oracle import assert_true, counted
from tests.support import make_job, make_task
from tests.support.plans import plans_about

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 10, 22, 14, 7, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
ENDS = ("succeeded", "failed", "timed_out", "lost", "skipped", "discarded")

folding: Any = import_module(
    "scheduled_jobs.services.history.stats.fold"
)  # the package has a function of its name


@pytest.fixture
def jobs() -> list[ScheduledJob]:
    made = [make_job(make_task(name=f"Task{n}"), name=f"job-{n}") for n in range(3)]
    ScheduledJob.objects.filter(pk=made[2].pk).update(task="other.tasks.Task2")
    return made


def spans(now: datetime) -> list[tuple[datetime, datetime]]:
    """Spans of whole cells: the last hours, the last weeks, an hour in between, a day long ago."""
    end = floor(now, TEN_MINUTES) + TEN_MINUTES
    hour, day = floor(now, HOUR), floor(now, DAY)
    return [
        (end - TEN_MINUTES, end),
        (end - 3 * HOUR, end),
        (floor(end - 30 * HOUR, TEN_MINUTES), end),
        (hour - 7 * DAY, hour - 7 * DAY + HOUR),
        (hour - 20 * DAY, end),
        (day - 40 * DAY, day - 39 * DAY),
        (day - 100 * DAY, end),
    ]


def assert_all_true(jobs: list[ScheduledJob], now: datetime) -> None:
    for start, end in spans(now):
        assert_true(figures(start, end), counted(start, end), longest=False)
        by_job = figures_by_job(floor(start, HOUR), end)
        for job in jobs:
            assert_true(figures(start, end, job.pk), counted(start, end, job.pk), longest=False)
            exact = counted(floor(start, HOUR), floor(end - timedelta(seconds=1), HOUR) + HOUR, job.pk)
            if end - start > 3 * HOUR:
                told = by_job.get(job.pk)
                assert (told.runs if told else 0) == exact["runs"]
                assert (told.failed if told else 0) == exact["failed"]


def run_of(job: ScheduledJob, at: datetime, **values: Any) -> JobRun:
    number = JobRun.objects.filter(job=job, scheduled_for=at).count() + 1
    slot = at if values.get("trigger") == "schedule" else None
    return JobRun.objects.create(
        job=job, payload={}, created_at=at, scheduled_for=slot, attempt=number, **values
    )


ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(
            ["run", "run", "run", "ask", "missed", "end", "late end", "again", "delete", "fold", "wait"]
        ),
        st.integers(0, 2),
        st.integers(0, 60 * 24 * 60),
        st.sampled_from(ENDS),
        st.floats(0, 5_000),
    ),
    max_size=25,
)


@settings(deadline=None, max_examples=10, suppress_health_check=list(HealthCheck))
@given(actions=ACTIONS)
def test_figures_are_those_of_the_runs_whatever_happens(
    jobs: list[ScheduledJob], actions: list[tuple[str, int, int, str, float]]
) -> None:
    JobRun.objects.all().delete()
    RunStats.objects.all().delete()
    now = NOW
    with time_machine.travel(now, tick=False) as clock:
        for what, which, minutes, end, seconds in actions:
            act(jobs[which], what, now, minutes, end, seconds)
            if what == "wait":
                now += timedelta(minutes=minutes // 4)
                clock.move_to(now, tick=False)
        assert_all_true(jobs, now)
        fold()
        assert not JobRun.objects.filter(unfolded=1).exists()
        assert_all_true(jobs, now)


def act(job: ScheduledJob, what: str, now: datetime, minutes: int, end: str, seconds: float) -> None:
    at = now - timedelta(minutes=minutes)
    length = timedelta(seconds=seconds)
    ended = {"status": end, "duration": length, "finished_at": at + length}
    runs = JobRun.objects.filter(job=job)
    chosen = runs.order_by("pk")[minutes % (runs.count() or 1) :].first()
    if what == "run":
        run_of(job, at, trigger="schedule", started_at=at + length / 100, deliveries=1, **ended)
    elif what == "ask":
        run_of(job, at, trigger="manual", status="queued")
    elif what == "missed":
        run_of(job, at, trigger="schedule", status="missed")
    elif what == "fold":
        fold()
    elif chosen is None:
        return
    elif what == "end":
        runs.filter(pk=chosen.pk, status="queued").update(started_at=chosen.created_at + length, **ended)
    elif what == "late end":
        runs.filter(pk=chosen.pk, status__in=["lost", "missed"]).update(**{**ended, "status": "succeeded"})
    elif what == "again":
        runs.filter(pk=chosen.pk).update(deliveries=chosen.deliveries + 1)
    elif what == "delete":
        runs.filter(pk=chosen.pk).delete()


@pytest.mark.skipif(connection.vendor != "sqlite", reason="reads SQLite's plans")
def test_a_fold_reads_no_more_runs_than_those_of_its_cells(jobs: list[ScheduledJob]) -> None:
    for _ in range(10):
        JobRun.objects.create(job=jobs[0], status="succeeded", trigger="manual")
    with plans_about("jobrun") as plans:
        assert fold() == 10
    how = {step.partition(" USING ")[2].partition(" (")[2] for plan in plans.values() for step in plan}
    assert how - {""} == {
        "unfolded>?)",
        "job_id=? AND scheduled_for>? AND scheduled_for<?)",
        "job_id=? AND at>?)",
        "rowid=?)",
    }


def test_every_write_of_a_run_marks_it(jobs: list[ScheduledJob]) -> None:
    run = run_of(jobs[0], NOW, trigger="manual", status="queued")
    marks = []

    def folded_then(write: Any) -> None:
        JobRun.objects.update(unfolded=None)
        write()
        marks.append(JobRun.objects.values_list("unfolded", flat=True).get())

    run.status = "running"
    folded_then(lambda: JobRun.objects.filter(pk=run.pk).update(status="lost"))
    folded_then(lambda: JobRun.objects.filter(pk=run.pk).update(deliveries=2))
    folded_then(lambda: run.save())
    folded_then(lambda: run.save(update_fields=["status"]))
    folded_then(lambda: JobRun.objects.bulk_update([run], ["status"]))
    assert marks == [1, 1, 1, 1, 1]
    folded_then(lambda: JobRun.objects.filter(pk=run.pk).update(progress_message="half"))
    assert marks[-1] is None


def test_what_was_deleted_long_before_a_fold_is_still_taken_off(jobs: list[ScheduledJob]) -> None:
    with time_machine.travel(NOW, tick=False) as clock:
        runs = [run_of(jobs[0], NOW - DAY, trigger="manual", status="succeeded") for _n in range(2)]
        fold()
        assert runs[0].delete() == (1, {"scheduled_jobs.JobRun": 1})
        assert figures(NOW - 2 * DAY, NOW).runs == 1
        clock.move_to(NOW + 8 * DAY, tick=False)
        fold()
        assert (figures(NOW - 2 * DAY, NOW).runs, runs[0].pk) == (1, None)
        fold()
        assert not RunStats.objects.filter(length=TEN_MINUTES).exists()


def test_old_cells_are_told_by_longer_ones(jobs: list[ScheduledJob]) -> None:
    with time_machine.travel(NOW, tick=False) as clock:
        for minutes in range(0, 200, 7):
            run_of(jobs[0], NOW - timedelta(minutes=minutes), trigger="manual", status="failed")
        for days in (0, 7):
            clock.move_to(NOW + days * DAY, tick=False)
            fold()
            assert RunStats.objects.filter(length=TEN_MINUTES).exists()
        later = NOW + timedelta(days=9)
        clock.move_to(later, tick=False)
        fold()
        assert not RunStats.objects.filter(length=TEN_MINUTES).exists()
        start = floor(NOW, HOUR) - 2 * HOUR
        assert_true(figures(start, start + HOUR), counted(start, start + HOUR), longest=False)
        run = JobRun.objects.filter(created_at__gte=start, created_at__lt=start + HOUR).first()
        assert run is not None
        JobRun.objects.filter(pk=run.pk).update(status="succeeded")
        assert_true(figures(start, start + HOUR), counted(start, start + HOUR), longest=False)
        fold()
        assert_true(figures(start, start + HOUR), counted(start, start + HOUR), longest=False)


def test_a_deleted_job_goes_from_the_figures_of_all(
    jobs: list[ScheduledJob], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of more cells than are folded at once; a page is right before, between and after."""
    monkeypatch.setattr(folding, "AT_ONCE", 100)
    with time_machine.travel(NOW, tick=False):
        for hours in range(0, 24 * 12, 3):
            run_of(jobs[0], NOW - timedelta(hours=hours), trigger="manual", status="succeeded")
        for job in jobs:
            run_of(job, NOW - HOUR, trigger="manual", status="failed")
        fold()
        pk, rest = jobs[0].pk, jobs[1:]
        jobs[0].delete()
        marked, steps = RunStats.objects.filter(stale=1).count(), 0
        while RunStats.objects.filter(job=pk).exists():
            assert_all_true(rest, NOW)
            fold(most=1)
            steps += 1
        assert_all_true(rest, NOW)
        assert (marked, steps > 2) == (1, True)
        apps = marks_by_app(floor(NOW, DAY) - DAY, NOW, DAY, ["other", "shop"], Unfolded.read())
        assert {app: [mark.bad for mark in marks] for app, marks in apps.items()} == {
            "other": [1],
            "shop": [1],
        }


def test_a_page_is_right_or_says_of_what_time_it_is(
    jobs: list[ScheduledJob], monkeypatch: pytest.MonkeyPatch
) -> None:
    """However much waits to be folded: runs that were written, and cells of which some were deleted."""
    monkeypatch.setattr(reading, "MOST", 100)
    with time_machine.travel(NOW, tick=False) as clock:
        for hours in range(101):
            run_of(jobs[hours % 3], NOW - timedelta(hours=hours), trigger="manual", status="failed")
        assert Unfolded.read() == Unfolded({}, as_of=NOW - 100 * HOUR)
        assert Unfolded.read([jobs[0].pk]).as_of == NOW - 100 * HOUR
        fold()
        clock.move_to(NOW + MINUTE, tick=False)
        for most, as_of in ((100, None), (101, NOW)):
            runs = JobRun.objects.order_by("pk")[:most]
            JobRun.objects.filter(pk__in=list(runs.values_list("pk", flat=True))).update(status="lost")
            assert Unfolded.read().as_of == as_of
            if as_of is None:
                assert_all_true(jobs, NOW)
        fold()
        for most, as_of in ((100, None), (1, NOW + MINUTE)):
            runs = JobRun.objects.order_by("pk")[:most]
            JobRun.objects.filter(pk__in=list(runs.values_list("pk", flat=True))).delete()
            assert Unfolded.read().as_of == as_of
            assert_all_true(jobs, NOW) if as_of is None else fold()
        assert_all_true(jobs, NOW)


def test_pruned_runs_stay_in_the_figures(jobs: list[ScheduledJob]) -> None:
    with time_machine.travel(NOW, tick=False):
        old = run_of(jobs[0], NOW - 50 * DAY, trigger="manual", status="failed")
        run_of(jobs[0], NOW - 50 * DAY, trigger="manual", status="succeeded")
        fold()
        ScheduledJob.objects.filter(pk=jobs[0].pk).update(pruned_until=NOW - 40 * DAY)
        JobRun.objects.filter(status="succeeded").delete()
        JobRun.objects.filter(pk=old.pk).update(status="lost")
        fold()
        told = figures(NOW - 60 * DAY, NOW)
    assert (told.runs, told.succeeded, told.failed) == (2, 1, 1)


def test_steps_add_up_to_the_whole(jobs: list[ScheduledJob]) -> None:
    with time_machine.travel(NOW, tick=False):
        for hours in range(0, 24 * 20, 5):
            run_of(jobs[hours % 3], NOW - timedelta(hours=hours), trigger="manual", status="succeeded")
        fold()
        start = floor(NOW, DAY) - 19 * DAY
        for step in (TEN_MINUTES, HOUR, 6 * HOUR, DAY):
            steps = series(start, NOW, step)
            assert sum(told.runs for _at, told in steps) == counted(start, NOW + TEN_MINUTES)["runs"]
            assert all((at - start) % step == timedelta() for at, _told in steps)


def test_a_rebuild_makes_figures_anew_that_were_wrong(jobs: list[ScheduledJob]) -> None:
    with time_machine.travel(NOW, tick=False):
        for minutes in range(0, 60 * 24 * 12, 700):
            run_of(jobs[minutes % 3], NOW - timedelta(minutes=minutes), trigger="manual", status="failed")
        frozen = run_of(jobs[0], NOW - 50 * DAY, trigger="manual", status="failed")
        fold()
        ScheduledJob.objects.filter(pk=jobs[0].pk).update(pruned_until=NOW - 40 * DAY)
        RunStats.objects.filter(start__gte=NOW - 40 * DAY).update(failed=7)
        RunStats.objects.filter(length=HOUR, start__gte=NOW - 5 * DAY)[0].delete()
        nothing = {"length": TEN_MINUTES, "start": floor(NOW - DAY, TEN_MINUTES), "runs": 3}
        RunStats.objects.create(job=jobs[1].pk + 1_000, of_app="gone", **nothing)
        RunStats.objects.create(app="gone", **nothing)
        JobRun.objects.filter(pk=frozen.pk).update(unfolded=None)
        for _done in rebuild():
            pass
        assert_all_true(jobs, NOW)
        start = floor(NOW, DAY) - 20 * DAY
        marks = marks_by_app(start, NOW, DAY, ["shop", "other", "gone"], Unfolded.read())
        bad = {app: sum(mark.bad for mark in some) for app, some in marks.items()}
        assert sum(bad.values()) == counted(start, NOW + DAY)["failed"]
        assert "gone" not in bad
