"""What a target receives."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from scheduled_jobs.emulator.delivery import (
    Delivery,
    Outcome,
    Unanswered,
    is_success,
    make_delivery,
    rpc_code,
    schedule_time_text,
)
from tests.emulator.jobs import PARENT, http_job, utc

if TYPE_CHECKING:
    from scheduled_jobs.emulator.store import Store


def delivery(store: Store, **fields: Any) -> Delivery:
    job = store.create_job(PARENT, http_job(**fields))
    return make_delivery(job, number=1, slot=utc(2026, 10, 5, 9), forced=False, attempt=1)


def test_the_headers_are_googles_own(store: Store) -> None:
    assert delivery(store).headers == {
        "User-Agent": "Google-Cloud-Scheduler",
        "X-CloudScheduler": "true",
        "X-CloudScheduler-JobName": "report",
        "X-CloudScheduler-ScheduleTime": "2026-10-05T02:00:00-07:00",
        "Accept-Encoding": "gzip, deflate, br",
    }


def test_the_jobs_own_headers_go_along(store: Store) -> None:
    made = delivery(
        store,
        http_target={
            "uri": "http://x.example/a",
            "http_method": 4,
            "body": b"{}",
            "headers": {"X-Shop": "1", "authorization": "Basic x"},
        },
    )
    assert made.headers["X-Shop"] == "1"
    assert made.headers["authorization"] == "Basic x"
    assert made.headers["Content-Type"] == "application/octet-stream"
    assert (made.method, made.uri, made.body, made.oidc) == ("PUT", "http://x.example/a", b"{}", None)


def test_a_token_takes_the_place_of_the_jobs_own_authorization(
    store: Store,
) -> None:
    made = delivery(
        store,
        http_target={
            "uri": "http://x.example/a",
            "headers": {"Authorization": "Basic x"},
            "oidc_token": {"service_account_email": "a@b.example"},
        },
    )
    assert "Authorization" not in made.headers
    assert made.oidc == ("a@b.example", "http://x.example/a")


def test_the_deadline_is_the_jobs(store: Store) -> None:
    assert delivery(store, attempt_deadline={"seconds": 42}).deadline == timedelta(seconds=42)


def test_the_schedule_time_is_that_of_los_angeles() -> None:
    assert schedule_time_text(utc(2027, 1, 1)) == "2026-12-31T16:00:00-08:00"
    with_fraction = utc(2026, 10, 5, 8, 42, 1).replace(microsecond=416_739)
    assert schedule_time_text(with_fraction) == "2026-10-05T01:42:01.416739-07:00"


@pytest.mark.parametrize(
    ("outcome", "code"),
    [
        (200, 0),
        (204, 0),
        (299, 0),
        (302, 2),
        (400, 3),
        (401, 16),
        (403, 7),
        (404, 5),
        (409, 10),
        (418, 2),
        (429, 8),
        (500, 13),
        (503, 14),
        (504, 4),
        (599, 13),
        (Unanswered.DEADLINE, 4),
        (Unanswered.UNREACHABLE, 14),
        (Unanswered.UNSUPPORTED, 12),
    ],
)
def test_an_outcome_shows_as_a_code_of_googles(outcome: Outcome, code: int) -> None:
    assert rpc_code(outcome) == code
    assert is_success(outcome) == (code == 0)


def test_the_job_id_is_the_end_of_the_name(store: Store) -> None:
    assert delivery(store).job_id == "report"
