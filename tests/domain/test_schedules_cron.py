"""What may be written in five fields, and what the message says about everything else."""

from __future__ import annotations

import re

import pytest

from scheduled_jobs.domain.schedules import InvalidSchedule, Schedule

NOTE_FIVE = "a cron schedule has five: minute, hour, day of the month, month, day of the week"
NOTE_WORDS = "; or write it in words, such as 'every monday 09:00' or 'every 2 hours'"
DAY = "is not a day of the month (1-31), in the third field of"
WEEKDAY = "is not a day of the week (0-7 or SUN-SAT), in the fifth field of"

REFUSED = [
    ("61 * * * *", "'61' is not a minute (0-59), in the first field of '61 * * * *'"),
    ("* 24 * * *", "'24' is not an hour (0-23), in the second field of '* 24 * * *'"),
    ("0 0 0 * *", f"'0' {DAY} '0 0 0 * *'"),
    ("0 0 32 * *", f"'32' {DAY} '0 0 32 * *'"),
    ("0 0 * 13 *", "'13' is not a month (1-12 or JAN-DEC), in the fourth field of '0 0 * 13 *'"),
    ("0 0 * 0 *", "'0' is not a month (1-12 or JAN-DEC), in the fourth field of '0 0 * 0 *'"),
    ("0 0 * * 8", f"'8' {WEEKDAY} '0 0 * * 8'"),
    ("-1 * * * *", "'' is not a minute (0-59), in the first field of '-1 * * * *': something is missing before or after ',', '-' or '/'"),
    ("1, * * * *", "'' is not a minute (0-59), in the first field of '1, * * * *': something is missing before or after ',', '-' or '/'"),
    ("1-2-3 * * * *", "'2-3' is not a minute (0-59), in the first field of '1-2-3 * * * *'"),
    ("001 * * * *", "'001' is not a minute (0-59), in the first field of '001 * * * *'"),
    ("٣ * * * *", "'٣' is not a minute (0-59), in the first field of '٣ * * * *'"),
    ("5.5 * * * *", "'5.5' is not a minute (0-59), in the first field of '5.5 * * * *'"),
    ("+5 * * * *", "'+5' is not a minute (0-59), in the first field of '+5 * * * *'"),
    ("JAN * * * *", "'JAN' is not a minute (0-59), in the first field of 'JAN * * * *': months stand in the fourth field"),
    ("0 0 * MON *", "'MON' is not a month (1-12 or JAN-DEC), in the fourth field of '0 0 * MON *': days of the week stand in the fifth field"),
    ("0 9 * * mon", f"'mon' {WEEKDAY} '0 9 * * mon': write 'MON', in capitals and three letters"),
    ("0 9 * * MONDAY", f"'MONDAY' {WEEKDAY} '0 9 * * MONDAY': write 'MON', in capitals and three letters"),
    ("0 9 * january *", "'january' is not a month (1-12 or JAN-DEC), in the fourth field of '0 9 * january *': write 'JAN', in capitals and three letters"),
    ("0 0 L * *", f"'L' {DAY} '0 0 L * *': 'L' (the last) is not supported; write numbers"),
    ("0 0 15W * *", f"'15W' {DAY} '0 0 15W * *': 'W' (the nearest weekday) is not supported; write numbers, such as 1-5 in the fifth field"),
    ("0 0 * * 1#2", f"'1#2' {WEEKDAY} '0 0 * * 1#2': '#' is not supported; write it in words, such as '2nd monday of month 09:00'"),
    ("0 0 ? * *", f"'?' {DAY} '0 0 ? * *': '?' is not supported; write '*'"),
    ("5-1 * * * *", "'5-1' runs backwards: write '5-59,0-1' or begin with the smaller value, in the first field of '5-1 * * * *'"),
    ("0 0 * * FRI-SUN", "'FRI-SUN' runs backwards: write '5-7' or begin with the smaller value, in the fifth field of '0 0 * * FRI-SUN'"),
    ("0 0 * * 7-3", "'7-3' runs backwards: write '0-3' or begin with the smaller value, in the fifth field of '0 0 * * 7-3'"),
    ("0 0 1 10-1/2 *", "'10-1/2' runs backwards: write '10,12' or begin with the smaller value, in the fourth field of '0 0 1 10-1/2 *'"),
    ("0 0 * * 7/2", "a step follows a range: write '0-6/2' for '7/2', in the fifth field of '0 0 * * 7/2'"),
    ("*5,1 * * * *", "'*5' is not a minute (0-59), in the first field of '*5,1 * * * *'"),
    ("*-5,1 * * * *", "'*' is not a minute (0-59), in the first field of '*-5,1 * * * *'"),
    ("FRI-7 0 * * 1", "'FRI' is not a minute (0-59), in the first field of 'FRI-7 0 * * 1': days of the week stand in the fifth field"),
    ("0 22-6/3 * * *", "'22-6/3' runs backwards: write '22,1,4' or begin with the smaller value, in the second field of '0 22-6/3 * * *'"),
    ("5/0 * * * *", "'0' in '5/0' is not a step (1-59), in the first field of '5/0 * * * *'"),
    ("*/99,1 * * * *", "'99' in '*/99' is not a step (1-59), in the first field of '*/99,1 * * * *'"),
    ("0:30 9 * * *", "'0:30' is not a minute (0-59), in the first field of '0:30 9 * * *'"),
    ("0 9 JUL * *", "'JUL' is not a day of the month (1-31), in the third field of '0 9 JUL * *': months stand in the fourth field"),
    ("0 9 * WED *", "'WED' is not a month (1-12 or JAN-DEC), in the fourth field of '0 9 * WED *': days of the week stand in the fifth field"),
    ("0 9 * * * UTC", f"'0 9 * * * UTC' has six fields; {NOTE_FIVE}; the time zone is not part of it"),
    ("0, 30 9 * * *", f"'0, 30 9 * * *' has six fields; {NOTE_FIVE}, each without blanks"),
    ("0 0 * * SAT-MON", "'SAT-MON' runs backwards: write '6,0-1' or begin with the smaller value, in the fifth field of '0 0 * * SAT-MON'"),
    ("5/15 * * * *", "a step follows a range: write '5-59/15' for '5/15', in the first field of '5/15 * * * *'"),
    ("*/0 * * * *", "'0' in '*/0' is not a step (1-59), in the first field of '*/0 * * * *'"),
    ("*/60 * * * *", "'60' in '*/60' is not a step (1-59), in the first field of '*/60 * * * *'"),
    ("*/005 * * * *", "'005' in '*/005' is not a step (1-59), in the first field of '*/005 * * * *'"),
    ("* */24 * * *", "'24' in '*/24' is not a step (1-23), in the second field of '* */24 * * *'"),
    ("* * */32 * *", "'32' in '*/32' is not a step (1-31), in the third field of '* * */32 * *'"),
    ("* * * */13 *", "'13' in '*/13' is not a step (1-12), in the fourth field of '* * * */13 *'"),
    ("* * * * */7", "'7' in '*/7' is not a step (1-6), in the fifth field of '* * * * */7'"),
    ("0-30/ * * * *", "'' in '0-30/' is not a step (1-59), in the first field of '0-30/ * * * *'"),
    ("*/5/5 * * * *", "'5/5' in '*/5/5' is not a step (1-59), in the first field of '*/5/5 * * * *'"),
    ("**/5 * * * *", "'**' is not a minute (0-59), in the first field of '**/5 * * * *'"),
    ("*,5 * * * *", "'*' cannot stand in a list: write '0-59' for '*', in the first field of '*,5 * * * *'"),
    ("0 0 * * 1,*/2", "'*' cannot stand in a list: write '0-6/2' for '*/2', in the fifth field of '0 0 * * 1,*/2'"),
    ("", "the schedule is empty: write one such as '0 9 * * *' or 'every 2 hours'"),
    (" \n", "the schedule is empty: write one such as '0 9 * * *' or 'every 2 hours'"),
    ("daily", f"'daily' has one field; {NOTE_FIVE}{NOTE_WORDS}"),
    ("0 9 * *", f"'0 9 * *' has four fields; {NOTE_FIVE}{NOTE_WORDS}"),
    ("0 0 9 * * *", f"'0 0 9 * * *' has six fields; {NOTE_FIVE}; Cloud Scheduler has no field for seconds"),
    ("0 0 9 * * * 2027", f"'0 0 9 * * * 2027' has 7 fields; {NOTE_FIVE}"),
    ("@reboot", "'@reboot' is not a shorthand: write one of @hourly, @daily, @midnight, @weekly, @monthly, @yearly, @annually"),
    ("@DAILY", "'@DAILY' is not a shorthand: write one of @hourly, @daily, @midnight, @weekly, @monthly, @yearly, @annually"),
    ("@daily 5", "'@daily 5' is not a shorthand: write one of @hourly, @daily, @midnight, @weekly, @monthly, @yearly, @annually"),
    ("0 0 30 2 *", "'0 0 30 2 *' never comes: February has at most 29 days"),
    ("0 0 31 4,6-6,FEB *", "'0 0 31 4,6-6,FEB *' never comes: February, April and June have at most 30 days"),
    ("0 0 30-31 2 *", "'0 0 30-31 2 *' never comes: February has at most 29 days"),
    ("0 0 */2 * 1", "'*/2' beside a day of the week is not defined by Cloud Scheduler: write '1-31/2' for days that match either, in the third field of '0 0 */2 * 1'"),
    ("0 0 13 * */5", "'*/5' beside a day of the month is not defined by Cloud Scheduler: write '0-6/5' for days that match either, in the fifth field of '0 0 13 * */5'"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "message"), REFUSED)
def test_what_google_does_not_accept_is_refused_with_advice(text: str, message: str) -> None:
    with pytest.raises(InvalidSchedule) as caught:
        Schedule.parse(text)
    assert str(caught.value) == message


@pytest.mark.parametrize("run_every", [None, 5, b"* * * * *", ["0 9 * * *"]])
def test_what_is_no_text_is_refused(run_every: object) -> None:
    with pytest.raises(InvalidSchedule) as caught:
        Schedule.parse(run_every)  # type: ignore[arg-type]
    assert str(caught.value) == (
        f"{run_every!r} is not a schedule: write a string such as '0 9 * * *', or a timedelta"
    )


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


def refusal(text: str) -> str:
    try:
        Schedule.parse(text)
    except InvalidSchedule as error:
        return str(error)
    return ""


def test_what_is_advised_can_be_pasted() -> None:
    weekdays = [f"{a}-{b}{step}" for a in range(1, 8) for b in range(8) for step in ("", "/2")]
    refused = [text for item in weekdays if (text := refusal(f"0 0 * * {item}"))]
    refused += [refusal(f"0 0 * * {a}/2") for a in range(8)]
    for text in refused:
        advice = re.search(r"write '([^']+)' (?:for|or)", text)
        assert advice is not None, text
        assert refusal(f"0 0 * * {advice[1]}") == ""
    assert len(refused) > 50
