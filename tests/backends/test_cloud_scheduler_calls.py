"""What our calls send beside the request, and how a list is read, seen from a server of our own."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
from google.cloud.scheduler_v1 import types

from scheduled_jobs import exceptions
from scheduled_jobs.backends.cloud_scheduler import CloudSchedulerBackend
from tests.backends.cases import SPEC
from tests.backends.server import NAME, PARENT

if TYPE_CHECKING:
    from tests.backends.server import Server

METHODS = ["CreateJob", "UpdateJob", "DeleteJob", "PauseJob", "ResumeJob", "RunJob", "GetJob", "ListJobs"]


def test_every_call_says_its_route_and_its_client(server: Server, backend: CloudSchedulerBackend) -> None:
    backend.create(SPEC, timeout=5)
    backend.update(SPEC, ["schedule"], timeout=5)
    backend.delete(NAME, timeout=5)
    backend.pause(NAME, timeout=5)
    backend.resume(NAME, timeout=5)
    backend.run(NAME, timeout=5)
    backend.get(NAME, timeout=5)
    list(backend.list(timeout=5))

    routed = {method: server.headers[method]["x-goog-request-params"] for method in METHODS}
    assert routed == {
        **dict.fromkeys(METHODS, f"name={NAME}"),
        "CreateJob": f"parent={PARENT}",
        "UpdateJob": f"job.name={NAME}",
        "ListJobs": f"parent={PARENT}",
    }
    assert all("gapic/" in server.headers[method]["x-goog-api-client"] for method in METHODS)


def test_the_emulator_is_reached_without_a_proxy(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("grpc_proxy", "http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    backend = CloudSchedulerBackend()
    assert backend.get(NAME, timeout=5).remote_name == NAME
    backend.close()


def test_pages_are_asked_for_before_they_are_read(server: Server, backend: CloudSchedulerBackend) -> None:
    jobs = backend.list(timeout=5)

    assert server.asked_for_the_next.wait(5)
    assert next(jobs).name == "first"
    assert [job.name for job in jobs] == ["second"]
    assert server.pages == ["", "second"]


def test_a_list_that_nobody_reads_ends(server: Server, backend: CloudSchedulerBackend) -> None:
    backend.list(timeout=5)
    listing = [thread for thread in threading.enumerate() if thread.name == "scheduled_jobs.list"]
    for thread in listing:
        thread.join(5)

    assert not any(thread.is_alive() for thread in listing)


def test_a_page_that_fails_is_one_of_our_exceptions(server: Server, backend: CloudSchedulerBackend) -> None:
    real = server.answer

    def fail_the_second(method: str, request: bytes) -> Any:
        if types.ListJobsRequest.deserialize(request).page_token:
            raise ValueError
        return real(method, request)

    server.answer = fail_the_second  # type: ignore[method-assign]

    with pytest.raises(exceptions.OutcomeUnknown):
        list(backend.list(timeout=5))
