"""The token by which a view knows whether things are still as its page showed them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from scheduled_jobs.admin.page.same_as_shown import token_of


def test_the_same_has_the_same_token_and_tells_nothing_of_it() -> None:
    token = token_of({"a": 1, "b": ["secret"]}, 7)
    assert token == token_of({"b": ["secret"], "a": 1}, 7)
    assert len(token) == 20
    assert set(token) <= set("0123456789abcdef")


@pytest.mark.parametrize(
    "other",
    [
        ({"a": 2}, 7),
        ({"a": 1}, 8),
        ({"a": "1"}, 7),
        ({"a": True}, 7),
        ({"a": None}, 7),
        ({}, 7),
        ({"a": 1},),
        (),
    ],
)
def test_another_value_has_another_token(other: tuple[Any, ...]) -> None:
    assert token_of(*other) != token_of({"a": 1}, 7)


def test_half_a_character_and_a_time_have_a_token_too() -> None:
    assert token_of("\ud800") != token_of(datetime(2026, 10, 22, tzinfo=UTC))


def test_the_key_of_the_site_is_in_it(settings: Any) -> None:
    token = token_of("x")
    settings.SECRET_KEY = "another"
    assert token_of("x") != token
