"""What an operator is told about when a job runs: the value, its times, and what clocks do to them."""

from __future__ import annotations

import pickle
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from scheduled_jobs.domain.schedules import InvalidSchedule, Occurrence, Schedule
from scheduled_jobs.domain.schedules.wall_times import MOST_TRIES

NEW_YORK = "America/New_York"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def times(schedule: Schedule, after: str, n: int) -> list[str]:
    return [f"{occurrence.at:%Y-%m-%d %H:%M}" for occurrence in schedule.upcoming(at(after), n)]


def local(schedule: Schedule, start: str, end: str) -> list[str]:
    zone = ZoneInfo(schedule.time_zone)
    found = schedule.between(
        datetime.fromisoformat(start).replace(tzinfo=zone), datetime.fromisoformat(end).replace(tzinfo=zone)
    )
    return [f"{occurrence.at.astimezone(zone):%H:%M%z}" for occurrence in found]


# --- Recorded in production, us-central1, 2026-10-01 ------------------------------------------


def test_recorded_30_2_14_3_in_new_york_skips_the_gap_of_2027() -> None:
    schedule = Schedule.parse("30 2 14 3 *", NEW_YORK)
    assert schedule.upcoming(at("2026-10-01"), 1) == [
        Occurrence(at("2028-03-14 06:30"), "02:30 does not exist on 14 March 2027: skipped")
    ]


def test_recorded_30_1_1_11_in_new_york_runs_at_the_first() -> None:
    schedule = Schedule.parse("30 1 1 11 *", NEW_YORK)
    notice = "01:30 occurs twice on 1 November 2026 in America/New_York"
    assert schedule.upcoming(at("2026-10-01"), 2) == [
        Occurrence(at("2026-11-01 05:30"), notice, doubtful=True),
        Occurrence(at("2027-11-01 05:30")),
    ]


def test_recorded_names_of_months_and_days_are_taken() -> None:
    schedule = Schedule.parse("0 9 * JAN MON")
    assert schedule.expression == "0 9 * JAN MON"
    assert times(schedule, "2026-10-01", 2) == ["2027-01-04 09:00", "2027-01-11 09:00"]


def test_recorded_six_fields_are_refused() -> None:
    with pytest.raises(InvalidSchedule, match="has a field for seconds"):
        Schedule.parse("0 0 9 * * *")


def test_recorded_an_unknown_zone_is_refused() -> None:
    with pytest.raises(InvalidSchedule, match="'Invalid/Unknown' is not a time zone of the tz database"):
        Schedule.parse("0 9 * * *", "Invalid/Unknown")


@pytest.mark.parametrize("text", ["every 1 minutes", "every 5 minutes", "1st friday of quarter 9:00"])
def test_recorded_english_like_schedules_are_taken(text: str) -> None:
    assert Schedule.parse(text).expression == text


def test_recorded_a_run_forced_in_october_announces_january() -> None:
    assert times(Schedule.parse("0 0 1 1 *"), "2026-10-05 12:00", 1) == ["2027-01-01 00:00"]


# --- The value --------------------------------------------------------------------------------


def test_a_schedule_is_a_value() -> None:
    schedule = Schedule.parse("  0   9 * *\t1-5 ", NEW_YORK)
    assert (schedule.expression, schedule.time_zone) == ("0 9 * * 1-5", NEW_YORK)
    assert schedule == Schedule.parse("0 9 * * 1-5", NEW_YORK)
    assert schedule != Schedule.parse("0 9 * * 1-5", "UTC")
    assert len({schedule, Schedule.parse("0 9 * * 1-5", NEW_YORK)}) == 1
    assert repr(schedule) == "Schedule(expression='0 9 * * 1-5', time_zone='America/New_York')"
    with pytest.raises(AttributeError):
        schedule.expression = "* * * * *"  # type: ignore[misc]


@pytest.mark.parametrize(
    "text", ["0 9 * * 1-5", "every monday 09:00", "every 2 hours", "every 2 hours synchronized"]
)
def test_a_schedule_can_be_pickled(text: str) -> None:
    schedule = Schedule.parse(text, NEW_YORK)
    again = pickle.loads(pickle.dumps(schedule))
    assert again == schedule
    assert again.upcoming(at("2026-10-01"), 3) == schedule.upcoming(at("2026-10-01"), 3)
    assert again.describe() == schedule.describe()


@pytest.mark.parametrize(
    ("shorthand", "expression"),
    [
        ("@hourly", "0 * * * *"),
        ("@daily", "0 0 * * *"),
        ("@midnight", "0 0 * * *"),
        ("@weekly", "0 0 * * 0"),
        (" @monthly\n", "0 0 1 * *"),
        ("@yearly", "0 0 1 1 *"),
        ("@annually", "0 0 1 1 *"),
    ],
)
def test_shorthands_are_expanded_before_they_are_sent(shorthand: str, expression: str) -> None:
    assert Schedule.parse(shorthand).expression == expression


@pytest.mark.parametrize(
    ("length", "expression"),
    [
        (timedelta(minutes=1), "* * * * *"),
        (timedelta(minutes=30), "*/30 * * * *"),
        (timedelta(minutes=20), "*/20 * * * *"),
        (timedelta(hours=1), "0 * * * *"),
        (timedelta(hours=2), "0 */2 * * *"),
        (timedelta(hours=12), "0 */12 * * *"),
        (timedelta(days=1), "0 0 * * *"),
        (timedelta(days=7), "0 0 * * 0"),
        (timedelta(minutes=45), "every 45 minutes"),
        (timedelta(minutes=90), "every 90 minutes"),
        (timedelta(hours=5), "every 5 hours"),
        (timedelta(hours=17), "every 17 hours"),
        (timedelta(hours=36), "every 36 hours"),
        (timedelta(days=2), "every 48 hours"),
        (timedelta(days=7, minutes=1), "every 10081 minutes"),
        (timedelta(minutes=99_999), "every 99999 minutes"),
        (timedelta(days=50), "every 72000 minutes"),
        (timedelta(days=70), "every 1680 hours"),
        (timedelta(hours=99_999), "every 99999 hours"),
    ],
)
def test_a_timedelta_is_cron_where_cron_says_it_evenly(length: timedelta, expression: str) -> None:
    schedule = Schedule.parse(length)
    assert schedule.expression == expression
    assert schedule.is_estimate is expression.startswith("every")


@pytest.mark.parametrize(
    ("length", "message"),
    [
        (timedelta(0), "0:00:00 is too short: the shortest interval is timedelta(minutes=1)"),
        (timedelta(days=-1), "-1 day, 0:00:00 is too short: the shortest interval is timedelta(minutes=1)"),
        (
            timedelta(microseconds=1),
            "0:00:00.000001 is too short: the shortest interval is timedelta(minutes=1)",
        ),
        (
            timedelta(seconds=90),
            "0:01:30 is not a number of whole minutes: write timedelta(minutes=1) or timedelta(minutes=2)",
        ),
        (
            timedelta(minutes=100_001),
            "69 days, 10:41:00 is longer than an interval may be (99999 minutes or whole hours): "
            "write a cron schedule",
        ),
        (
            timedelta(days=80, seconds=30),
            "80 days, 0:00:30 is longer than an interval may be (99999 minutes or whole hours): "
            "write a cron schedule",
        ),
        (
            timedelta(hours=100_000),
            "4166 days, 16:00:00 is longer than an interval may be (99999 minutes or whole hours): "
            "write a cron schedule",
        ),
    ],
)
def test_a_timedelta_that_cannot_be_sent_is_refused(length: timedelta, message: str) -> None:
    with pytest.raises(InvalidSchedule) as caught:
        Schedule.parse(length)
    assert str(caught.value) == message


# --- Times ------------------------------------------------------------------------------------


def test_upcoming_is_strictly_after_between_includes_its_start() -> None:
    schedule = Schedule.parse("0 9 * * *")
    assert times(schedule, "2026-10-01 09:00", 2) == ["2026-10-02 09:00", "2026-10-03 09:00"]
    assert times(schedule, "2026-10-01 08:59:59.999999", 1) == ["2026-10-01 09:00"]
    start, end = at("2026-10-01 09:00"), at("2026-10-03 09:00")
    assert [o.at for o in schedule.between(start, end)] == [start, at("2026-10-02 09:00")]
    assert list(schedule.between(start + timedelta(microseconds=1), at("2026-10-02 09:00"))) == []
    assert [o.at for o in schedule.between(start, start + timedelta(microseconds=1))] == [start]
    assert list(schedule.between(end, start)) == []
    assert list(schedule.between(start, start)) == []


def test_previous_is_strictly_before() -> None:
    schedule = Schedule.parse("0 9 * * *")
    assert schedule.previous(at("2026-10-02 09:00")) == Occurrence(at("2026-10-01 09:00"))
    assert schedule.previous(at("2026-10-02 09:00:00.000001")) == Occurrence(at("2026-10-02 09:00"))


def test_no_occurrence_is_asked_for_and_none_is_given() -> None:
    schedule = Schedule.parse("* * * * *")
    assert schedule.upcoming(at("2026-10-01"), 0) == []
    assert schedule.upcoming(at("2026-10-01"), -1) == []


def test_any_aware_time_may_be_given_and_utc_comes_back() -> None:
    after = datetime(2026, 10, 1, 8, 59, tzinfo=ZoneInfo(NEW_YORK))
    [occurrence] = Schedule.parse("0 9 * * *", NEW_YORK).upcoming(after, 1)
    assert occurrence.at == at("2026-10-01 13:00")
    assert occurrence.at.tzinfo is UTC


@pytest.mark.parametrize("name", ["after", "before", "start", "end"])
def test_naive_times_are_refused(name: str) -> None:
    schedule, naive, aware = (
        Schedule.parse("* * * * *"),
        at("2026-10-01").replace(tzinfo=None),
        at("2026-10-01"),
    )
    calls = {
        "after": lambda: schedule.upcoming(naive, 1),
        "before": lambda: schedule.previous(naive),
        "start": lambda: schedule.between(naive, aware),
        "end": lambda: schedule.between(aware, naive),
    }
    with pytest.raises(ValueError) as caught:
        calls[name]()
    assert str(caught.value) == (
        f"{name} must be a datetime with a time zone, not datetime.datetime(2026, 10, 1, 0, 0)"
    )


def test_the_calendar_has_two_ends() -> None:
    late, early = datetime.max.replace(tzinfo=UTC), datetime.min.replace(tzinfo=UTC)
    for text in (
        "0 0 29 2 *",
        "0 9 * * 1",
        "every monday 09:00",
        "every 2 hours synchronized",
        "every 2 hours",
        "5th monday of feb 9:00",
    ):
        schedule = Schedule.parse(text, NEW_YORK)
        assert schedule.upcoming(late, 3) == []
        assert list(schedule.between(late - timedelta(days=1), late)) == []
        assert schedule.previous(early) is None
        assert all(o.at.year >= 1970 for o in schedule.upcoming(early, 2))
    assert len(Schedule.parse("0 9 * * *").upcoming(datetime(8999, 12, 31, tzinfo=UTC), 9)) == 1
    last = Schedule.parse("0 0 29 2 *").previous(late)
    assert last is not None
    assert last.at == datetime(8996, 2, 29, tzinfo=UTC)
    assert len(Schedule.parse("0 0 29 2 *").upcoming(last.at - timedelta(days=1), 5)) == 1


def test_a_leap_day_comes_also_over_a_century_without_one() -> None:
    assert times(Schedule.parse("0 0 29 2 *"), "2096-03-01", 1) == ["2104-02-29 00:00"]


def test_a_day_in_either_field_matches() -> None:
    schedule = Schedule.parse("0 0 1 * SAT")
    assert times(schedule, "2026-10-01", 3) == ["2026-10-03 00:00", "2026-10-10 00:00", "2026-10-17 00:00"]
    assert times(schedule, "2026-10-31 12:00", 1) == ["2026-11-01 00:00"]


def test_a_field_that_names_every_weekday_is_not_an_asterisk() -> None:
    assert times(Schedule.parse("0 0 15 * 0-6"), "2026-10-01", 2) == ["2026-10-02 00:00", "2026-10-03 00:00"]
    assert times(Schedule.parse("0 0 15 * *"), "2026-10-01", 1) == ["2026-10-15 00:00"]


# --- The spring gap ---------------------------------------------------------------------------


def test_a_time_in_the_spring_gap_is_skipped_and_said() -> None:
    schedule = Schedule.parse("30 2 * * *", NEW_YORK)
    assert schedule.upcoming(at("2027-03-13 12:00"), 2) == [
        Occurrence(at("2027-03-15 06:30"), "02:30 does not exist on 14 March 2027: skipped"),
        Occurrence(at("2027-03-16 06:30")),
    ]


def test_a_skipped_time_is_said_beside_the_previous_one() -> None:
    schedule = Schedule.parse("30 2 * * *", NEW_YORK)
    assert schedule.previous(at("2027-03-14 12:00")) == Occurrence(
        at("2027-03-13 07:30"), "02:30 does not exist on 14 March 2027: skipped"
    )


def test_a_change_that_skips_nothing_of_a_schedule_is_no_notice() -> None:
    for text in ("30 1,3 * * *", "0 9 * * *", "30 2 1 * *", "30 2 * * 1"):
        schedule = Schedule.parse(text, NEW_YORK)
        [coming] = schedule.upcoming(at("2027-03-14 06:50"), 1)
        previous = schedule.previous(at("2027-03-14 07:10"))
        assert coming.notice is None
        assert previous is not None
        assert previous.notice is None


def test_several_skipped_times_are_one_notice() -> None:
    [occurrence] = Schedule.parse("*/20 * * * *", NEW_YORK).upcoming(at("2027-03-14 06:45"), 1)
    assert occurrence == Occurrence(
        at("2027-03-14 07:00"), "02:00 to 02:40 do not exist on 14 March 2027: skipped"
    )
    previous = Schedule.parse("*/20 2 * * *", NEW_YORK).previous(at("2027-03-14 12:00"))
    assert previous == Occurrence(
        at("2027-03-13 07:40"), "02:00 to 02:40 do not exist on 14 March 2027: skipped"
    )


def test_samoa_left_out_a_day() -> None:
    [occurrence] = Schedule.parse("*/30 * 29,30 12 *", "Pacific/Apia").upcoming(at("2011-12-30 09:45"), 1)
    assert occurrence == Occurrence(
        at("2012-12-28 10:00"), "00:00 to 23:30 do not exist on 30 December 2011: skipped"
    )


def test_a_range_of_hours_goes_on_over_a_day_that_is_left_out() -> None:
    schedule = Schedule.parse("every 60 minutes from 22:00 to 1:00", "Pacific/Apia")
    assert local(schedule, "2011-12-29 12:00", "2011-12-31 22:10") == [
        "22:00-1000",
        "23:00-1000",
        "00:00+1400",
        "01:00+1400",
        "22:00+1400",
    ]


def test_lord_howe_leaves_out_half_an_hour() -> None:
    schedule = Schedule.parse("*/15 1-3 * * *", "Australia/Lord_Howe")
    assert local(schedule, "2026-10-04 01:30", "2026-10-04 03:00") == [
        "01:30+1030",
        "01:45+1030",
        "02:30+1100",
        "02:45+1100",
    ]


def test_a_gap_at_midnight_takes_the_start_of_the_day() -> None:
    daily = Schedule.parse("0 0 * * *", "America/Havana")
    [occurrence] = daily.upcoming(at("2026-03-07 12:00"), 1)
    assert occurrence == Occurrence(at("2026-03-09 04:00"), "00:00 does not exist on 8 March 2026: skipped")


# --- Times that occur twice -------------------------------------------------------------------


def test_at_a_fixed_hour_the_first_of_two_is_given() -> None:
    for hours in ("1", "1,13"):
        assert local(
            Schedule.parse(f"30 {hours} * * *", NEW_YORK), "2026-11-01 00:00", "2026-11-01 12:00"
        ) == ["01:30-0400"]


@pytest.mark.parametrize("hours", ["*", "0-2", "*/1", "1-13/12", "1-1", "13,1-1"])
def test_where_the_hour_is_a_range_or_a_step_both_are_given(hours: str) -> None:
    schedule = Schedule.parse(f"30 {hours} * * *", NEW_YORK)
    both = list(schedule.between(at("2026-11-01 05:00"), at("2026-11-01 07:00")))
    notice = "01:30 occurs twice on 1 November 2026 in America/New_York"
    assert both == [
        Occurrence(at("2026-11-01 05:30"), notice, doubtful=True),
        Occurrence(at("2026-11-01 06:30"), notice, doubtful=True),
    ]


def test_the_first_of_two_is_found_backwards_too() -> None:
    schedule = Schedule.parse("30 1 * * *", NEW_YORK)
    previous = schedule.previous(at("2026-11-01 07:00"))
    assert previous is not None
    assert (previous.at, previous.doubtful) == (at("2026-11-01 05:30"), True)


def test_casablanca_puts_its_clocks_back_for_ramadan() -> None:
    schedule = Schedule.parse("30 2 * * *", "Africa/Casablanca")
    doubtful = [o.notice for o in schedule.between(at("2026-01-01"), at("2029-01-01")) if o.notice]
    assert doubtful == [
        "02:30 occurs twice on 15 February 2026 in Africa/Casablanca",
        "02:30 does not exist on 22 March 2026: skipped",
        "02:30 occurs twice on 7 February 2027 in Africa/Casablanca",
        "02:30 does not exist on 14 March 2027: skipped",
        "02:30 occurs twice on 23 January 2028 in Africa/Casablanca",
        "02:30 does not exist on 5 March 2028: skipped",
    ]


def test_a_zone_back_over_midnight_shows_the_evening_twice() -> None:
    # Beirut shows 23:00 to 23:59 of 31 October twice; the day after begins once.
    schedule = Schedule.parse("0,30 * * * *", "Asia/Beirut")
    assert local(schedule, "2026-10-24 23:00", "2026-10-25 01:00") == [
        "23:00+0300",
        "23:30+0300",
        "23:00+0200",
        "23:30+0200",
        "00:00+0200",
        "00:30+0200",
    ]


def test_what_is_skipped_is_a_notice_and_no_doubt() -> None:
    [occurrence] = Schedule.parse("30 2 * * *", NEW_YORK).upcoming(at("2027-03-13 12:00"), 1)
    assert occurrence.notice is not None
    assert occurrence.doubtful is False


def test_a_weekday_that_always_meets_the_gap_never_comes() -> None:
    with pytest.raises(InvalidSchedule) as caught:
        Schedule.parse("2nd sunday of mar 2:30", NEW_YORK)
    assert str(caught.value) == (
        "'2nd sunday of mar 2:30' never comes: the clocks of America/New_York leave out that time each year"
    )
    assert Schedule.parse("2nd sunday of mar 2:30", "UTC").upcoming(at("2026-10-01"), 1)
    assert Schedule.parse("2nd sunday of mar 3:30", NEW_YORK).upcoming(at("2026-10-01"), 1)


def test_a_schedule_that_only_meets_gaps_is_given_up() -> None:
    # Such a schedule is refused by parse(); its times are tried here as a zone's later rules would make them.
    fine = Schedule.parse("2nd sunday of mar 2:30", "UTC")
    clock = Schedule.parse("* * * * *", NEW_YORK)._clock
    stepped = list(fine._timing.forward(clock, int(at("2026-01-01").timestamp())))
    assert stepped == []
    assert MOST_TRIES < 100


# --- Intervals --------------------------------------------------------------------------------


def test_an_interval_counted_from_the_last_run_is_an_estimate() -> None:
    schedule = Schedule.parse("every 5 minutes", NEW_YORK)
    notice = "an estimate: Cloud Scheduler counts 5 minutes from the last run"
    assert schedule.is_estimate
    assert schedule.interval == timedelta(minutes=5)
    assert schedule.upcoming(at("2026-10-01 12:01:30"), 2) == [
        Occurrence(at("2026-10-01 12:06"), notice, doubtful=True),
        Occurrence(at("2026-10-01 12:11"), notice, doubtful=True),
    ]
    assert schedule.previous(at("2026-10-01 12:00")) is None
    assert len(list(schedule.between(at("2026-10-01"), at("2026-10-01 01:00")))) == 11


@pytest.mark.parametrize(
    "text",
    [
        "every 5 minutes synchronized",
        "every 5 minutes from 10:00 to 14:00",
        "*/5 * * * *",
        "every monday 09:00",
    ],
)
def test_what_the_clock_decides_is_no_estimate(text: str) -> None:
    schedule = Schedule.parse(text)
    assert (schedule.is_estimate, schedule.interval) == (False, None)


def test_a_synchronized_interval_is_counted_from_midnight() -> None:
    schedule = Schedule.parse("every 8 hours synchronized", NEW_YORK)
    assert local(schedule, "2026-10-01 00:00", "2026-10-02 00:00") == [
        "00:00-0400",
        "08:00-0400",
        "16:00-0400",
    ]


def test_a_range_includes_its_end() -> None:
    schedule = Schedule.parse("every 2 hours from 10:00 to 14:00")
    assert local(schedule, "2026-10-01 00:00", "2026-10-02 00:00") == [
        "10:00+0000",
        "12:00+0000",
        "14:00+0000",
    ]
    assert schedule.previous(at("2026-10-01 14:00")) == Occurrence(at("2026-10-01 12:00"))
    assert schedule.previous(at("2026-10-01 10:00")) == Occurrence(at("2026-09-30 14:00"))


def test_a_range_may_cross_midnight_and_begins_anew_each_day() -> None:
    schedule = Schedule.parse("every 50 minutes from 22:30 to 0:30")
    assert local(schedule, "2026-10-01 12:00", "2026-10-02 23:00") == [
        "22:30+0000",
        "23:20+0000",
        "00:10+0000",
        "22:30+0000",
    ]


def test_a_range_of_one_time_comes_once_a_day() -> None:
    schedule = Schedule.parse("every 5 minutes from 10:00 to 10:00")
    assert times(schedule, "2026-10-01", 2) == ["2026-10-01 10:00", "2026-10-02 10:00"]


def test_an_interval_longer_than_its_range_comes_once_a_day() -> None:
    assert times(Schedule.parse("every 99999 hours from 10:00 to 9:00"), "2026-10-01", 2) == [
        "2026-10-01 10:00",
        "2026-10-02 10:00",
    ]


def test_a_synchronized_interval_counts_on_over_a_change() -> None:
    schedule = Schedule.parse("every 6 hours synchronized", NEW_YORK)
    found = list(schedule.between(at("2027-03-14 05:00"), at("2027-03-15 04:30")))
    notice = "counted across the change of the clocks on 14 March 2027 in America/New_York"
    assert found == [
        Occurrence(at("2027-03-14 05:00")),
        Occurrence(at("2027-03-14 11:00"), notice, doubtful=True),
        Occurrence(at("2027-03-14 17:00"), notice, doubtful=True),
        Occurrence(at("2027-03-14 23:00"), notice, doubtful=True),
        Occurrence(at("2027-03-15 04:00")),
    ]


def test_a_range_that_starts_in_the_gap_starts_at_its_full_hour() -> None:
    schedule = Schedule.parse("every 1 hours from 2:30 to 5:00", NEW_YORK)
    assert local(schedule, "2027-03-14 00:00", "2027-03-15 00:00") == [
        "03:00-0400",
        "04:00-0400",
        "05:00-0400",
    ]
    notice = "counted across the change of the clocks on 14 March 2027 in America/New_York"
    found = schedule.between(at("2027-03-14 05:00"), at("2027-03-15 04:00"))
    assert [(o.notice, o.doubtful) for o in found] == [(notice, True)] * 3


def test_a_range_that_starts_at_a_repeated_time_takes_the_first() -> None:
    schedule = Schedule.parse("every 1 hours from 1:30 to 3:00", NEW_YORK)
    found = list(schedule.between(at("2026-11-01 04:00"), at("2026-11-01 12:00")))
    twice = "01:30 occurs twice on 1 November 2026 in America/New_York"
    across = "counted across the change of the clocks on 1 November 2026 in America/New_York"
    assert found == [
        Occurrence(at("2026-11-01 05:30"), twice, doubtful=True),
        Occurrence(at("2026-11-01 06:30"), twice, doubtful=True),
        Occurrence(at("2026-11-01 07:30"), across, doubtful=True),
    ]


def test_an_estimate_is_counted_from_the_minute_of_the_run() -> None:
    schedule = Schedule.parse("every 5 minutes")
    for second in (0, 1, 58, 59):
        (first,) = schedule.upcoming(at(f"2026-10-01 12:00:{second:02}"), 1)
        assert first.at == at("2026-10-01 12:05")
