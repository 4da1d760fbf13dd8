"""A server that speaks Cloud Scheduler's protocol and keeps nothing."""

from __future__ import annotations

import threading
from typing import Any

import grpc
from google.cloud.scheduler_v1 import types
from google.protobuf import empty_pb2

from tests.backends.cases import SPEC

PARENT = "projects/shop-project/locations/europe-west1"
NAME = f"{PARENT}/jobs/{SPEC.name}"
JOB = types.Job.meta.pb


class Server(grpc.GenericRpcHandler):  # type: ignore[type-arg]
    """Answers every call with a job, and remembers the calls and their headers."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.headers: dict[str, dict[str, str]] = {}
        self.pages: list[str] = []
        self.asked_for_the_next = threading.Event()

    def service(self, details: Any) -> Any:
        method = details.method.rpartition("/")[2]
        self.calls.append(method)
        self.headers[method] = dict(details.invocation_metadata)
        return grpc.unary_unary_rpc_method_handler(
            lambda request, _: self.answer(method, request),
            request_deserializer=bytes,
            response_serializer=lambda message: message.SerializeToString(),
        )

    def answer(self, method: str, request: bytes) -> Any:
        if method == "DeleteJob":
            return empty_pb2.Empty()
        if method != "ListJobs":
            return JOB(name=NAME)
        token = types.ListJobsRequest.deserialize(request).page_token
        self.pages.append(token)
        if token:
            self.asked_for_the_next.set()
        return types.ListJobsResponse.meta.pb(
            jobs=[JOB(name=f"{PARENT}/jobs/{token or 'first'}")], next_page_token="" if token else "second"
        )
