"""Who is alive says so; what a short run costs is nothing."""

from __future__ import annotations

import asyncio
import threading
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.db import OperationalError, connection, transaction

from scheduled_jobs.models import JobRun
from scheduled_jobs.models.runs import JobRunQuerySet
from scheduled_jobs.services import execution
from scheduled_jobs.services.execution import Delivery, statements
from scheduled_jobs.services.execution import heartbeat as module
from scheduled_jobs.services.execution.clockwork import steady_now
from scheduled_jobs.services.execution.heartbeat import Heartbeat
from tests.support import SLOT, make_job, make_run, make_task, with_several_writers

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from scheduled_jobs.tasks import PeriodicTask

pytestmark = pytest.mark.django_db(transaction=True)

Status = JobRun.Status


def after(seconds: float) -> datetime:
    return SLOT + timedelta(seconds=seconds)


@pytest.fixture
def heartbeat(monkeypatch: pytest.MonkeyPatch) -> Heartbeat:
    """One whose steps the test takes itself."""
    monkeypatch.setattr(Heartbeat, "_start", lambda self: None)
    return Heartbeat(clock=lambda: SLOT)


@pytest.fixture
def run() -> JobRun:
    return make_run(make_job(make_task()), Status.RUNNING, scheduled_for=SLOT)


def lease(run: JobRun) -> float:
    """Seconds after the slot until which the run counts as alive."""
    until = JobRun.objects.get(pk=run.pk).lease_until
    assert until is not None
    return (until - SLOT).total_seconds()


def test_a_lease_is_renewed_from_the_fifth_second_on(heartbeat: Heartbeat, run: JobRun) -> None:
    with heartbeat.of(run):
        assert (heartbeat.step(after(4)), lease(run)) == (after(5), 20.0)
        assert (heartbeat.step(after(5)), lease(run)) == (after(10), 25.0)
        assert (heartbeat.step(after(11)), lease(run)) == (after(16), 31.0)
    assert heartbeat.step(after(100)) is None


def test_a_run_shorter_than_five_seconds_costs_no_query(
    heartbeat: Heartbeat, run: JobRun, django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(0), heartbeat.of(run) as report:
        heartbeat.step(after(4.9))
        report(1, 2, "")
    assert (run.progress_done, run.progress_total) == (1.0, 2.0)


def test_the_runs_of_a_process_are_renewed_together(
    heartbeat: Heartbeat, run: JobRun, django_assert_num_queries: Any
) -> None:
    other = make_run(run.job, Status.RUNNING, overlap_lock=None)
    # Where rows can be locked, it is asked first which of them nobody has, in a savepoint.
    count = 4 if connection.features.has_select_for_update_skip_locked else 1
    with heartbeat.of(run), heartbeat.of(other), django_assert_num_queries(count):
        heartbeat.step(after(20))
    assert (lease(run), lease(other)) == (40.0, 40.0)


def test_a_run_that_was_given_up_is_not_taken_back(heartbeat: Heartbeat, run: JobRun) -> None:
    with heartbeat.of(run):
        statements.lose(run.pk, run.lease_until, after(21))
        heartbeat.step(after(22))
    assert JobRun.objects.get().status == Status.LOST
    assert lease(run) == 20.0


def test_a_run_renewed_just_before_it_is_given_up_stays_alive(run: JobRun) -> None:
    gone = JobRun.objects.get()
    JobRun.objects.update(lease_until=after(120))
    assert not statements.lose(gone.pk, gone.lease_until, after(21))
    assert JobRun.objects.get().status == Status.RUNNING


def test_the_runs_of_this_process_are_known_in_a_transaction_too(run: JobRun) -> None:
    heartbeat = Heartbeat()
    with transaction.atomic(), heartbeat.of(run) as report:
        assert heartbeat.holds(run.pk)
        assert not heartbeat.holds(run.pk + 1)
        report(1, 2, "")
        # Nobody else sees the row: there is nothing to be renewed.
        assert (heartbeat.step(after(60)), heartbeat._thread) == (None, None)
    assert not heartbeat.holds(run.pk)


def test_progress_is_written_at_most_once_a_second(
    heartbeat: Heartbeat, run: JobRun, django_assert_num_queries: Any
) -> None:
    with heartbeat.of(run) as report:
        report(1, 4, "a")
        report(2, 4, "b")
        assert heartbeat.step(after(1)) == after(5)
        found = JobRun.objects.get()
        assert (found.progress_done, found.progress_total, found.progress_message) == (2.0, 4.0, "b")

        report(3, 4, "c")
        with django_assert_num_queries(0):
            assert heartbeat.step(after(1.5)) == after(2)
        heartbeat.step(after(2))
        assert JobRun.objects.get().progress_message == "c"
        with django_assert_num_queries(0):
            heartbeat.step(after(4))


def test_progress_never_overwrites_the_end(heartbeat: Heartbeat, run: JobRun) -> None:
    with heartbeat.of(run) as report:
        report(1, 4, "half")
        JobRun.objects.update(status=Status.SUCCEEDED, progress_message="all")
        heartbeat.step(after(1))
    assert JobRun.objects.get().progress_message == "all"


def test_a_database_that_is_away_is_asked_after_two_seconds(
    heartbeat: Heartbeat, run: JobRun, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(self: JobRunQuerySet, **kwargs: Any) -> int:
        raise OperationalError("gone")

    with heartbeat.of(run) as report:
        report(1, 4, "half")
        with monkeypatch.context() as patch:
            patch.setattr(JobRunQuerySet, "update", fail)
            heartbeat.step(after(5))
        assert heartbeat.step(after(6.5)) == after(7)
        heartbeat.step(after(7))
    assert (lease(run), JobRun.objects.get().progress_message) == (27.0, "half")
    assert caplog.messages == ["The heartbeat could not be written: gone"] * 2


def test_a_process_that_cannot_have_a_thread_runs_on_without(
    run: JobRun, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    with Heartbeat().of(run) as report:
        report(1, 2, "")
    assert caplog.messages == ["The thread of the heartbeat could not be started: can't start new thread"]


def test_a_child_process_begins_with_no_run_and_no_thread(heartbeat: Heartbeat, run: JobRun) -> None:
    with heartbeat.of(run):
        kept = heartbeat._beats
        heartbeat.after_fork()
        assert heartbeat.step(after(20)) is None
        heartbeat._beats = kept


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Five seconds are a fifth of one."""
    monkeypatch.setattr(module, "RENEW_EVERY", timedelta(seconds=0.2))
    monkeypatch.setattr(module, "PROGRESS_EVERY", timedelta(seconds=0.05))
    yield
    deadline = time.monotonic() + 300
    while module.heartbeat._beats and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.2)  # the thread closes its connection before the database is taken down


def seen_from_another_connection(field: str, wanted: Any) -> Any:
    """What others see of the only run, as soon as it is ``wanted``."""
    found: list[Any] = []

    def look() -> None:
        deadline = time.monotonic() + 300
        while time.monotonic() < deadline and found[-1:] != [wanted]:
            found.append(JobRun.objects.values_list(field, flat=True).get())
            time.sleep(0.02)
        connection.close()

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    return found[-1]


@with_several_writers
@pytest.mark.usefixtures("quick")
def test_the_lease_is_renewed_while_the_task_is_in_a_transaction() -> None:
    leases: list[Any] = []

    def run(self: PeriodicTask) -> None:
        with transaction.atomic():
            JobRun.objects.values_list("pk").first()
            self.report_progress(1, 2, "half")
            leases.append(seen_from_another_connection("progress_message", "half"))
            lease = JobRun.objects.values_list("lease_until", flat=True)
            first, end = lease.get(), time.monotonic() + 300
            while lease.get() == first and time.monotonic() < end:
                time.sleep(0.05)
            leases.append(lease.get() > first)

    task = make_task(run)
    answer = execution.deliver(Delivery(job=make_job(task), task=task))

    assert answer.status == 200, JobRun.objects.get().traceback
    assert leases == ["half", True]


@with_several_writers
@pytest.mark.usefixtures("quick")
def test_progress_of_async_code_shows_and_never_blocks_it() -> None:
    shown: list[Any] = []
    took: list[float] = []

    async def run(self: PeriodicTask) -> None:
        for _ in range(3):
            begun = time.perf_counter()
            for done in range(1_000):
                self.report_progress(done, 1_000, "")
            took.append(time.perf_counter() - begun)
        self.report_progress(999, 1_000, "nearly")
        shown.append(await asyncio.to_thread(seen_from_another_connection, "progress_message", "nearly"))

    task = make_task(run)
    answer = execution.deliver(Delivery(job=make_job(task), task=task))

    assert answer.status == 200, JobRun.objects.get().traceback
    assert shown == ["nearly"]
    assert min(took) < 1


def test_a_clock_that_is_put_back_stops_no_renewal(run: JobRun, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Heartbeat, "_start", lambda self: None)
    wall = [after(0)]
    heartbeat = Heartbeat(clock=lambda: SLOT, wall=lambda: wall[0])
    with heartbeat.of(run):
        wall[0] = after(-3600)
        assert (heartbeat.step(after(5)), lease(run)) == (after(10), -3580.0)
    first = steady_now()
    assert first <= steady_now()
