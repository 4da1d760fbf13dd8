"""Whoever leaves Google's limits reads what is wrong and what to write instead."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest

from scheduled_jobs.domain import limits
from scheduled_jobs.exceptions import InvalidDefinition

if TYPE_CHECKING:
    from collections.abc import Callable

CASES: list[tuple[Callable[[Any], Any], Any, str]] = [
    (limits.check_retry_count, 6, "6 is not a retry count: write a whole number from 0 to 5"),
    (limits.check_retry_count, -1, "-1 is not a retry count: write a whole number from 0 to 5"),
    (limits.check_retry_count, True, "True is not a retry count: write a whole number from 0 to 5"),
    (limits.check_retry_count, "3", "'3' is not a retry count: write a whole number from 0 to 5"),
    (
        limits.CHECKS["attempt_deadline"],
        timedelta(seconds=14),
        "0:00:14 is out of range: write 15 seconds to 30 minutes",
    ),
    (
        limits.CHECKS["attempt_deadline"],
        timedelta(minutes=31),
        f"0:31:00 is out of range: write 15 seconds to 30 minutes; {limits.LONGER}",
    ),
    (
        limits.CHECKS["attempt_deadline"],
        60,
        "60 is not a timedelta; write one, such as timedelta(seconds=30)",
    ),
    (
        limits.CHECKS["max_retry_duration"],
        timedelta(seconds=20.5),
        "0:00:20.500000 is not a whole number of seconds: Cloud Scheduler refuses fractions",
    ),
    (
        limits.CHECKS["min_backoff"],
        timedelta(),
        "0:00:00 is out of range: write at least 1 second (Cloud Scheduler replaces 0 by its default)",
    ),
    (
        limits.CHECKS["min_backoff"],
        timedelta.max.__class__(days=999_999_999),
        "999999999 days, 0:00:00 is out of range: Cloud Scheduler counts at most 10,000 years",
    ),
    (
        limits.check_max_doublings,
        0,
        "0 is not a number of doublings: write 1 or more (Cloud Scheduler stores 0 as 5)",
    ),
    (
        limits.check_description,
        "x" * 501,
        "the description has 501 characters; Cloud Scheduler allows 500",
    ),
    (limits.check_description, 5, "the description is int; write a string"),
    (
        limits.check_description,
        "a\x00b",
        "the description holds a character that cannot be stored; remove it",
    ),
    (
        limits.check_job_id,
        "orders.tasks",
        (
            "'orders.tasks' is not a job id: Google allows letters, digits, hyphens and underscores, not '.'; "
            "return another name from schedule_name()"
        ),
    ),
    (
        limits.check_job_id,
        "x" * 501,
        "the job id has 501 characters, and Google allows 500; return a shorter name from schedule_name()",
    ),
    (limits.check_job_id, "", "the job id is empty; return a name from schedule_name()"),
    (limits.check_headers, ["a"], "headers are a dict of names and values, not list"),
    (limits.check_headers, {"X Y": "1"}, "'X Y' is not a header name: write letters, digits and hyphens"),
    (limits.check_headers, {"Host": "x"}, "the header Host is set by Cloud Scheduler itself; remove it"),
    (
        limits.check_headers,
        {"X-CloudScheduler-JobName": "x"},
        "the header X-CloudScheduler-JobName is set by Cloud Scheduler itself; remove it",
    ),
    (
        limits.check_headers,
        {"content-type": "text/plain"},
        "the header content-type is set by scheduled_jobs; remove it",
    ),
    (
        limits.check_headers,
        {"Authorization": "x"},
        "the header Authorization is set by scheduled_jobs; remove it",
    ),
    (limits.check_headers, {"X-A": 1}, "the value of the header X-A is int; write a string"),
    (
        limits.check_headers,
        {"X-A": "a\r\nX-B: c"},
        "the value of the header X-A holds a character that HTTP does not allow; write printable ASCII",
    ),
    (
        limits.check_headers,
        {"X-A": "1", "x-a": "2"},
        "two headers differ only in their case; keep one of them",
    ),
    (
        limits.check_headers,
        {"X-A": "a" * 82_000},
        "the headers are longer than the 80 KB that Cloud Scheduler allows",
    ),
    (
        limits.check_payload_size,
        {"text": "a" * 1_000_000},
        "the payload has 1,000,011 bytes; a job may have 1 MB in all",
    ),
]


@pytest.mark.parametrize(("check", "value", "message"), CASES, ids=[case[2][:50] for case in CASES])
def test_a_value_out_of_bounds_is_refused_with_its_remedy(
    check: Callable[[Any], Any], value: Any, message: str
) -> None:
    with pytest.raises(InvalidDefinition) as refused:
        check(value)
    assert str(refused.value) == message


@pytest.mark.parametrize(
    ("check", "value"),
    [
        (limits.check_retry_count, 0),
        (limits.check_retry_count, 5),
        (limits.CHECKS["attempt_deadline"], timedelta(seconds=15)),
        (limits.CHECKS["attempt_deadline"], timedelta(minutes=30)),
        (limits.CHECKS["max_retry_duration"], timedelta()),
        (limits.CHECKS["min_backoff"], timedelta(seconds=1)),
        (limits.check_max_doublings, 1),
        (limits.check_description, "x" * 500),
    ],
)
def test_a_value_on_the_bound_is_accepted(check: Callable[[Any], Any], value: Any) -> None:
    assert check(value) == value


def test_good_names_and_headers_pass_in_silence() -> None:
    limits.check_job_id("a" * 500)
    limits.check_headers({"X-Custom-Auth-Token": "some_secret_value", "traceparent": ""})


def test_the_shortest_wait_may_equal_the_longest() -> None:
    limits.check_backoffs(timedelta(seconds=5), timedelta(seconds=5))
    with pytest.raises(InvalidDefinition, match="the minimum backoff 0:00:06 is longer than the maximum"):
        limits.check_backoffs(timedelta(seconds=6), timedelta(seconds=5))


def test_the_end_of_a_pause_is_told_in_utc() -> None:
    tokyo = ZoneInfo("Asia/Tokyo")
    assert repr(limits.check_pause_end(datetime(2026, 12, 24, 9, tzinfo=tokyo))) == repr(
        datetime(2026, 12, 24, tzinfo=UTC)
    )
    assert limits.check_pause_end(limits.LATEST_PAUSE.astimezone(tokyo)) == limits.LATEST_PAUSE
    with pytest.raises(ValueError, match="cannot be told in UTC; write a time in the future"):
        limits.check_pause_end(datetime(1, 1, 1, tzinfo=tokyo))
    with pytest.raises(ValueError, match="has no time zone; pass an aware datetime"):
        limits.check_pause_end(datetime(2026, 12, 24))  # noqa: DTZ001
    for other in (date(2026, 12, 24), timedelta(hours=1)):
        with pytest.raises(ValueError, match=r"is not a datetime; pass one, such as timezone\.now\(\) \+ "):
            limits.check_pause_end(other)  # type: ignore[arg-type]
