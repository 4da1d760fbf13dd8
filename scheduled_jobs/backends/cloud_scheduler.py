"""Cloud Scheduler through Google's own client, over gRPC."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from scheduled_jobs import exceptions
from scheduled_jobs.backends.base import Backend, WriteLimit, error_of
from scheduled_jobs.conf import settings
from scheduled_jobs.domain.jobs import JobSpec, LiveJob

if TYPE_CHECKING:
    from google.cloud.scheduler_v1 import CloudSchedulerClient

PAGE_SIZE = 500
"""The most jobs that ListJobs returns in one page (Cloud Scheduler v1 API reference)."""


class CloudSchedulerBackend(Backend):
    """Calls the Cloud Scheduler v1 API, or the emulator where EMULATOR_HOST is set.

    The client's own defaults block for up to ten minutes: every call here has a timeout and no retry.
    The client is made at the first call, since importing it takes a sixth of a second and a channel
    must not be older than the process.
    """

    def __init__(self) -> None:
        self.quota = WriteLimit()
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
        import google.auth

        with _credentials_read():
            _, project = google.auth.default()
        if not project:
            raise exceptions.InvalidArgument(
                "the default credentials name no project; set DJANGO_CLOUD_TASKS_PROJECT_ID"
            )
        return str(project)

    def _location(self) -> str:
        if settings.LOCATION:
            return settings.LOCATION
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
            with _credentials_read():
                return CloudSchedulerClient()
        import grpc

        # Whatever the proxy of the environment is for, it is not for a program on this machine.
        self._channel = grpc.insecure_channel(settings.EMULATOR_HOST, [("grpc.enable_http_proxy", 0)])
        return CloudSchedulerClient(transport=CloudSchedulerGrpcTransport(channel=self._channel))

    def close(self) -> None:
        with self._lock:
            if self._client is not None:
                transport: Any = self._client.transport
                transport.close()
            self._client = None

    def list(self, *, timeout: float) -> Iterator[LiveJob]:
        pages: SimpleQueue[Any] = SimpleQueue()
        try:
            # Google's libraries are imported here: a Ctrl-C while this thread waits for the lock of another
            # thread's import would leave that lock taken for ever.
            client, parent = self.client, self.parent
        except exceptions.BackendError as error:
            pages.put(error)
            return self._read(pages)
        # A thread asks for page after page from now on: whoever lists may do something else meanwhile. It is
        # no daemon: one that is in the middle of a call when Python ends takes the process down with it.
        arguments = (client, parent, timeout, pages.put)
        threading.Thread(target=self._fetch, args=arguments, name="scheduled_jobs.list").start()
        return self._read(pages)

    @staticmethod
    def _fetch(client: CloudSchedulerClient, parent: str, timeout: float, put: Callable[[Any], None]) -> None:
        """Hand on the jobs of each page, then None, or whatever was raised."""
        from google.cloud.scheduler_v1.types import ListJobsResponse

        try:
            with googles_errors_translated():
                request = {"parent": parent, "page_size": PAGE_SIZE}
                for page in client.list_jobs(request=request, timeout=timeout, retry=None).pages:
                    # Whole pages: the pager would wrap every single job.
                    put(ListJobsResponse.pb(page).jobs)
            put(None)
        except BaseException as error:  # noqa: BLE001 – raised where the jobs are read
            put(error)

    @staticmethod
    def _read(pages: SimpleQueue[Any]) -> Iterator[LiveJob]:
        from scheduled_jobs.backends.messages import live_job

        while (page := pages.get()) is not None:
            if isinstance(page, BaseException):
                raise page
            yield from map(live_job, page)

    def get(self, remote_name: str, *, timeout: float) -> LiveJob:
        return self._live("get_job", self._named("GetJobRequest", remote_name), timeout, name=remote_name)

    def create(self, spec: JobSpec, *, timeout: float) -> LiveJob:
        from google.cloud.scheduler_v1.types import CreateJobRequest

        from scheduled_jobs.backends.messages import message_of

        request = CreateJobRequest.meta.pb(
            parent=self.parent, job=message_of(spec, self.remote_name(spec.name))
        )
        return self._live("create_job", CreateJobRequest.wrap(request), timeout, parent=self.parent)

    def update(self, spec: JobSpec, mask: Sequence[str], *, timeout: float) -> LiveJob:
        from google.cloud.scheduler_v1.types import UpdateJobRequest

        from scheduled_jobs.backends.messages import update_request

        name = self.remote_name(spec.name)
        request = UpdateJobRequest.wrap(update_request(spec, name, mask))
        return self._live("update_job", request, timeout, **{"job.name": name})

    def delete(self, remote_name: str, *, timeout: float) -> None:
        self._call("delete_job", self._named("DeleteJobRequest", remote_name), timeout, name=remote_name)

    def pause(self, remote_name: str, *, timeout: float) -> LiveJob:
        return self._live("pause_job", self._named("PauseJobRequest", remote_name), timeout, name=remote_name)

    def resume(self, remote_name: str, *, timeout: float) -> LiveJob:
        return self._live(
            "resume_job", self._named("ResumeJobRequest", remote_name), timeout, name=remote_name
        )

    def run(self, remote_name: str, *, timeout: float) -> LiveJob:
        return self._live("run_job", self._named("RunJobRequest", remote_name), timeout, name=remote_name)

    @staticmethod
    def _named(kind: str, remote_name: str) -> Any:
        from google.cloud.scheduler_v1 import types

        return getattr(types, kind)(name=remote_name)

    def _live(self, method: str, request: Any, timeout: float, **routing: str) -> LiveJob:
        from scheduled_jobs.backends.messages import live_job

        job = self._call(method, request, timeout, **routing)
        return live_job(type(job).pb(job))

    def _call(self, method: str, request: Any, timeout: float, **routing: str) -> Any:
        """One call over the transport of Google's client, which names the methods as the client does.

        Of what the client's own methods add, and what takes a fifth of the processor's time of a call, two
        headers are needed: the one by which Google routes the request, and the one that names the client's
        version. Its retries are not wanted here.
        """
        from google.api_core.gapic_v1.routing_header import to_grpc_metadata
        from google.cloud.scheduler_v1.services.cloud_scheduler.transports.base import DEFAULT_CLIENT_INFO

        routed = to_grpc_metadata(routing)  # type: ignore[no-untyped-call]
        named = DEFAULT_CLIENT_INFO.to_grpc_metadata()  # type: ignore[no-untyped-call]
        with googles_errors_translated():
            transport: Any = self.client.transport
            return getattr(transport, method)(request, timeout=timeout, metadata=[routed, named])


@contextmanager
def _credentials_read() -> Iterator[None]:
    with googles_errors_translated():
        try:
            yield
        except OSError as error:  # such as a folder in its place, or a file of somebody else's
            raise exceptions.Unauthenticated(f"the file of credentials cannot be read: {error}") from error


@contextmanager
def googles_errors_translated() -> Iterator[None]:
    """Turns what Google's libraries raise into the package's own exceptions, the reason kept."""
    from google.api_core.exceptions import GoogleAPICallError, RetryError, from_grpc_error
    from google.auth.exceptions import GoogleAuthError, TransportError
    from grpc import RpcError

    try:
        try:
            yield
        except RpcError as error:
            raise from_grpc_error(error) from error  # type: ignore[no-untyped-call]
    except (RetryError, TransportError) as error:
        raise error_of("UNAVAILABLE", str(error)) from error
    except GoogleAuthError as error:
        # What it has behind its sentence is another exception, such as of a file that is no JSON.
        raise exceptions.Unauthenticated(str(error.args[0] if error.args else error)) from error
    except GoogleAPICallError as error:
        # The status, not the class: Aborted and AlreadyExists share a parent, and a bare Conflict is neither.
        status = error.grpc_status_code.name if error.grpc_status_code else "UNKNOWN"
        raise error_of(status, error.message or str(error)) from error
