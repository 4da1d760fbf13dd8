"""What may be written in five fields, and what the message says about everything else."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from scheduled_jobs.domain.schedules import InvalidSchedule, Schedule
from scheduled_jobs.domain.schedules.zones import ABBREVIATIONS, time_zones

FIVE = "a cron schedule has five: minute, hour, day of the month, month, day of the week"
EXAMPLES = "write one such as '0 9 * * *', 'every monday 09:00' or 'every 2 hours'"
SHORTHANDS = "@hourly, @daily, @midnight, @weekly, @monthly, @yearly, @annually"
MINUTE = "is not a minute (0-59), in the first field of"
DAY = "is not a day of the month (1-31), in the third field of"
MONTH = "is not a month (1-12 or JAN-DEC), in the fourth field of"
WEEKDAY = "is not a day of the week (0-7 or SUN-SAT), in the fifth field of"

REFUSED = [
    ("61 * * * *", f"'61' {MINUTE} '61 * * * *'"),
    ("* 24 * * *", "'24' is not an hour (0-23), in the second field of '* 24 * * *': write '* 0 * * *'"),
    ("0 0 0 * *", f"'0' {DAY} '0 0 0 * *'"),
    ("0 0 32 * *", f"'32' {DAY} '0 0 32 * *'"),
    ("0 0 * 13 *", f"'13' {MONTH} '0 0 * 13 *'"),
    ("0 0 * 0 *", f"'0' {MONTH} '0 0 * 0 *'"),
    ("0 0 * * 8", f"'8' {WEEKDAY} '0 0 * * 8'"),
    ("-1 * * * *", "something is missing before or after ',', '-' or '/', in the first field of '-1 * * * *'"),
    ("1, * * * *", "something is missing before or after ',', '-' or '/', in the first field of '1, * * * *': write '1 * * * *'"),
    ("1-2-3 * * * *", f"'2-3' {MINUTE} '1-2-3 * * * *'"),
    ("001 * * * *", f"'001' {MINUTE} '001 * * * *': write '1 * * * *'"),
    ("٣ * * * *", f"'٣' {MINUTE} '٣ * * * *': write '3 * * * *'"),
    ("5.5 * * * *", f"'5.5' {MINUTE} '5.5 * * * *'"),
    ("+5 * * * *", f"'+5' {MINUTE} '+5 * * * *'"),
    ("JAN * * * *", f"'JAN' {MINUTE} 'JAN * * * *'"),
    ("0 0 * MON *", f"'MON' {MONTH} '0 0 * MON *': write '0 0 * * MON'"),
    ("0 9 * * mon", f"'mon' {WEEKDAY} '0 9 * * mon': write '0 9 * * MON'"),
    ("0 9 * * MONDAY", f"'MONDAY' {WEEKDAY} '0 9 * * MONDAY': write '0 9 * * MON'"),
    ("0 9 * january *", f"'january' {MONTH} '0 9 * january *': write '0 9 * JAN *'"),
    ("0 0 L * *", f"'L' {DAY} '0 0 L * *': write '0 0 28-31 * *', and let run() return on any but the last day of the month"),
    ("0 0 15W * *", f"'15W' {DAY} '0 0 15W * *': write '0 0 14-16 * *', and let run() return on any but the weekday nearest to day 15"),
    ("0 0 * * 1#2", f"'1#2' {WEEKDAY} '0 0 * * 1#2': write '2nd monday of month 0:00'"),
    ("0 0 ? * *", f"'?' {DAY} '0 0 ? * *': write '0 0 * * *'"),
    ("5-1 * * * *", "'5-1' runs backwards, in the first field of '5-1 * * * *': write '5-59,0-1 * * * *'"),
    ("0 0 * * FRI-SUN", "'FRI-SUN' runs backwards, in the fifth field of '0 0 * * FRI-SUN': write '0 0 * * 5-7'"),
    ("0 0 * * 7-3", "'7-3' runs backwards, in the fifth field of '0 0 * * 7-3': write '0 0 * * 0-3'"),
    ("0 0 1 10-1/2 *", "'10-1/2' runs backwards, in the fourth field of '0 0 1 10-1/2 *': write '0 0 1 10,12 *'"),
    ("0 0 * * 7/2", "a step follows a range or '*', not a number as in '7/2', in the fifth field of '0 0 * * 7/2': write '0 0 * * */2'"),
    ("*5,1 * * * *", f"'*5' {MINUTE} '*5,1 * * * *'"),
    ("*-5,1 * * * *", f"'*' {MINUTE} '*-5,1 * * * *'"),
    ("FRI-7 0 * * 1", f"'FRI' {MINUTE} 'FRI-7 0 * * 1'"),
    ("0 22-6/3 * * *", "'22-6/3' runs backwards, in the second field of '0 22-6/3 * * *': write '0 22,1,4 * * *'"),
    ("5/0 * * * *", "'0' in '5/0' is not a step (1-59), in the first field of '5/0 * * * *'"),
    ("*/99,1 * * * *", "'*/99' cannot stand in a list, in the first field of '*/99,1 * * * *'"),
    ("0:30 9 * * *", f"'0:30' {MINUTE} '0:30 9 * * *'"),
    ("0 9 JUL * *", f"'JUL' {DAY} '0 9 JUL * *': write '0 9 * JUL *'"),
    ("0 9 * WED *", f"'WED' {MONTH} '0 9 * WED *': write '0 9 * * WED'"),
    ("0 9 * * * UTC", "'0 9 * * * UTC' names a time zone, which stands beside a schedule: write '0 9 * * *', and UTC as its time zone"),
    ("0, 30 9 * * *", "'0, 30 9 * * *' has blanks within a field: write '0,30 9 * * *'"),
    ("0 0 * * SAT-MON", "'SAT-MON' runs backwards, in the fifth field of '0 0 * * SAT-MON': write '0 0 * * 6,0-1'"),
    ("5/15 * * * *", "a step follows a range or '*', not a number as in '5/15', in the first field of '5/15 * * * *': write '5-59/15 * * * *'"),
    ("*/0 * * * *", "'0' in '*/0' is not a step (1-59), in the first field of '*/0 * * * *'"),
    ("*/60 * * * *", "'60' in '*/60' is not a step (1-59), in the first field of '*/60 * * * *': write '0 * * * *'"),
    ("*/005 * * * *", "'005' in '*/005' is not a step (1-59), in the first field of '*/005 * * * *': write '*/5 * * * *'"),
    ("* */24 * * *", "'24' in '*/24' is not a step (1-23), in the second field of '* */24 * * *': write '* 0 * * *'"),
    ("* * */32 * *", "'32' in '*/32' is not a step (1-31), in the third field of '* * */32 * *'"),
    ("* * * */13 *", "'13' in '*/13' is not a step (1-12), in the fourth field of '* * * */13 *'"),
    ("* * * * */7", "'7' in '*/7' is not a step (1-6), in the fifth field of '* * * * */7': write '* * * * 0' for Sundays or '* * * * *' for all days"),
    ("0-30/ * * * *", "'' in '0-30/' is not a step (1-59), in the first field of '0-30/ * * * *'"),
    ("*/5/5 * * * *", "'5/5' in '*/5/5' is not a step (1-59), in the first field of '*/5/5 * * * *'"),
    ("**/5 * * * *", f"'**' {MINUTE} '**/5 * * * *': write '*/5 * * * *'"),
    ("*,5 * * * *", "'*' cannot stand in a list, in the first field of '*,5 * * * *': write '0-59,5 * * * *'"),
    ("0 0 * * 1,*/2", "'*/2' cannot stand in a list, in the fifth field of '0 0 * * 1,*/2': write '0 0 * * 1,0-6/2'"),
    ("", "the schedule is empty: write one such as '0 9 * * *' or 'every 2 hours'"),
    (" \n", "the schedule is empty: write one such as '0 9 * * *' or 'every 2 hours'"),
    ("daily", f"'daily' has one field; {FIVE}: write '@daily', which is 00:00, or with the time, such as 'every day 09:00'"),
    ("0 9 * *", f"'0 9 * *' has four fields; {FIVE}: write '0 9 * * *'"),
    ("0 0 9 * * *", "'0 0 9 * * *' has a field for seconds, and Cloud Scheduler has none: write '0 9 * * *'"),
    ("0 0 9 * * * 2027", "'0 0 9 * * * 2027' names years, and Cloud Scheduler has no field for them: a schedule comes each year"),
    ("@reboot", "'@reboot' is no time: Cloud Scheduler starts jobs by the clock alone"),
    ("@DAILY", f"'@DAILY' is not one of {SHORTHANDS}: write '@daily', which is 00:00, or with the time, such as 'every day 09:00'"),
    ("@daily 5", f"'@daily 5' is not one of {SHORTHANDS}: {EXAMPLES}"),
    ("0 0 30 2 *", "'0 0 30 2 *' never comes: February has at most 29 days"),
    ("0 0 31 4,6-6,FEB *", "'0 0 31 4,6-6,FEB *' never comes: February, April and June have at most 30 days"),
    ("0 0 30-31 2 *", "'0 0 30-31 2 *' never comes: February has at most 29 days"),
    ("0 0 */2 * 1", "'*/2' beside a day of the week is not defined by Cloud Scheduler, in the third field of '0 0 */2 * 1': write '0 0 1-31/2 * 1' for days that match either"),
    ("0 0 13 * */5", "'*/5' beside a day of the month is not defined by Cloud Scheduler, in the fifth field of '0 0 13 * */5': write '0 0 13 * 0-6/5' for days that match either"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "message"), REFUSED)
def test_what_google_does_not_accept_is_refused_with_advice(text: str, message: str) -> None:
    with pytest.raises(InvalidSchedule) as caught:
        Schedule.parse(text)
    assert str(caught.value) == message


@pytest.mark.parametrize("run_every", [None, 5, b"* * * *", ["0 9 * * *"]])
def test_what_is_no_text_is_refused(run_every: object) -> None:
    with pytest.raises(InvalidSchedule) as caught:
        Schedule.parse(run_every)  # type: ignore[arg-type]
    assert str(caught.value) == (f"{run_every!r} is not a schedule: {EXAMPLES}")


@pytest.mark.parametrize(
    ("text", "expression"),
    [
        ("0 9 * * *", "0 9 * * *"),
        ("00 09 * * 07", "0 9 * * 7"),
        ("*/05 0-23/02 1-09/02 01 MON-FRI", "*/5 0-23/2 1-9/2 1 MON-FRI"),
        ("0 0 * JAN-MAR,DEC SUN,SAT", "0 0 * JAN-MAR,DEC SUN,SAT"),
        ("0 0 1-7 * MON", "0 0 1-7 * MON"),
        ("0 0 29 2 *", "0 0 29 2 *"),
        ("0 0 30 2 1", "0 0 30 2 1"),
        ("0 0 30,1 2 *", "0 0 30,1 2 *"),
        ("0 0 * * 5-7", "0 0 * * 5-7"),
        ("0 0 1-31/2 * 1", "0 0 1-31/2 * 1"),
        ("0 0 */2 * *", "0 0 */2 * *"),
        ("1,1,1 * * * *", "1,1,1 * * * *"),
        ("59 23 31 12 6", "59 23 31 12 6"),
    ],
)
def test_what_is_sent_is_what_was_written_made_plain(text: str, expression: str) -> None:
    assert Schedule.parse(text).expression == expression


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("america/new_york", "'america/new_york' is not a time zone of the tz database: did you mean 'America/New_York'?"),
        ("Europe/Belrin", "'Europe/Belrin' is not a time zone of the tz database: did you mean 'Europe/Berlin'?"),
        ("lisbon", "'lisbon' is not a time zone of the tz database: did you mean 'Europe/Lisbon'?"),
        ("New York", "'New York' is not a time zone of the tz database: did you mean 'America/New_York'?"),
        ("", "'' is not a time zone of the tz database: write a name such as 'Europe/Lisbon'"),
        ("../../etc/passwd", "'../../etc/passwd' is not a time zone of the tz database: write a name such as 'Europe/Lisbon'"),
        ("localtime", "'localtime' is not a time zone of the tz database: write a name such as 'Europe/Lisbon'"),
        ("\ud800", "'\\ud800' is not a time zone of the tz database: write a name such as 'Europe/Lisbon'"),
        ("GMT+2", "'GMT+2' is an offset and not a time zone of the tz database: write the name of a place, such as 'Europe/Lisbon'"),
        ("PST", "'PST' is an abbreviation and not a time zone of the tz database: write the name of a place, such as 'America/Los_Angeles'"),
        ("west", "'west' is an abbreviation and not a time zone of the tz database: write the name of a place, such as 'Europe/Lisbon'"),
        ("America", "'America' is not a time zone of the tz database: write a name such as 'Europe/Lisbon'"),
        ("+02:00", "'+02:00' is an offset and not a time zone of the tz database: write the name of a place, such as 'Europe/Lisbon'"),
        ("x" * 10_000, f"'{'x' * 59}…' is not a time zone of the tz database: write a name such as 'Europe/Lisbon'"),
        (None, "None is not a time zone: write a name such as 'Europe/Lisbon'"),
        (["UTC"], "['UTC'] is not a time zone: write a name such as 'Europe/Lisbon'"),
    ],
)  # fmt: skip
def test_an_unknown_zone_is_refused_with_the_nearest_name(name: str, message: str) -> None:
    with pytest.raises(InvalidSchedule) as caught:
        Schedule.parse("0 9 * * *", name)
    assert str(caught.value) == message


@pytest.mark.parametrize("name", ["UTC", "utc", "Utc", " UTC "])
def test_utc_may_be_written_in_any_case(name: str) -> None:
    assert Schedule.parse("0 9 * * *", name).time_zone == "UTC"


@pytest.mark.parametrize(
    "name", ["Etc/UTC", "Europe/Lisbon", "US/Pacific", "Etc/GMT+5", "America/Argentina/Buenos_Aires"]
)
def test_names_of_the_tz_database_stand(name: str) -> None:
    assert Schedule.parse("0 9 * * *", name).time_zone == name


def test_an_abbreviation_is_of_a_zone_in_which_clocks_are_called_so() -> None:
    moments = [datetime(2026, month, 15, tzinfo=UTC) for month in (1, 7)]
    for short, name in ABBREVIATIONS.items():
        called = {str(moment.astimezone(ZoneInfo(name)).tzname()).lower() for moment in moments}
        assert short in called or short in ("pt", "et"), (short, called)
        assert short.upper() not in time_zones()
