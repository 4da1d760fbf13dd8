"""How many writes a backend takes in a minute: none is counted, but by the one that speaks to Google."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from scheduled_jobs.conf import settings
from scheduled_jobs.exceptions import OutOfTime

WINDOW = 60.0
"""Seconds over which Cloud Scheduler counts writes: 500 a minute and project (quotas page)."""


class Quota:
    """No limit: each write has a place at once."""

    def place(self, until: float) -> AbstractContextManager[None]:  # noqa: ARG002 – nothing is waited for
        """Hold the place of one write; raises OutOfTime if none is free by ``until`` (monotonic seconds)."""
        return nullcontext()

    def free(self, until: float | None = None) -> int | None:  # noqa: ARG002
        """How many places are free; None where there is no limit. With ``until``, waits for one that long."""
        return None


class WriteLimit(Quota):
    """At most ``settings.WRITES_PER_MINUTE`` writes in any sixty seconds, all at once if they are free.

    A place is taken before a call and becomes free sixty seconds after the call's *end*: the service
    counts it somewhere between the two, so its own window never holds more.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._changed = threading.Condition()
        self._in_flight = 0
        self._ended: deque[float] = deque()

    @contextmanager
    def place(self, until: float) -> Iterator[None]:
        limit = settings.WRITES_PER_MINUTE
        if limit is None:
            yield
            return
        with self._changed:
            while (wait := self._wait(limit)) > 0:
                if self._clock() + min(wait, WINDOW) > until:
                    raise OutOfTime(f"the limit of {limit} writes a minute is used up")
                self._changed.wait(timeout=wait)
            self._in_flight += 1
        try:
            yield
        finally:
            with self._changed:
                self._in_flight -= 1
                self._ended.append(self._clock())
                self._changed.notify()

    def free(self, until: float | None = None) -> int | None:
        limit = settings.WRITES_PER_MINUTE
        if limit is None:
            return None
        with self._changed:
            while until is not None and (wait := self._wait(limit)) > 0 and self._clock() < until:
                self._changed.wait(timeout=min(wait, until - self._clock()))
            self._forget()
            return max(limit - self._in_flight - len(self._ended), 0)

    def _forget(self) -> None:
        while self._ended and self._ended[0] <= self._clock() - WINDOW:
            self._ended.popleft()

    def _wait(self, limit: int) -> float:
        """Seconds until a place may be free; 0 if one is."""
        self._forget()
        if self._in_flight + len(self._ended) < limit:
            return 0.0
        return max(self._ended[0] + WINDOW - self._clock(), 0.001) if self._ended else WINDOW
