"""The emulator as a program of its own."""

from __future__ import annotations

import argparse
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
import venv
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import grpc
import pytest
from django.core.management import call_command
from google.api_core import exceptions
from google.cloud import scheduler_v1
from google.cloud.scheduler_v1.services.cloud_scheduler.transports import CloudSchedulerGrpcTransport

from scheduled_jobs.emulator import cli
from scheduled_jobs.emulator.faults import Faults
from scheduled_jobs.emulator.process import Emulator
from scheduled_jobs.emulator.store import Store
from tests.emulator.http_target import http_target
from tests.emulator.jobs import PARENT, name_of
from tests.support.emulator_process import COMMAND, ROOT, running_emulator

if TYPE_CHECKING:
    from collections.abc import Iterator

NAME = name_of("report")


@contextmanager
def client_of(host: str) -> Iterator[scheduler_v1.CloudSchedulerClient]:
    with grpc.insecure_channel(host) as channel:
        yield scheduler_v1.CloudSchedulerClient(transport=CloudSchedulerGrpcTransport(channel=channel))


@contextmanager
def asked_for(*options: str) -> Iterator[scheduler_v1.CloudSchedulerClient]:
    """A client of an emulator with these options of the command line, in this process."""
    parser = argparse.ArgumentParser()
    cli.add_arguments(parser)
    with (
        cli._make(parser.parse_args(["--port", "0", *options])) as emulator,
        client_of(emulator.host) as client,
    ):
        yield client


def a_job(uri: str = "https://shop.example/", job_id: str = "report") -> scheduler_v1.Job:
    return scheduler_v1.Job(
        name=name_of(job_id),
        schedule="0 0 1 1 *",
        http_target=scheduler_v1.HttpTarget(
            uri=uri, oidc_token=scheduler_v1.OidcToken(service_account_email="a@b.example")
        ),
    )


def test_one_line_tells_that_it_is_ready_and_where() -> None:
    with running_emulator() as emulator:
        host, port = emulator.host.split(":")
        assert re.fullmatch(
            r"Cloud Scheduler emulator listening on 127\.0\.0\.1:\d+, "
            r"certificates at http://127\.0\.0\.1:\d+/certs\n",
            emulator.readiness,
        )
        assert emulator.certs_url == f"http://{host}:{int(port) + 1}/certs"
        assert b"BEGIN CERTIFICATE" in urllib.request.urlopen(emulator.certs_url).read()
        with client_of(emulator.host) as client:
            assert list(client.list_jobs(parent=PARENT)) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_while_a_target_takes_its_time(number: signal.Signals) -> None:
    with (
        http_target(lambda _: time.sleep(60) or 200) as target,
        running_emulator() as emulator,
        client_of(emulator.host) as client,
    ):
        client.create_job(parent=PARENT, job=a_job(target.origin))
        client.run_job(name=NAME)
        target.wait(1)
        emulator.process.send_signal(number)
        assert emulator.process.wait(30) == 0


SIGNALLED_ELSEWHERE = """
import signal, sys, threading, time
from scheduled_jobs.emulator import cli
from scheduled_jobs.emulator.faults import Faults
from scheduled_jobs.emulator.process import Emulator
from scheduled_jobs.emulator.store import Store

class Stop(threading.Event):
    def wait(self, timeout=None):
        if not threads:
            threads.append(threading.Thread(target=signal_oneself))
            threads[0].start()
        return super().wait(timeout)

def signal_oneself():
    time.sleep(0.1)  # the main thread waits by then
    signal.pthread_kill(threading.get_ident(), signal.SIGTERM)

threads = []
cli.Event = Stop
sys.exit(cli.main(["--port", "0"]))
"""


def test_a_signal_that_another_thread_receives_stops_it() -> None:
    command = [sys.executable, "-c", SIGNALLED_ELSEWHERE]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)
    assert (result.returncode, result.stderr) == (0, "")


def test_calls_that_are_waiting_do_not_delay_the_stop() -> None:
    faults = Faults(latency=3600)
    emulator = Emulator(Store(faults=faults), port=0)
    emulator.start()
    with client_of(emulator.host) as client:
        waiting = threading.Thread(target=client.list_jobs, kwargs={"parent": PARENT})
        waiting.start()
        while not faults.calls:
            time.sleep(0.01)
        emulator.stop()
        waiting.join(30)
        assert not waiting.is_alive()


def test_jobs_and_key_survive_a_restart_and_even_a_kill(tmp_path: Path) -> None:
    state = tmp_path / "state.db"
    with running_emulator(state) as emulator, client_of(emulator.host) as client:
        created = client.create_job(parent=PARENT, job=a_job())
        certificates = urllib.request.urlopen(emulator.certs_url).read()
        emulator.process.kill()
        emulator.process.wait()
    with Emulator(Store(path=state), port=0) as again, client_of(again.host) as client:
        assert list(client.list_jobs(parent=PARENT)) == [created]
        assert urllib.request.urlopen(again.certs_url).read() == certificates
        client.pause_job(name=NAME)
    with Emulator(Store(path=state), port=0) as again, client_of(again.host) as client:
        assert client.get_job(name=NAME).state == scheduler_v1.Job.State.PAUSED


def test_without_a_state_file_nothing_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with asked_for() as client:
        client.create_job(parent=PARENT, job=a_job())
    with asked_for() as client:
        assert list(client.list_jobs(parent=PARENT)) == []
    assert list(tmp_path.iterdir()) == []


def test_a_taken_port_is_one_line_and_exit_1(capfd: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert cli.main(["--port", str(port)]) == 1
    output = capfd.readouterr()  # of the whole process: gRPC writes lines of its own past Python's
    assert output.out == ""
    assert output.err == (
        f"The emulator cannot start: port {port} on 127.0.0.1 cannot be used (another program listens there); "
        "pick another port\n"
    )


def test_a_taken_certificates_port_is_one_line_and_exit_1(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert cli.main(["--port", "0", "--certs-port", str(port)]) == 1
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err == (
        f"The emulator cannot start: port {port} on 127.0.0.1, for the certificates, cannot be used "
        "(Address already in use); pick another port\n"
    )


def test_in_a_thread_it_starts_without_signals(capsys: pytest.CaptureFixture[str]) -> None:
    handlers = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    with socket.create_server(("127.0.0.1", 0)) as taken:
        arguments = ["--port", str(taken.getsockname()[1])]
        codes: list[int] = []
        thread = threading.Thread(target=lambda: codes.append(cli.main(arguments)))
        thread.start()
        thread.join()
        codes.append(cli.main(arguments))
    assert codes == [1, 1]
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)] == handlers


def test_a_state_file_that_is_none_is_one_line_and_exit_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("these are notes and no database at all\n" * 10)
    assert cli.main(["--port", "0", "--state", str(path)]) == 1
    assert capsys.readouterr().err.startswith(f"The emulator cannot start: the state file {path} cannot be")


def test_limits_and_faults_can_be_asked_for_on_the_command_line() -> None:
    options = ["--writes-per-minute", "2", "--latency-ms", "50"]
    with asked_for(*options) as client:
        client.create_job(parent=PARENT, job=a_job())
        started = time.monotonic()
        client.pause_job(name=NAME)
        assert time.monotonic() - started >= 0.05
        with pytest.raises(exceptions.ResourceExhausted, match="Quota exceeded"):
            client.delete_job(name=NAME, retry=None)
        client.get_job(name=NAME)


def test_a_job_that_is_still_settling_aborts_the_next_change() -> None:
    with asked_for("--settle-ms", "3600000") as client:
        client.create_job(parent=PARENT, job=a_job())
        client.pause_job(name=NAME)
        with pytest.raises(exceptions.Aborted, match="sync mutate calls cannot be queued"):
            client.delete_job(name=NAME, retry=None)


@pytest.mark.parametrize("options", [[], ["--log-attempts"]], ids=["unasked", "all"])
def test_failed_attempts_are_told_unasked_and_others_on_demand(options: list[str]) -> None:
    process = subprocess.Popen(
        [*COMMAND, "--port", "0", *options],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        host = process.stdout.readline().split()[5].rstrip(",")
        with http_target(lambda request: 200 if request.path == "/good" else 503) as target:
            with client_of(host) as client:
                for job_id in ("good", "bad"):
                    client.create_job(parent=PARENT, job=a_job(f"{target.origin}/{job_id}", job_id))
                    client.run_job(name=name_of(job_id))
                    while not client.get_job(name=name_of(job_id)).last_attempt_time:
                        time.sleep(0.01)
            process.terminate()
            lines = process.communicate(timeout=300)[1].splitlines()
            assert all(re.match(r"\d\d:\d\d:\d\d ", line) for line in lines)
            assert [line[9:] for line in lines] == [
                *[f"good: attempt 1 of {target.origin}/good: 200 OK"][: len(options)],
                f"[!] bad: attempt 1 of {target.origin}/bad: 503 Service Unavailable",
            ]
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def python_without_django(tmp_path: Path) -> Path:
    """An environment with what the emulator needs and with no Django, nor anything that belongs to it."""
    environment = tmp_path / "without django"
    venv.create(environment, symlinks=True, with_pip=False)
    there = next((environment / "lib").glob("python*/site-packages"))
    here = Path(grpc.__file__).parents[1]
    for entry in here.iterdir():
        if not re.match(r"django|model_utils|.*\.pth$|__editable__|__pycache__", entry.name, re.IGNORECASE):
            (there / entry.name).symlink_to(entry)
    (there / "scheduled_jobs").symlink_to(ROOT / "scheduled_jobs")
    return environment / "bin" / "python"


def test_it_runs_where_django_is_not_installed(python_without_django: Path, tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    missing = subprocess.run(
        [python_without_django, "-c", "import django"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "ModuleNotFoundError: No module named 'django'" in missing.stderr
    command = [str(python_without_django), "-E", "-m", "scheduled_jobs.emulator"]
    with (
        http_target() as target,
        running_emulator(command=command, cwd=tmp_path) as emulator,
        client_of(emulator.host) as client,
    ):
        client.create_job(parent=PARENT, job=a_job(target.origin))
        client.run_job(name=NAME)
        assert target.wait(1)[0].headers["User-Agent"] == "Google-Cloud-Scheduler"
        assert emulator.stop() == 0


def test_the_managing_command_is_the_same_program() -> None:
    command = [sys.executable, "manage.py", "run_scheduler_emulator"]
    with running_emulator(command=command) as emulator, client_of(emulator.host) as client:
        assert list(client.list_jobs(parent=PARENT)) == []
        assert emulator.stop() == 0


def test_the_managing_command_leaves_with_1_too(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(SystemExit) as left:
        call_command("run_scheduler_emulator", port=taken.getsockname()[1])
    assert left.value.code == 1
    assert "pick another port" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--latency-ms", "-1", "'-1' is not a number of milliseconds from 0 on"),
        ("--latency-ms", "inf", "'inf' is not a number of milliseconds from 0 on"),
        ("--settle-ms", "soon", "'soon' is not a number of milliseconds from 0 on"),
        ("--writes-per-minute", "1.5", "'1.5' is not a whole number from 0 on"),
    ],
)
def test_a_number_that_makes_no_sense_is_refused(
    option: str, value: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main([f"{option}={value}"])
    assert caught.value.code == 2
    assert capsys.readouterr().err.endswith(f"argument {option}: {message}\n")
