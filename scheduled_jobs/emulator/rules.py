"""Names, what the service refuses in a job, and what it makes of one that it stores.

Sources: the reference of ``google.cloud.scheduler.v1.Job``, the quotas page, Terraform's provider (what it
must ignore when it reads a job back) and recordings of the service. Texts marked "recorded" are Google's own.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from datetime import timedelta
from urllib.parse import quote, urlsplit, urlunsplit

from scheduled_jobs.domain.jobs import (
    DEFAULT_ATTEMPT_DEADLINE,
    DEFAULT_MAX_BACKOFF,
    DEFAULT_MAX_DOUBLINGS,
    DEFAULT_MIN_BACKOFF,
    USER_AGENT,
)
from scheduled_jobs.domain.limits import (
    HEADER_NAME,
    JOB_ID,
    MAX_ATTEMPT_DEADLINE,
    MAX_DESCRIPTION,
    MAX_HEADERS,
    MAX_RETRY_COUNT,
    MAX_URI,
    MIN_ATTEMPT_DEADLINE,
)
from scheduled_jobs.emulator.messages import METHODS, METHODS_WITH_BODY, POST, Job, JobMessage
from scheduled_jobs.emulator.slots import check_schedule
from scheduled_jobs.exceptions import StoreError

SECOND = timedelta(seconds=1)
MAX_JOB = 1024 * 1024 - 1024  # 1 MB, with about 1 KB of it for the request around the job
HTTP_DEADLINE = (MIN_ATTEMPT_DEADLINE // SECOND, MAX_ATTEMPT_DEADLINE // SECOND)
APP_ENGINE_DEADLINE = (15, 24 * 3600 + 15)
CLOUD_PLATFORM = "https://www.googleapis.com/auth/cloud-platform"

OUTPUT_ONLY = ("user_update_time", "state", "status", "schedule_time", "last_attempt_time")
TARGETS = ("http_target", "pubsub_target", "app_engine_http_target")
MASK_PATHS = frozenset((*TARGETS, "description", "schedule", "time_zone", "retry_config", "attempt_deadline"))

MESSAGES = frozenset(field.name for field in Job.DESCRIPTOR.fields if field.message_type is not None)

PARENT = re.compile(r"projects/[A-Za-z0-9.:-]+/locations/[A-Za-z0-9-]+", re.ASCII)
JOB = re.compile(f"({PARENT.pattern})/jobs/{JOB_ID.pattern}", re.ASCII)
# Both texts are Google's: googleapis/nodejs-scheduler 114 and hashicorp/terraform-provider-google 3086.
BAD_JOB = 'Job name must be formatted: "projects/<PROJECT_ID>/locations/<LOCATION_ID>/jobs/<JOB_ID>".'
BAD_PARENT = 'Resource name should start with "/projects/<PROJECT_ID>/"'

HEADER_VALUE = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f]*")
REPLACED_HEADER = re.compile(
    r"host|content-length|user-agent|x-google-.*|x-appengine-.*"
    r"|x-cloudscheduler|x-cloudscheduler-jobname|x-cloudscheduler-scheduletime",
    re.IGNORECASE | re.ASCII,
)
TOPIC = re.compile(r"projects/[^/]+/topics/[^/]+")


def _refuse_unless(condition: object, message: str) -> None:
    if not condition:
        raise StoreError("INVALID_ARGUMENT", message)


def check_parent(parent: str) -> None:
    """Raise StoreError(INVALID_ARGUMENT) unless this names a location."""
    _refuse_unless(PARENT.fullmatch(parent), BAD_PARENT)


def parent_of(name: str) -> str:
    """The location of a job; raises StoreError(INVALID_ARGUMENT) for anything but a job's name."""
    match = JOB.fullmatch(name)
    if match is None:
        raise StoreError("INVALID_ARGUMENT", BAD_JOB)
    return match[1]


def project_of(name: str) -> str:
    """The project in a resource name, or what was written instead of one."""
    return name.split("/")[1] if name.startswith("projects/") else name


def new_name(parent: str) -> str:
    """The name of a job that was created without one: random digits, as Google's are."""
    return f"{parent}/jobs/{secrets.randbits(63):020d}"


def updated(stored: JobMessage, given: JobMessage, paths: Sequence[str]) -> JobMessage:
    """A new message: without paths the given job whole, else the stored one with these fields replaced.

    Output-only fields, also in the paths, stay as they are stored. Raises StoreError(INVALID_ARGUMENT) for a
    path that is not a field of Job in snake_case (nested ones are refused: nobody has recorded that the
    service takes them), and for a job that the service would not store.
    """
    for path in paths:
        known = path in MASK_PATHS or path in OUTPUT_ONLY or path == "name"
        _refuse_unless(known, f"Invalid mask for Job: {path}")
    job = Job()
    job.CopyFrom(stored if paths else given)
    for path in MASK_PATHS.intersection(paths):
        _copy(path, given, job)
    normalise(job)
    for name in OUTPUT_ONLY:
        _copy(name, stored, job)
    return job


def _copy(name: str, source: JobMessage, target: JobMessage) -> None:
    target.ClearField(name)
    if name not in MESSAGES:
        setattr(target, name, getattr(source, name))
    elif source.HasField(name):
        getattr(target, name).CopyFrom(getattr(source, name))


def normalise(job: JobMessage) -> None:
    """Rewrite the job, in place, as the service stores it; raises StoreError(INVALID_ARGUMENT)."""
    for field in OUTPUT_ONLY:
        job.ClearField(field)
    _refuse_unless(
        len(job.description) <= MAX_DESCRIPTION,
        f"The description must not exceed {MAX_DESCRIPTION} characters.",
    )
    check_schedule(job.schedule, job.time_zone)
    job.time_zone = job.time_zone or "UTC"
    target = job.WhichOneof("target")
    if target == "http_target":
        _normalise_http_target(job.http_target)
        _normalise_deadline(job, HTTP_DEADLINE)
    elif target == "app_engine_http_target":
        _normalise_app_engine_target(job.app_engine_http_target)
        _normalise_deadline(job, APP_ENGINE_DEADLINE)
    else:
        _refuse_unless(target, "A job needs a target: http_target, pubsub_target or app_engine_http_target.")
        _check_pubsub_target(job.pubsub_target)
        job.ClearField("attempt_deadline")  # ignored, and none reads back (recorded)
    # Recorded: a Pub/Sub job that was made without a retry_config reads back without one.
    if target != "pubsub_target" or job.HasField("retry_config"):
        _normalise_retries(job.retry_config)
    _refuse_unless(job.ByteSize() <= MAX_JOB, "The job is larger than 1 MB.")


def _normalise_retries(retries: JobMessage) -> None:
    _refuse_unless(
        0 <= retries.retry_count <= MAX_RETRY_COUNT,  # 5 itself is accepted; the text is recorded
        "invalid retry count. The retry_count must be a positive integer less than 5: invalid argument",
    )
    # Recorded for max_retry_duration, though the reference speaks of fractions; inferred for the other two.
    for field in ("max_retry_duration", "min_backoff_duration", "max_backoff_duration"):
        duration = getattr(retries, field)
        _refuse_unless(duration.nanos == 0, f"retryConfig.{field}.nanos cannot be set: invalid argument")
        _refuse_unless(duration.seconds >= 0, f"retryConfig.{field} must not be negative: invalid argument")
    _refuse_unless(
        retries.max_doublings >= 0, "retryConfig.max_doublings must not be negative: invalid argument"
    )
    # Zeros are stored as the defaults (recorded).
    retries.max_retry_duration.SetInParent()
    for duration, default in (
        (retries.min_backoff_duration, DEFAULT_MIN_BACKOFF),
        (retries.max_backoff_duration, DEFAULT_MAX_BACKOFF),
    ):
        duration.seconds = duration.seconds or default // SECOND
    retries.max_doublings = retries.max_doublings or DEFAULT_MAX_DOUBLINGS


def _normalise_deadline(job: JobMessage, limits: tuple[int, int]) -> None:
    deadline = job.attempt_deadline
    if not deadline.seconds and not deadline.nanos:
        job.ClearField("attempt_deadline")
        if limits is HTTP_DEADLINE:
            job.attempt_deadline.FromTimedelta(DEFAULT_ATTEMPT_DEADLINE)
        return
    seconds = deadline.seconds + deadline.nanos / 1e9
    _refuse_unless(
        limits[0] <= seconds <= limits[1],
        f"The attempt_deadline must be between {limits[0]}s and {limits[1]}s.",
    )


def _normalise_http_target(target: JobMessage) -> None:
    target.uri = _normal_uri(target.uri)
    _refuse_unless(target.http_method in METHODS, f"Unknown http_method {target.http_method}.")
    target.http_method = target.http_method or POST
    _refuse_unless(
        not target.body or target.http_method in METHODS_WITH_BODY,
        "A request body is only allowed for the HTTP methods POST, PUT and PATCH.",
    )
    authorization = target.WhichOneof("authorization_header")
    if authorization == "oidc_token":
        _check_account(target.oidc_token.service_account_email)
        target.oidc_token.audience = target.oidc_token.audience or target.uri
    elif authorization == "oauth_token":
        _check_account(target.oauth_token.service_account_email)
        host = urlsplit(target.uri).hostname or ""
        _refuse_unless(
            host.endswith(".googleapis.com"), "An oauth_token is only sent to hosts of *.googleapis.com."
        )
        target.oauth_token.scope = target.oauth_token.scope or CLOUD_PLATFORM
    _normalise_headers(target, has_token=authorization is not None)


def _normal_uri(uri: str) -> str:
    _refuse_unless(
        uri.lower().startswith(("http://", "https://")), 'The uri must start with "http://" or "https://".'
    )
    encoded = quote(uri, safe="%/:=&?~#+!$,;'@()*[]")
    try:
        parts = urlsplit(encoded)
        usable = bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    _refuse_unless(usable, f"The uri {uri!r} has no valid host and port.")
    encoded = urlunsplit(parts._replace(path=parts.path or "/"))
    _refuse_unless(len(encoded) <= MAX_URI, f"The uri must not exceed {MAX_URI} characters.")
    return encoded


def _normalise_headers(target: JobMessage, *, has_token: bool) -> None:
    given = dict(target.headers)
    size = sum(len(name.encode()) + len(value.encode()) for name, value in given.items())
    _refuse_unless(size < MAX_HEADERS, "The headers must be smaller than 80 KB in total.")
    for name, value in given.items():
        _refuse_unless(HEADER_NAME.fullmatch(name), f"Invalid header name {name!r}.")
        _refuse_unless(HEADER_VALUE.fullmatch(value), f"Invalid value of the header {name}.")
        if REPLACED_HEADER.fullmatch(name) or (has_token and name.lower() == "authorization"):
            del target.headers[name]
    target.headers["User-Agent"] = USER_AGENT
    if target.body and "content-type" not in map(str.lower, given):
        target.headers["Content-Type"] = "application/octet-stream"
    if has_token:
        # Terraform's provider must ignore this header when it reads such a job back; its value is made up.
        target.headers["Authorization"] = "Bearer"


def _check_account(email: str) -> None:
    _refuse_unless("@" in email, "A token needs the service_account_email that it is issued for.")


def _normalise_app_engine_target(target: JobMessage) -> None:
    target.relative_uri = target.relative_uri or "/"
    _refuse_unless(target.relative_uri.startswith("/"), 'The relative_uri must start with "/".')
    target.http_method = target.http_method or POST
    _refuse_unless(
        not target.body or target.http_method in METHODS_WITH_BODY,
        "A request body is only allowed for the HTTP methods POST, PUT and PATCH.",
    )


def _check_pubsub_target(target: JobMessage) -> None:
    _refuse_unless(
        TOPIC.fullmatch(target.topic_name),
        'The topic_name must be formatted "projects/PROJECT_ID/topics/TOPIC_ID".',
    )
    _refuse_unless(
        target.data or target.attributes, "A Pub/Sub message needs data or at least one attribute."
    )
