"""How patient a task is."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from scheduled_jobs.domain.tolerances import Tolerances, check_grace, check_tolerance
from scheduled_jobs.exceptions import InvalidDefinition


def test_a_task_says_how_patient_it_is_and_a_faulty_value_counts_as_none() -> None:
    class Patient:
        missed_grace = timedelta(minutes=20)
        failure_tolerance = 3
        recovery_tolerance = "2"

    assert Tolerances.of(Patient) == Tolerances(timedelta(minutes=20), 3, 1)
    assert Tolerances.of(None) == Tolerances(None, 1, 1)


@pytest.mark.parametrize(
    ("check", "value", "message"),
    [
        (check_grace, 300, "300 is not a timedelta; write one, such as timedelta(minutes=10)"),
        (check_grace, timedelta(days=8), "8 days, 0:00:00 is not between 0 and 7 days; write one that is"),
        (check_tolerance, True, "True is not a whole number; write 1 to be told of each"),
        (check_tolerance, 0, "0 is not between 1 and 1,000; write 1 to be told of each"),
    ],
)
def test_what_is_no_patience_is_refused(check: Any, value: Any, message: str) -> None:
    with pytest.raises(InvalidDefinition) as refused:
        check(value)
    assert str(refused.value) == message
