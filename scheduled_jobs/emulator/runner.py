"""The running clock: steps the dispatcher when something is due and sends what it says."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from threading import Event, Thread

from scheduled_jobs.emulator.delivery import Delivery, Unanswered
from scheduled_jobs.emulator.dispatcher import Dispatcher
from scheduled_jobs.emulator.http_client import HttpClient
from scheduled_jobs.emulator.met import Met
from scheduled_jobs.emulator.store import Store

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
