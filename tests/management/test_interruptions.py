"""A command that is stopped says so and gives back what it holds; one that nobody reads goes on."""

from __future__ import annotations

import io
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from django.core.management import call_command

from scheduled_jobs import registry
from scheduled_jobs.models import Lease, ScheduledJob
from scheduled_jobs.services.scheduling.push import push
from scheduled_jobs.services.scheduling.sync import compare
from tests.support.declaring import declare, schedule_tasks
from tests.support.emulator_process import running_emulator

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from scheduled_jobs.backends.memory import MemoryBackend
    from tests.support.emulator_process import RunningEmulator

MANAGE = Path(__file__).resolve().parents[2] / "manage.py"


class Shop:
    """The sample project beside an emulator."""

    def __init__(self, folder: Path, emulator: RunningEmulator) -> None:
        self.emulator = emulator
        self.started: list[subprocess.Popen[str]] = []
        port = emulator.host.rpartition(":")[2]
        self.environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "sample_project.settings",
            "DEMO_DIR": str(folder),
            "EMULATOR_PORT": port,
        }

    def start(self, *command: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, str(MANAGE), *command],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.started.append(process)
        return process

    def close(self) -> None:
        """End what a test that failed has left running."""
        for process in self.started:
            process.kill()
            process.communicate()

    def run(self, *command: str) -> Sequence[str]:
        process = self.start(*command)
        output, errors = process.communicate(timeout=300)
        assert process.returncode == 0, output + errors
        return output.splitlines()

    @contextmanager
    def google_does_not_answer(self) -> Iterator[None]:
        """Google's side takes calls in, and answers none before the end of this block."""
        self.emulator.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.emulator.process.send_signal(signal.SIGCONT)

    def wait_for_rows(self) -> None:
        """Until the tasks have their rows in the database."""
        deadline = time.monotonic() + 300
        while not self.query("SELECT 1 FROM scheduled_jobs_scheduledjob"):
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def held(self) -> list[object]:
        """The turn and the leases that somebody has."""
        return self.query(
            "SELECT name FROM scheduled_jobs_lease WHERE token IS NOT NULL "
            "UNION ALL SELECT name FROM scheduled_jobs_scheduledjob WHERE push_token IS NOT NULL"
        )

    def query(self, sql: str) -> list[object]:
        path = Path(self.environment["DEMO_DIR"]) / "db.sqlite3"
        with closing(sqlite3.connect(path, timeout=20)) as database:
            return database.execute(sql).fetchall()


@pytest.fixture(autouse=True)
def heeds_interrupts() -> Iterator[None]:
    """Whoever started the tests may have had SIGINT ignored, which the processes they start would inherit.

    Not set between fork and exec: gRPC, which is in this process, takes that for a fork that stays and dies.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before or signal.SIG_DFL)


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with its tables, to be copied."""
    folder = tmp_path_factory.mktemp("migrated")
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "sample_project.settings", "DEMO_DIR": str(folder)}
    command = [sys.executable, str(MANAGE), "migrate", "--verbosity", "0"]
    subprocess.run(command, env=environment, check=True, timeout=300)
    return folder / "db.sqlite3"


@pytest.fixture
def shop(migrated: Path, tmp_path: Path) -> Iterator[Shop]:
    shutil.copy(migrated, tmp_path)
    with running_emulator() as emulator:
        shop = Shop(tmp_path, emulator)
        try:
            yield shop
        finally:
            shop.close()


def test_a_sync_whose_lines_nobody_reads_goes_on_to_its_end(shop: Shop) -> None:
    with shop.google_does_not_answer():
        process = shop.start("schedule_tasks")
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
    with process.stderr as stderr:
        assert stderr.read() == ""
    assert process.wait(60) == 0
    assert shop.run("schedule_tasks", "--check")[-1].endswith("7 unchanged. Nothing was written.")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_sync_that_is_stopped_says_so_and_keeps_nobody_waiting(
    shop: Shop, number: signal.Signals, code: int
) -> None:
    # The rows are seeded while Google has not answered the list yet.
    with shop.google_does_not_answer():
        process = shop.start("schedule_tasks")
        shop.wait_for_rows()
        process.send_signal(number)
        _, errors = process.communicate(timeout=300)
    assert process.returncode == code
    assert errors == (
        "Stopped: 0 created, 0 updated, 0 deleted, 0 failed so far, and perhaps some that are not told here. "
        "Run schedule_tasks again: it goes on from there.\n"
    )
    assert shop.held() == [], "neither the turn nor a lease is waited for"
    assert shop.run("schedule_tasks")[-1].startswith("7 jobs: ")


@pytest.mark.django_db(transaction=True)
def test_an_interrupted_sync_gives_back_its_turn_and_its_leases(
    google: MemoryBackend, no_tasks: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry._tasks.clear()
    declare("One")
    declare("Two")

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(push, "apply", interrupted)
        assert schedule_tasks().code == 130
    assert Lease.objects.get().token is None
    assert set(ScheduledJob.objects.values_list("push_token", "sync_state")) == {(None, "pending")}
    assert len(schedule_tasks().lines) == 2


@pytest.mark.django_db(transaction=True)
def test_what_was_being_read_is_closed_before_the_connection(
    google: MemoryBackend, no_tasks: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    declare("One")
    closed = []

    def cursor() -> Iterator[None]:
        try:
            yield
        finally:
            closed.append(True)

    def interrupted(*_: object, **__: object) -> None:
        reading = cursor()
        next(reading)
        raise KeyboardInterrupt

    monkeypatch.setattr(compare, "read_rows", interrupted)
    with pytest.raises(SystemExit) as stopped:
        call_command("schedule_tasks", stderr=io.StringIO())
    assert (stopped.value.code, stopped.value.__context__, closed) == (130, None, [True])


@pytest.mark.django_db(transaction=True)
def test_settings_that_make_no_job_are_refused_before_google(
    google: MemoryBackend, no_tasks: None, settings: pytest.FixtureRequest
) -> None:
    declare("One")
    settings.DJANGO_CLOUD_TASKS_ENDPOINT = "https://shop.example.com/?a=b"  # type: ignore[attr-defined]
    assert schedule_tasks() == (
        "CommandError: DJANGO_CLOUD_TASKS_ENDPOINT is 'https://shop.example.com/?a=b', not the address of a "
        "Django app: it has a query or a fragment; write what stands before the ? or the #. It is the scheme "
        "and host of this app, such as https://shop.example.com."
    )
    assert google.store.faults.calls == []
