"""Calls to Cloud Scheduler within its quota, tried again where trying again can help."""

from __future__ import annotations

import random
import threading
import time
from collections import deque
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, TypeVar

from scheduled_jobs.backends import Backend, get_backend
from scheduled_jobs.conf import settings
from scheduled_jobs.exceptions import Aborted, BackendError, OutcomeUnknown, ResourceExhausted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from scheduled_jobs.domain.jobs import JobSpec, LiveJob

T = TypeVar("T")

WINDOW = 60.0
"""Seconds over which Cloud Scheduler counts writes: 500 a minute and project (quotas page)."""
TRIES = 5
FIRST_WAIT = 0.2


class OutOfTime(BackendError):
    """Time ran out before the call was made; nothing was sent."""


class WriteLimit:
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
        """Hold one place; raises OutOfTime if none becomes free before ``until`` (monotonic seconds)."""
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
        """How many places are free; None where there is no limit. With ``until``, waits for one that long."""
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


write_limit = WriteLimit()


class Calls:
    """One backend, for work that must be over at ``until`` (monotonic seconds).

    Each call takes at most ``settings.RPC_TIMEOUT`` seconds, its retries included. A call of which the
    outcome is unknown may be made again: all but ``run`` end in the same state however often they are
    applied.
    """

    def __init__(self, until: float, backend: Backend | None = None) -> None:
        self.backend = backend or get_backend()
        self.until = until

    def get(self, remote_name: str) -> LiveJob:
        """One job; raises NotFound."""
        return self._made(lambda timeout: self.backend.get(remote_name, timeout=timeout), nullcontext())

    def create(self, spec: JobSpec) -> LiveJob:
        """Create a job; raises AlreadyExists, also if an unanswered first try was applied."""
        return self._written(lambda timeout: self.backend.create(spec, timeout=timeout))

    def update(self, spec: JobSpec, mask: Sequence[str]) -> LiveJob:
        """Update the fields of the mask."""
        return self._written(lambda timeout: self.backend.update(spec, mask, timeout=timeout))

    def delete(self, remote_name: str) -> None:
        """Delete a job; raises NotFound."""
        self._written(lambda timeout: self.backend.delete(remote_name, timeout=timeout))

    def pause(self, remote_name: str) -> LiveJob:
        """Pause a job."""
        return self._written(lambda timeout: self.backend.pause(remote_name, timeout=timeout))

    def resume(self, remote_name: str) -> LiveJob:
        """Resume a job."""
        return self._written(lambda timeout: self.backend.resume(remote_name, timeout=timeout))

    def run(self, remote_name: str) -> LiveJob:
        """Force a run: one call, and another only where Google said that it did nothing (ABORTED)."""
        place = write_limit.place(self.until)
        return self._made(lambda timeout: self.backend.run(remote_name, timeout=timeout), place, (Aborted,))

    def _written(self, call: Callable[[float], T]) -> T:
        return self._made(call, write_limit.place(self.until))

    def _made(
        self,
        call: Callable[[float], T],
        place: AbstractContextManager[None],
        again: tuple[type[BackendError], ...] = (Aborted, ResourceExhausted, OutcomeUnknown),
    ) -> T:
        with place:
            end = min(time.monotonic() + settings.RPC_TIMEOUT, self.until)
            for tries in range(1, TRIES + 1):
                left = end - time.monotonic()
                if left <= 0:
                    raise OutOfTime("time ran out before the call was made")
                try:
                    return call(left)
                except again:
                    wait = FIRST_WAIT * 2 ** (tries - 1) * random.uniform(0.5, 1.5)  # noqa: S311 – jitter
                    if tries == TRIES or time.monotonic() + wait >= end:
                        raise
                    time.sleep(wait)
            raise AssertionError("the last try returns or raises")
