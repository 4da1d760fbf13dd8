"""The payload as a form: what its fields show, and what of them is saved."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.job_page import DECLARED, MASK
from tests.support.payload_form import anything, payload_form

if TYPE_CHECKING:
    from scheduled_jobs.tasks import PeriodicTask

pytestmark = pytest.mark.usefixtures("no_tasks")


def test_errors_of_a_field_of_json_name_the_parameter() -> None:
    good = payload_form({"p_filters": '{"a": [1]}'}, declared={"filters": {}}, run=anything)
    assert good.is_valid()
    assert good.value == {"filters": {"a": [1]}}
    wrong = payload_form({"p_filters": "{a}"}, declared={"filters": {}}, run=anything)
    assert not wrong.is_valid()
    [error] = wrong.parameters[0].errors
    assert error.startswith("filters: it is not JSON: ")
    assert error.endswith('; write texts in "quotes"')


def test_secrets_within_a_field_of_json_are_masked_and_kept() -> None:
    override = {"filters": {"api_key": "s3cret", "n": 1}}
    shown = payload_form(override=override, declared={"filters": {}}, run=anything)
    assert shown.parameters[0].initial == f'{{"api_key": "{MASK}", "n": 1}}'
    typed = {"p_filters": f'{{"api_key": "{MASK}", "n": 2}}'}
    saved = payload_form(typed, override=override, declared={"filters": {}}, run=anything)
    assert saved.is_valid()
    assert saved.value == {"filters": {"api_key": "s3cret", "n": 2}}


def test_a_mask_where_there_was_no_secret_is_refused() -> None:
    wrong = payload_form({"p_api_token": f"x{MASK}", "payload_raw": ""})
    assert not wrong.is_valid()
    [error] = next(p for p in wrong.parameters if p.name == "api_token").errors
    assert error.startswith("api_token: there is no earlier value here that ")


def test_keys_that_run_does_not_name_are_kept() -> None:
    override = {"filters": {}, "region": "emea"}
    saved = payload_form({"p_note": "x"}, override=override, declared={"filters": {}}, run=anything)
    assert saved.is_valid()
    assert saved.value == {"filters": {}, "region": "emea", "note": "x"}


def test_what_is_not_json_comes_back_as_it_was_typed() -> None:
    typed = '{"api_token": "n3w", "batch_size": 1'
    wrong = payload_form({"payload_raw": typed})
    assert not wrong.is_valid()
    assert wrong.raw_shown == typed


def test_what_cannot_be_stored_is_refused() -> None:
    assert payload_form({"payload_raw": '{"batch_size": "\ud800"}'}).is_valid() is False
    assert payload_form({"p_since": "2026-99-99"}).is_valid() is False


def test_a_run_that_no_payload_fits_says_so() -> None:
    def run(self: PeriodicTask, only_by_place: int, /) -> None:
        """Cannot be called with a payload."""

    assert "positional-only" in payload_form(run=run).fault


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ('{"a": NaN}', "NaN is not JSON; write a finite number or null"),
        ('{"a": 1e999}', "1e999 is too large a number"),
        (f'{{"a": {"9" * 5000}}}', "a whole number has more than 640 digits"),
        ("[" * 60 + "]" * 60, "more than 50 objects and lists lie within one another"),
        ("[" * 100_000 + "]" * 100_000, "more than 50 objects and lists lie within one another"),
        (r'{"a": "\ud800"}', "the text holds U+D800, half of a surrogate pair, which no database stores"),
        (r'{"a": "\u0000"}', "the text holds the character U+0000, which PostgreSQL cannot store"),
        ('"\ud800"', "It holds a character that cannot be stored; remove it."),
    ],
)
def test_json_that_no_database_holds_is_refused(typed: str, message: str) -> None:
    wrong = payload_form({"p_filters": typed}, declared={"filters": {}}, run=anything)
    assert not wrong.is_valid()
    [error] = wrong.parameters[0].errors
    assert error.startswith("filters: ")
    assert error.endswith(message)
    raw = payload_form({"payload_raw": f'{{"filters": {typed}}}'}, declared={"filters": {}}, run=anything)
    assert not raw.is_valid()
    [error] = raw.raw_errors
    assert error.endswith(message)


def test_a_written_value_that_equals_the_code_is_ones_own() -> None:
    saved = payload_form({"p_batch_size": "500"})
    assert saved.is_valid()
    assert saved.value == DECLARED
    batch = payload_form(override=DECLARED).parameters[0]
    assert (batch.is_own, batch.placeholder) == (False, "As the code says")
    assert payload_form().parameters[0].placeholder == "Follows the code"
    emptied = payload_form({"p_batch_size": ""}, override={**DECLARED, "batch_size": 800})
    assert emptied.is_valid()
    assert emptied.value is None


def test_an_empty_override_is_another_thing_than_none() -> None:
    def run(self: PeriodicTask, n: int = 1) -> None:
        """Needs nothing."""

    empty = payload_form({"payload_raw": "{}"}, declared={"n": 5}, run=run)
    assert empty.is_valid()
    assert empty.value == {}
    cleared = payload_form({"payload_raw": " "}, override={}, declared={"n": 5}, run=run)
    assert cleared.is_valid()
    assert cleared.value is None


def test_what_was_typed_as_raw_json_comes_back_as_it_was_typed() -> None:
    typed = '{"batch_size": 1e3,\n\n   "mode": "none", "mode": "full"}'
    wrong = payload_form({"payload_raw": typed})
    assert not wrong.is_valid()
    assert wrong.raw_shown == typed
    assert wrong.raw_is_changed


@pytest.mark.parametrize(
    "typed",
    [
        '{"api_token": "n3w", "batch_size": "x"}',
        '{"api_token": {"user": "n3w"}, "batch_size": "x"}',
        '{"batch_size": [{"password": "n3w"}]}',
        r'{"p\u0061ssword": "n3w", "batch_size": "x"}',
    ],
)
def test_new_secrets_in_raw_json_are_not_shown_again(typed: str) -> None:
    wrong = payload_form({"payload_raw": typed})
    assert not wrong.is_valid()
    assert "n3w" not in wrong.raw_shown
    assert "type it again" in wrong.raw_shown
    again = payload_form({"payload_raw": wrong.raw_shown})
    assert not again.is_valid()


def test_a_new_secret_within_a_field_of_json_is_not_shown_again() -> None:
    wrong = payload_form({"p_filters": '{"api_key": "n3w"}', "p_nothing": "", "p_note": '"\\u0000"'},
                 declared={"filters": {}}, run=anything)  # fmt: skip
    assert not wrong.is_valid()
    assert wrong.parameters[0].shown == f'{{"api_key": "{MASK} type it again"}}'


def test_a_secret_of_spaces_keeps_the_one_that_is_there() -> None:
    kept = payload_form(
        {"p_api_token": " ", "p_batch_size": "7"}, override={"batch_size": 5, "api_token": "old"}
    )
    assert kept.is_valid()
    assert kept.value == {"batch_size": 7, "api_token": "old"}


def test_all_that_is_wrong_is_told_at_once() -> None:
    wrong = payload_form({"p_batch_size": "many", "p_since": "31.12.2026", "p_acquirer": "{"})
    assert not wrong.is_valid()
    assert sorted(p.name for p in wrong.parameters if p.errors) == ["acquirer", "batch_size", "since"]
