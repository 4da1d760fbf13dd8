"""The limits of a job's fields, and the messages for a person who leaves them.

They are those of the Cloud Scheduler v1 API reference (``google.cloud.scheduler.v1.Job``) and of its
quotas page; where the service is known to be stricter than its reference, the service's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from scheduled_jobs.domain.jobs import OWN_HEADERS, REPLACED_HEADERS, canonical
from scheduled_jobs.exceptions import InvalidDefinition

JOB_ID = re.compile(r"[A-Za-z0-9_-]{1,500}", re.ASCII)
HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)
HEADER_VALUE = re.compile(r"[\x20-\x7e\t]*", re.ASCII)

MAX_BODY = 1_000_000 - 1_024
MAX_DESCRIPTION = 500
MAX_HEADERS = 80 * 1024
MAX_URI = 2083
MAX_RETRY_COUNT = 5
MIN_ATTEMPT_DEADLINE = timedelta(seconds=15)
MAX_ATTEMPT_DEADLINE = timedelta(minutes=30)
LONGER = (
    "Google waits no longer. A task with more to do hands it to a queue, such as Celery, Django's tasks or "
    "Cloud Tasks, or does a part of it in each run: see 'Work that takes long' in docs/tasks.md"
)
LATEST_PAUSE = datetime(2200, 1, 1, tzinfo=UTC)
"""The last moment at which a pause may end. Far below the year 9999, whose last hours are no time at all in
some zones: PostgreSQL would keep such a moment, and Python could not read it."""


def check_job_id(identifier: str) -> None:
    """Raise InvalidDefinition unless Google accepts the id."""
    if JOB_ID.fullmatch(identifier):
        return
    if len(identifier) > 500:
        raise InvalidDefinition(
            f"the job id has {len(identifier)} characters, and Google allows 500; "
            "return a shorter name from schedule_name()"
        )
    bad = "".join(dict.fromkeys(c for c in identifier if not re.fullmatch(r"[A-Za-z0-9_-]", c, re.ASCII)))
    raise InvalidDefinition(
        f"{identifier!r} is not a job id: Google allows letters, digits, hyphens and underscores, "
        f"not {bad!r}; return another name from schedule_name()"
        if bad
        else "the job id is empty; return a name from schedule_name()"
    )


def check_headers(headers: Any) -> None:
    """Raise InvalidDefinition unless Google sends these headers as they are."""
    if not isinstance(headers, Mapping):
        raise InvalidDefinition(f"headers are a dict of names and values, not {type(headers).__name__}")
    for name, value in headers.items():
        if not isinstance(name, str) or not HEADER_NAME.fullmatch(name):
            raise InvalidDefinition(f"{name!r} is not a header name: write letters, digits and hyphens")
        if REPLACED_HEADERS.fullmatch(name):
            raise InvalidDefinition(f"the header {name} is set by Cloud Scheduler itself; remove it")
        if name.lower() in OWN_HEADERS or name.lower() == "authorization":
            raise InvalidDefinition(f"the header {name} is set by scheduled_jobs; remove it")
        if not isinstance(value, str):
            raise InvalidDefinition(
                f"the value of the header {name} is {type(value).__name__}; write a string"
            )
        if not HEADER_VALUE.fullmatch(value):
            raise InvalidDefinition(
                f"the value of the header {name} holds a character that HTTP does not allow; "
                "write printable ASCII"
            )
    if len({name.lower() for name in headers}) < len(headers):
        raise InvalidDefinition("two headers differ only in their case; keep one of them")
    if sum(len(name) + len(value) for name, value in headers.items()) >= MAX_HEADERS - 2_048:
        raise InvalidDefinition("the headers are longer than the 80 KB that Cloud Scheduler allows")


def _check_duration(value: Any, *, low: timedelta, high: timedelta | None, hint: str) -> timedelta:
    if not isinstance(value, timedelta):
        raise InvalidDefinition(f"{value!r} is not a timedelta; write one, such as timedelta(seconds=30)")
    if value.microseconds:
        raise InvalidDefinition(
            f"{value} is not a whole number of seconds: Cloud Scheduler refuses fractions"
        )
    if value < low or (high is not None and value > high):
        raise InvalidDefinition(f"{value} is out of range: {hint}")
    if value > timedelta(days=365 * 10_000):
        raise InvalidDefinition(f"{value} is out of range: Cloud Scheduler counts at most 10,000 years")
    return value


def check_retry_count(value: Any) -> int:
    """The number of retries after the first attempt, 0 to 5; raises InvalidDefinition."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MAX_RETRY_COUNT:
        raise InvalidDefinition(f"{value!r} is not a retry count: write a whole number from 0 to 5")
    return value


def check_max_doublings(value: Any) -> int:
    """How often the backoff doubles, at least 1; raises InvalidDefinition."""
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value < 2**31:
        raise InvalidDefinition(
            f"{value!r} is not a number of doublings: write 1 or more (Cloud Scheduler stores 0 as 5)"
        )
    return value


def check_description(value: Any) -> str:
    """A description of at most 500 characters; raises InvalidDefinition."""
    if not isinstance(value, str):
        raise InvalidDefinition(f"the description is {type(value).__name__}; write a string")
    if len(value) > MAX_DESCRIPTION:
        raise InvalidDefinition(f"the description has {len(value)} characters; Cloud Scheduler allows 500")
    if "\x00" in value or any("\ud800" <= c <= "\udfff" for c in value):
        raise InvalidDefinition("the description holds a character that cannot be stored; remove it")
    return value


def check_pause_end(value: datetime) -> datetime:
    """The end of a pause, in UTC, of an aware moment up to ``LATEST_PAUSE``; raises ValueError."""
    if not isinstance(value, datetime):
        raise ValueError(  # noqa: TRY004 – as for every other end that a pause cannot have
            f"{value!r} is not a datetime; pass one, such as timezone.now() + timedelta(hours=1)"
        )
    if value.utcoffset() is None:
        raise ValueError(f"{value} has no time zone; pass an aware datetime")
    # Compared before it is put into UTC, for which it may lie too far.
    if value > LATEST_PAUSE:
        raise ValueError(
            f"{value} is too far ahead: a pause ends by {LATEST_PAUSE:%Y-%m-%d}; write an earlier time, "
            "or no end at all: the pause then goes on until it is resumed"
        )
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"{value} cannot be told in UTC; write a time in the future") from None


def check_payload_size(payload: Mapping[str, Any]) -> None:
    """Raise InvalidDefinition if the payload alone would fill the 1 MB that a job may have."""
    size = len(canonical(payload).encode("utf-8", "surrogatepass"))
    if size > MAX_BODY:
        raise InvalidDefinition(f"the payload has {size:,} bytes; a job may have 1 MB in all")


def check_backoffs(min_backoff: timedelta, max_backoff: timedelta) -> None:
    """Raise InvalidDefinition if the shortest wait is longer than the longest."""
    if min_backoff > max_backoff:
        raise InvalidDefinition(
            f"the minimum backoff {min_backoff} is longer than the maximum backoff {max_backoff}"
        )


def check_attempt_deadline(value: Any) -> timedelta:
    """How long Google waits for an answer; raises InvalidDefinition, which names what longer work can do."""
    hint = "write 15 seconds to 30 minutes"
    if isinstance(value, timedelta) and value > MAX_ATTEMPT_DEADLINE:
        hint = f"{hint}; {LONGER}"
    return _check_duration(value, low=MIN_ATTEMPT_DEADLINE, high=MAX_ATTEMPT_DEADLINE, hint=hint)


BACKOFF = partial(
    _check_duration,
    low=timedelta(seconds=1),
    high=None,
    hint="write at least 1 second (Cloud Scheduler replaces 0 by its default)",
)
CHECKS: Mapping[str, Callable[[Any], Any]] = {
    "description": check_description,
    "retry_count": check_retry_count,
    "min_backoff": BACKOFF,
    "max_backoff": BACKOFF,
    "max_retry_duration": partial(
        _check_duration, low=timedelta(), high=None, hint="write 0 seconds (no limit) or more"
    ),
    "max_doublings": check_max_doublings,
    "attempt_deadline": check_attempt_deadline,
}
"""Field -> the function that returns a good value and raises InvalidDefinition for another."""
