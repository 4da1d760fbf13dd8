"""Limits, and what the service makes of a job that it stores."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from scheduled_jobs.emulator.store import Store, StoreError
from tests.emulator.jobs import PARENT, http_job, name_of

if TYPE_CHECKING:
    from scheduled_jobs.emulator.messages import JobMessage

URI = "https://shop.example/tasks/report"
TOPIC = "projects/shop/topics/orders"
INVALID_SCHEDULE = "The provided schedule or timezone are invalid."


def created(store: Store, **fields: Any) -> JobMessage:
    return store.create_job(PARENT, http_job(**fields))


def target(**fields: Any) -> dict[str, Any]:
    return {"http_target": {"uri": URI, **fields}}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"schedule": "* * * * * *"}, INVALID_SCHEDULE),
        ({"schedule": ""}, INVALID_SCHEDULE),
        ({"schedule": "@daily"}, INVALID_SCHEDULE),
        ({"schedule": "every monday"}, INVALID_SCHEDULE),
        *[({"schedule": f"0{blank}9 * * *"}, INVALID_SCHEDULE) for blank in "\xa0\u2003\x1c\x0b\n"],
        ({"schedule": "every\u30007 hours"}, INVALID_SCHEDULE),
        ({"time_zone": "Invalid/Unknown"}, INVALID_SCHEDULE),
        ({"description": "x" * 501}, "The description must not exceed 500 characters."),
        (
            {"retry_config": {"retry_count": 6}},
            "invalid retry count. The retry_count must be a positive integer less than 5: invalid argument",
        ),
        (
            {"retry_config": {"retry_count": -1}},
            "invalid retry count. The retry_count must be a positive integer less than 5: invalid argument",
        ),
        (
            {"retry_config": {"max_retry_duration": {"seconds": 20, "nanos": 500_000_000}}},
            "retryConfig.max_retry_duration.nanos cannot be set: invalid argument",
        ),
        (
            {"retry_config": {"min_backoff_duration": {"seconds": -1}}},
            "retryConfig.min_backoff_duration must not be negative: invalid argument",
        ),
        (
            {"retry_config": {"max_doublings": -1}},
            "retryConfig.max_doublings must not be negative: invalid argument",
        ),
        ({"attempt_deadline": {"seconds": 14}}, "The attempt_deadline must be between 15s and 1800s."),
        (
            {"attempt_deadline": {"seconds": 1800, "nanos": 1}},
            "The attempt_deadline must be between 15s and 1800s.",
        ),
        (target(uri="ftp://x/"), 'The uri must start with "http://" or "https://".'),
        (target(uri="https://"), "The uri 'https://' has no valid host and port."),
        (target(uri="https://x:99999/"), "The uri 'https://x:99999/' has no valid host and port."),
        (target(uri="https://x/" + "é" * 400), "The uri must not exceed 2083 characters."),
        (target(http_method=99), "Unknown http_method 99."),
        (
            target(http_method=2, body=b"x"),
            "A request body is only allowed for the HTTP methods POST, PUT and PATCH.",
        ),
        (target(headers={"X-A": "x" * 81920}), "The headers must be smaller than 80 KB in total."),
        (target(headers={"X A": "x"}), "Invalid header name 'X A'."),
        (target(headers={"X-A": "x\r\nX-B: y"}), "Invalid value of the header X-A."),
        (
            target(oidc_token={"audience": "x"}),
            "A token needs the service_account_email that it is issued for.",
        ),
        (
            target(oauth_token={"service_account_email": "a@b.example"}),
            "An oauth_token is only sent to hosts of *.googleapis.com.",
        ),
        (target(body=b"x" * 1024 * 1024), "The job is larger than 1 MB."),
        (
            {"http_target": None, "pubsub_target": {"topic_name": "orders", "data": b"x"}},
            'The topic_name must be formatted "projects/PROJECT_ID/topics/TOPIC_ID".',
        ),
        (
            {"http_target": None, "pubsub_target": {"topic_name": TOPIC}},
            "A Pub/Sub message needs data or at least one attribute.",
        ),
        (
            {"http_target": None, "app_engine_http_target": {"relative_uri": "x"}},
            'The relative_uri must start with "/".',
        ),
        (
            {"http_target": None, "app_engine_http_target": {"http_method": 2, "body": b"x"}},
            "A request body is only allowed for the HTTP methods POST, PUT and PATCH.",
        ),
        (
            {
                "http_target": None,
                "app_engine_http_target": {"relative_uri": "/"},
                "attempt_deadline": {"seconds": 86416},
            },
            "The attempt_deadline must be between 15s and 86415s.",
        ),
    ],
)
def test_a_job_beyond_a_limit_is_an_invalid_argument(
    store: Store, fields: dict[str, Any], message: str
) -> None:
    with pytest.raises(StoreError) as error:
        created(store, **fields)
    assert (error.value.code, error.value.message) == ("INVALID_ARGUMENT", message)
    assert store.list_jobs(PARENT) == ([], "")


@pytest.mark.parametrize(
    "fields",
    [
        {"retry_config": {"retry_count": 5}},
        {"retry_config": {"retry_count": 0}},
        {"attempt_deadline": {"seconds": 15}},
        {"attempt_deadline": {"seconds": 1800}},
        {"description": "é" * 500},
        {"time_zone": "Asia/Tokyo"},
        {"time_zone": "utc"},
        {"schedule": "0 9 * JAN MON"},
        {"schedule": "every 5 minutes"},
        {"schedule": "1st friday of quarter 9:00"},
        target(http_method=2),
        target(http_method=6, body=b"x"),
        target(oidc_token={"service_account_email": "a@b.example"}),
        {
            "http_target": {
                "uri": "https://storage.googleapis.com/b",
                "oauth_token": {"service_account_email": "a@b.example"},
            }
        },
        {
            "http_target": None,
            "app_engine_http_target": {"relative_uri": "/x"},
            "attempt_deadline": {"seconds": 86415},
        },
    ],
)
def test_a_job_at_a_limit_is_accepted(store: Store, fields: dict[str, Any]) -> None:
    assert created(store, **fields).name == name_of("report")


def test_a_short_job_reads_back_with_every_default(store: Store) -> None:
    job = created(store)
    assert job.time_zone == "UTC"
    assert job.attempt_deadline.seconds == 180
    assert job.http_target.http_method == 1
    assert dict(job.http_target.headers) == {"User-Agent": "Google-Cloud-Scheduler"}
    retries = job.retry_config
    assert retries.HasField("max_retry_duration")
    assert (retries.retry_count, retries.max_retry_duration.seconds, retries.max_doublings) == (0, 0, 5)
    assert (retries.min_backoff_duration.seconds, retries.max_backoff_duration.seconds) == (5, 3600)


def test_what_is_given_is_kept(store: Store) -> None:
    given = http_job(
        time_zone="Asia/Tokyo",
        description="Daily report",
        attempt_deadline={"seconds": 60},
        retry_config={
            "retry_count": 2,
            "max_retry_duration": {"seconds": 30},
            "min_backoff_duration": {"seconds": 4},
            "max_backoff_duration": {"seconds": 10},
            "max_doublings": 1,
        },
        http_target={
            "uri": f"{URI}?a=1",
            "http_method": 4,
            "body": b"{}",
            "headers": {"Content-Type": "application/json", "X-Shop": "1"},
            "oidc_token": {"service_account_email": "a@b.example", "audience": "shop"},
        },
    )
    job = store.create_job(PARENT, given)
    assert job.http_target.headers.pop("User-Agent") == "Google-Cloud-Scheduler"
    assert job.http_target.headers.pop("Authorization") == "Bearer"
    for field in ("time_zone", "description", "attempt_deadline", "retry_config", "http_target"):
        assert getattr(job, field) == getattr(given, field)


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("http://shop.example", "http://shop.example/"),
        ("https://shop.example?x=1", "https://shop.example/?x=1"),
        ("https://shop.example/tasks", "https://shop.example/tasks"),
        ("https://shop.example/a b/é%20", "https://shop.example/a%20b/%C3%A9%20"),
    ],
)
def test_the_uri_is_encoded_and_has_a_path(store: Store, given: str, stored: str) -> None:
    assert created(store, **target(uri=given)).http_target.uri == stored


def test_headers_that_the_service_sets_are_replaced(store: Store) -> None:
    headers = {
        "user-agent": "mine",
        "HOST": "elsewhere",
        "Content-Length": "7",
        "X-Google-Thing": "1",
        "x-appengine-thing": "1",
        "X-CloudScheduler": "no",
        "X-CloudScheduler-JobName": "no",
        "X-CloudScheduler-ScheduleTime": "no",
        "X-Shop": "kept",
    }
    job = created(store, **target(headers=headers, body=b"{}"))
    assert dict(job.http_target.headers) == {
        "X-Shop": "kept",
        "User-Agent": "Google-Cloud-Scheduler",
        "Content-Type": "application/octet-stream",
    }


def test_an_own_authorization_is_kept_only_without_a_token(store: Store) -> None:
    own = created(store, **target(headers={"authorization": "Basic x"}))
    assert own.http_target.headers["authorization"] == "Basic x"
    token = created(
        store,
        job_id="token",
        **target(headers={"authorization": "Basic x"}, oidc_token={"service_account_email": "a@b.example"}),
    )
    assert "authorization" not in token.http_target.headers
    assert token.http_target.headers["Authorization"] == "Bearer"


def test_an_empty_audience_reads_back_as_the_uri(store: Store) -> None:
    job = created(store, **target(oidc_token={"service_account_email": "a@b.example"}))
    assert job.http_target.oidc_token.audience == URI


def test_an_empty_scope_reads_back_as_cloud_platform(store: Store) -> None:
    job = created(
        store,
        **target(
            uri="https://storage.googleapis.com/b", oauth_token={"service_account_email": "a@b.example"}
        ),
    )
    assert job.http_target.oauth_token.scope == "https://www.googleapis.com/auth/cloud-platform"


def test_zero_backoffs_and_doublings_are_stored_as_the_defaults(store: Store) -> None:
    job = created(
        store,
        retry_config={"retry_count": 1, "min_backoff_duration": {}, "max_backoff_duration": {}},
    )
    retries = job.retry_config
    assert (retries.min_backoff_duration.seconds, retries.max_backoff_duration.seconds) == (5, 3600)
    assert retries.max_doublings == 5


def test_a_pubsub_job_has_no_deadline_and_no_retries_of_its_own(store: Store) -> None:
    fields = {"http_target": None, "pubsub_target": {"topic_name": TOPIC, "data": b"x"}}
    job = created(store, attempt_deadline={"seconds": 60}, **fields)
    assert not job.HasField("attempt_deadline")
    assert not job.HasField("retry_config")
    retried = created(store, job_id="retried", retry_config={"retry_count": 1}, **fields)
    assert retried.retry_config.max_doublings == 5


def test_an_app_engine_job_gets_a_path_and_a_method(store: Store) -> None:
    job = created(store, http_target=None, app_engine_http_target={})
    assert (job.app_engine_http_target.relative_uri, job.app_engine_http_target.http_method) == ("/", 1)
    assert not job.HasField("attempt_deadline")


def test_what_reads_back_can_be_written_back_without_a_change(store: Store) -> None:
    job = created(store, **target(body=b"{}", oidc_token={"service_account_email": "a@b.example"}))
    assert store.update_job(job) == job
