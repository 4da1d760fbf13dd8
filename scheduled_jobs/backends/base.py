"""What the package asks of Cloud Scheduler, how often it may, and in which exceptions it is refused."""

from __future__ import annotations

import abc
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext

from scheduled_jobs import exceptions
from scheduled_jobs.conf import settings
from scheduled_jobs.domain.jobs import JobSpec, LiveJob
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


BY_STATUS: dict[str, type[exceptions.BackendError]] = {
    "NOT_FOUND": exceptions.NotFound,
    "ALREADY_EXISTS": exceptions.AlreadyExists,
    "ABORTED": exceptions.Aborted,
    "INVALID_ARGUMENT": exceptions.InvalidArgument,
    "OUT_OF_RANGE": exceptions.InvalidArgument,
    "UNIMPLEMENTED": exceptions.InvalidArgument,
    "PERMISSION_DENIED": exceptions.PermissionDenied,
    "UNAUTHENTICATED": exceptions.Unauthenticated,
    "FAILED_PRECONDITION": exceptions.FailedPrecondition,
    "RESOURCE_EXHAUSTED": exceptions.ResourceExhausted,
}


OWN_CREDENTIALS = re.compile(
    r"reauth|invalid_grant|invalid_rapt|invalid_client|unauthorized_client|refresherror"
    r"|impersonated credentials",
    re.IGNORECASE,
)
"""In place of a token: gRPC then says UNAVAILABLE, "Getting metadata from plugin failed with error: …"
(googleapis/google-cloud-python #10424), though nothing was sent and nothing will be.
"""
QUOTA_OF_CALLS = re.compile(r"minute|second|request|rate", re.IGNORECASE)


def error_of(status: str, message: str) -> exceptions.BackendError:
    """The exception for a status. Of all others nobody knows whether the call was applied."""
    if status not in BY_STATUS and OWN_CREDENTIALS.search(message):
        return exceptions.Unauthenticated(message)
    if (
        status == "RESOURCE_EXHAUSTED"
        and re.search(r"\bjobs\b", message)
        and not QUOTA_OF_CALLS.search(message)
    ):
        return exceptions.TooManyJobs(message)
    return BY_STATUS.get(status, exceptions.OutcomeUnknown)(message)


class Backend(abc.ABC):
    """Cloud Scheduler as the package sees it.

    ``remote_name`` is a full resource name, ``projects/P/locations/L/jobs/ID``. Each method makes one
    call (``list`` one per page) that ends after ``timeout`` seconds, tries nothing twice, and raises a
    ``BackendError``: OutcomeUnknown if the call may have been applied all the same.
    """

    quota: Quota = Quota()
    """Where each changing call takes its place; whoever calls asks for it."""

    @property
    @abc.abstractmethod
    def parent(self) -> str:
        """``projects/P/locations/L``: where this app's jobs live."""

    def remote_name(self, job_id: str) -> str:
        """The full resource name of a job of this app."""
        return f"{self.parent}/jobs/{job_id}"

    @abc.abstractmethod
    def list(self, *, timeout: float) -> Iterator[LiveJob]:
        """All jobs of the location, whosever they are, in no order."""

    @abc.abstractmethod
    def get(self, remote_name: str, *, timeout: float) -> LiveJob:
        """One job; raises NotFound."""

    @abc.abstractmethod
    def create(self, spec: JobSpec, *, timeout: float) -> LiveJob:
        """Create a job, enabled; raises AlreadyExists."""

    @abc.abstractmethod
    def update(self, spec: JobSpec, mask: Sequence[str], *, timeout: float) -> LiveJob:
        """Replace the fields of ``mask`` (top-level paths); the state stays. Raises NotFound."""

    @abc.abstractmethod
    def delete(self, remote_name: str, *, timeout: float) -> None:
        """Delete a job; raises NotFound."""

    @abc.abstractmethod
    def pause(self, remote_name: str, *, timeout: float) -> LiveJob:
        """Pause a job; raises NotFound, and FailedPrecondition if its state does not allow it."""

    @abc.abstractmethod
    def resume(self, remote_name: str, *, timeout: float) -> LiveJob:
        """Resume a job; raises NotFound, and FailedPrecondition if its state does not allow it."""

    @abc.abstractmethod
    def run(self, remote_name: str, *, timeout: float) -> LiveJob:
        """Force a run. Not idempotent: each call is one more request to the app."""

    def close(self) -> None:  # noqa: B027 – most backends hold nothing open
        """Let go of connections."""
