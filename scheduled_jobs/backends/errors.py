"""From the status of a gRPC call to the package's own exceptions."""

from __future__ import annotations

import re

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


OWN_CREDENTIALS = re.compile(
    r"reauth|invalid_grant|invalid_rapt|invalid_client|unauthorized_client|refresherror", re.IGNORECASE
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
