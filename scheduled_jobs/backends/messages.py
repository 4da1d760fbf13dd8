"""Between the domain's jobs and Cloud Scheduler's protobuf messages.

Raw protobuf messages are used throughout: attribute access through proto-plus costs twenty times more,
which is felt at thousands of jobs.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from google.cloud.scheduler_v1 import types

from scheduled_jobs.domain.jobs import MARK_HEADER, JobSpec, LiveJob, RetryPolicy, normalised, parse_mark
from scheduled_jobs.domain.payloads import clean_text, parse_body
from scheduled_jobs.exceptions import InvalidPayload


def enum_of(kind: Any) -> Any:
    """An enumeration of proto-plus, which mypy does not know as one."""
    return kind


JobMessage = types.Job.meta.pb

STATES: dict[int, str] = {state.value: state.name for state in enum_of(types.Job.State)}
METHODS: dict[int, str] = {method.value: method.name for method in enum_of(types.HttpMethod)}
METHOD_NUMBERS = {name: value for value, name in METHODS.items()}
POST = METHOD_NUMBERS["POST"]
CONTENT_TYPE = "application/json"
_MARK = MARK_HEADER.lower()


def message_of(spec: JobSpec, remote_name: str) -> Any:
    """The message that creates a job, or updates any of its fields.

    Everything is explicit, so that what the service would fill in is never a difference.
    """
    message = JobMessage(
        name=remote_name,
        description=spec.description,
        schedule=spec.schedule,
        time_zone=spec.time_zone,
        http_target={
            "uri": spec.uri,
            "http_method": METHOD_NUMBERS[spec.http_method],
            "headers": {"Content-Type": CONTENT_TYPE, **spec.headers},
            "body": spec.body,
        },
        attempt_deadline=_duration(spec.attempt_deadline),
        retry_config={
            "retry_count": spec.retry.retry_count,
            "min_backoff_duration": _duration(spec.retry.min_backoff),
            "max_backoff_duration": _duration(spec.retry.max_backoff),
            "max_retry_duration": _duration(spec.retry.max_retry_duration),
            "max_doublings": spec.retry.max_doublings,
        },
    )
    if spec.oidc_service_account:
        message.http_target.oidc_token.service_account_email = spec.oidc_service_account
        message.http_target.oidc_token.audience = spec.oidc_audience
    return message


def live_job(message: Any) -> LiveJob:
    """A job as Cloud Scheduler returned it."""
    retry = message.retry_config
    target = message.http_target
    headers = dict(target.headers)
    if headers.get("Content-Type") == CONTENT_TYPE:
        del headers["Content-Type"]
    mark = next((value for name, value in headers.items() if name.lower() == _MARK), None)
    oidc = target.oidc_token
    is_http = message.HasField("http_target")
    return LiveJob(
        name=message.name.rpartition("/")[2],
        remote_name=message.name,
        state=STATES.get(message.state, str(message.state)),
        mark=parse_mark(mark),
        schedule_time=_time(message, "schedule_time"),
        last_attempt_time=_time(message, "last_attempt_time"),
        # After a success there is none, or one without a code (recorded).
        status=message.status.code,
        values=normalised(
            schedule=clean_text(message.schedule),
            time_zone=clean_text(message.time_zone),
            payload=_payload(target.body),
            description=clean_text(message.description),
            retry=RetryPolicy(
                retry_count=retry.retry_count,
                min_backoff=_timedelta(retry.min_backoff_duration),
                max_backoff=_timedelta(retry.max_backoff_duration),
                max_retry_duration=_timedelta(retry.max_retry_duration),
                max_doublings=retry.max_doublings,
            ),
            attempt_deadline=_timedelta(message.attempt_deadline),
            uri=clean_text(target.uri),
            http_method=METHODS.get(target.http_method or POST, "") if is_http else "none",
            headers=headers,
            oidc_service_account=oidc.service_account_email,
            oidc_audience=oidc.audience,
        ),
    )


def update_request(spec: JobSpec, remote_name: str, mask: Sequence[str]) -> Any:
    """The request that replaces the fields of ``mask``."""
    return types.UpdateJobRequest.meta.pb(
        job=message_of(spec, remote_name), update_mask={"paths": list(mask)}
    )


def _duration(value: timedelta) -> dict[str, int]:
    return {"seconds": int(value.total_seconds()), "nanos": value.microseconds * 1000}


def _timedelta(message: Any) -> timedelta:
    return timedelta(seconds=message.seconds, microseconds=message.nanos // 1000)


def _time(message: Any, field: str) -> datetime | None:
    if not message.HasField(field):
        return None
    value = getattr(message, field)
    return datetime.fromtimestamp(value.seconds, UTC) + timedelta(microseconds=value.nanos // 1000)


def _payload(body: bytes) -> Any:
    """The body as JSON; of a body that is no payload, a text, which no payload of ours can equal."""
    if body in (b"", b"{}"):
        return {}
    try:
        return parse_body(body)
    except InvalidPayload:
        # Anyone with access to the console may have written anything: its digest tells whether it changes,
        # and shows nothing of what may be a secret in a form that could not be masked.
        return f"{len(body)} bytes that are no payload, SHA-256 {sha256(body).hexdigest()[:16]}"
