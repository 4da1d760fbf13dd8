"""Secrets are masked, and come back where the mask was left alone."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from scheduled_jobs.domain.payloads import MASK, SECRET_WORDS, redact, restore
from scheduled_jobs.exceptions import InvalidPayload

KEYS = ("password", "token", "secret", "key", "authorization")
SECRET = "s3cret-value"
LEFT = "there is no earlier value here that •••••••• could stand for; write the value itself"

keys = st.sampled_from(["a", "b", "Password", "API_TOKEN", "my secret", "key"]) | st.text(max_size=3)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.sampled_from([SECRET, MASK, f"x{MASK}"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=15,
)


def masks_left(masked: Any, original: Any) -> dict[str, str]:
    with pytest.raises(InvalidPayload) as caught:
        restore(masked, original, KEYS)
    return caught.value.errors


def test_the_mask_is_eight_dots() -> None:
    assert MASK == "••••••••"


def test_keys_match_by_a_word_within_them_in_any_case() -> None:
    value = {
        "DB_Password": 1,
        "apikey": [SECRET],
        "Authorization": {"a": SECRET},
        "region": "emea",
        "n": None,
    }
    assert redact(value, KEYS) == {
        "DB_Password": MASK,
        "apikey": MASK,
        "Authorization": MASK,
        "region": "emea",
        "n": None,
    }
    assert redact({"PIN": 1}, ["pin", ""]) == {"PIN": MASK}
    assert redact({"x": 1}, [""]) == {"x": 1}


def test_secrets_are_masked_however_deep_they_lie() -> None:
    assert redact({"a": [{"b": {"token": SECRET, "c": 1}}, (1, {"key": 2})]}, KEYS) == {
        "a": [{"b": {"token": MASK, "c": 1}}, [1, {"key": MASK}]]
    }


@pytest.mark.parametrize("secret", [None, "", 0, False, [], {}, {"a": SECRET}])
def test_whatever_stands_under_a_secret_key_is_masked(secret: Any) -> None:
    masked = redact({"secret": secret}, KEYS)
    assert masked == {"secret": MASK}
    assert restore(masked, {"secret": secret}, KEYS) == {"secret": secret}


def test_a_value_that_is_no_container_is_left_as_it_is() -> None:
    assert redact("0 9 * * *", KEYS) == "0 9 * * *"
    assert redact(1.5, KEYS) == 1.5


def test_the_copy_shares_nothing_with_the_original() -> None:
    original = {"a": [{"b": [1]}], "key": [1]}
    before = copy.deepcopy(original)
    masked = redact(original, KEYS)
    masked["a"][0]["b"].append(2)
    restored = restore({"a": [{"b": [1]}], "key": MASK}, original, KEYS)
    restored["key"].append(2)
    restored["a"][0]["b"].append(2)
    assert original == before


def test_an_untouched_mask_gives_the_secret_back() -> None:
    original = {"region": "emea", "password": SECRET, "login": {"token": SECRET, "user": "a"}, "old": 1}
    edited = {"region": "apac", "password": MASK, "login": {"token": MASK, "user": "b"}, "new": 2}
    assert restore(edited, original, KEYS) == {
        "region": "apac",
        "password": SECRET,
        "login": {"token": SECRET, "user": "b"},
        "new": 2,
    }


def test_a_new_secret_replaces_the_old_one() -> None:
    assert restore({"password": "new"}, {"password": SECRET}, KEYS) == {"password": "new"}


def test_elements_of_a_list_are_the_same_by_index() -> None:
    original = [{"key": "1"}, {"key": "2"}]
    assert restore([{"key": MASK}, {"key": "new"}], original, KEYS) == [{"key": "1"}, {"key": "new"}]
    assert masks_left({"a": [{"key": MASK}]}, {"a": original}) == {"a": f"a[0].key: {LEFT}"}
    assert restore({"a": [{"key": "3"}]}, {"a": original}, KEYS) == {"a": [{"key": "3"}]}


@pytest.mark.parametrize(
    ("masked", "original", "errors"),
    [
        ({"password": MASK}, {}, {"password": LEFT}),
        ({"password": MASK}, None, {"password": LEFT}),
        ({"a": {"password": MASK}}, {"a": [1]}, {"a": f"a.password: {LEFT}"}),
        ({"a": {"passw\x00ord": MASK}}, {}, {"a": f"a.passw\ufffdord: {LEFT}"}),
        ({"note": MASK}, {"password": SECRET}, {"note": LEFT}),
        ({"note": MASK}, {"note": "text"}, {"note": LEFT}),
        ({"password": f"{MASK}x"}, {"password": SECRET}, {"password": LEFT}),
        ({"a": [MASK]}, {"a": ["x"]}, {"a": f"a[0]: {LEFT}"}),
        (MASK, "x", {"": LEFT}),
    ],
)
def test_a_mask_is_never_kept_in_place_of_a_secret(
    masked: Any, original: Any, errors: dict[str, str]
) -> None:
    assert masks_left(masked, original) == errors


def test_dots_that_were_there_before_may_stay() -> None:
    original = {"note": MASK, "list": [f"a {MASK}"]}
    assert restore(original, original, KEYS) == original


@given(json_values)
def test_restoring_what_was_redacted_gives_the_original(value: Any) -> None:
    assert restore(redact(value, KEYS), value, KEYS) == value


@given(json_values)
def test_redacting_twice_is_redacting_once(value: Any) -> None:
    masked = redact(value, KEYS)
    assert redact(masked, KEYS) == masked


@given(json_values, st.sampled_from(SECRET_WORDS), st.text(max_size=3), st.text(max_size=3))
def test_no_secret_is_ever_shown(value: Any, word: str, before: str, after: str) -> None:
    def hide(inner: Any) -> Any:
        """The value with the secret under a secret key wherever there is a list, and nowhere else."""
        if isinstance(inner, dict):
            return {key: hide(each) for key, each in inner.items()}
        if isinstance(inner, list):
            return [*(hide(each) for each in inner), {f"{before}{word.upper()}{after}": {"x": [SECRET]}}]
        return "harmless" if inner == SECRET else inner

    hidden = hide([value])
    assume(SECRET in json.dumps(hidden))
    masked = redact(hidden, SECRET_WORDS)
    assert SECRET not in json.dumps(masked)
    assert SECRET not in repr(masked)
    assert restore(masked, hidden, SECRET_WORDS) == hidden


@given(json_values, json_values)
def test_restoring_never_keeps_a_mask_that_was_not_there(masked: Any, original: Any) -> None:
    def dotted(value: Any, path: tuple[Any, ...] = ()) -> set[tuple[Any, ...]]:
        if isinstance(value, dict):
            return {p for key, each in value.items() for p in dotted(each, (*path, key))}
        if isinstance(value, list):
            return {p for each in value for p in dotted(each, (*path, "any"))}
        return {path} if isinstance(value, str) and MASK in value else set()

    try:
        restored = restore(masked, original, KEYS)
    except InvalidPayload:
        return
    assert dotted(restored) <= dotted(original)


def test_elements_that_were_moved_take_their_secrets_with_them() -> None:
    alice, bob = {"user": "alice", "password": "1"}, {"user": "bob", "password": "2"}
    shown = {"servers": redact([alice, bob], KEYS)}
    moved = {"servers": list(reversed(shown["servers"]))}
    assert restore(moved, {"servers": [alice, bob]}, KEYS) == {"servers": [bob, alice]}
    fewer = {"servers": shown["servers"][1:]}
    assert restore(fewer, {"servers": [alice, bob]}, KEYS) == {"servers": [bob]}
    edited = {"servers": [shown["servers"][0], {"user": "bert", "password": MASK}]}
    assert restore(edited, {"servers": [alice, bob]}, KEYS)["servers"][1] == {"user": "bert", "password": "2"}


def test_a_secret_goes_to_no_other_element_in_its_place() -> None:
    alice, bob = {"user": "alice", "password": "1"}, {"user": "bob", "password": "2"}
    new = {"servers": [{"user": "carol", "password": MASK}, {"user": "alice", "password": MASK}]}
    assert masks_left(new, {"servers": [alice, bob]}) == {"servers": f"servers[0].password: {LEFT}"}
    alike = [{"password": "1"}, {"password": "2"}]
    assert masks_left({"a": [{"password": MASK}]}, {"a": alike}) == {"a": f"a[0].password: {LEFT}"}
