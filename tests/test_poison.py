"""Bodies, errors, logs and results that no database can hold, or that would fill it, through the view."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

import pytest
from django.test import Client

from scheduled_jobs import authentication
from scheduled_jobs.domain.jobs import TOKEN_HEADER
from scheduled_jobs.models import JobRun
from tests.support import make_job, make_task

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpResponse

    from scheduled_jobs.tasks import PeriodicTask

pytestmark = pytest.mark.django_db

DEEP = b'{"region": ' + b"[" * 50 + b"]" * 50 + b"}"


def delivered(body: bytes, run: Callable[..., Any] | None = None, name: str = "shop--report") -> HttpResponse:
    """The answer to a delivery of this body."""
    task = make_task(run, schedule_use_oidc=False)
    make_job(task)
    headers = {
        TOKEN_HEADER: authentication.sign_job(name, task.name()),
        "X-CloudScheduler-JobName": name,
        "X-CloudScheduler-ScheduleTime": "2026-11-23T09:00:00Z",
    }
    path = f"/tasks/{task.name()}"
    return Client().generic("POST", path, body, content_type="application/json", headers=headers)  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"\xff\xfe", "the body is not UTF-8: invalid start byte at byte 0"),
        ('{"region": "é"}'.encode("utf-16"), "the body is not UTF-8: invalid start byte at byte 0"),
        (DEEP, "region: more than 50 objects and lists lie within one another"),
        (b"[" * 100_000, "more than 50 objects and lists lie within one another"),
        (b'{"region": NaN}', "NaN is not JSON; write a finite number or null"),
        (b'{"region": -Infinity}', "-Infinity is not JSON; write a finite number or null"),
        (b'{"region": 1e999}', "1e999 is too large a number"),
        (b'{"region": ' + b"1" * 641 + b"}", "a whole number has more than 640 digits"),
        (
            rb'{"region": "\u0000"}',
            "region: the text holds the character U+0000, which PostgreSQL cannot store",
        ),
        (
            rb'{"region": "\ud800"}',
            "region: the text holds U+D800, half of a surrogate pair, which no database stores",
        ),
        (b'{"region": "a"', "the body is not JSON: Expecting ',' delimiter at line 1, column 15"),
        (b'{"region": "\x00"}', "the body is not JSON: Invalid control character at at line 1, column 13"),
        (b'"region"', "the body is a string, not a JSON object; write {} for none"),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_a_poisoned_body_is_400_and_a_failed_run(body: bytes, told: str) -> None:
    answer = delivered(body)
    assert (answer.status_code, json.loads(answer.content)) == (400, {"error": told})
    run = JobRun.objects.get()
    assert (run.status, run.error) == ("failed", f"InvalidPayload: {told}")


def test_a_name_that_no_database_holds_is_404() -> None:
    answer = delivered(b"{}", name="shop--report\x00")
    assert (answer.status_code, json.loads(answer.content)) == (
        404,
        {"error": "Job shop--report\N{REPLACEMENT CHARACTER} not found"},
    )


def test_of_a_key_that_comes_twice_the_last_counts() -> None:
    answer = delivered(b'{"region": "a", "region": "b"}')
    assert (answer.status_code, JobRun.objects.get().result) == (200, {"region": "b"})


@pytest.mark.parametrize("large", [False, True])
def test_what_a_task_says_is_stored_whatever_it_is(large: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = logging.getLogger("shop.poison")
    monkeypatch.setattr(shop, "propagate", False)  # what pytest keeps of a log has to be UTF-8
    poison = "\x00\ud800\u2028 eyJhbGciOiJSUzI1NiJ9.e30.c2ln" + ("x" * 2_000_000 if large else "")

    def run(self: PeriodicTask) -> None:
        self.report_progress(1, float("nan"), poison)
        shop.warning("%s", poison)
        raise ValueError(poison)

    assert delivered(b"{}", run).status_code == 500
    row = JobRun.objects.get()
    texts = [row.error, row.traceback, row.log, row.progress_message, row.error_key]
    assert row.status == "failed"
    assert all("\x00" not in text and "\ud800" not in text and "eyJ" not in text for text in texts)
    assert [
        limit
        for limit, text in zip((11_000, 101_000, 70_000, 500, 200), texts, strict=True)
        if len(text) > limit
    ] == []


@pytest.mark.parametrize(
    "result",
    ["\x00", "\ud800", float("nan"), {1: {2, 3}}, "x" * 4_000_001],
    ids=lambda value: repr(value)[:20],
)
def test_a_result_that_cannot_be_stored_is_dropped(result: Any) -> None:
    answer = delivered(b"{}", lambda self: result)
    row = JobRun.objects.get()
    assert (answer.status_code, row.status, row.result) == (200, "succeeded", None)
    assert [note[:24] for note in row.context["notes"]] == ["The result was not kept:"]
