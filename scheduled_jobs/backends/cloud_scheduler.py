"""Cloud Scheduler through Google's own client, over gRPC."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from scheduled_jobs import exceptions
from scheduled_jobs.backends.base import Backend
from scheduled_jobs.backends.errors import error_of
from scheduled_jobs.conf import settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from google.cloud.scheduler_v1 import CloudSchedulerClient

    from scheduled_jobs.domain.jobs import JobSpec, LiveJob

PAGE_SIZE = 500
"""The most jobs that ListJobs returns in one page (Cloud Scheduler v1 API reference)."""


class CloudSchedulerBackend(Backend):
    """Calls the Cloud Scheduler v1 API, or the emulator where EMULATOR_HOST is set.

    The client's own defaults block for up to ten minutes: every call here has a timeout and no retry.
    The client is made at the first call, since importing it takes a sixth of a second and a channel
    must not be older than the process.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._client: CloudSchedulerClient | None = None
        self._channel: Any = None
        self._parent: str | None = None

    @property
    def parent(self) -> str:
        if self._parent is None:
            self._parent = f"projects/{self._project()}/locations/{self._location()}"
        return self._parent

    def _project(self) -> str:
        if settings.PROJECT_ID:
            return settings.PROJECT_ID
        if settings.EMULATOR_HOST:
            return "local"
        import google.auth

        with translated():
            _, project = google.auth.default()
        if not project:
            raise exceptions.InvalidArgument(
                "the default credentials name no project; set DJANGO_CLOUD_TASKS_PROJECT_ID"
            )
        return str(project)

    def _location(self) -> str:
        if settings.LOCATION:
            return settings.LOCATION
        if settings.EMULATOR_HOST:
            return "us-central1"
        raise exceptions.InvalidArgument(
            "no location is set; set DJANGO_CLOUD_TASKS_LOCATION, such as europe-west1"
        )

    @property
    def client(self) -> CloudSchedulerClient:
        """Google's client; threads share it and its one channel."""
        with self._lock:
            if self._client is None:
                self._client = self._connect()
            return self._client

    def _connect(self) -> CloudSchedulerClient:
        from google.cloud.scheduler_v1 import CloudSchedulerClient
        from google.cloud.scheduler_v1.services.cloud_scheduler.transports import (
            CloudSchedulerGrpcTransport,
        )

        if not settings.EMULATOR_HOST:
            with translated():
                return CloudSchedulerClient()
        import grpc

        self._channel = grpc.insecure_channel(settings.EMULATOR_HOST)
        return CloudSchedulerClient(transport=CloudSchedulerGrpcTransport(channel=self._channel))

    def close(self) -> None:
        with self._lock:
            if self._client is not None:
                transport: Any = self._client.transport
                transport.close()
            self._client = None

    def list(self, *, timeout: float) -> Iterator[LiveJob]:
        from google.cloud.scheduler_v1.types import ListJobsResponse

        from scheduled_jobs.backends.messages import live_job

        request = {"parent": self.parent, "page_size": PAGE_SIZE}
        with translated():
            pages = iter(self.client.list_jobs(request=request, timeout=timeout, retry=None).pages)
        while True:
            with translated():
                page = next(pages, None)
            if page is None:
                return
            # Whole pages: the pager would wrap every single job.
            yield from map(live_job, ListJobsResponse.pb(page).jobs)

    def get(self, remote_name: str, *, timeout: float) -> LiveJob:
        return self._live(self.client.get_job, {"name": remote_name}, timeout)

    def create(self, spec: JobSpec, *, timeout: float) -> LiveJob:
        from google.cloud.scheduler_v1.types import CreateJobRequest

        from scheduled_jobs.backends.messages import message_of

        request = CreateJobRequest.meta.pb(
            parent=self.parent, job=message_of(spec, self.remote_name(spec.name))
        )
        return self._live(self.client.create_job, CreateJobRequest.wrap(request), timeout)

    def update(self, spec: JobSpec, mask: Sequence[str], *, timeout: float) -> LiveJob:
        from google.cloud.scheduler_v1.types import UpdateJobRequest

        from scheduled_jobs.backends.messages import update_request

        request = update_request(spec, self.remote_name(spec.name), mask)
        return self._live(self.client.update_job, UpdateJobRequest.wrap(request), timeout)

    def delete(self, remote_name: str, *, timeout: float) -> None:
        with translated():
            self.client.delete_job(request={"name": remote_name}, timeout=timeout, retry=None)

    def pause(self, remote_name: str, *, timeout: float) -> LiveJob:
        return self._live(self.client.pause_job, {"name": remote_name}, timeout)

    def resume(self, remote_name: str, *, timeout: float) -> LiveJob:
        return self._live(self.client.resume_job, {"name": remote_name}, timeout)

    def run(self, remote_name: str, *, timeout: float) -> LiveJob:
        return self._live(self.client.run_job, {"name": remote_name}, timeout)

    @staticmethod
    def _live(method: Callable[..., Any], request: Any, timeout: float) -> LiveJob:
        from scheduled_jobs.backends.messages import live_job

        with translated():
            job = method(request=request, timeout=timeout, retry=None)
        return live_job(type(job).pb(job))


@contextmanager
def translated() -> Iterator[None]:
    """Turns what Google's libraries raise into the package's own exceptions, the reason kept."""
    from google.api_core.exceptions import GoogleAPICallError, RetryError
    from google.auth.exceptions import GoogleAuthError, TransportError

    try:
        yield
    except (RetryError, TransportError) as error:
        raise exceptions.OutcomeUnknown(str(error)) from error
    except GoogleAuthError as error:
        raise exceptions.Unauthenticated(str(error)) from error
    except GoogleAPICallError as error:
        # The status, not the class: Aborted and AlreadyExists share a parent, and a bare Conflict is neither.
        status = error.grpc_status_code.name if error.grpc_status_code else "UNKNOWN"
        raise error_of(status, error.message or str(error)) from error
