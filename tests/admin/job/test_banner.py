"""What is said of a job that Google does not have as it is wanted."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from tests.support.job_page import (
    address,
    job,
    text,
)
from tests.support.people import superuser

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({}, "New. It has not run yet."),
        ({"paused": True, "pause_reason": "Legal", "paused_by": "rui"}, "Paused by rui, until somebody resumes it."),
        ({"retired_at": "now"}, "Retired. Its class is gone from the code"),
        ({"failures_in_a_row": 3, "last_status": "failed", "last_run_at": "now"}, "The last 3 runs failed"),
        ({"last_status": "missed", "last_run_at": "now"}, "Missed. The last run was missed, now."),
        ({"last_status": "running", "last_run_at": "now"}, "A run started now and has not ended yet."),
        ({"sync_state": "failed", "sync_error": "Quota is used up."}, "Not in Google: Quota is used up."),
        ({"sync_state": "drifted", "live_seen_at": "now"}, "Google has no such job"),
        (
            {"sync_state": "drifted", "live_seen_at": "now", "live": {"payload": {}, "state": "PAUSED"}},
            "the payload is another one there; it is paused there and enabled here",
        ),
    ],
)  # fmt: skip
def test_the_state_is_told_in_sentences(values: dict[str, Any], told: str) -> None:
    now = timezone.now()
    row = job(**{name: now if value == "now" else value for name, value in values.items()})
    assert told in text(superuser().get(address(row)).content.decode())
