"""Google's raw protobuf classes: an order of magnitude faster than their proto-plus wrappers.

``JobMessage`` stands for ``google.cloud.scheduler.v1.Job`` in annotations: generated protobuf classes carry
no types that mypy could read.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from google.cloud.scheduler_v1 import types

JobMessage: TypeAlias = Any

Job = types.Job.pb()
HttpTarget = types.HttpTarget.pb()
ListJobsResponse = types.ListJobsResponse.pb()

ENABLED = int(types.Job.State.ENABLED)
PAUSED = int(types.Job.State.PAUSED)
DISABLED = int(types.Job.State.DISABLED)
UPDATE_FAILED = int(types.Job.State.UPDATE_FAILED)

METHODS: dict[int, str] = {
    value.number: value.name for value in HttpTarget.DESCRIPTOR.fields_by_name["http_method"].enum_type.values
}
POST = int(types.HttpMethod.POST)
METHODS_WITH_BODY = frozenset(number for number, name in METHODS.items() if name in ("POST", "PUT", "PATCH"))


def request_class(method: str) -> Any:
    """The class of the requests of a method, such as ``RunJob``."""
    return getattr(types, f"{method}Request").pb()
