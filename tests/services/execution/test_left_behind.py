"""What a task does to the process that runs it: nothing that others there would notice."""

from __future__ import annotations

import asyncio
import decimal
import functools
import gc
import locale
import logging
import os
import signal
import socket
import sys
import threading
import warnings
from collections.abc import Callable
from contextvars import ContextVar
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection
from django.urls import get_script_prefix, set_script_prefix
from django.utils import timezone, translation

from scheduled_jobs.exceptions import DiscardTask, TaskExited
from scheduled_jobs.models import JobRun
from scheduled_jobs.services import execution
from scheduled_jobs.services.execution.leftovers import process
from scheduled_jobs.services.execution.stopping import Handlers
from tests.services.execution.calling import deliver
from tests.support import make_job, make_task

if TYPE_CHECKING:
    from scheduled_jobs.tasks import PeriodicTask

pytestmark = pytest.mark.django_db

Status = JobRun.Status


class OnStrike(BaseException):
    def __str__(self) -> str:
        raise SystemExit("not even its message")


def raising(error: Any) -> Any:
    def run(self: PeriodicTask) -> None:
        raise error

    return run


# --- The end of a process is the end of the run alone ----------------------------------------------


@pytest.mark.parametrize(
    ("error", "status", "text"),
    [
        (SystemExit(), Status.SUCCEEDED, ""),
        (SystemExit(0), Status.SUCCEEDED, ""),
        (SystemExit(3), Status.FAILED, "SystemExit: 3"),
        (SystemExit("no rates"), Status.FAILED, "SystemExit: no rates"),
        (GeneratorExit(), Status.FAILED, "GeneratorExit"),
        (asyncio.CancelledError(), Status.FAILED, "CancelledError"),
        (
            BaseExceptionGroup("two", [SystemExit(1), ValueError("x")]),
            Status.FAILED,
            "two (2 sub-exceptions)",
        ),
        (OnStrike(), Status.FAILED, "OnStrike: (its message cannot be shown)"),
    ],
)
def test_what_would_end_the_process_ends_the_run(error: BaseException, status: str, text: str) -> None:
    task = make_task(raising(error))

    answer = deliver(make_job(task), task)

    found = JobRun.objects.get()
    assert (answer.status, found.status) == (200 if status == Status.SUCCEEDED else 500, status)
    assert text in found.error
    assert found.overlap_lock is None
    notes = ["run() was ended by sys.exit()."] if status == Status.SUCCEEDED else None
    assert found.context.get("notes") == notes


def test_async_code_that_exits_ends_its_run_alone() -> None:
    async def leave() -> None:
        sys.exit(4)

    async def run(self: PeriodicTask) -> None:
        await asyncio.gather(leave(), asyncio.sleep(60))

    task = make_task(run)
    assert deliver(make_job(task), task).status == 500
    assert JobRun.objects.get().error == "SystemExit: 4"


def test_an_interrupt_in_a_thread_is_the_tasks_own() -> None:
    found = []
    thread = threading.Thread(target=lambda: found.append(Handlers().is_stop(KeyboardInterrupt())))
    thread.start()
    thread.join()
    assert found == [False]


def test_an_interrupt_in_the_main_thread_is_the_users() -> None:
    def interrupt(self: PeriodicTask) -> None:
        signal.raise_signal(signal.SIGINT)

    task = make_task(interrupt)
    job = make_job(task)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in the background of a shell
    try:
        with pytest.raises(KeyboardInterrupt):
            deliver(job, task)
    finally:
        signal.signal(signal.SIGINT, before)
    assert list(JobRun.objects.values_list("status", "error")) == [(Status.LOST, "KeyboardInterrupt")]


def test_a_handler_that_takes_itself_away_is_a_stop_all_the_same() -> None:
    def first_time(number: int, frame: Any) -> None:
        signal.signal(signal.SIGUSR1, signal.SIG_DFL)
        sys.exit(0)

    def run(self: PeriodicTask) -> None:
        signal.raise_signal(signal.SIGUSR1)

    before = signal.signal(signal.SIGUSR1, first_time)
    try:
        task = make_task(run)
        with pytest.raises(SystemExit):
            deliver(make_job(task), task)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert JobRun.objects.get().status == Status.LOST


def test_an_alarm_of_the_tasks_own_ends_its_run_alone() -> None:
    def run(self: PeriodicTask) -> None:
        before = signal.signal(signal.SIGALRM, lambda *_: sys.exit("took too long"))
        try:
            signal.raise_signal(signal.SIGALRM)
        finally:
            signal.signal(signal.SIGALRM, before)

    task = make_task(run)
    assert deliver(make_job(task), task).status == 500
    assert JobRun.objects.get().error == "SystemExit: took too long"


@pytest.mark.parametrize("ends", [None, ValueError("x"), DiscardTask("x"), SystemExit(0)])
def test_handlers_are_put_back_and_an_alarm_is_turned_off(ends: BaseException | None) -> None:
    """The alarm of a run that is over would end the server, or whatever it does then."""

    def run(self: PeriodicTask) -> None:
        signal.signal(signal.SIGALRM, lambda *_: None)
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)
        signal.alarm(600)
        if ends is not None:
            raise ends

    before = {number: signal.getsignal(number) for number in signal.valid_signals()}
    task = make_task(run)
    deliver(make_job(task), task)
    assert {number: signal.getsignal(number) for number in signal.valid_signals()} == before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_an_alarm_of_the_server_goes_on() -> None:
    signal.setitimer(signal.ITIMER_REAL, 600)
    try:
        task = make_task()
        deliver(make_job(task), task)
        assert signal.getitimer(signal.ITIMER_REAL)[0] > 500
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def test_a_task_that_exits_before_it_runs_has_not_succeeded() -> None:
    def leave(self: PeriodicTask) -> None:
        sys.exit(0)

    task = make_task(__init__=leave)
    assert deliver(make_job(task), task).status == 500
    assert JobRun.objects.get().error == "SystemExit: 0"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("end", "code"),
    [
        (lambda: sys.exit(0), 0),
        (lambda: sys.exit(7), 7),
        (lambda: sys.exit("no"), 1),
        (lambda: 1 / 0, 1),
        (int, 0),
    ],
)
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_child_that_a_task_forks_ends_where_it_wants(
    end: Any, code: int, capfd: pytest.CaptureFixture[str]
) -> None:
    """It has the request, the run and the connections of its parent, and must touch none of them."""
    children = []

    def run(self: PeriodicTask) -> str:
        child = os.fork()
        if child == 0:
            end()
            return "the child"
        children.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        return "the parent"

    task = make_task(run)
    answer = deliver(make_job(task), task)
    assert (children, answer.body["result"]) == ([code], "the parent")
    assert JobRun.objects.get().result == "the parent"


def test_a_stop_within_a_group_is_a_stop() -> None:
    def stop(text: str, *args: Any) -> None:
        sys.exit(text)

    class Handler:
        def __call__(self, *args: Any) -> None:
            sys.exit(1)

    for handler in (functools.partial(stop, "bye"), Handler()):
        before = signal.signal(signal.SIGUSR2, handler)
        try:
            handlers = Handlers()
            with pytest.raises(SystemExit) as caught:
                signal.raise_signal(signal.SIGUSR2)
            assert handlers.is_stop(BaseExceptionGroup("one", [caught.value]))
        finally:
            signal.signal(signal.SIGUSR2, before)
        assert not Handlers().is_stop(caught.value)


def test_what_is_run_here_and_now_never_ends_its_caller() -> None:
    task = make_task(raising(SystemExit(2)))
    job = make_job(task)
    with pytest.raises(TaskExited, match=r"^shop.reports.Report raised SystemExit: 2$"):
        execution.run_eagerly(job, task)

    done = make_task(raising(SystemExit(0)))
    assert execution.run_eagerly(job, done) is None
    assert set(JobRun.objects.values_list("status", flat=True)) == {Status.FAILED, Status.SUCCEEDED}


def test_cancelled_by_the_server_after_the_deadline_is_timed_out() -> None:
    task = make_task(raising(asyncio.CancelledError()))
    deliver(make_job(task, declared_attempt_deadline=timedelta(seconds=-1)), task)
    assert JobRun.objects.get().status == Status.TIMED_OUT


# --- What a task activates is gone when it ends ----------------------------------------------------

tenant: ContextVar[str] = ContextVar("tenant", default="nobody")


def around() -> tuple[Any, ...]:
    names = timezone.get_current_timezone_name(), translation.get_language(), get_script_prefix()
    return *names, decimal.getcontext().prec, tenant.get()


def activate() -> None:
    timezone.activate("Asia/Tokyo")
    translation.activate("de")
    set_script_prefix("/elsewhere/")
    decimal.getcontext().prec = 3
    tenant.set("emea")


@pytest.mark.parametrize("ends", [None, ValueError("x"), SystemExit(0)])
@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("is_eager", [False, True])
def test_what_a_task_activates_is_gone_when_it_ends(
    ends: BaseException | None, is_async: bool, is_eager: bool
) -> None:
    inside = []

    def work(self: PeriodicTask) -> None:
        activate()
        inside.append(around())
        if ends is not None:
            raise ends

    async def work_async(self: PeriodicTask) -> None:
        work(self)

    task = make_task(work_async if is_async else work)
    job = make_job(task)
    before = around()
    if is_eager and isinstance(ends, ValueError):
        with pytest.raises(ValueError):
            execution.run_eagerly(job, task)
    elif is_eager:
        execution.run_eagerly(job, task)
    else:
        deliver(job, task)

    assert inside == [("Asia/Tokyo", "de", "/elsewhere/", 3, "emea")]
    assert around() == before
    assert before[0] != "Asia/Tokyo"


def shared_state() -> dict[str, Any]:
    return {
        "folder": Path.cwd(),
        "locale": locale.setlocale(locale.LC_ALL),
        "timeout": socket.getdefaulttimeout(),
        "log": logging.root.manager.disable,
        "warnings": warnings.filters[:],
        "recursion": sys.getrecursionlimit(),
        "gc": gc.isenabled(),
    }


def test_what_scripts_set_for_a_whole_process_is_put_back(tmp_path: Path) -> None:
    before = shared_state()
    inside: list[dict[str, Any]] = []

    def run(self: PeriodicTask) -> None:
        os.chdir(tmp_path)
        locale.setlocale(locale.LC_ALL, "C")
        socket.setdefaulttimeout(0.5)
        logging.disable(logging.CRITICAL)
        warnings.simplefilter("error")
        sys.setrecursionlimit(2_000_000)
        gc.disable()
        inside.append(shared_state())

    task = make_task(run=run)
    deliver(make_job(task), task)
    assert shared_state() == before
    differing = [name for name, value in inside[0].items() if value != before[name]]
    assert {*differing, "locale"} == {*before}


def test_what_one_run_sets_stays_while_another_goes_on(tmp_path: Path) -> None:
    before = Path.cwd()
    with process.put_back():
        os.chdir(tmp_path)
        with process.put_back():
            pass
        assert Path.cwd() == tmp_path
    assert Path.cwd() == before


def test_a_folder_that_is_gone_is_no_hindrance(tmp_path: Path) -> None:
    before = Path.cwd()
    (tmp_path / "gone").mkdir()
    os.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    task = make_task()
    try:
        deliver(make_job(task), task)
        assert JobRun.objects.get().status == Status.SUCCEEDED
    finally:
        os.chdir(before)


SESSION = {
    "sqlite": ("PRAGMA query_only = ON", "PRAGMA query_only"),
    "postgresql": ("SET statement_timeout = 60000", "SHOW statement_timeout"),
    "mysql": ("SET SESSION net_read_timeout = 7", "SELECT @@net_read_timeout"),
}


def closes(connection: Any) -> None:
    connection.ensure_connection()
    connection.connection.close()


def sets(connection: Any) -> None:
    connection.cursor().execute(SESSION[connection.vendor][0])


def wraps(connection: Any) -> None:
    def broken(*args: Any) -> None:
        raise RuntimeError("a wrapper that the task has left")

    connection.execute_wrappers.append(broken)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("spoils", [closes, sets, wraps])
def test_what_a_task_does_to_its_connection_is_undone(
    spoils: Callable[[Any], None], caplog: pytest.LogCaptureFixture
) -> None:
    def asked() -> Any:
        with connection.cursor() as cursor:
            cursor.execute(SESSION[connection.vendor][1])
            return cursor.fetchone()

    if spoils is not wraps and connection.vendor == "sqlite" and connection.is_in_memory_db():
        pytest.skip("a database in memory is gone with its connection")
    before = asked()

    def run(self: PeriodicTask) -> None:
        spoils(connection)

    task = make_task(run=run)
    deliver(make_job(task), task)
    assert JobRun.objects.get().status == Status.SUCCEEDED
    assert asked() == before
    assert "could not be written" not in caplog.text


def test_a_run_sees_what_was_activated_before_it() -> None:
    seen = []
    task = make_task(lambda self: seen.append(timezone.get_current_timezone_name()))
    job = make_job(task)
    with timezone.override("Europe/Lisbon"):
        deliver(job, task)
    assert seen == ["Europe/Lisbon"]


@pytest.mark.parametrize("shape", ["sync", "async", "decorated"])
def test_a_run_that_only_makes_a_generator_has_failed(shape: str) -> None:
    """A decorator hides the yield from the checks."""

    def run(self: PeriodicTask) -> Any:
        yield 1

    async def run_async(self: PeriodicTask) -> Any:
        yield 1

    def decorated(self: PeriodicTask) -> Any:
        return run(self)

    task = make_task({"sync": run, "async": run_async, "decorated": decorated}[shape])
    assert deliver(make_job(task), task).status == 500
    assert JobRun.objects.get().error == (
        "TypeError: run() returned a generator, whose body is only run by whoever iterates over it"
    )


def test_a_generator_that_a_run_returns_is_a_result_like_any() -> None:
    done = []

    def run(self: PeriodicTask) -> Any:
        done.append("work")
        return (number for number in range(3))

    task = make_task(run)
    assert deliver(make_job(task), task).status == 200
    assert done == ["work"]
    notes = JobRun.objects.get().context["notes"]
    assert notes == ["The result was not kept: it is not JSON: generator has no form in it"]
