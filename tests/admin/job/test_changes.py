"""The audit of a job, in words."""

from __future__ import annotations

from typing import Any

import pytest

from scheduled_jobs.models import JobChange, attribution
from tests.support.job_page import (
    address,
    job,
    text,
)
from tests.support.people import superuser

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("field", "old", "new", "told"),
    [
        ("job", None, "shop--settle", "created the job"),
        ("paused", False, True, "paused the job"),
        ("paused", True, False, "resumed the job"),
        ("retired", False, True, "retired the job: its class is gone from the code"),
        ("retired", True, False, "brought the job back"),
        ("deleting", False, True, "asked for the job to be deleted"),
        ("run", None, 7, "asked for run #7"),
        ("run", 7, 8, "changed run #7"),
        ("sync", "drifted", "pending", "asked for it to be sent to Google again"),
        ("schedule", "5 * * * *", None, "reset schedule to the code’s default"),
        (
            "declared_min_backoff",
            "P0DT00H00M05S",
            "P0DT00H01M00S",
            "changed the default of shortest wait 5 s",
        ),
        ("payload", {"a": 1, "b": 2}, {"a": 3}, "set payload a 1 → 3, b 2 → nothing"),
        ("name", "old", "new", "changed name old → new"),
    ],
)
def test_every_change_is_told_in_words(field: str, old: Any, new: Any, told: str) -> None:
    row = job()
    with attribution("rui", via="cli", reason="Why not"):
        JobChange.record(row, {field: (old, new)})
    page = text(superuser().get(address(row, "changes")).content.decode())
    assert f"rui {told}" in page
    assert "command line Why not" in page
