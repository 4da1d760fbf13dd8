"""The arguments of ``schedule()`` and the override that stands already: the same value, or another."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest
from django.core.exceptions import ValidationError

from scheduled_jobs.exceptions import OverrideExists
from tests.support.declaring import declare, row

if TYPE_CHECKING:
    from scheduled_jobs.backends.memory import MemoryBackend

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_tasks", "google")]


def test_a_json_value_that_only_python_calls_equal_is_refused() -> None:
    task = declare("One")
    task.schedule(full=True)
    with pytest.raises(OverrideExists, match="has a payload override that an operator set: {'full': True}"):
        task.schedule(full=1)
    assert row("One").payload_override == {"full": True}


def test_the_same_arguments_may_be_given_at_every_start(google: MemoryBackend) -> None:
    task = declare("One")
    task.schedule(regions=("emea", "apac"))
    revision = row("One").revision
    assert task.schedule(regions=("emea", "apac")).payload == {"regions": ["emea", "apac"]}
    assert row("One").revision == revision


def test_arguments_that_are_no_json_are_refused() -> None:
    task = declare("One")
    with pytest.raises(ValidationError) as refused:
        task.schedule(day=date(2026, 11, 23))
    assert list(refused.value.message_dict) == ["payload_override"]


def test_a_refusal_tells_no_secret_of_the_override() -> None:
    task = declare("One")
    task.schedule(api_token="geheim", region="emea")
    with pytest.raises(OverrideExists) as refused:
        task.schedule(region="apac")
    assert "'api_token': '••••••••'" in str(refused.value)
    assert "geheim" not in str(refused.value)
