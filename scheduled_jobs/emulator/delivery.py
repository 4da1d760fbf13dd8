"""One attempt: the request that the target of a job receives, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from zoneinfo import ZoneInfo

from google.rpc import code_pb2

from scheduled_jobs.domain.jobs import USER_AGENT, RetryPolicy
from scheduled_jobs.emulator.messages import METHODS, JobMessage
from scheduled_jobs.emulator.rules import REPLACED_HEADER

# The service writes the time in its home's zone, whatever the zone of the job (recorded).
HOME = ZoneInfo("America/Los_Angeles")


class Unanswered(Enum):
    """Why an attempt ended without a status code."""

    DEADLINE = code_pb2.DEADLINE_EXCEEDED
    UNREACHABLE = code_pb2.UNAVAILABLE
    UNSUPPORTED = code_pb2.UNIMPLEMENTED
    """The emulator does not send to this kind of target: Pub/Sub, App Engine, OAuth."""


Outcome = int | Unanswered
"""The HTTP status of the final answer, or why there is none."""

# Recorded: 500 and 504; from a user's notes: 403. The others follow google.rpc.Code's own mapping.
CODES = {
    400: code_pb2.INVALID_ARGUMENT,
    401: code_pb2.UNAUTHENTICATED,
    403: code_pb2.PERMISSION_DENIED,
    404: code_pb2.NOT_FOUND,
    409: code_pb2.ABORTED,
    429: code_pb2.RESOURCE_EXHAUSTED,
    499: code_pb2.CANCELLED,
    500: code_pb2.INTERNAL,
    501: code_pb2.UNIMPLEMENTED,
    503: code_pb2.UNAVAILABLE,
    504: code_pb2.DEADLINE_EXCEEDED,
}


@dataclass(frozen=True, slots=True)
class Delivery:
    """One attempt of a job to send. ``headers`` are complete but for Authorization, Host and the length."""

    id: int
    name: str
    """The full name of the job."""
    uri: str
    method: str
    headers: dict[str, str]
    body: bytes
    deadline: timedelta
    schedule_time: datetime
    """The announced slot, in UTC: the job's next one on a forced run."""
    forced: bool
    attempt: int
    """1 for the first, and so on; no header tells it."""
    oidc: tuple[str, str] | None = None
    """Account and audience of the ID token to send."""

    @property
    def job_id(self) -> str:
        """The last part of the job's name."""
        return self.name.rpartition("/")[2]


def is_supported(job: JobMessage) -> bool:
    """Whether the emulator sends to this job's target."""
    return job.HasField("http_target") and not job.http_target.HasField("oauth_token")


def schedule_time_text(slot: datetime) -> str:
    """The value of X-CloudScheduler-ScheduleTime: a fraction only where the slot has one."""
    return slot.astimezone(HOME).isoformat()


def headers_for(job: JobMessage, slot: datetime) -> dict[str, str]:
    """What the service sends beside the job's own headers; its own names win."""
    target = job.http_target
    own = {name: value for name, value in target.headers.items() if not REPLACED_HEADER.fullmatch(name)}
    if target.WhichOneof("authorization_header"):
        own = {name: value for name, value in own.items() if name.lower() != "authorization"}
    return own | {
        "User-Agent": USER_AGENT,
        "X-CloudScheduler": "true",
        "X-CloudScheduler-JobName": job.name.rpartition("/")[2],
        "X-CloudScheduler-ScheduleTime": schedule_time_text(slot),
        "Accept-Encoding": "gzip, deflate, br",
    }


def make_delivery(job: JobMessage, *, number: int, slot: datetime, forced: bool, attempt: int) -> Delivery:
    """The attempt as the job stands now."""
    target = job.http_target
    token = target.oidc_token
    return Delivery(
        id=number,
        name=job.name,
        uri=target.uri,
        method=METHODS[target.http_method],
        headers=headers_for(job, slot),
        body=target.body,
        deadline=job.attempt_deadline.ToTimedelta(),
        schedule_time=slot,
        forced=forced,
        attempt=attempt,
        oidc=(token.service_account_email, token.audience) if target.HasField("oidc_token") else None,
    )


def retry_policy(job: JobMessage) -> RetryPolicy:
    """How the job is tried again."""
    retries = job.retry_config
    return RetryPolicy(
        retry_count=retries.retry_count,
        min_backoff=retries.min_backoff_duration.ToTimedelta(),
        max_backoff=retries.max_backoff_duration.ToTimedelta(),
        max_retry_duration=retries.max_retry_duration.ToTimedelta(),
        max_doublings=retries.max_doublings,
    )


def is_success(outcome: Outcome) -> bool:
    """Any 2xx, and nothing else."""
    return isinstance(outcome, int) and 200 <= outcome < 300


def rpc_code(outcome: Outcome) -> int:
    """The ``google.rpc.Code`` that the job's status shows after this outcome."""
    if isinstance(outcome, Unanswered):
        return int(outcome.value)
    if is_success(outcome):
        return int(code_pb2.OK)
    return int(CODES.get(outcome, code_pb2.INTERNAL if outcome >= 500 else code_pb2.UNKNOWN))
