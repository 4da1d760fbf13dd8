"""What receivers of the signals are given, and where they are called."""

from __future__ import annotations

import threading
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import pytest

from scheduled_jobs import signals
from scheduled_jobs.models import JobRun
from scheduled_jobs.services import execution
from scheduled_jobs.services.execution import ending, statements
from tests.services.execution.calling import deliver
from tests.support import SLOT, make_job, make_run, make_task

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from scheduled_jobs.tasks import PeriodicTask

pytestmark = pytest.mark.django_db(transaction=True)

Hear = Any
trace: ContextVar[str] = ContextVar("trace", default="")


@pytest.fixture
def hear() -> Iterator[Callable[[str, Callable[..., None]], None]]:
    """Connects a receiver to the signal of this name during the test."""
    connected = []

    def connect(name: str, receive: Callable[..., None]) -> None:
        getattr(signals, name).connect(receive)
        connected.append((name, receive))

    yield connect
    for name, receive in connected:
        getattr(signals, name).disconnect(receive)


def exceptions(hear: Hear) -> list[BaseException | None]:
    """What run_failed was given."""
    given: list[BaseException | None] = []

    def receive(run: JobRun, exception: BaseException | None, **kwargs: Any) -> None:
        given.append(exception)

    hear("run_failed", receive)
    return given


def test_a_run_begins_for_its_receivers_in_its_own_context(hear: Hear) -> None:
    seen: list[tuple[str, int]] = []

    def start(run: JobRun, **kwargs: Any) -> None:
        trace.set(f"run {run.pk}")
        seen.append((run.status, threading.get_ident()))

    async def run(self: PeriodicTask) -> str:
        return trace.get()

    hear("run_started", start)
    task = make_task(run)
    job = make_job(task)
    deliver(job, task)
    found = JobRun.objects.get()
    assert found.result == f"run {found.pk}"
    assert seen == [("running", threading.get_ident())]
    assert trace.get() == ""
    assert execution.run_eagerly(job, task) == f"run {found.pk + 1}"
    assert trace.get() == ""


def test_a_receiver_that_exits_ends_neither_run_nor_server(
    hear: Hear, caplog: pytest.LogCaptureFixture
) -> None:
    def stop(**kwargs: Any) -> None:
        raise SystemExit(3)

    hear("run_started", stop)
    hear("run_finished", stop)
    task = make_task()
    assert deliver(make_job(task), task).status == 200
    assert JobRun.objects.get().status == "succeeded"
    assert caplog.text.count("raised SystemExit") == 2


def test_a_failure_is_told_with_what_was_raised(hear: Hear) -> None:
    error = KeyError("PT-LIS-2")

    def run(self: PeriodicTask) -> None:
        raise error

    given = exceptions(hear)
    task = make_task(run)
    deliver(make_job(task), task)
    assert given == [error]


def test_an_exception_with_a_secret_is_told_without_it(hear: Hear) -> None:
    class Refused(LookupError):
        pass

    def run(self: PeriodicTask, *, password: str) -> None:
        try:
            raise ValueError(password)
        except ValueError as cause:
            raise Refused(f"no {password}", password) from cause

    given = exceptions(hear)
    task = make_task(run)
    deliver(make_job(task), task, body=b'{"password": "geheim-7"}')
    [error] = given
    assert error is not None
    assert f"{type(error).__module__}.{type(error).__qualname__}".endswith(
        "secret_is_told_without_it.<locals>.Refused"
    )
    assert error.args == ("('no ••••••••', '••••••••')",)
    assert (error.__cause__, error.__context__) == (None, None)
    frames = error.__traceback__
    while frames is not None and frames.tb_next is not None:
        frames = frames.tb_next
    assert frames is not None
    assert frames.tb_frame.f_code.co_name == "run"


def test_where_nobody_saw_an_exception_none_is_told(hear: Hear) -> None:
    given = exceptions(hear)
    make_run(make_job(make_task()), JobRun.Status.RUNNING, scheduled_for=SLOT)
    execution.expire(SLOT.replace(year=2027))
    assert given == [None]


def test_the_exception_of_a_kept_end_holds_nothing_of_the_task(
    hear: Hear, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(self: PeriodicTask) -> None:
        large = "x" * 1_000
        raise ValueError(len(large))

    end_of = statements.end_of

    def refused(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("gone")

    given = exceptions(hear)
    monkeypatch.setattr(ending, "DELAYS", ())
    monkeypatch.setattr(statements, "end_of", refused)
    task = make_task(run)
    assert deliver(make_job(task), task).body["recorded"] is False
    monkeypatch.setattr(statements, "end_of", end_of)
    ending.kept_ends.step(SLOT.replace(year=2100))
    [error] = given
    assert str(error) == "1000"
    assert error is not None
    frames = error.__traceback__
    while frames is not None and frames.tb_next is not None:
        frames = frames.tb_next
    assert frames is not None
    assert frames.tb_frame.f_locals == {}
