"""A web server of several processes, and Google in front of it: what ``bench`` and the storm ask and kill.

The app is ``bench.execution_app``. The server's processes are known by their ids, and each can be killed,
stopped for a while and let go on. Google is here a key that signs tokens, and who says when and how often
something is delivered.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from scheduled_jobs.emulator.certificates import CertificateServer
from scheduled_jobs.emulator.slots import utc_now
from scheduled_jobs.emulator.tokens import Issuer

ACCOUNT = "bench@bench.iam.gserviceaccount.com"
ENDPOINT = "https://bench.example.com"
PROGRAM = [sys.executable, "-m", "bench.execution_app"]


class Answer(NamedTuple):
    """``status`` is 0 where none came, and ``body`` then says why."""

    status: int
    body: dict[str, Any]


class Certified(Protocol):
    """Whoever signs tokens, and serves the certificates of its key at ``url``."""

    url: str


class Google:
    """Tokens, and the certificates that verify them."""

    def __init__(self) -> None:
        self._issuer = Issuer()
        self._certificates = CertificateServer(self._issuer.certificates(), "127.0.0.1", 0)
        self._certificates.start()
        self.url = self._certificates.url

    def stop(self) -> None:
        """Nobody can fetch the certificates any more."""
        self._certificates.stop()

    def tokens(self, number: int = 1) -> list[str]:
        """So many, which differ by the second in which they were issued; of at most the last hour."""
        now = utc_now()
        seconds = (timedelta(seconds=n % 3_000) for n in range(number))
        return [self._issuer._sign(ACCOUNT, ENDPOINT, now - ago) for ago in seconds]


class Web:
    """gunicorn with some workers, on a free port of loopback."""

    def __init__(self, database: dict[str, Any], google: Certified, *options: str, workers: int = 2) -> None:
        self.env = {
            **os.environ,
            "BENCH_DATABASE": json.dumps(database, default=str),
            "BENCH_CERTS": google.url,
        }
        self._google, self._options, self._workers = google, options, workers
        self._process: subprocess.Popen[bytes] | None = None
        with socket.create_server(("127.0.0.1", 0)) as listening:
            self.port = int(listening.getsockname()[1])

    def tell(self, *words: str) -> str:
        """What the app prints when it is told this."""
        env = {**self.env, "BENCH_TOKEN": self._token()}
        return subprocess.run(
            [*PROGRAM, *words], env=env, check=True, stdout=subprocess.PIPE, text=True
        ).stdout

    def _token(self) -> str:
        return self._google.tokens()[0] if isinstance(self._google, Google) else ""

    def start(self) -> None:
        """Start it, and wait until all workers are there."""
        command = [sys.executable, "-m", "gunicorn", "bench.execution_app:application"]
        command += [f"--workers={self._workers}", f"--bind=127.0.0.1:{self.port}", "--log-level=critical"]
        self._process = subprocess.Popen([*command, *self._options], env=self.env)
        give_up = time.monotonic() + 60
        while len(self.workers()) < self._workers or not self._is_listening():
            if self._process.poll() is not None or time.monotonic() > give_up:
                raise RuntimeError("gunicorn did not start")
            time.sleep(0.05)

    def _is_listening(self) -> bool:
        with socket.socket() as tried:
            return tried.connect_ex(("127.0.0.1", self.port)) == 0

    @property
    def master(self) -> int:
        """The process that starts the workers."""
        assert self._process is not None
        return self._process.pid

    def workers(self) -> list[int]:
        """The ids of the workers as they are now."""
        try:
            return [
                int(pid)
                for pid in Path(f"/proc/{self.master}/task/{self.master}/children").read_text().split()
            ]
        except FileNotFoundError:
            return []

    def signal(self, number: int) -> None:
        """Send a signal to all processes at once, to the master first, which would make new workers."""
        for pid in (self.master, *self.workers()):
            os.kill(pid, number)

    def kill(self) -> None:
        """As an instance of Cloud Run goes: all processes at once."""
        assert self._process is not None
        workers = self.workers()
        for pid in (self.master, *workers):
            os.kill(pid, signal.SIGKILL)
        self._process.wait(30)
        for pid in workers:  # which are nobody's children now
            while Path(f"/proc/{pid}/exe").exists():
                time.sleep(0.01)
        self._process = None

    def stop(self) -> None:
        """End it as a deploy does; kill what has not ended after half a minute."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(60)
            self._process = None
        except subprocess.TimeoutExpired:
            self.kill()

    def deliver(
        self, job: int, slot: datetime | None, payload: dict[str, Any] | None = None, *, timeout: float = 120
    ) -> Answer:
        """What Google is answered that delivers a slot of the job of this number."""
        token = self._token()
        body = json.dumps(payload or {}).encode()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request("POST", ADDRESS, body, headers(job, slot, token))
            response = connection.getresponse()
            return Answer(response.status, json.loads(response.read()))
        except (OSError, http.client.HTTPException, ValueError) as error:
            return Answer(0, {"error": f"{type(error).__name__}: {error}"})
        finally:
            connection.close()


TASK = "bench.execution_app.Work"
ADDRESS = f"/tasks/{TASK}"


def name_of(job: int) -> str:
    """The id in Google of the job of this number."""
    return f"bench--{job}"


def headers(job: int, slot: datetime | None, token: str) -> dict[str, str]:
    """What Google sends with the delivery of a slot."""
    announced = {} if slot is None else {"X-CloudScheduler-ScheduleTime": slot.isoformat()}
    return {
        "Authorization": f"Bearer {token}",
        "User-Agent": "Google-Cloud-Scheduler",
        "X-CloudScheduler": "true",
        "X-CloudScheduler-JobName": name_of(job),
        "Content-Type": "application/json",
        **announced,
    }
