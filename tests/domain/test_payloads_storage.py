"""What a database can hold: bodies, results, texts."""

from __future__ import annotations

import json
import sys
from contextlib import suppress
from enum import IntEnum
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scheduled_jobs.domain.payloads import (
    MAX_DEPTH,
    MAX_DIGITS,
    MAX_STORED,
    clean_text,
    parse_body,
    storable,
)
from scheduled_jobs.exceptions import InvalidPayload

if TYPE_CHECKING:
    from collections.abc import Iterator

TOO_DEEP = "more than 50 objects and lists lie within one another"
NUL = "holds the character U+0000, which PostgreSQL cannot store"
HALF = "half of a surrogate pair, which no database stores"
TOO_LONG = "a whole number has more than 640 digits"

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"))
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=20,
)


def refusal(raw: bytes) -> dict[str, str]:
    with pytest.raises(InvalidPayload) as caught:
        parse_body(raw)
    return caught.value.errors


def nested(depth: int) -> bytes:
    """An object of this depth, itself included."""
    return b'{"a":' * (depth - 1) + b"{}" + b"}" * (depth - 1)


# --- Bodies ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("raw", [b"", b"  \r\n"])
def test_no_body_is_the_empty_payload(raw: bytes) -> None:
    assert parse_body(raw) == {}


@pytest.mark.parametrize(
    ("raw", "errors"),
    [
        (b"\xff{}", {"": "the body is not UTF-8: invalid start byte at byte 0"}),
        (b'{"a": "\xed\xa0\x80"}', {"": "the body is not UTF-8: invalid continuation byte at byte 7"}),
        ('{"a": 1}'.encode("utf-16"), {"": "the body is not UTF-8: invalid start byte at byte 0"}),
        (
            b"\xef\xbb\xbf{}",
            {"": "the body is not JSON: Unexpected UTF-8 BOM (decode using utf-8-sig) at line 1, column 1"},
        ),
        (
            b"{",
            {
                "": "the body is not JSON: Expecting property name enclosed in double quotes at line 1, column 2"
            },
        ),
        (b'{"a": 1}\n}', {"": "the body is not JSON: Extra data at line 2, column 1"}),
        (b'{"a": "\x00"}', {"": "the body is not JSON: Invalid control character at at line 1, column 8"}),
        (b"[1]", {"": "the body is a list, not a JSON object; write {} for none"}),
        (b'"a"', {"": "the body is a string, not a JSON object; write {} for none"}),
        (b"null", {"": "the body is null, not a JSON object; write {} for none"}),
        (b"5", {"": "the body is 5, not a JSON object; write {} for none"}),
        (b'{"a": NaN}', {"": "NaN is not JSON; write a finite number or null"}),
        (b'{"a": [-Infinity]}', {"": "-Infinity is not JSON; write a finite number or null"}),
        (b'{"a": 1e999}', {"": "1e999 is too large a number"}),
        (b'{"a": -1' + b"0" * 400 + b".0}", {"": "-1" + "0" * 37 + "… is too large a number"}),
        (rb'{"a": "\u0000"}', {"a": f"the text {NUL}"}),
        (rb'{"a": {"b": [1, "x\u0000"]}}', {"a": f"at b[1]: the text {NUL}"}),
        (rb'{"a": {"\u0000": 1}}', {"a": rf"the key '\x00' {NUL}"}),
        (rb'{"\u0000": 1}', {"": rf"the key '\x00' {NUL}"}),
        (rb'{"a": "\ud83d"}', {"a": f"the text holds U+D83D, {HALF}"}),
        (rb'{"a": "\uDE00\uD83D"}', {"a": f"the text holds U+DE00, {HALF}"}),
        (b'{"a": ' + b"9" * 641 + b"}", {"": TOO_LONG}),
        (b'{"a": -' + b"9" * 100_000 + b"}", {"": TOO_LONG}),
        (nested(51), {"a": TOO_DEEP}),
        (b'{"a": ' + b"[" * 50 + b"]" * 50 + b"}", {"a": TOO_DEEP}),
        (b'{"a": ' + b"[" * 100_000, {"": TOO_DEEP}),
        (b'{"a": ' * 100_000, {"": TOO_DEEP}),
    ],
)
def test_a_body_that_no_database_holds_is_refused_with_a_reason(raw: bytes, errors: dict[str, str]) -> None:
    assert refusal(raw) == errors


def test_what_only_looks_like_it_is_let_through() -> None:
    assert parse_body(rb'{"a": "\\u0000 \\ud800"}') == {"a": r"\u0000 \ud800"}
    assert parse_body(rb'{"a": "\ud83d\ude00"}') == {"a": "\N{GRINNING FACE}"}
    assert parse_body('{"ключ": "•"}'.encode()) == {"ключ": "•"}
    assert parse_body(b'{"a": 1e-999, "b": -0.0, "c": 1.0}') == {"a": 0.0, "b": 0.0, "c": 1.0}


def test_the_limits_themselves_are_let_through() -> None:
    digits = b"9" * MAX_DIGITS
    assert parse_body(b'{"a": -' + digits + b"}") == {"a": -int(digits)}
    value: Any = parse_body(nested(MAX_DEPTH))
    depth = 0
    while value is not None:
        value, depth = value.get("a"), depth + 1
    assert depth == MAX_DEPTH


def test_of_a_key_that_comes_twice_the_last_value_counts() -> None:
    assert parse_body(b'{"a": 1, "a": 2}') == {"a": 2}


@given(st.dictionaries(texts, json_values), st.booleans())
def test_every_storable_payload_is_read_from_its_json(payload: dict[str, Any], ascii_only: bool) -> None:
    assert parse_body(json.dumps(payload, ensure_ascii=ascii_only).encode()) == payload


@given(st.binary() | st.text().map(lambda t: json.dumps({"a": t}).encode("utf-8")))
@example(b'{"a": "\\ud800"}')
def test_no_body_ends_in_anything_but_an_object_or_a_reason(raw: bytes) -> None:
    try:
        payload = parse_body(raw)
    except InvalidPayload as error:
        clean = str(error).encode()  # fit for a column and for the answer
        assert b"\x00" not in clean
    else:
        assert storable(payload) == payload


# --- Results -----------------------------------------------------------------------------------------


class Level(IntEnum):
    HIGH = 3


def test_a_result_comes_as_the_database_will_give_it_back() -> None:
    assert storable({"a": (1, 2), 5: Level.HIGH, None: True, "x": 1.5}) == {
        "a": [1, 2],
        "5": 3,
        "null": True,
        "x": 1.5,
    }
    assert storable(None) is None
    assert storable("\N{GRINNING FACE}") == "\N{GRINNING FACE}"


class Hostile(dict[str, Any]):
    def items(self) -> Any:
        raise LookupError("not\x00today")


def itself() -> list[Any]:
    value: list[Any] = []
    value.append(value)
    return value


def deep(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("value", "errors"),
    [
        (float("nan"), {"": "it holds NaN or Infinity, which is not JSON"}),
        ({"a": [float("inf")]}, {"": "it holds NaN or Infinity, which is not JSON"}),
        ("\x00", {"": f"the text {NUL}"}),
        ({"a": {"b": "\ud800"}}, {"a": f"at b: the text holds U+D800, {HALF}"}),
        ([1, ["\x00"]], {"": f"at [1][0]: the text {NUL}"}),
        ({"\udfff": 1}, {"": rf"the key '\udfff' holds U+DFFF, {HALF}"}),
        (object(), {"": "it is not JSON: object has no form in it"}),
        ({"a": {1, 2}}, {"": "it is not JSON: set has no form in it"}),
        (
            {(1, 2): 1},
            {"": "it is not JSON: TypeError: keys must be str, int, float, bool or None, not tuple"},
        ),
        (itself(), {"": "it contains itself"}),
        (deep(51), {"": f"at [0]: {TOO_DEEP}"}),
        (deep(100_000), {"": TOO_DEEP}),
        (10**640, {"": TOO_LONG}),
        (10**5000, {"": TOO_LONG}),
        ("x" * MAX_STORED, {"": "it takes 4000002 bytes as JSON; at most 4000000 are kept"}),
        (Hostile(a=1), {"": "it is not JSON: LookupError: not\N{REPLACEMENT CHARACTER}today"}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_result_that_cannot_be_stored_is_refused_with_a_reason(value: Any, errors: dict[str, str]) -> None:
    with pytest.raises(InvalidPayload) as caught:
        storable(value)
    assert caught.value.errors == errors


@pytest.fixture
def few_digits() -> Iterator[None]:
    before = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(640)
    yield
    sys.set_int_max_str_digits(before)


@pytest.mark.usefixtures("few_digits")
def test_what_is_stored_is_read_with_the_lowest_limit_of_digits() -> None:
    assert storable(10**639) == 10**639
    assert parse_body(b'{"a": ' + b"9" * 640 + b"}")["a"] % 10 == 9
    assert refusal(b'{"a": ' + b"9" * 641 + b"}") == {"": TOO_LONG}


@given(json_values)
def test_every_json_value_is_storable_and_stays_what_it_was(value: Any) -> None:
    assert storable(value) == value


@given(
    st.recursive(
        st.none() | st.floats() | st.integers() | st.text(st.characters(exclude_categories=[])) | st.binary(),
        lambda inner: st.lists(inner) | st.tuples(inner) | st.dictionaries(st.integers() | st.text(), inner),
        max_leaves=10,
    )
)
def test_whatever_is_storable_survives_json(value: Any) -> None:
    with suppress(InvalidPayload):
        storable(value)
        text = json.dumps(storable(value), allow_nan=False, ensure_ascii=False)
        text.encode()
        assert json.loads(text) == storable(value)
        assert storable(storable(value)) == storable(value)


# --- Texts -------------------------------------------------------------------------------------------


def test_characters_that_postgresql_cannot_hold_are_replaced() -> None:
    assert clean_text("a\x00b\ud83d\ude00c\N{GRINNING FACE}") == "a\ufffdb\ufffd\ufffdc\N{GRINNING FACE}"


@given(st.text(st.characters(exclude_categories=[])))
def test_a_clean_text_is_storable_and_stays_as_it_is(text: str) -> None:
    cleaned = clean_text(text)
    assert storable(cleaned) == cleaned
    assert len(cleaned) == len(text)
    assert clean_text(cleaned) == cleaned
    if cleaned != text:
        with pytest.raises(InvalidPayload):
            storable(text)
