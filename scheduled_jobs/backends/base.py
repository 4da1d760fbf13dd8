"""What the package asks of Cloud Scheduler, and nothing more."""

from __future__ import annotations

import abc
from collections.abc import Iterator, Sequence

from scheduled_jobs.backends.quota import Quota
from scheduled_jobs.domain.jobs import JobSpec, LiveJob


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
