"""What a job is in Cloud Scheduler: its fields, its id, and how two jobs are compared.

What the service rewrites when it stores a job is undone here, before anything is compared.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from scheduled_jobs.domain.addresses import as_sent
from scheduled_jobs.domain.schedules import is_same_zone

DEFAULT_ATTEMPT_DEADLINE = timedelta(minutes=3)
DEFAULT_MIN_BACKOFF = timedelta(seconds=5)
DEFAULT_MAX_BACKOFF = timedelta(hours=1)
DEFAULT_MAX_DOUBLINGS = 5

MARK_HEADER = "X-Scheduled-Jobs"
USER_AGENT = "Google-Cloud-Scheduler"
"""What Google calls itself."""
TOKEN_HEADER = "X-Scheduled-Jobs-Token"  # noqa: S105 – the header's name
OWN_HEADERS = frozenset({MARK_HEADER.lower(), TOKEN_HEADER.lower(), "content-type"})
REPLACED_HEADERS = re.compile(
    r"host|content-length|user-agent|x-google-.*|x-appengine-.*|x-cloudscheduler.*", re.IGNORECASE
)
"""Headers that Cloud Scheduler sets itself: what is sent under these names is ignored or replaced."""
ADDED_HEADERS = re.compile(REPLACED_HEADERS.pattern + "|authorization", re.IGNORECASE)
"""Headers that may come back although they were never sent."""

ENABLED, PAUSED, DISABLED, UPDATE_FAILED = "ENABLED", "PAUSED", "DISABLED", "UPDATE_FAILED"

RETRY_FIELDS = ("retry_count", "min_backoff", "max_backoff", "max_retry_duration", "max_doublings")
DURATIONS = ("min_backoff", "max_backoff", "max_retry_duration", "attempt_deadline")
OVERRIDABLE = ("schedule", "time_zone", "payload", "description", *RETRY_FIELDS, "attempt_deadline")
"""The fields that code declares and an operator may override, in the order in which they are shown."""
TARGET_FIELDS = ("uri", "http_method", "headers", "oidc_service_account", "oidc_audience")
FIELDS = (*OVERRIDABLE, *TARGET_FIELDS)
"""All fields that are compared, besides the state."""

MASKS = {
    "schedule": ("schedule", "time_zone"),
    "time_zone": ("schedule", "time_zone"),
    "description": ("description",),
    "attempt_deadline": ("attempt_deadline",),
    **dict.fromkeys(RETRY_FIELDS, ("retry_config",)),
    **dict.fromkeys(("payload", *TARGET_FIELDS), ("http_target",)),
}
"""Field -> paths of an update mask: top-level ones only, the schedule always together with its zone."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How Cloud Scheduler tries again after an attempt that was not answered with 2xx."""

    retry_count: int = 0
    min_backoff: timedelta = DEFAULT_MIN_BACKOFF
    max_backoff: timedelta = DEFAULT_MAX_BACKOFF
    max_retry_duration: timedelta = timedelta()
    max_doublings: int = DEFAULT_MAX_DOUBLINGS


@dataclass(frozen=True, slots=True)
class JobSpec:
    """A job as it is sent to Cloud Scheduler."""

    name: str
    schedule: str
    time_zone: str
    uri: str
    payload: Mapping[str, Any] = field(default_factory=dict)
    description: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    http_method: str = "POST"
    oidc_service_account: str = ""
    oidc_audience: str = ""
    attempt_deadline: timedelta = DEFAULT_ATTEMPT_DEADLINE
    retry: RetryPolicy = RetryPolicy()

    @property
    def body(self) -> bytes:
        """The payload as the request's body; the same payload always gives the same bytes."""
        return canonical(self.payload).encode()


@dataclass(frozen=True, slots=True)
class LiveJob:
    """A job as Cloud Scheduler has it, with what its values are once the service's own rewriting is undone.

    ``schedule_time`` is the next run, or the next retry; None while the job is paused.
    """

    name: str
    remote_name: str
    state: str
    values: Mapping[str, Any]
    mark: str | None = None
    """The app whose mark the job carries; None for a job without one."""
    schedule_time: datetime | None = None
    last_attempt_time: datetime | None = None
    status: int = -1
    """Of the last attempt that has ended, a code of ``google.rpc.Code``; -1 where none has."""

    @property
    def uri(self) -> str:
        """Where the job's requests go; empty for a job that has no HTTP target."""
        return str(self.values.get("uri", ""))


def value_of(field: str, live: Any) -> Any:
    """A live value as its override holds it: seconds become a timedelta, all else stays."""
    return timedelta(seconds=live) if field in DURATIONS else live


def desired_state(*, exists: bool, paused: bool, has_end: bool) -> str | None:
    """The state wanted in Google; None for a job that ought not to exist there.

    A pause with an end is kept by the database alone, so that it ends to the second.
    """
    if not exists:
        return None
    return PAUSED if paused and not has_end else ENABLED


def canonical(value: Any) -> str:
    """One text for equal JSON values."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def same_json(one: Any, other: Any) -> bool:
    """Whether two JSON values are the same to a task: to Python ``1``, ``1.0`` and ``true`` are all equal.

    Whole numbers from 1e16 on are the same as floats: PostgreSQL gives such floats back without their point.
    """
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same_json(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same_json, one, other))
    if isinstance(one, int | float) and isinstance(other, int | float) and type(one) is not type(other):
        return one == other and not isinstance(one, bool) and not isinstance(other, bool) and abs(one) >= 1e16
    return bool(one == other)


def same_values(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two comparable jobs are the same; of thousands nearly all are, which one comparison shows."""
    return one == other and same_json(one.get("payload"), other.get("payload"))


def digest(text: str) -> str:
    """Stands for a header's value where the value itself must not be kept or shown."""
    return sha256(text.encode()).hexdigest()[:16]


def values_of(spec: JobSpec) -> dict[str, Any]:
    """Field -> comparable JSON value of a job that is to be sent. Durations are seconds."""
    return normalised(
        schedule=spec.schedule,
        time_zone=spec.time_zone,
        payload=spec.payload,
        description=spec.description,
        retry=spec.retry,
        attempt_deadline=spec.attempt_deadline,
        uri=spec.uri,
        http_method=spec.http_method,
        headers=spec.headers,
        oidc_service_account=spec.oidc_service_account,
        oidc_audience=spec.oidc_audience,
    )


def normalised(
    *,
    schedule: str,
    time_zone: str,
    payload: Any,
    description: str,
    retry: RetryPolicy,
    attempt_deadline: timedelta,
    uri: str,
    http_method: str,
    headers: Mapping[str, str],
    oidc_service_account: str,
    oidc_audience: str,
) -> dict[str, Any]:
    """Field -> JSON value, in the one form in which values that mean the same are equal.

    The service adds headers and a trailing slash, fills in the audience, the deadline of 180 s and the
    backoffs, and drops a retry count of 0; none of that is a difference.
    """
    return {
        "schedule": " ".join(schedule.split()),
        "time_zone": "UTC" if time_zone.lower() in ("", "utc") else time_zone,
        "payload": payload,
        "description": description,
        "retry_count": retry.retry_count,
        "min_backoff": _seconds(retry.min_backoff or DEFAULT_MIN_BACKOFF),
        "max_backoff": _seconds(retry.max_backoff or DEFAULT_MAX_BACKOFF),
        "max_retry_duration": _seconds(retry.max_retry_duration),
        "max_doublings": retry.max_doublings or DEFAULT_MAX_DOUBLINGS,
        "attempt_deadline": _seconds(attempt_deadline or DEFAULT_ATTEMPT_DEADLINE),
        "uri": uri.rstrip("/"),
        "http_method": http_method or "POST",
        "headers": {
            name.lower(): digest(value)
            for name, value in sorted(headers.items())
            if not ADDED_HEADERS.fullmatch(name)
        },
        "oidc_service_account": oidc_service_account,
        "oidc_audience": (oidc_audience or uri).rstrip("/") if oidc_service_account else "",
    }


def differences(
    desired: Mapping[str, Any], live: Mapping[str, Any], pushed: Mapping[str, Any] | None = None
) -> dict[str, tuple[Any, Any]]:
    """Field -> (live value, desired value) for every field in which two comparable jobs differ.

    ``pushed`` has what was ``sent`` last, and the service's ``answer`` where it stored something else: what
    it made of the very value that is desired now is no difference.
    """
    if same_values(desired, live):
        return {}
    return {
        name: (live.get(name), desired[name])
        for name in FIELDS
        if name in desired
        and not _is_same(name, desired[name], live.get(name))
        and not _is_only_rewritten(name, desired[name], live.get(name), pushed or {})
    }


def _is_same(name: str, desired: Any, live: Any) -> bool:
    if name == "time_zone" and isinstance(live, str):
        return is_same_zone(desired, live)
    return same_json(desired, live)


def _is_only_rewritten(name: str, desired: Any, live: Any, pushed: Mapping[str, Any]) -> bool:
    sent, answer = sent_and_answer(pushed)
    return name in answer and same_json(sent.get(name), desired) and same_json(answer[name], live)


def sent_and_answer(pushed: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The two parts of what was pushed; a part that an older release kept otherwise is none."""
    sent, answer = (pushed.get(name) for name in ("sent", "answer"))
    return sent if isinstance(sent, dict) else {}, answer if isinstance(answer, dict) else {}


def update_mask(fields: Mapping[str, Any] | tuple[str, ...]) -> list[str]:
    """The update mask that covers these fields."""
    return sorted({path for name in fields for path in MASKS[name]})


def _seconds(duration: timedelta) -> int | float:
    seconds = duration.total_seconds()
    return int(seconds) if seconds.is_integer() else seconds


# --- Names -----------------------------------------------------------------------------------------


def make_job_id(name: str, *, app_name: str | None, delimiter: str) -> str:
    """The id of a job in Google: dots become hyphens, after the app's name and the delimiter if set."""
    base = name.replace(".", "-")
    return f"{app_name}{delimiter}{base}" if app_name else base


def parse_job_id(identifier: str, *, app_name: str | None, delimiter: str) -> str | None:
    """What follows the app's name and the delimiter, or None if the id cannot be one of this app's."""
    if not app_name:
        return identifier
    prefix = app_name + delimiter
    return identifier[len(prefix) :] or None if identifier.startswith(prefix) else None


def mark_of(app_name: str | None) -> str:
    """The value of the header by which an app's jobs are known."""
    return f"1; app={app_name or ''}"


def parse_mark(value: str | None) -> str | None:
    """The app of a mark; None for a job that carries none."""
    if value is None or not value.startswith("1; app="):
        return None
    return value.removeprefix("1; app=")


def lies_under(uri: str, endpoint: str) -> bool:
    """Whether a uri has this scheme and host, and begins with its path if it has one."""
    base = endpoint.rstrip("/")
    under = (base + "/", base + "?")
    # As it is nearly all are, and to write thousands anew takes its time.
    return uri.startswith(under) or f"{as_sent(uri)}/".startswith(under)
