"""The emulator as a process of its own, for the tests that drive it through Google's client."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROOT = Path(__file__).resolve().parents[2]
COMMAND = (sys.executable, "-m", "scheduled_jobs.emulator")


class RunningEmulator:
    """A started emulator. ``host`` is what ``EMULATOR_HOST`` takes; its certificates are on the next port."""

    def __init__(self, process: subprocess.Popen[str], readiness: str) -> None:
        self.process = process
        self.readiness = readiness
        words = readiness.split()
        self.host = words[words.index("on") + 1].rstrip(",")
        self.certs_url = words[-1]

    def stop(self, timeout: float = 300) -> int:
        """SIGTERM, and the exit code; a process that does not obey is killed and the test fails."""
        self.process.terminate()
        return self.process.wait(timeout)


@contextmanager
def running_emulator(
    state: Path | str | None = None,
    extra_args: Sequence[str] = (),
    *,
    command: Sequence[str] = COMMAND,
    cwd: Path = ROOT,
) -> Iterator[RunningEmulator]:
    """Start an emulator on free ports, wait until it answers; end it, by its id, however the test ends."""
    arguments = ["--port", "0", *extra_args]
    if state is not None:
        arguments += ["--state", str(state)]
    with (
        tempfile.TemporaryFile("w+") as errors,
        subprocess.Popen(
            [*command, *arguments], cwd=cwd, stdout=subprocess.PIPE, stderr=errors, text=True
        ) as process,
    ):
        assert process.stdout is not None
        try:
            readiness = process.stdout.readline()
            if not readiness.startswith("Cloud Scheduler emulator listening on "):
                process.wait(10)
                errors.seek(0)
                raise AssertionError(f"the emulator did not start: {errors.read()}")
            yield RunningEmulator(process, readiness)
        finally:
            with suppress(subprocess.TimeoutExpired):
                process.terminate()
                process.wait(10)
            process.kill()
