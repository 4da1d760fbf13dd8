from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from scheduled_jobs.admin.payload_form import PayloadForm
from tests.admin.test_job_page import DECLARED, MASK, settle
from tests.support import make_task

if TYPE_CHECKING:
    from scheduled_jobs.tasks import PeriodicTask

pytestmark = pytest.mark.usefixtures("no_tasks")


def form(
    data: dict[str, str] | None = None,
    *,
    override: dict[str, Any] | None = None,
    declared: dict[str, Any] | None = None,
    run: Any = settle,
) -> PayloadForm:
    task = make_task(run, name="Settle")
    declared = DECLARED if declared is None else declared
    return PayloadForm(task=task.name(), declared=declared, override=override, data=data)


def anything(self: PeriodicTask, filters: dict[str, Any], note: str = "", **kwargs: Any) -> None:
    """Takes an object, a text, and any other key."""


def test_a_field_of_json_is_read_and_its_errors_name_the_parameter() -> None:
    good = form({"p_filters": '{"a": [1]}'}, declared={"filters": {}}, run=anything)
    assert good.is_valid()
    assert good.value == {"filters": {"a": [1]}}
    wrong = form({"p_filters": "{a}"}, declared={"filters": {}}, run=anything)
    assert not wrong.is_valid()
    [error] = wrong.parameters[0].errors
    assert error.startswith("filters: it is not JSON: ")
    assert error.endswith('; write texts in "quotes"')


def test_secrets_within_a_field_of_json_are_masked_and_kept() -> None:
    override = {"filters": {"api_key": "s3cret", "n": 1}}
    shown = form(override=override, declared={"filters": {}}, run=anything)
    assert shown.parameters[0].initial == f'{{"api_key": "{MASK}", "n": 1}}'
    typed = {"p_filters": f'{{"api_key": "{MASK}", "n": 2}}'}
    saved = form(typed, override=override, declared={"filters": {}}, run=anything)
    assert saved.is_valid()
    assert saved.value == {"filters": {"api_key": "s3cret", "n": 2}}


def test_a_mask_where_there_was_no_secret_is_refused() -> None:
    wrong = form({"p_api_token": f"x{MASK}", "payload_raw": ""})
    assert not wrong.is_valid()
    [error] = next(p for p in wrong.parameters if p.name == "api_token").errors
    assert error.startswith("api_token: there is no earlier value here that ")


def test_keys_that_run_does_not_name_are_kept_when_a_field_is_changed() -> None:
    override = {"filters": {}, "region": "emea"}
    saved = form({"p_note": "x"}, override=override, declared={"filters": {}}, run=anything)
    assert saved.is_valid()
    assert saved.value == {"filters": {}, "region": "emea", "note": "x"}


def test_what_is_no_choice_any_more_stays_until_another_is_picked() -> None:
    shown = form(override={**DECLARED, "mode": "gone"})
    mode = next(p for p in shown.parameters if p.name == "mode")
    assert ('"gone"', '"gone"', True) in mode.options


def test_texts_that_would_be_misread_are_written_as_json() -> None:
    for value in ("", "null", " x "):
        override: dict[str, Any] = {"filters": {}, "note": value}
        shown = form(override=override, declared={"filters": {}}, run=anything)
        note = shown.parameters[1]
        same = {"p_note": note.initial, "p_filters": '{"b": 1}'}
        saved = form(same, override=override, declared={"filters": {}}, run=anything)
        assert saved.is_valid()
        assert saved.value == {"filters": {"b": 1}, "note": value}


def test_broken_raw_json_comes_back_without_the_secrets_that_were_typed() -> None:
    wrong = form({"payload_raw": '{"api_token": "n3w", "batch_size": 1'})
    assert not wrong.is_valid()
    assert "n3w" not in wrong.raw_text
    assert '"batch_size": 1' in wrong.raw_text


def test_what_cannot_be_stored_is_refused() -> None:
    assert form({"payload_raw": '{"batch_size": "\ud800"}'}).is_valid() is False
    assert form({"p_since": "2026-99-99"}).is_valid() is False


def test_a_run_that_no_payload_fits_says_so() -> None:
    def run(self: PeriodicTask, only_by_place: int, /) -> None:
        """Cannot be called with a payload."""

    assert "positional-only" in form(run=run).fault
