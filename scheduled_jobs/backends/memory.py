"""Cloud Scheduler in the process itself: the emulator's store, called without a network."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from scheduled_jobs.backends.base import Backend, error_of
from scheduled_jobs.backends.messages import live_job, message_of
from scheduled_jobs.conf import settings
from scheduled_jobs.domain.jobs import JobSpec, LiveJob
from scheduled_jobs.emulator.store import Store, StoreError


class MemoryBackend(Backend):
    """Keeps the jobs in ``store`` with Google's rules, and fires nothing by itself."""

    def __init__(self, store: Store | None = None) -> None:
        self.store = store or Store()

    @property
    def parent(self) -> str:
        return f"projects/{settings.PROJECT_ID or 'local'}/locations/{settings.LOCATION or 'us-central1'}"

    def list(self, *, timeout: float) -> Iterator[LiveJob]:  # noqa: ARG002 – nothing here takes time
        page_token = ""
        while True:
            with store_errors_translated():
                jobs, page_token = self.store.list_jobs(self.parent, 500, page_token)
            yield from map(live_job, jobs)
            if not page_token:
                return

    def get(self, remote_name: str, *, timeout: float) -> LiveJob:  # noqa: ARG002
        with store_errors_translated():
            return live_job(self.store.get_job(remote_name))

    def create(self, spec: JobSpec, *, timeout: float) -> LiveJob:  # noqa: ARG002
        with store_errors_translated():
            return live_job(self.store.create_job(self.parent, message_of(spec, self.remote_name(spec.name))))

    def update(self, spec: JobSpec, mask: Sequence[str], *, timeout: float) -> LiveJob:  # noqa: ARG002
        with store_errors_translated():
            message = message_of(spec, self.remote_name(spec.name))
            return live_job(self.store.update_job(message, list(mask)))

    def delete(self, remote_name: str, *, timeout: float) -> None:  # noqa: ARG002
        with store_errors_translated():
            self.store.delete_job(remote_name)

    def pause(self, remote_name: str, *, timeout: float) -> LiveJob:  # noqa: ARG002
        with store_errors_translated():
            return live_job(self.store.pause_job(remote_name))

    def resume(self, remote_name: str, *, timeout: float) -> LiveJob:  # noqa: ARG002
        with store_errors_translated():
            return live_job(self.store.resume_job(remote_name))

    def run(self, remote_name: str, *, timeout: float) -> LiveJob:  # noqa: ARG002
        with store_errors_translated():
            return live_job(self.store.run_job(remote_name))


@contextmanager
def store_errors_translated() -> Iterator[None]:
    """Turns the store's refusals into the package's own exceptions."""
    try:
        yield
    except StoreError as error:
        raise error_of(error.code, error.message) from error
