"""The fields of a job and their values in words, with secrets masked."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from scheduled_jobs.admin.words import values
from scheduled_jobs.domain.jobs import OVERRIDABLE

SECRET = {"api_token": "geheim", "n": 3}


def test_every_field_that_may_be_overridden_has_a_name() -> None:
    assert set(values.FIELD_WORDS) == set(OVERRIDABLE)


def test_a_field_is_called_alike_alone_and_in_a_sentence() -> None:
    assert values.field_name("min_backoff") == "Shortest wait"
    assert values.field_names(["min_backoff", "uri", "state"]) == "shortest wait, address, state"


@pytest.mark.parametrize(
    ("field", "value", "text"),
    [
        ("schedule", "0 3 * * *", "0 3 * * *"),
        ("description", "", "(empty)"),
        ("description", None, "(empty)"),
        ("retry_count", 0, "0"),
        ("min_backoff", timedelta(seconds=90), "1 min 30 s"),
        ("min_backoff", 90, "1 min 30 s"),
        ("min_backoff", "P0DT00H01M30S", "1 min 30 s"),
        ("max_retry_duration", 0, "0 s"),
        ("state", "PAUSED", "paused"),
        ("state", "STATE_UNSPECIFIED", "state unspecified"),
        ("payload", SECRET, '{"api_token": "••••••••", "n": 3}'),
        ("payload", {}, "{}"),
        ("payload", [1, 2], "[1, 2]"),
        ("headers", {"x-a": "digest 1234abcd"}, '{"x-a": "digest 1234abcd"}'),
    ],
)
def test_a_value_is_worded_as_it_is_typed(field: str, value: Any, text: str) -> None:
    assert values.value_text(field, value) == text


def test_json_is_masked_in_a_block_in_parts_and_in_a_line() -> None:
    assert values.masked_json(SECRET) == '{\n  "api_token": "••••••••",\n  "n": 3\n}'
    assert values.masked_parts(SECRET) == [
        (False, '{\n  "api_token": "'),
        (True, "••••••••"),
        (False, '",\n  "n": 3\n}'),
    ]
    assert values.masked_line(SECRET) == '{"api_token": "••••••••", "n": 3}'
    assert values.masked_line(SECRET, 14) == '{"api_token":…'
    assert values.masked_line("a text") == "a text"


@pytest.mark.parametrize(("name", "text"), [("api_token", '"••••••••"'), ("n", "3")])
def test_one_entry_of_a_payload_is_masked_by_its_key(name: str, text: str) -> None:
    assert values.masked_entry(SECRET, name) == text
