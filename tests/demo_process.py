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
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).resolve().parents[1]
READY = "Jobs fire at every full minute"


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


def alive(pids: set[int]) -> set[int]:
    """Those of the processes that exist."""
    listed = subprocess.run(["ps", "-A", "-o", "pid="], capture_output=True, text=True, check=True).stdout
    return pids & {int(pid) for pid in listed.split()}


def descendants(pid: int) -> set[int]:
    """All processes below one."""
    listed = subprocess.run(["ps", "-A", "-o", "ppid=,pid="], capture_output=True, text=True, check=True)
    children: dict[int, set[int]] = {}
    for line in listed.stdout.splitlines():
        parent, child = map(int, line.split())
        children.setdefault(parent, set()).add(child)
    found: set[int] = set()
    left = {pid}
    while left:
        left = set().union(*(children.get(parent, set()) for parent in left))
        found |= left
    return found


class RunningDemo:
    """A started demo; ``output`` grows while it runs."""

    def __init__(self, directory: Path, web: int, emulator: int) -> None:
        self.directory = directory
        self.web, self.emulator = web, emulator
        self.output = ""
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "sample_project.demo",
                "--port",
                str(web),
                "--emulator-port",
                str(emulator),
            ],
            cwd=ROOT,
            env=environment(directory),
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

    def wait_for(self, condition: Callable[[], bool], timeout: float) -> None:
        """Wait until something is so; fails with the demo's output when it ends or takes too long."""
        until = time.monotonic() + timeout
        while not condition():
            assert self.process.poll() is None, f"the demo has ended:\n{self.output}"
            assert time.monotonic() < until, f"nothing happened in {timeout} s:\n{self.output}"
            time.sleep(0.1)

    def wait_until_ready(self) -> None:
        self.wait_for(lambda: READY in self.output, 60)

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
def running_demo(directory: Path, ports: tuple[int, int] | None = None) -> Iterator[RunningDemo]:
    """Start a demo and wait until it is ready. It is stopped, by its id, however the test ends."""
    demo = RunningDemo(directory, *(ports or free_ports()))
    try:
        demo.wait_until_ready()
        yield demo
    finally:
        if demo.process.poll() is None:
            below = descendants(demo.process.pid)
            demo.process.terminate()
            try:
                demo.end()
            except subprocess.TimeoutExpired:
                for pid in (demo.process.pid, *below):
                    with suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                raise
