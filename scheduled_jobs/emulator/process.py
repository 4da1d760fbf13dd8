"""The emulator as a whole: gRPC, certificates and clock over one store, started and stopped together."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from threading import Event, Thread
from types import TracebackType

from scheduled_jobs.emulator.certificates import CertificateServer
from scheduled_jobs.emulator.delivery import Delivery, Unanswered
from scheduled_jobs.emulator.dispatcher import Dispatcher
from scheduled_jobs.emulator.http_client import HttpClient
from scheduled_jobs.emulator.met import Met
from scheduled_jobs.emulator.server import GrpcServer
from scheduled_jobs.emulator.store import Store
from scheduled_jobs.emulator.tokens import Issuer
from scheduled_jobs.exceptions import CannotStart

logger = logging.getLogger("scheduled_jobs.emulator")

BATCH = 100  # attempts decided before the loop sends them: the first must not wait for the thousandth
FLUSH_EVERY = 1.0  # seconds between two writes of run facts; calls are written before they are answered
LONGEST_SLEEP = 1.0  # seconds: a machine's clock may be set while we sleep


class Runner:
    """Fires the jobs of a store from a thread of its own, which alone touches the dispatcher."""

    def __init__(self, store: Store, token: Callable[[str, str], str]) -> None:
        self._store = store
        self._token = token
        self._dispatcher = Dispatcher(store)
        self._thread = Thread(target=self._run, name="dispatcher", daemon=True)
        self._ready = Event()
        self._stopping = False

    def start(self) -> None:
        """Begin to fire; returns once the clock is running."""
        self._thread.start()
        self._ready.wait()

    def stop(self, timeout: float) -> None:
        """Start nothing more; attempts under way have ``timeout`` seconds to end, then they are abandoned."""
        self._grace = timeout
        self._stopping = True
        self._wake_up()
        self._thread.join(timeout + 1)

    def _wake_up(self) -> None:
        with suppress(RuntimeError):  # the loop may just have closed
            self._loop.call_soon_threadsafe(self._wake.set)

    def _run(self) -> None:
        asyncio.run(self._main())

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._wake = asyncio.Event()
        self._client = HttpClient(self._token)
        self._attempts: set[asyncio.Task[None]] = set()
        self._store.listener = self._wake_up
        self._ready.set()
        flusher = asyncio.create_task(self._flush_regularly())
        while not self._stopping:
            self._wake.clear()
            try:
                busy = self._fire(self._store.clock())
            except Exception:
                # One faulty job must not stop the clock of all others.
                logger.exception("The dispatcher failed; it goes on")
                busy = False
            await self._sleep(busy=busy)
        self._store.listener = lambda: None
        flusher.cancel()
        if self._attempts:
            await asyncio.wait(self._attempts, timeout=self._grace)
        for attempt in self._attempts:
            attempt.cancel()

    def _fire(self, now: datetime) -> bool:
        deliveries = self._dispatcher.step(now, BATCH)
        for delivery in deliveries:
            task = asyncio.create_task(self._attempt(delivery))
            self._attempts.add(task)
            task.add_done_callback(self._attempts.discard)
        return bool(deliveries)

    async def _sleep(self, *, busy: bool) -> None:
        due = self._dispatcher.next_time()
        pause = LONGEST_SLEEP
        if due is not None:
            pause = min(pause, (due - self._store.clock()).total_seconds())
        if busy or pause <= 0:
            await asyncio.sleep(0)  # let the attempts of this batch begin
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(pause):
                await self._wake.wait()

    async def _attempt(self, delivery: Delivery) -> None:
        try:
            answer = await self._client.send(delivery)
        except Exception:
            logger.exception("%s: attempt %d failed inside the emulator", delivery.job_id, delivery.attempt)
            answer = Met(Unanswered.UNREACHABLE, "the emulator failed")
        self._dispatcher.finish(delivery, answer.outcome, self._store.clock())
        self._wake.set()
        level, mark = (logging.INFO, "") if answer.is_as_wished else (logging.WARNING, "[!] ")
        met = f"{mark}{delivery.job_id}: attempt {delivery.attempt} of {delivery.uri}: {answer}"
        logger.log(level, "%s", met)

    async def _flush_regularly(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_EVERY)
            try:
                self._store.flush()
            except Exception:
                logger.exception("The state file could not be written; trying again")


GRACE = 1.0  # seconds for calls, and then for attempts, that are under way when the emulator stops
PAIRS = 50  # how often a free pair of neighbouring ports is looked for
OPEN_FILES = 4096


class Emulator:
    """A running emulator; a context manager that stops it.

    ``port`` 0 takes a free one; ``certs_port`` None is the port after it, 0 any free one. Raises CannotStart
    for a taken port. The store is closed when the emulator stops.
    """

    def __init__(
        self,
        store: Store,
        *,
        host: str = "127.0.0.1",
        port: int = 8085,
        certs_port: int | None = None,
    ) -> None:
        self.store = store
        self.issuer = Issuer(store.state_file)
        self._grpc, self._certificates = _bind(store, self.issuer, host, port, certs_port)
        self.host = f"{host}:{self._grpc.port}"
        self.certs_url = self._certificates.url
        self._runner = Runner(store, self.issuer.token)

    def start(self) -> None:
        """Answer calls and fire jobs."""
        _allow_open_files()
        self._certificates.start()
        self._runner.start()
        self._grpc.start()

    def stop(self) -> None:
        """Stop within about two seconds, whatever is under way; what was changed is in the state file."""
        self.store.faults.hurry()
        self._grpc.stop(GRACE)
        self._runner.stop(GRACE)
        self._certificates.stop()
        self.store.close()

    def __enter__(self) -> Emulator:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _bind(
    store: Store, issuer: Issuer, host: str, port: int, certs_port: int | None
) -> tuple[GrpcServer, CertificateServer]:
    tries = PAIRS if port == 0 and certs_port is None else 1
    while True:
        tries -= 1
        grpc_server = GrpcServer(store, host, port)
        chosen = grpc_server.port + 1 if certs_port is None else certs_port
        try:
            return grpc_server, CertificateServer(issuer.certificates(), host, chosen)
        except CannotStart:
            grpc_server.stop(0)
            if not tries:
                raise


def _allow_open_files() -> None:
    """Let the process open many files, as far as the system lets it: each attempt under way is one."""
    try:
        import resource
    except ImportError:  # Windows
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, OPEN_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(OSError, ValueError):  # a sandbox may not let us; then attempts fail where files do
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
