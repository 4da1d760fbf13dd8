"""Jobs that really fire: threads, sockets and a clock that runs."""

from __future__ import annotations

import json
import logging
import shutil
import sqlite3
import threading
import time
import urllib.request
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from google.auth import jwt

from scheduled_jobs.emulator import process
from scheduled_jobs.emulator.dispatcher import Dispatcher
from scheduled_jobs.emulator.process import Emulator
from scheduled_jobs.emulator.store import Store
from tests.emulator.http_target import Received, http_target
from tests.emulator.jobs import PARENT, Clock, http_job, name_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import pytest

NAME = name_of("report")


LEAD = 0.2  # seconds


class RunningClock:
    """Stands a moment before a whole minute until it is started."""

    started: float | None = None

    def __call__(self) -> datetime:
        ran = 0.0 if self.started is None else time.monotonic() - self.started
        return datetime(2026, 10, 5, 12, 1, tzinfo=UTC) + timedelta(seconds=ran - LEAD)

    def start(self) -> None:
        self.started = time.monotonic()


@contextmanager
def running(clock: Callable[[], datetime] | None = None, path: Path | None = None) -> Iterator[Store]:
    store = Store(clock, path) if clock is not None else Store(path=path)
    with Emulator(store, port=0):
        yield store


def create(
    store: Store, uri: str, job_id: str = "report", schedule: str = "0 0 1 1 *", **fields: Any
) -> None:
    target = {"uri": uri, "body": b"{}", "headers": {"Content-Type": "application/json"}}
    target |= fields.pop("http_target", {})
    store.create_job(PARENT, http_job(job_id, schedule, http_target=target, **fields))


def code(store: Store, job_id: str = "report") -> int:
    return int(store.get_job(name_of(job_id)).status.code)


def wait_for_code(store: Store, expected: int, job_id: str = "report") -> None:
    end = time.monotonic() + 300
    while code(store, job_id) != expected:
        assert time.monotonic() < end, f"the status stayed {code(store, job_id)}"
        time.sleep(0.01)


def test_a_job_fires_when_its_minute_comes() -> None:
    clock = RunningClock()
    with http_target() as target, running(clock) as store:
        create(store, f"{target.origin}/tasks/a", schedule="* * * * *")
        started = time.time()
        clock.start()
        (request,) = target.wait(1)
        assert request.at - started > LEAD - 0.05
        assert (request.method, request.path, request.body) == ("POST", "/tasks/a", b"{}")
        assert request.headers["X-CloudScheduler-ScheduleTime"] == "2026-10-05T05:01:00-07:00"
        wait_for_code(store, 0)


def test_the_headers_on_the_wire_are_googles_and_the_jobs() -> None:
    token = {"oidc_token": {"service_account_email": "a@b.example", "audience": "shop"}}
    store = Store()
    with http_target() as target, Emulator(store, port=0) as emulator:
        create(store, f"{target.origin}/", http_target=token)
        store.run_job(NAME)
        (request,) = target.wait(1)
        certificates = json.loads(urllib.request.urlopen(emulator.certs_url).read())
    assert set(request.headers) == {
        "Host",
        "Content-Type",
        "Content-Length",
        "User-Agent",
        "Authorization",
        "Accept-Encoding",
        "X-CloudScheduler",
        "X-CloudScheduler-JobName",
        "X-CloudScheduler-ScheduleTime",
    }
    scheme, _, sent = request.headers["Authorization"].partition(" ")
    claims = jwt.decode(sent, certs=certificates, audience="shop", clock_skew_in_seconds=10)
    assert (scheme, claims["email"]) == ("Bearer", "a@b.example")


def test_a_failure_is_tried_again_after_its_backoff() -> None:
    clock = Clock()
    answers = iter([500, 200])
    with http_target(lambda _: next(answers)) as target, running(clock) as store:
        retries = {"retry_count": 3, "min_backoff_duration": {"seconds": 60}}
        create(store, f"{target.origin}/", retry_config=retries)
        store.run_job(NAME)
        wait_for_code(store, 13)
        assert len(target.received) == 1
        clock.now += timedelta(seconds=60)
        store.listener()
        target.wait(2)
        wait_for_code(store, 0)


def test_run_answers_before_the_target_and_others_do_not_wait() -> None:
    go_on = threading.Event()
    answered: list[str] = []

    def answer(request: Received) -> int:
        if request.path == "/slow":
            go_on.wait(30)
        answered.append(request.path)
        return 200

    with http_target(answer) as target, running() as store:
        create(store, f"{target.origin}/slow")
        create(store, f"{target.origin}/fast", "fast")
        store.run_job(NAME)
        target.wait(1)
        store.run_job(name_of("fast"))
        target.wait(2)
        wait_for_code(store, 0, "fast")
        assert answered == ["/fast"]
        go_on.set()
        wait_for_code(store, 0)


def test_stopping_does_not_wait_for_an_attempt_that_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "GRACE", 0.1)
    with http_target(lambda _: time.sleep(60) or 200) as target:
        store = Store()
        emulator = Emulator(store, port=0)
        emulator.start()
        create(store, f"{target.origin}/")
        store.run_job(NAME)
        target.wait(1)
        started = time.monotonic()
        emulator.stop()
        assert time.monotonic() - started < 30


def test_an_attempt_that_ends_during_the_stop_is_recorded(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    stopping = threading.Event()
    with http_target(lambda _: stopping.wait(30) and 200) as target, running(path=path) as store:
        create(store, f"{target.origin}/")
        store.run_job(NAME)
        target.wait(1)
        threading.Timer(0.1, stopping.set).start()
    again = Store(path=path)
    assert code(again) == 0
    again.close()


def test_a_failing_step_is_logged_and_the_clock_goes_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    real = Dispatcher.step
    failures = iter([ValueError("a faulty job")])

    def step(self: Dispatcher, *args: Any) -> Any:
        for failure in failures:
            raise failure
        return real(self, *args)

    monkeypatch.setattr(Dispatcher, "step", step)
    with http_target() as target, running() as store:
        create(store, f"{target.origin}/")
        store.run_job(NAME)
        target.wait(1)
    assert caplog.messages[0] == "The dispatcher failed; it goes on"


def test_a_failure_inside_an_attempt_counts_as_a_failed_attempt(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(*_: object) -> int:
        raise RuntimeError("broken")

    monkeypatch.setattr(process.HttpClient, "send", broken)
    with running() as store:
        create(store, "http://127.0.0.1:1/")
        store.run_job(NAME)
        wait_for_code(store, 14)
    assert caplog.messages[:2] == [
        "report: attempt 1 failed inside the emulator",
        "[!] report: attempt 1 of http://127.0.0.1:1/: the emulator failed",
    ]


def test_facts_of_runs_are_written_while_the_emulator_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(process, "FLUSH_EVERY", 0.05)
    path = tmp_path / "state.db"
    with http_target() as target, running(path=path) as store:
        create(store, f"{target.origin}/")
        with monkeypatch.context() as patch:
            patch.setattr(
                store, "flush", lambda: (_ for _ in ()).throw(sqlite3.OperationalError("disk full"))
            )
            while not caplog.messages:
                time.sleep(0.01)
        assert caplog.messages[0] == "The state file could not be written; trying again"
        store.run_job(NAME)
        wait_for_code(store, 0)
        end = time.monotonic() + 300
        while True:
            # The file itself is the emulator's as long as it runs.
            shutil.copy(path, tmp_path / "copy.db")
            other = Store(path=tmp_path / "copy.db")
            written = code(other)
            other.close()
            if written == 0:
                break
            assert time.monotonic() < end
            time.sleep(0.05)


def test_attempts_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    with (
        caplog.at_level(logging.INFO, "scheduled_jobs.emulator"),
        http_target() as target,
        running() as store,
    ):
        create(store, f"{target.origin}/x")
        store.run_job(NAME)
        wait_for_code(store, 0)
    assert f"report: attempt 1 of {target.origin}/x: 200 OK" in caplog.messages


def test_a_thousand_jobs_of_one_minute_all_arrive() -> None:
    clock = RunningClock()
    with http_target() as target, running(clock) as store:
        for number in range(1000):
            create(store, f"{target.origin}/", f"job-{number}", schedule="* * * * *")
        clock.start()
        received = target.wait(1000, 60)
        names = {request.headers["X-CloudScheduler-JobName"] for request in received}
    assert len(received) == len(names) == 1000
