"""Secrets in texts of somebody else's: found however a library spells them, and nothing else is masked."""

from __future__ import annotations

import base64
import html
import json
import reprlib
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus, urlencode

import pytest
from django.utils.html import escapejs
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from scheduled_jobs.domain.payloads import MASK, Redactor, secrets_in, without_tokens

if TYPE_CHECKING:
    from collections.abc import Callable

KEYS = ("password", "token", "secret", "key")
UNSAFE = "!#$%&'()*+,/:;=?@[]~"
"""What ``requests`` leaves as it is in an address."""
SPELLINGS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "repr": repr,
    "repr of repr": lambda text: repr(repr(text)),
    "repr beside other quotes": lambda text: repr({"a": text, "b": "'\""}),
    "repr of bytes": lambda text: repr(text.encode()),
    "ascii": ascii,
    "JSON": json.dumps,
    "JSON in letters": lambda text: json.dumps(text, ensure_ascii=False),
    "JSON in JSON": lambda text: json.dumps(json.dumps({"a": text})),
    "JavaScript": escapejs,
    "HTML": html.escape,
    "HTML twice": lambda text: html.escape(html.escape(text)),
    "a path": quote,
    "a path in small letters": lambda text: quote(text, safe="").replace("%2F", "%2f"),
    "an address": lambda text: quote(text, safe=UNSAFE),
    "quoted twice": lambda text: quote(quote(text, safe=""), safe=""),
    "a form": quote_plus,
    "a query in HTML": lambda text: html.escape(urlencode({"a": "1", "b": text})),
}


@given(st.text(min_size=8, max_size=30))
@example("p@ss w\"o'rd/é&<x>\\z\n$1\N{GRINNING FACE}")
@example("\\\\\\\\\\\\\\\\")
@example("        x")
def test_a_secret_is_found_in_every_spelling(secret: str) -> None:
    if not secret.strip() or "\x00" in secret:
        return
    redactor = Redactor([secret])
    for name, spell in SPELLINGS.items():
        spelled = spell(secret)
        text = redactor.text(f"cannot open {spelled}.")
        assert MASK in text, name
        assert json.dumps(secret)[1:-1] not in text or secret in f"cannot open {MASK}.", name


@given(st.binary(max_size=5), st.text("aB3+/ü&", min_size=6, max_size=20), st.binary(max_size=5))
def test_a_secret_is_found_in_base64(before: bytes, secret: str, after: bytes) -> None:
    raw = before + secret.encode() + after
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        assert MASK in Redactor([secret]).text(f"Authorization: Basic {encode(raw).decode()}")


@pytest.mark.parametrize(
    ("secrets", "text", "shown"),
    [
        (["abc"], "abc", "abc"),
        (["test"], "the latest test of test_a", f"the latest {MASK} of test_a"),
        (["test"], "?a%3Dtest&b\\ntest", f"?a%3D{MASK}&b\\n{MASK}"),
        (["471113"], "471113 of 4711130 in 0.471113", f"{MASK} of 4711130 in 0.{MASK}"),
        (["2026", "39981"], "2026-11-30 and 39981 more", "2026-11-30 and 39981 more"),
        (["None", "true", "File"], 'File "a.py": None is not true', 'File "a.py": None is not true'),
        (["    "], "a    b", "a    b"),
        (["open-sesame", "open-sesame-2"], "open-sesame-2", MASK),
        (["open-sesame"], "reopen-sesames", f"re{MASK}s"),
    ],
)
def test_short_and_common_secrets_mask_no_words(secrets: list[str], text: str, shown: str) -> None:
    assert Redactor(secrets).text(text) == shown


def test_what_is_a_secret_in_a_payload() -> None:
    address = "postgres://shop:p%40ssword@db/shop"
    payload = {
        "region": "emea",
        "api_key": "abcd-1234",
        "login": [{"Password": {"a": ["x", 1.5, True, None]}}],
        "db_secret": address,
        "private_key": "-- BEGIN --\nMIIE1234\n-- END --",
    }
    assert list(secrets_in(payload, KEYS)) == [
        "abcd-1234", "abcd-1234", "x", "1.5", address, address, "p@ssword",
        "-- BEGIN --\nMIIE1234\n-- END --", "-- BEGIN --", "MIIE1234", "-- END --",
    ]  # fmt: skip
    assert list(secrets_in(None, KEYS)) == []


def test_values_that_are_secrets_are_masked_in_a_result() -> None:
    redactor = Redactor(["open-sesame", "4711"])
    result: dict[str, Any] = {
        "pin": 4711,
        "pins": [4711.5, 47110, "4711"],
        "said": "it was open-sesame",
        "open-sesame": None,
        "key": "shown by its name",
        "done": True,
    }
    assert redactor.value(result) == {
        "pin": MASK,
        "pins": [4711.5, 47110, MASK],
        "said": f"it was {MASK}",
        MASK: None,
        "key": "shown by its name",
        "done": True,
    }


def test_a_secret_whose_middle_was_left_out_is_masked() -> None:
    class Account(BaseModel):
        number: int

    secret = "sk_live_" + "".join(f"{n}x" for n in range(30, 70))
    try:
        Account(number=secret)  # type: ignore[arg-type]
    except ValidationError as error:
        shown = Redactor([secret]).text(f"{error} {reprlib.repr(secret)}")
    assert f"input_value='{MASK}...{MASK}', input_type=str" in shown
    assert shown.endswith(f" '{MASK}...{MASK}'")
    assert Redactor([secret]).text("sk_live_x ... and so on…") == "sk_live_x ... and so on…"


def test_tokens_and_signatures_are_masked() -> None:
    signed = f"shop--report:shop.tasks.Report:{'aB3-_' * 8}xyz"
    assert without_tokens(f"Bearer eyJhbGci.eyJpc3M.c2ln, {signed}; \x00") == (
        "Bearer [token], shop--report:shop.tasks.Report:[token]; \N{REPLACEMENT CHARACTER}"
    )
    digest = "sha256:" + "0123456789abcdef" * 4
    assert without_tokens(digest) == digest


def test_many_secrets_and_strange_texts_take_no_time() -> None:
    began = time.process_time()
    many = Redactor(f"order-{number}" for number in range(5_000))
    assert MASK in many.text("order 12 'order-1234' was not found\n" * 500)
    for secret in ("\\\\\\\\\\\\\\\\a", "''''''''''", "        a", "\\'\\'\\'\\'", "&&&&&&&&&&"):
        for text in (
            "\\" * 50_000,
            "'" * 50_000,
            "\\'" * 25_000,
            "&amp;" * 10_000,
            "%25" * 20_000,
            "a" * 50_000,
        ):
            Redactor([secret]).text(text)
    assert time.process_time() - began < 20  # what grows with the square takes minutes


def test_nothing_is_done_before_there_is_a_text() -> None:
    def secrets() -> Any:
        raise AssertionError
        yield ""

    redactor = Redactor(secrets())
    assert redactor.value([None, True]) == [None, True]
    with pytest.raises(AssertionError):
        redactor.text("x")
