"""How far a run is, in words."""

from __future__ import annotations

import pytest

from scheduled_jobs.admin.words.runs import progress_of, runs_told


@pytest.mark.parametrize(
    ("done", "total", "told"),
    [
        (2, 6, (33, "2", "6")),
        (48_190, 79_000, (61, "48,190", "79,000")),
        (2.55, 6.0, (42, "2.5", "6")),
        (7, 6, (100, "7", "6")),
        (-1, 6, (0, "-1", "6")),
        (0, 6, (0, "0", "6")),
    ],
)
def test_progress_is_counted_and_in_percent(done: float, total: float, told: tuple[int, str, str]) -> None:
    assert progress_of(done, total) == told


@pytest.mark.parametrize(("done", "total"), [(None, 6), (3, None), (3, 0), (3, -1), (None, None)])
def test_without_a_total_there_is_no_progress_to_tell(done: float | None, total: float | None) -> None:
    assert progress_of(done, total) is None


@pytest.mark.parametrize(
    ("n", "is_about", "told"),
    [
        (1, False, "1 run"),
        (1000, False, "1,000 runs"),
        (1001, True, "about 1,000 runs"),
        (1_234_567, True, "about 1,200,000 runs"),
    ],
)
def test_many_runs_are_told_with_two_digits_that_count(n: int, is_about: bool, told: str) -> None:
    assert runs_told(n, is_about=is_about) == told
