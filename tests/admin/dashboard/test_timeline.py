"""What a row of the timeline draws, of marks that are given."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from scheduled_jobs.admin.dashboard.timeline import SPANS, Axis, draw, draw_coming
from scheduled_jobs.services.history.stats.marks import Mark

NOW = datetime(2026, 10, 22, 13, 7, 32, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def axis(span: str = "24h", zone: str = "Europe/Lisbon", now: datetime = NOW) -> Axis:
    return Axis(SPANS[span], now, zone)


def paths(marks: list[Mark], span: str = "24h", **more: object) -> dict[str, str]:
    found = dict(draw(axis(span), marks, **more))  # type: ignore[arg-type]
    assert found.pop("t-now") == f"M{axis(span).x(axis(span).now):.1f} 0v24"
    return found


def ago(minutes: float, **counts: int) -> Mark:
    return Mark(axis().now - minutes * MINUTE, **counts)


def test_now_stands_where_the_future_of_a_span_begins() -> None:
    assert [axis(span).now_percent for span in SPANS] == [75, 75, 85.71, 90]
    assert axis().clock == "14:07"


def test_the_axis_moves_with_the_minute_and_not_with_each_look() -> None:
    assert axis().now == axis(now=NOW + timedelta(seconds=20)).now == NOW.replace(second=0)
    assert axis("1h").now == NOW.replace(second=30)


def test_the_marks_of_many_rows_are_longer() -> None:
    hours = {
        rows: {span: axis(span).for_rows(rows).span.mark / (60 * MINUTE) for span in SPANS}
        for rows in (12, 50, 300)
    }
    assert hours == {
        12: {"1h": 1 / 60, "24h": 1 / 6, "7d": 1, "30d": 6},
        50: {"1h": 1 / 60, "24h": 1, "7d": 6, "30d": 24},
        300: {"1h": 1 / 60, "24h": 6, "7d": 24, "30d": 24},
    }
    assert axis("7d").for_rows(50).now == axis("7d").now


@pytest.mark.parametrize(
    ("span", "texts"),
    [
        ("1h", ["13:30", "13:40", "13:50", "14:00", "14:20"]),
        ("24h", ["21:00", "00:00", "03:00", "06:00", "09:00", "12:00", "18:00"]),
        ("7d", ["Sat 17", "Sun 18", "Mon 19", "Tue 20", "Wed 21", "Thu 22"]),
        ("30d", ["28 Sep", "1 Oct", "4 Oct", "7 Oct", "10 Oct", "13 Oct", "16 Oct", "19 Oct"]),
    ],
)
def test_the_labels_are_round_in_the_zone_and_leave_room_for_now(span: str, texts: list[str]) -> None:
    assert [label.text for label in axis(span).labels] == texts


def test_where_it_is_narrow_no_label_lies_below_the_time_of_now() -> None:
    labels = axis("24h", now=datetime(2026, 10, 22, 9, 3, tzinfo=UTC)).labels
    assert [label.text for label in labels] == ["18:00", "21:00", "00:00", "03:00", "06:00", "12:00", "15:00"]
    assert [label.text for label in labels if not label.is_left_out] == ["18:00", "00:00", "06:00"]


def test_labels_keep_to_the_clock_on_the_wall_when_it_is_changed() -> None:
    """Half an hour after Lisbon has turned its clocks back from 02:00 to 01:00."""
    found = [label.text for label in axis(now=datetime(2026, 10, 25, 9, 7, tzinfo=UTC)).labels]
    assert found[:4] == ["18:00", "21:00", "00:00", "03:00"]


def test_a_run_of_this_minute_stands_before_the_line_of_now() -> None:
    assert paths([ago(0, ok=1)]) == {"t-ok": "M743.4 5h5.6v14h-5.6z"}
    assert paths([ago(0, bad=1)]) == {"t-bad": "M743.4 5h5.6v11h-5.6zM743.4 19h5.6v3h-5.6z"}


def test_runs_apart_are_ticks_each_of_its_outcome() -> None:
    found = paths([ago(360, ok=1), ago(240, bad=1), ago(180, lost=1), ago(120, missed=1), ago(60, skipped=1)])
    assert found == {
        "t-ok": "M500.0 5h5.6v14h-5.6z",
        "t-bad": "M583.3 5h5.6v11h-5.6zM583.3 19h5.6v3h-5.6zM625.0 19h8.0v3h-8.0z",
        "t-lost": "M625.0 5h8.0v11h-8.0z",
        "t-miss": "M666.7 5h7.0v13h-7.0z",
        "t-skip": "M708.3 4v16",
    }


def test_runs_denser_than_a_mark_are_one_band_in_which_red_grows() -> None:
    marks = [ago(n, ok=10) for n in range(100, 40, -10)] + [ago(40, ok=9, bad=1), ago(30, bad=5)]
    found = paths([*marks, ago(20, ok=1)])
    assert found["t-ok"] == "M680.6 5h62.5v14h-62.5z"
    # At least three pixels, and all of it where all have failed.
    assert found["t-bad"] == (
        "M722.2 16h6.9v3h-6.9zM722.2 20.5h6.9v2h-6.9zM729.2 5h6.9v14h-6.9zM729.2 20.5h6.9v2h-6.9z"
    )


def test_shares_of_one_height_side_by_side_are_one_mark() -> None:
    marks = [ago(n, ok=9, bad=1) for n in (90, 80, 70)] + [ago(60, ok=9), ago(50, ok=9, bad=1)]
    assert paths(marks)["t-bad"] == (
        "M687.5 16h20.8v3h-20.8zM687.5 20.5h20.8v2h-20.8zM715.3 16h6.9v3h-6.9zM715.3 20.5h6.9v2h-6.9z"
    )


def test_what_was_missed_or_lost_is_drawn_over_the_band() -> None:
    marks = [ago(n, ok=1) for n in (90, 80, 70, 50, 40)]
    found = paths([*marks[:3], ago(60, missed=1), *marks[3:], ago(30, ok=1, lost=1)])
    assert found["t-ok"] == "M687.5 5h48.6v14h-48.6z"
    assert found["t-miss"] == "M708.3 5h7.0v13h-7.0z"
    assert found["t-lost"] == "M729.2 5h8.0v11h-8.0z"


def test_every_quarter_of_an_hour_stays_apart_and_two_marks_make_no_band() -> None:
    every_quarter = paths([ago(n, ok=1) for n in range(60, 0, -15)])
    assert every_quarter["t-ok"].count("M") == 4
    assert paths([ago(60, ok=1), ago(50, ok=1)])["t-ok"].count("M") == 2


def test_a_run_that_is_longer_than_a_tick_is_as_wide_as_it_took() -> None:
    at = axis("1h").now - 30 * MINUTE
    assert paths([Mark(at, at + 6 * MINUTE, ok=1)], "1h")["t-ok"] == "M250.0 5h100.0v14h-100.0z"
    # No run that is over reaches beyond now.
    late = axis("1h").now - MINUTE
    assert paths([Mark(late, late + 6 * MINUTE, ok=1)], "1h")["t-ok"] == "M733.3 5h15.7v14h-15.7z"


def test_what_is_still_to_come_is_hollow_and_dense_times_are_one_frame() -> None:
    now = axis().now
    assert paths([], coming=draw_coming(axis(), [now + 60 * MINUTE, now + 120 * MINUTE])) == {
        "t-next": "M791.7 7h5.0v11h-5.0zM833.3 7h5.0v11h-5.0z"
    }
    dense = [now + n * 10 * MINUTE for n in range(1, 36)]
    assert paths([], coming=draw_coming(axis(), dense)) == {"t-next": "M756.9 8h242.1v8h-242.1z"}


def test_a_pause_is_a_quiet_band_and_what_goes_on_ends_at_now() -> None:
    ax = axis()
    found = paths([], running=[ax.now - 60 * MINUTE, ax.now], held=(ax.start, ax.now + 120 * MINUTE))
    assert found == {
        "t-held": "M0.0 7h833.3v10h-833.3z",
        "t-run": "M708.3 5h41.7v14h-41.7zM744.4 5h5.6v14h-5.6z",
    }


def test_a_row_of_a_month_stays_small() -> None:
    """A row of the busiest job is 1 KB on the average and never more than 3."""
    ax = axis("30d")
    marks = [Mark(ax.start + n * timedelta(hours=6), ok=9, bad=n % 2) for n in range(108)]
    assert sum(len(data) for _name, data in draw(ax, marks)) < 3_500
