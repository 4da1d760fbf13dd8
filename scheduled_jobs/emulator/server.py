"""The gRPC face of the store: what Google's unmodified client talks to."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NoReturn, TypeAlias

import grpc
from google.cloud.location import locations_pb2
from google.protobuf import any_pb2, empty_pb2
from google.rpc import error_details_pb2, status_pb2

from scheduled_jobs.emulator import messages
from scheduled_jobs.emulator.ports import why_taken
from scheduled_jobs.emulator.store import Store
from scheduled_jobs.exceptions import CannotStart, StoreError

SERVICE = "google.cloud.scheduler.v1.CloudScheduler"
LOCATIONS = "google.cloud.location.Locations"
WORKERS = 64
MAX_REQUEST = 16 * 1024 * 1024  # a job that is too large gets Google's answer, not gRPC's

logger = logging.getLogger("scheduled_jobs.emulator")

Message: TypeAlias = Any
Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"


class GrpcServer:
    """Serves a store at ``host:port`` (0: a free port); raises CannotStart for a taken one."""

    def __init__(self, store: Store, host: str, port: int) -> None:
        _check_port(host, port)
        self._executor = ThreadPoolExecutor(WORKERS, thread_name_prefix="grpc")
        self._server = grpc.server(
            self._executor,
            options=[("grpc.so_reuseport", 0), ("grpc.max_receive_message_length", MAX_REQUEST)],
        )
        self._server.add_generic_rpc_handlers(
            (
                grpc.method_handlers_generic_handler(SERVICE, _job_handlers(store)),
                grpc.method_handlers_generic_handler(LOCATIONS, _location_handlers(store)),
            )
        )
        try:
            self.port = int(self._server.add_insecure_port(f"{host}:{port}"))
        except RuntimeError as error:  # taken since it was looked at, or an address that gRPC cannot read
            raise CannotStart(f"port {port} on {host} cannot be used; pick another port") from error

    def start(self) -> None:
        """Begin to answer."""
        self._server.start()

    def stop(self, grace: float) -> None:
        """Take no more calls; those under way have ``grace`` seconds to end."""
        self._server.stop(grace).wait(grace + 1)
        self._executor.shutdown(wait=False, cancel_futures=True)


def _check_port(host: str, port: int) -> None:
    """Find a taken port before gRPC does, which would add lines of its own to standard error."""
    if not 0 <= port <= 65535:
        raise CannotStart(f"{port} is not a port: ports go from 0 to 65535; pick another port")
    if (why := why_taken(host, port)) is not None:
        raise CannotStart(f"port {port} on {host} cannot be used ({why}); pick another port")


def _job_handlers(store: Store) -> dict[str, Handler]:
    def list_jobs(request: Message) -> Message:
        jobs, token = store.list_jobs(request.parent, request.page_size, request.page_token)
        return messages.ListJobsResponse(jobs=jobs, next_page_token=token)

    def delete_job(request: Message) -> Message:
        store.delete_job(request.name)
        return empty_pb2.Empty()

    calls: dict[str, Callable[[Message], Message]] = {
        "CreateJob": lambda request: store.create_job(request.parent, request.job),
        "UpdateJob": lambda request: store.update_job(request.job, list(request.update_mask.paths)),
        "GetJob": lambda request: store.get_job(request.name),
        "ListJobs": list_jobs,
        "DeleteJob": delete_job,
        "PauseJob": lambda request: store.pause_job(request.name),
        "ResumeJob": lambda request: store.resume_job(request.name),
        "RunJob": lambda request: store.run_job(request.name),
    }
    return {method: _handler(messages.request_class(method), call) for method, call in calls.items()}


def _location_handlers(store: Store) -> dict[str, Handler]:
    def location(name: str) -> Message:
        return locations_pb2.Location(name=name, location_id=name.rpartition("/")[2])

    def list_locations(request: Message) -> Message:
        names = [parent for parent in store.parents() if parent.startswith(f"{request.name}/locations/")]
        return locations_pb2.ListLocationsResponse(locations=map(location, names))

    return {
        "GetLocation": _handler(locations_pb2.GetLocationRequest, lambda request: location(request.name)),
        "ListLocations": _handler(locations_pb2.ListLocationsRequest, list_locations),
    }


def _handler(request_class: Any, call: Callable[[Message], Message]) -> Handler:
    def answer(request: Message, context: grpc.ServicerContext) -> Message:
        try:
            return call(request)
        except StoreError as error:
            _abort(context, error)
        except Exception:
            # The boundary of the process: one faulty call must not end the emulator.
            logger.exception("A call failed inside the emulator: %s", request_class.DESCRIPTOR.name)
            _abort(context, StoreError("INTERNAL", "The emulator failed; its log has the traceback."))

    return grpc.unary_unary_rpc_method_handler(
        answer,
        request_deserializer=request_class.FromString,
        response_serializer=lambda response: response.SerializeToString(),
    )


def _abort(context: grpc.ServicerContext, error: StoreError) -> NoReturn:
    code = grpc.StatusCode[error.code]
    if error.resource:
        detail = any_pb2.Any()
        detail.Pack(error_details_pb2.ResourceInfo(resource_name=error.resource))
        status = status_pb2.Status(code=code.value[0], message=error.message, details=[detail])
        context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    context.abort(code, error.message)
