"""From the status of a gRPC call to the package's own exceptions."""

from __future__ import annotations

from scheduled_jobs import exceptions

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


def error_of(status: str, message: str) -> exceptions.BackendError:
    """The exception for a status. Of all others nobody knows whether the call was applied."""
    return BY_STATUS.get(status, exceptions.OutcomeUnknown)(message)
