"""A few days of the simulated year; ``nox -s year`` plays all of it."""

from __future__ import annotations

import pytest

from bench.year import simulate

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("no_tasks"),
    pytest.mark.uncounted,
]


def test_in_three_days_all_that_was_missed_is_told_and_no_more() -> None:
    figures = simulate(days=3, jobs=14, seed=6, hours=2)

    assert figures["wrong"] == []
    assert (figures["not_told"], figures["told_wrongly"]) == (0, 0)
    assert figures["told"] > 3
    assert figures["scheduled_times"] > 700
    assert figures["doubtful_share"] < 0.01
