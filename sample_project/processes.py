"""Programs that the demo starts, watches and stops."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path
    from threading import Event

STOP_WITHIN = 8.0
"""Seconds; the emulator needs two for calls and attempts that are under way."""
LAST_LINES = 12


class DemoFailed(Exception):
    """The demo cannot go on; the message is for the person who started it."""


class Program:
    """One child process. What it prints is in ``log``.

    It has a session of its own: Ctrl-C reaches the demo alone, which then stops its programs in order.
    """

    def __init__(self, title: str, command: Sequence[str], log: Path, *, cwd: Path) -> None:
        self.title = title
        self.log = log
        with log.open("wb") as output:
            self._process = subprocess.Popen(  # noqa: S603 – our own commands
                command,
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def check(self) -> None:
        """Raise DemoFailed, with its last words, if the program has ended."""
        code = self._process.poll()
        if code is None:
            return
        how = f"exit code {code}" if code >= 0 else f"signal {signal.Signals(-code).name}"
        lines = self.log.read_text(errors="replace").splitlines()[-LAST_LINES:]
        said = "".join(f"\n    {line}" for line in lines) or " nothing."
        raise DemoFailed(f"The {self.title} has ended with {how}. Its last words, from {self.log}:{said}")

    def wait_until(self, ready: Callable[[], bool], stopped: Event, *, timeout: float) -> None:
        """Wait for the program to be ready, or for ``stopped``; raises DemoFailed if it ends or is late."""
        waited = 0.0
        while not ready() and not stopped.is_set():
            self.check()
            if waited >= timeout:
                raise DemoFailed(f"The {self.title} was not ready after {timeout:.0f} s; see {self.log}")
            stopped.wait(0.05)
            waited += 0.05

    def stop(self) -> None:
        """End the program and whatever it started; kills what does not obey."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGTERM)
        try:
            self._process.wait(STOP_WITHIN)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
