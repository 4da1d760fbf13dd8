"""Calls to Cloud Scheduler within the backend's quota, tried again where trying again can help."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from copy import copy
from datetime import timedelta
from itertools import count
from typing import TypeVar

from scheduled_jobs.backends import Backend, get_backend, outlives_tests
from scheduled_jobs.conf import settings
from scheduled_jobs.domain.jobs import JobSpec, LiveJob
from scheduled_jobs.exceptions import (
    Aborted,
    BackendError,
    NotFound,
    OutcomeUnknown,
    OutOfTime,
    ResourceExhausted,
)  # fmt: skip
from scheduled_jobs.models import GoogleName
from scheduled_jobs.services.scheduling.faults import refuse
from scheduled_jobs.services.scheduling.names import ownership

T = TypeVar("T")

TRIES = 5
FIRST_WAIT = 0.2
LONGEST_WAIT = 10.0
AGAIN = (Aborted, ResourceExhausted, OutcomeUnknown)
"""Where trying again can help, of calls that may be made more than once."""


def hold_time() -> timedelta:
    """How long a lease or a mark is good for: longer than all calls for one job can take."""
    return timedelta(seconds=4 * settings.RPC_TIMEOUT + 20)


class Client:
    """One backend, for work that must be over at ``until`` (monotonic seconds).

    Made only where the settings are right: raises Misconfigured.

    Each call takes at most ``settings.RPC_TIMEOUT`` seconds, its retries included; only a quota that is used
    up is waited for until ``until``, since others of the project may use it up too. A call of which the
    outcome is unknown may be made again: all but ``run`` end in the same state however often they are
    applied.
    """

    def __init__(self, until: float, backend: Backend | None = None) -> None:
        refuse()
        self.backend = backend or get_backend()
        self.until = until
        self.patience = settings.RPC_TIMEOUT
        self.ownership = ownership()

    def while_held(self) -> Client:
        """One whose calls are over before a lease or a mark of ``hold_time()``, taken just now, runs out."""
        held = copy(self)
        lease_end = time.monotonic() + hold_time().total_seconds()
        held.until = min(self.until, lease_end - settings.RPC_TIMEOUT - 5)
        return held

    def look(self, remote_name: str) -> LiveJob | None:
        """One job; None where there is none."""
        try:
            return self.get(remote_name)
        except NotFound:
            return None

    def get(self, remote_name: str) -> LiveJob:
        """One job; raises NotFound."""
        return self._made(lambda timeout: self.backend.get(remote_name, timeout=timeout), nullcontext)

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
        return self._made(
            lambda timeout: self.backend.run(remote_name, timeout=timeout), self._place, (Aborted,)
        )

    def list(self) -> Iterator[LiveJob]:
        """All jobs of the location, asked for at once; where a page is refused or lost, all come again."""
        jobs = self._listed(self.backend.list(timeout=self.patience))
        return self._of_this_test(jobs) if outlives_tests(self.backend) else jobs

    def _of_this_test(self, jobs: Iterator[LiveJob]) -> Iterator[LiveJob]:
        """Forgets the jobs of tests whose databases were rolled back: in this one nothing tells of them."""
        known = set(GoogleName.objects.values_list("name", flat=True))
        for job in list(jobs):
            if job.remote_name in known:
                yield job
            else:
                self.backend.delete(job.remote_name, timeout=self.patience)

    def _listed(self, jobs: Iterator[LiveJob]) -> Iterator[LiveJob]:
        for tries in count(1):
            try:
                yield from jobs
            except AGAIN:
                wait = _wait_after(tries)
                if tries == TRIES or time.monotonic() + wait >= self.until:
                    raise
                time.sleep(wait)
                jobs = self.backend.list(timeout=self.patience)
            else:
                return

    def _place(self) -> AbstractContextManager[None]:
        return self.backend.quota.place(self.until)

    def _written(self, call: Callable[[float], T]) -> T:
        return self._made(call, self._place)

    def _made(
        self,
        call: Callable[[float], T],
        place: Callable[[], AbstractContextManager[None]],
        again: tuple[type[BackendError], ...] = AGAIN,
    ) -> T:
        left = self.patience
        is_unknown = False
        for tries in count(1):
            try:
                # Each try has a place of its own: Google counts what it refuses, or whose answer is lost.
                with place():
                    begun = time.monotonic()
                    timeout = min(left, self.until - begun)
                    if timeout <= 0:
                        raise OutOfTime("time ran out before the call was made")
                    return call(timeout)
            except BackendError as error:
                # A try that was not answered may have been applied, whatever a later one is told.
                is_unknown |= not error.definite
                error.definite = not is_unknown
                if not isinstance(error, again):
                    raise
                failure = error
            left -= time.monotonic() - begun
            wait = _wait_after(tries)
            if isinstance(failure, ResourceExhausted):
                left = self.patience
            elif tries >= TRIES or wait >= left:
                raise failure
            else:
                left -= wait
            if time.monotonic() + wait >= self.until:
                raise failure
            time.sleep(wait)
        raise AssertionError("the last try returns or raises")


def _wait_after(tries: int) -> float:
    """Seconds before the next try, with jitter."""
    return min(FIRST_WAIT * 2.0 ** (tries - 1), LONGEST_WAIT) * random.uniform(0.5, 1.5)  # noqa: S311
