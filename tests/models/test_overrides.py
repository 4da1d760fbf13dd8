"""Overrides that Python code sets, past every form: stored in the one form that is sent."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest

from scheduled_jobs.exceptions import InvalidDefinition
from tests.support import full_name
from tests.support.declaring import declare, row, schedule_tasks

if TYPE_CHECKING:
    from scheduled_jobs.backends.memory import MemoryBackend

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _declared(google: MemoryBackend, no_tasks: None) -> None:
    declare("One")
    schedule_tasks()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("name", "value", "stored"),
    [
        ("schedule", "@daily", "0 0 * * *"),
        ("schedule", timedelta(hours=2), "0 */2 * * *"),
        ("schedule", " 0  9 * * * ", "0 9 * * *"),
        ("time_zone", ZoneInfo("Europe/Lisbon"), "Europe/Lisbon"),
    ],
)
def test_an_override_is_stored_as_it_is_sent(
    google: MemoryBackend, name: str, value: Any, stored: str
) -> None:
    job = row("One")
    setattr(job, f"{name}_override", value)
    job.save()
    found = row("One")
    assert (getattr(job, f"{name}_override"), getattr(found, f"{name}_override")) == (stored, stored)
    assert (found.sync_state, found.sync_error) == ("synced", "")
    assert google.get(full_name(found), timeout=1).values[name] == stored


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("attempt_deadline", 60, "60 is not a timedelta; write one, such as timedelta(seconds=30)"),
        ("payload", [1], 'the payload is a JSON object, such as {"region": "emea"}'),
        ("payload", {"share": float("nan")}, "it holds NaN or Infinity, which is not JSON"),
        ("schedule", timedelta(seconds=90), "whole minutes"),
    ],
)
def test_what_has_no_form_is_refused_and_nothing_written(name: str, value: Any, text: str) -> None:
    job = row("One")
    setattr(job, f"{name}_override", value)
    with pytest.raises(InvalidDefinition) as refused:
        job.save()
    assert text in str(refused.value)
    assert getattr(row("One"), f"{name}_override") is None


def test_a_schedule_that_is_wrong_is_told_by_full_clean_and_by_the_row() -> None:
    job = row("One")
    job.schedule_override = "nonsense"
    job.save()
    assert row("One").schedule_override == "nonsense"


def test_an_old_value_without_a_form_does_not_hold_back_another() -> None:
    job = row("One")
    type(job).objects.filter(pk=job.pk).update(payload_override=[1])
    job.refresh_from_db()
    job.description_override = "Daily numbers"
    job.save()
    assert row("One").description_override == "Daily numbers"
