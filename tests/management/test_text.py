"""Values as a terminal shows them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from scheduled_jobs.management.terminal import cell


def test_times_and_durations_fit_a_cell() -> None:
    values: list[Any] = [None, timedelta(minutes=3), timedelta(seconds=1.25), {"a": "ü"}]
    assert [cell(value) for value in values] == ["-", "0:03:00", "1.2 s", '{"a": "ü"}']
