"""The demo as a process of its own, and the processes that it starts."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).resolve().parents[2]
READY = "7 jobs: 7 created, 0 updated, 0 deleted, 0 failed, 0 unchanged.\n"


def environment(directory: Path) -> dict[str, str]:
    """Nothing of the developer's, and nothing of the test suite's, but where the demo keeps its files."""
    ours = ("PORT", "EMULATOR_PORT", "DATABASE_URL", "DJANGO_SETTINGS_MODULE")
    kept = {name: value for name, value in os.environ.items() if name not in ours}
    return {
        **{name: value for name, value in kept.items() if not name.startswith("DJANGO_CLOUD_TASKS_")},
        "DEMO_DIR": str(directory),
    }


def free_ports() -> tuple[int, int]:
    """A port for the web server, and one for the emulator whose neighbour is free too."""
    for _ in range(100):
        with socket.socket() as web, socket.socket() as emulator, socket.socket() as certificates:
            web.bind(("127.0.0.1", 0))
            emulator.bind(("127.0.0.1", 0))
            port: int = emulator.getsockname()[1]
            with suppress(OSError, OverflowError):
                certificates.bind(("127.0.0.1", port + 1))
                return web.getsockname()[1], port
    raise AssertionError("no two neighbouring ports are free")


class Process(NamedTuple):
    """A process; its number alone may be given to another one after it has ended."""

    pid: int
    started: str


def processes() -> dict[Process, int]:
    """All processes of this machine -> the number of their parent."""
    listed = subprocess.run(
        ["ps", "-A", "-o", "ppid=,pid=,lstart="], capture_output=True, text=True, check=True
    ).stdout
    rows = (line.split(maxsplit=2) for line in listed.splitlines())
    return {Process(int(pid), started): int(parent) for parent, pid, started in rows}


def alive(known: set[Process]) -> set[Process]:
    """Those of them that still run."""
    return known & processes().keys()


def descendants(pid: int) -> set[Process]:
    """All processes below one."""
    parents = processes()
    found: set[Process] = set()
    left = {pid}
    while left:
        below = {process for process, parent in parents.items() if parent in left} - found
        found |= below
        left = {process.pid for process in below}
    return found


class Program:
    """A started program of Python's; ``output`` grows while it runs."""

    def __init__(self, *args: str, cwd: Path, env: dict[str, str]) -> None:
        self.output = ""
        self.process = subprocess.Popen(
            [sys.executable, *args],
            cwd=cwd,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            for line in lines:
                self.output += line


class RunningDemo(Program):
    """A started demo."""

    def __init__(self, directory: Path, web: int, emulator: int) -> None:
        self.directory = directory
        self.web, self.emulator = web, emulator
        self.seen: set[Process] = set()
        """The processes below it, when it was last asked for them."""
        ports = ("--port", str(web), "--emulator-port", str(emulator))
        super().__init__("-m", "sample_project.demo", *ports, cwd=ROOT, env=environment(directory))

    def wait_for(self, condition: Callable[[], bool], timeout: float) -> None:
        """Wait until something is so; fails with the demo's output when it ends or takes too long."""
        until = time.monotonic() + timeout
        while not condition():
            assert self.process.poll() is None, f"the demo has ended:\n{self.output}"
            assert time.monotonic() < until, f"nothing happened in {timeout} s:\n{self.output}"
            time.sleep(0.1)

    def wait_until_ready(self) -> None:
        self.wait_for(lambda: READY in self.output, 300)

    def below(self) -> set[Process]:
        """All processes that it has started, directly or not, and that still run."""
        self.seen |= descendants(self.process.pid)
        return set(self.seen)

    def end(self, timeout: float = 30) -> int:
        """Wait until it has ended; the exit code."""
        code = self.process.wait(timeout)
        self._reader.join(5)
        return code

    def send(self, number: signal.Signals) -> int:
        """Send a signal, to the demo alone; the exit code."""
        self.process.send_signal(number)
        return self.end()


@contextmanager
def started_demo(directory: Path, ports: tuple[int, int] | None = None) -> Iterator[RunningDemo]:
    """Start a demo. It and all that it has started are ended, by their ids, however the test ends."""
    demo = RunningDemo(directory, *(ports or free_ports()))
    try:
        yield demo
    finally:
        if demo.process.poll() is None:
            demo.seen |= descendants(demo.process.pid)
            demo.process.terminate()
            with suppress(subprocess.TimeoutExpired):
                demo.end()
        if demo.process.poll() is None:
            demo.process.kill()
            demo.process.wait(10)
        for left in alive(demo.seen):
            with suppress(ProcessLookupError):
                os.kill(left.pid, signal.SIGKILL)


@contextmanager
def running_demo(directory: Path, ports: tuple[int, int] | None = None) -> Iterator[RunningDemo]:
    """The same, once the demo is ready."""
    with started_demo(directory, ports) as demo:
        demo.wait_until_ready()
        yield demo


def refused_demo(directory: Path, ports: tuple[int, int]) -> str:
    """What a demo says that does not start; fails if it starts."""
    with started_demo(directory, ports) as demo:
        assert demo.end() == 1
        return demo.output
