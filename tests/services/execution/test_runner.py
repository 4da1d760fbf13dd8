"""What a task sees, and what it may do without harm to its own record."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass
from datetime import timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.auth import get_user_model
from django.db import OperationalError, connection, connections, transaction
from django.test import RequestFactory

from scheduled_jobs.models import JobRun
from tests.services.execution.calling import AFTER, BEFORE, deliver, stopped_by
from tests.support import NEXT_SLOT, SLOT, ask, make_job, make_task

if TYPE_CHECKING:
    from scheduled_jobs.domain.metadata import TaskMetadata
    from scheduled_jobs.tasks import PeriodicTask

pytestmark = pytest.mark.django_db

Status, Trigger = JobRun.Status, JobRun.Trigger


def run_once(run: Any, **values: Any) -> JobRun:
    task = make_task(run)
    deliver(make_job(task), task, **values)
    return JobRun.objects.get()


def test_an_async_task_is_awaited() -> None:
    async def run(self: PeriodicTask, *, region: str) -> str:
        await asyncio.sleep(0)
        return region.upper()

    assert run_once(run, body=b'{"region": "emea"}').result == "EMEA"


def test_an_async_task_that_is_cancelled_within_has_failed() -> None:
    async def run(self: PeriodicTask) -> None:
        raise asyncio.CancelledError

    found = run_once(run)
    assert (found.status, found.error) == (Status.FAILED, "CancelledError")


def test_an_async_task_is_refused_where_all_share_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Under gevent its loop ran in the thread of all: another delivery met SynchronousOnlyOperation."""
    gevent = SimpleNamespace(is_module_patched=lambda name: name == "threading")
    monkeypatch.setitem(sys.modules, "gevent.monkey", gevent)
    ran = []

    async def run(self: PeriodicTask) -> None:
        ran.append(1)

    found = run_once(run)
    assert (found.status, ran) == (Status.FAILED, [])
    assert found.error.startswith(
        "RuntimeError: an async run() needs a thread of its own, and gevent has none: "
    )


def test_a_task_sees_its_request_and_its_metadata() -> None:
    seen: list[tuple[TaskMetadata, Any]] = []

    def run(self: PeriodicTask) -> None:
        seen.append((self.metadata, self.request))

    request = RequestFactory().post("/")
    found = run_once(run, request=request, headers={"X-Tenant": "emea"})

    [(metadata, given)] = seen
    assert given is request
    assert metadata.task == "shop.reports.Report"
    assert metadata.job_name == "shop--report"
    assert metadata.scheduled_for == SLOT
    assert (metadata.attempt, metadata.trigger, metadata.run_id) == (1, "schedule", found.pk)
    assert metadata.deadline == AFTER + timedelta(minutes=3)
    assert metadata.headers == {"X-Tenant": "emea"}


def test_a_frozen_dataclass_is_told_as_any_task() -> None:
    def run(self: PeriodicTask) -> str:
        self.report_progress(1, 2)
        return self.metadata.task

    task = dataclass(frozen=True)(make_task(run))
    deliver(make_job(task), task)
    found = JobRun.objects.get()
    assert (found.result, found.progress_done, found.error) == ("shop.reports.Report", 1, "")


def test_a_run_without_a_slot_is_told_when_it_was_asked_for() -> None:
    seen: list[TaskMetadata] = []
    task = make_task(lambda self, **kwargs: seen.append(self.metadata))
    job = make_job(task)
    queued = ask(job, sent_at=BEFORE, created_at=BEFORE)

    deliver(job, task, slot=NEXT_SLOT)
    deliver(job, task, slot=NEXT_SLOT)

    assert [(m.scheduled_for, m.trigger, m.run_id == queued.pk) for m in seen] == [
        (BEFORE, "manual", True),
        (AFTER, "manual", False),
    ]


def test_the_last_progress_is_written_at_the_end() -> None:
    def run(self: PeriodicTask) -> None:
        self.report_progress(1, 10, "begun")
        self.report_progress(7, 10, "x" * 600)

    found = run_once(run)
    assert (found.progress_done, found.progress_total) == (7.0, 10.0)
    assert found.progress_message == "x" * 500


def test_progress_comes_from_async_code_and_may_be_no_number() -> None:
    async def run(self: PeriodicTask) -> None:
        self.report_progress(float("nan"), float("inf"), "half\x00way")

    found = run_once(run)
    assert (found.status, found.progress_done, found.progress_total) == (Status.SUCCEEDED, None, None)
    assert found.progress_message == "half\ufffdway"


def test_an_error_is_kept_without_what_no_database_holds() -> None:
    def run(self: PeriodicTask) -> None:
        raise ValueError("a\x00b\ud800")

    found = run_once(run)
    assert (found.status, found.error) == (Status.FAILED, "ValueError: a\ufffdb\ufffd")
    assert "\x00" not in found.traceback


def test_an_error_that_cannot_be_shown_is_a_failure_as_any() -> None:
    class Unspeakable(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    def run(self: PeriodicTask) -> None:
        raise Unspeakable

    assert run_once(run).error == "Unspeakable: (its message cannot be shown)"


def test_a_token_in_an_error_is_not_kept(caplog: pytest.LogCaptureFixture) -> None:
    token = "eyJhbGciOiJSUzI1NiJ9.eyJhdWQiOiJ4In0.c2ln"

    def run(self: PeriodicTask) -> None:
        self.report_progress(1, 1, f"with {token}")
        raise ValueError(f"refused: Bearer {token}!")

    found = run_once(run)
    assert found.error == "ValueError: refused: Bearer [token]!"
    assert "eyJ" not in found.traceback
    assert found.progress_message == "with [token]"
    assert "eyJ" not in caplog.text


def test_an_error_of_any_length_is_kept_in_part() -> None:
    def run(self: PeriodicTask) -> None:
        raise ValueError("a" * 50_000 + "end")

    error = run_once(run).error
    assert len(error) < 10_010
    assert error.endswith("aend")


def test_a_task_whose_class_cannot_be_made_has_failed() -> None:
    def refuse(self: PeriodicTask) -> None:
        raise RuntimeError("no")

    task = make_task(__init__=refuse)
    assert deliver(make_job(task), task).status == 500
    assert JobRun.objects.get().error == "RuntimeError: no"


@pytest.mark.parametrize("stop", [SystemExit(1), SystemExit(0), KeyboardInterrupt()])
def test_a_process_that_is_stopped_loses_the_run_and_stops(stop: BaseException) -> None:
    with stopped_by(stop) as run:
        task = make_task(run)
        job = make_job(task)
        with pytest.raises(type(stop)):
            deliver(job, task)

    found = JobRun.objects.get()
    assert (found.status, found.active_slot, found.overlap_lock) == (Status.LOST, None, None)
    assert (found.finished_at, found.error_key) == (AFTER, "lost")
    assert found.error.startswith(type(stop).__name__)
    assert deliver(job, make_task()).body["status"] == "executed"


def test_a_process_stopped_after_the_deadline_has_timed_out() -> None:
    # As though the deadline had been three minutes ago when the worker's time was up.
    with stopped_by(SystemExit(1)) as run:
        task = make_task(run)
        job = make_job(task, declared_attempt_deadline=timedelta(seconds=-1))
        with pytest.raises(SystemExit):
            deliver(job, task)

    found = JobRun.objects.get()
    assert (found.status, found.error, found.settled_slot) == (Status.TIMED_OUT, "SystemExit: 1", None)
    assert deliver(job, make_task()).body["status"] == "executed"


class TestTransactionsLeftBehind:
    pytestmark = pytest.mark.django_db(transaction=True)

    def test_a_transaction_left_open_is_rolled_back_before_the_end(self) -> None:
        def run(self: PeriodicTask) -> str:
            transaction.atomic().__enter__()
            get_user_model().objects.create(username="left behind")
            return "done"

        found = run_once(run)

        assert (found.status, found.result) == (Status.SUCCEEDED, "done")
        assert not connection.in_atomic_block
        assert not get_user_model().objects.exists()

    def test_autocommit_that_was_left_off_is_turned_on_again(self) -> None:
        def run(self: PeriodicTask) -> str:
            transaction.set_autocommit(False)
            get_user_model().objects.create(username="left behind")
            return "done"

        found = run_once(run)

        assert (found.status, found.result) == (Status.SUCCEEDED, "done")
        assert transaction.get_autocommit()
        assert not get_user_model().objects.exists()

    def test_a_raw_transaction_left_open_is_rolled_back(self) -> None:
        def run(self: PeriodicTask) -> str:
            with connection.cursor() as cursor:
                cursor.execute("BEGIN")
            get_user_model().objects.create(username="left behind")
            return "done"

        found = run_once(run)

        assert (found.status, found.result) == (Status.SUCCEEDED, "done")
        connection.close()
        assert JobRun.objects.get().status == Status.SUCCEEDED
        assert not get_user_model().objects.exists()

    def test_a_connection_closed_inside_a_transaction_is_opened_anew(self) -> None:
        def run(self: PeriodicTask) -> None:
            with transaction.atomic():
                connection.close()
                raise ValueError("gone")

        assert run_once(run).error == "ValueError: gone"

    def test_a_broken_transaction_left_open_is_no_hindrance(self) -> None:
        def run(self: PeriodicTask) -> None:
            transaction.atomic().__enter__()
            transaction.set_rollback(True)

        assert run_once(run).status == Status.SUCCEEDED

    def test_a_transaction_that_cannot_be_rolled_back_is_left_behind(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        wrapper = type(connections["default"])
        switch = wrapper.set_autocommit
        gone = [OperationalError("gone")]

        def fail_once(self: Any, autocommit: bool, **kwargs: Any) -> None:
            if autocommit and gone:
                raise gone.pop()
            switch(self, autocommit, **kwargs)

        def run(self: PeriodicTask) -> None:
            transaction.atomic().__enter__()
            monkeypatch.setattr(wrapper, "set_autocommit", fail_once)

        assert run_once(run).status == Status.SUCCEEDED
        assert not gone


def test_two_runs_of_one_job_at_once_each_keep_their_own_record() -> None:
    """Elsewhere runs are found by their job, and overwrite one another."""
    depth: list[int] = []

    def run(self: PeriodicTask) -> str:
        depth.append(1)
        if len(depth) == 1:
            deliver(job, task, slot=NEXT_SLOT, now=NEXT_SLOT)
            return "outer"
        self.report_progress(1, 1, "inner")
        return "inner"

    task = make_task(run, overlap="allow")
    job = make_job(task)
    deliver(job, task)

    records = JobRun.objects.order_by("pk").values_list("scheduled_for", "result", "progress_message")
    assert list(records) == [(SLOT, "outer", ""), (NEXT_SLOT, "inner", "inner")]


def test_what_comes_late_is_run_for_its_own_slot_alone() -> None:
    """Elsewhere a server that was down runs all that it has missed."""
    seen: list[TaskMetadata] = []
    task = make_task(lambda self: seen.append(self.metadata))

    deliver(make_job(task), task, now=SLOT + timedelta(days=3, seconds=30))

    assert [metadata.scheduled_for for metadata in seen] == [SLOT]
    run = JobRun.objects.get()
    assert (run.scheduled_for, run.late_by()) == (SLOT, timedelta(days=3, seconds=30))
