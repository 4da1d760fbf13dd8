"""One parameter of run(): how a value stands in its field, and how what is typed there is read."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.job_page import DECLARED
from tests.support.payload_form import anything, lengths, payload_form

if TYPE_CHECKING:
    from scheduled_jobs.tasks import PeriodicTask

pytestmark = pytest.mark.usefixtures("no_tasks")


def test_a_former_choice_stays_until_another_is_picked() -> None:
    shown = payload_form(override={**DECLARED, "mode": "gone"})
    mode = next(p for p in shown.parameters if p.name == "mode")
    assert ('"gone"', '"gone"', True) in mode.options


def test_texts_that_would_be_misread_are_written_as_json() -> None:
    for value in ("", "null", " x "):
        override: dict[str, Any] = {"filters": {}, "note": value}
        shown = payload_form(override=override, declared={"filters": {}}, run=anything)
        note = shown.parameters[1]
        same = {"p_note": note.initial, "p_filters": '{"b": 1}'}
        saved = payload_form(same, override=override, declared={"filters": {}}, run=anything)
        assert saved.is_valid()
        assert saved.value == {"filters": {"b": 1}, "note": value}


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ('1, "b": 2', "filters: it is not JSON: Extra data at character 2"),
        ('{}}, "x": {', "filters: it is not JSON: Extra data at character 3"),
        ("{a}", "filters: it is not JSON: Expecting property name enclosed in double quotes at character 2"),
    ],
)
def test_a_field_takes_one_value_and_nothing_beside_it(typed: str, message: str) -> None:
    wrong = payload_form({"p_filters": typed}, declared={"filters": {}}, run=anything)
    assert not wrong.is_valid()
    assert wrong.parameters[0].errors == [f'{message}; write texts in "quotes"']
    assert wrong.value is None


def test_half_a_character_is_not_taken_for_its_escape() -> None:
    wrong = payload_form({"p_note": r'"\ud800"'}, declared={"filters": {}}, run=anything)
    assert not wrong.is_valid()
    [error] = wrong.parameters[1].errors
    assert error == "note: the text holds U+D800, half of a surrogate pair, which no database stores"


def test_quotes_around_two_words_are_no_json_and_stay() -> None:
    saved = payload_form({"p_note": '"yes" and "no"'}, declared={"filters": {}}, run=anything)
    assert saved.is_valid()
    assert saved.value == {"filters": {}, "note": '"yes" and "no"'}
    shown = payload_form(override=saved.value, declared={"filters": {}}, run=anything)
    same = payload_form({"p_note": shown.parameters[1].initial, "p_filters": '{"a": 1}'}, override=saved.value,
                declared={"filters": {}}, run=anything)  # fmt: skip
    assert same.is_valid()
    assert same.value == {"filters": {"a": 1}, "note": '"yes" and "no"'}


def test_a_switch_is_not_a_one() -> None:
    def run(self: PeriodicTask, n: Any = 0) -> None:
        """Takes anything."""

    saved = payload_form({"p_n": "true"}, declared={"n": 1}, run=run)
    assert saved.is_valid()
    assert saved.value == {"n": True}
    assert payload_form(override={"n": True}, declared={"n": 1}, run=run).parameters[0].is_own


@pytest.mark.parametrize(
    ("typed", "value"),
    [
        ({"p_every": "120"}, {"every": 120}),
        ({"p_every": "PT5M"}, {"every": "PT5M"}),
        ({"p_rate": "1.5"}, {"rate": 1.5}),
        ({"p_rate": "12345678901234567.89"}, {"rate": "12345678901234567.89"}),
    ],
)
def test_lengths_and_decimals_are_read_as_run_needs_them(
    typed: dict[str, str], value: dict[str, Any]
) -> None:
    found = payload_form(typed, declared={}, run=lengths)
    assert found.is_valid()
    assert json.dumps(found.value) == json.dumps(value)


def test_a_text_of_two_lines_comes_home_as_it_was() -> None:
    override = {"text": "line 1\nline 2"}
    shown = payload_form(override=override, declared={}, run=lengths).parameters[2].shown
    assert shown == r'"line 1\nline 2"'
    same = payload_form({"p_text": shown, "p_every": "60"}, override=override, declared={}, run=lengths)
    assert same.is_valid()
    assert same.value == {"text": "line 1\nline 2", "every": 60}
