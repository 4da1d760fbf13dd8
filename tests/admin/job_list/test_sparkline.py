from __future__ import annotations

from scheduled_jobs.admin.job_list.sparkline import draw_sparkline, outcomes_in_words
from scheduled_jobs.services.history.strips import Bar


def bars(*runs: tuple[str, float | None]) -> list[Bar]:
    return [Bar(number, status, seconds) for number, (status, seconds) in enumerate(runs, 1)]


def test_runs_stand_at_the_right_and_the_longest_is_highest() -> None:
    runs = bars(("succeeded", 1.0), ("succeeded", 2.0))
    strip = draw_sparkline(runs)
    assert strip["ok"] == "M142 20v-11M147 20v-19"
    assert outcomes_in_words(runs) == "Last 2 runs: 2 succeeded"


def test_slots_without_a_run_yet_are_dashes_at_the_left() -> None:
    strip = draw_sparkline(bars(("succeeded", 1.0)))
    assert strip["none"].startswith("M2 20v-2M7 20v-2")
    assert strip["none"].count("M") == 29


def test_a_full_strip_is_one_path_for_each_outcome() -> None:
    runs = bars(*[("succeeded", 1.0)] * 25, *[("failed", 0.2)] * 5)
    strip = draw_sparkline(runs)
    assert set(strip) == {"ok", "bad"}
    assert strip["ok"].startswith("M2 20")
    assert outcomes_in_words(runs) == "Last 30 runs: 25 succeeded, 5 failed"


def test_failures_have_a_foot_so_that_a_short_one_is_seen() -> None:
    assert draw_sparkline(bars(("succeeded", 100.0), ("failed", 0.0)))["bad"] == "M147 20v-3M147 26v-3"


def test_a_timed_out_bar_is_split_where_there_is_room() -> None:
    high = draw_sparkline(bars(("timed_out", 1.0)))["bad"]
    low = draw_sparkline(bars(("succeeded", 100.0), ("timed_out", 1.0)))["bad"]
    assert high == "M147 20v-9M147 9v-8M147 26v-3"
    assert low == "M147 20v-1M147 26v-3"


def test_a_lost_run_is_dashed_and_has_a_foot() -> None:
    strip = draw_sparkline(bars(("lost", None)))
    assert strip["lost"] == "M147 20v-10"
    assert strip["bad"] == "M147 26v-3"


def test_missed_running_and_queued_are_outlines() -> None:
    strip = draw_sparkline(bars(("missed", None), ("running", None), ("queued", None)))
    assert strip["miss"] == "M135.6 19.4h2.8v-10h-2.8z"
    assert strip["run"] == "M140.6 20v-12h2.8v12M145.6 20v-12h2.8v12"


def test_skipped_and_discarded_have_marks_of_their_own() -> None:
    assert set(draw_sparkline(bars(("skipped", None), ("discarded", 1.0)))) == {"skip", "disc", "none"}


def test_a_job_without_runs_says_so() -> None:
    assert outcomes_in_words([]) == "No runs yet"
    assert set(draw_sparkline([])) == {"none"}


def test_runs_that_all_took_no_time_are_drawn() -> None:
    assert draw_sparkline(bars(("succeeded", 0.0)))["ok"] == "M147 20v-3"


def test_one_run_is_singular() -> None:
    assert outcomes_in_words(bars(("failed", 1.0))) == "Last 1 run: 1 failed"
