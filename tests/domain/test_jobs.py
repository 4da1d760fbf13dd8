"""Jobs are compared by what they mean, not by how the service writes them down."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from scheduled_jobs.domain import jobs
from scheduled_jobs.domain.jobs import JobSpec, RetryPolicy, normalised, values_of

SPEC = JobSpec(
    name="shop--digest",
    schedule="0 9 * * *",
    time_zone="Europe/Lisbon",
    uri="https://shop.example.com/tasks/shop.tasks.Digest",
    payload={"region": "emea"},
    description="Send the digest.",
    headers={"X-Source": "django"},
    oidc_service_account="scheduler@p.iam.gserviceaccount.com",
    oidc_audience="https://shop.example.com",
)


def as_stored(**changes: object) -> dict[str, object]:
    """The comparable values of SPEC as the service might give it back."""
    stored = {
        "schedule": SPEC.schedule,
        "time_zone": SPEC.time_zone,
        "payload": dict(SPEC.payload),
        "description": SPEC.description,
        "retry": SPEC.retry,
        "attempt_deadline": SPEC.attempt_deadline,
        "uri": SPEC.uri,
        "http_method": "POST",
        "headers": dict(SPEC.headers),
        "oidc_service_account": SPEC.oidc_service_account,
        "oidc_audience": SPEC.oidc_audience,
        **changes,
    }
    return normalised(**stored)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "rewritten",
    [
        {"uri": SPEC.uri + "/"},
        {"headers": {"X-Source": "django", "User-Agent": "Google-Cloud-Scheduler"}},
        {"headers": {"x-source": "django", "Authorization": "Bearer x", "Content-Length": "3"}},
        {"headers": {"X-Source": "django", "X-Google-Trace": "1", "X-CloudScheduler": "true"}},
        {"attempt_deadline": timedelta()},
        {"retry": RetryPolicy(0, timedelta(), timedelta(), timedelta(), 0)},
        {"http_method": ""},
        {"schedule": " 0  9 * * * "},
    ],
    ids=str,
)
def test_what_the_service_rewrites_is_not_a_difference(rewritten: dict[str, object]) -> None:
    assert jobs.differences(values_of(SPEC), as_stored(**rewritten)) == {}


def test_an_empty_audience_is_the_address() -> None:
    spec = replace(SPEC, oidc_audience="")
    assert jobs.differences(values_of(spec), as_stored(oidc_audience=SPEC.uri)) == {}


def test_an_empty_time_zone_is_utc() -> None:
    spec = replace(SPEC, time_zone="UTC")
    assert jobs.differences(values_of(spec), as_stored(time_zone="")) == {}
    assert jobs.differences(values_of(spec), as_stored(time_zone="utc")) == {}


@pytest.mark.parametrize(
    ("here", "there", "differs"),
    [
        ("UTC", "Etc/UTC", False),
        ("Zulu", "UTC", False),
        ("Asia/Kolkata", "Asia/Calcutta", False),
        ("America/New_York", "US/Eastern", False),
        ("Europe/Lisbon", "Portugal", False),
        ("Europe/Lisbon", "Europe/Madrid", True),
        ("Etc/GMT+2", "Etc/GMT-2", True),
        ("UTC", "GMT", True),
        ("Mars/Base", "Mars/Colony", True),
        ("UTC", "../UTC", True),
    ],
)
def test_a_zone_is_the_same_under_each_of_its_names(here: str, there: str, *, differs: bool) -> None:
    wanted = values_of(replace(SPEC, time_zone=here))
    found = jobs.differences(wanted, as_stored(time_zone=there))
    assert found == ({"time_zone": (there, here)} if differs else {})


def test_an_edit_is_a_difference_in_its_field_alone() -> None:
    live = as_stored(schedule="0 10 * * *", retry=RetryPolicy(retry_count=5))
    assert jobs.differences(values_of(SPEC), live) == {
        "schedule": ("0 10 * * *", "0 9 * * *"),
        "retry_count": (5, 0),
    }


def test_what_the_service_made_of_the_wanted_value_is_the_same() -> None:
    live = as_stored(description="A text that was cut")
    pushed = {"sent": {"description": SPEC.description}, "answer": {"description": "A text that was cut"}}
    assert jobs.differences(values_of(SPEC), live, pushed) == {}
    edited = values_of(replace(SPEC, description="Another"))
    assert jobs.differences(edited, live, pushed) == {"description": ("A text that was cut", "Another")}


@pytest.mark.parametrize(
    ("one", "other"), [(1, True), (0, False), (1, 1.0), ([1], [True]), ({"a": [1]}, {"a": [1.0]}), (2, 2.0)]
)
def test_what_a_task_can_tell_apart_is_a_difference(one: object, other: object) -> None:
    assert one == other, "equal to Python"
    desired = values_of(replace(SPEC, payload={"value": one}))
    live = {**desired, "payload": {"value": other}}
    assert jobs.differences(desired, live) == {"payload": ({"value": other}, {"value": one})}


@pytest.mark.parametrize(
    ("one", "other"), [(1e16, 10**16), (1.5, 1.5), ({"a": 1, "b": 2}, {"b": 2, "a": 1}), (None, None)]
)
def test_what_a_database_or_google_writes_otherwise_is_the_same(one: object, other: object) -> None:
    assert jobs.same_json({"value": one}, {"value": other})


def test_the_value_of_a_header_is_compared_and_not_kept() -> None:
    secret = "hunter2-hunter2"
    spec = replace(SPEC, headers={"X-Key": secret})
    values = values_of(spec)
    assert secret not in str(values)
    assert "headers" in jobs.differences(values, as_stored(headers={"X-Key": "another"}))
    assert jobs.differences(values, as_stored(headers={"X-Key": secret})) == {}


def test_the_mask_names_top_level_fields() -> None:
    assert jobs.update_mask(("schedule",)) == ["schedule", "time_zone"]
    assert jobs.update_mask(("payload", "uri", "retry_count")) == ["http_target", "retry_config"]
    assert set(jobs.MASKS) == set(jobs.FIELDS)


def test_equal_payloads_give_equal_bodies() -> None:
    one = replace(SPEC, payload={"a": 1, "b": {"d": 2, "c": 3}})
    two = replace(SPEC, payload={"b": {"c": 3, "d": 2}, "a": 1})
    assert one.body == two.body == b'{"a":1,"b":{"c":3,"d":2}}'


@pytest.mark.parametrize(
    ("app_name", "identifier", "rest"),
    [
        ("shop", "shop--orders-tasks-Ship", "orders-tasks-Ship"),
        ("shop", "shop-admin--Nightly", None),
        ("shop", "shopping--Digest", None),
        ("shop", "shop--", None),
        (None, "anything", "anything"),
    ],
)
def test_an_id_is_ours_only_with_the_whole_prefix(
    app_name: str | None, identifier: str, rest: str | None
) -> None:
    """django-cloud-tasks matches without the delimiter, and deletes other applications' jobs."""
    assert jobs.parse_job_id(identifier, app_name=app_name, delimiter="--") == rest


def test_a_job_id_is_read_back_as_it_was_made() -> None:
    identifier = jobs.make_job_id("orders.tasks.Ship", app_name="shop", delimiter="--")
    assert identifier == "shop--orders-tasks-Ship"
    assert jobs.parse_job_id(identifier, app_name="shop", delimiter="--") == "orders-tasks-Ship"


def test_a_mark_tells_its_app() -> None:
    assert jobs.parse_mark(jobs.mark_of("shop")) == "shop"
    assert jobs.parse_mark(jobs.mark_of(None)) == ""
    assert jobs.parse_mark("something else") is None
    assert jobs.parse_mark(None) is None


@pytest.mark.parametrize(
    ("uri", "endpoint", "inside"),
    [
        ("https://a.example/tasks/x", "https://a.example", True),
        ("https://a.example/tasks/x", "https://a.example/", True),
        ("https://a.example", "https://a.example", True),
        ("https://a.example.evil/tasks/x", "https://a.example", False),
        ("https://a.example:8443/x", "https://a.example", False),
        ("http://a.example/x", "https://a.example", False),
        ("https://a.example/two/x", "https://a.example/one", False),
        ("", "https://a.example", False),
    ],
)
def test_a_uri_lies_under_an_endpoint_only_with_the_same_host(uri: str, endpoint: str, inside: bool) -> None:
    assert jobs.lies_under(uri, endpoint) is inside
