"""What other programs and people write for a schedule, and what is suggested instead of it."""

from __future__ import annotations

import random
import re
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scheduled_jobs.domain.schedules import InvalidSchedule, Schedule
from tests.domain.random_crons import expression

SECONDS = "has a field for seconds, and Cloud Scheduler has none"
YEARS = "has a field for years, and Cloud Scheduler has none"
BOTH = "has fields for seconds and years, and Cloud Scheduler has neither"
YEAR_NAMED = "names years, and Cloud Scheduler has no field for them: a schedule comes each year"
ZONE = "names a time zone, which stands beside a schedule"
LENGTH = "is a length of time"
SUN = "is a time of the sun, and Cloud Scheduler goes by the clock alone"
RETURN = ", and let run() return on any but the"

MESSAGES = [
    ("CRON_TZ=Asia/Tehran 0 0 * * *", f"{ZONE}: write '0 0 * * *', and Asia/Tehran as its time zone"),
    ("TZ=America/New_York 0 9 * * mon-fri", f"{ZONE}: write '0 9 * * MON-FRI', and America/New_York as its time zone"),
    ("CRON_TZ=PST 0 9 * * *", f"{ZONE}: write '0 9 * * *', and America/Los_Angeles as its time zone"),
    ("TZ=UTC every day at 9", f"{ZONE}: write 'every day 9:00', and UTC as its time zone"),
    ("0 9 * * * America/New_York", f"{ZONE}: write '0 9 * * *', and America/New_York as its time zone"),
    ("every day 09:00 Europe/Lisbon", f"{ZONE}: write 'every day 09:00', and Europe/Lisbon as its time zone"),
    # AWS, where Sunday is 1, and one of the two fields for days is "?".
    ("10 01 * * ? *", f"{YEARS}: write '10 1 * * *'"),
    ("cron(0 12 * * ? *)", "is the form of AWS: write '0 12 * * *'"),
    ("cron(0 12 ? * 2-6 *)", "is the form of AWS: write '0 12 * * MON-FRI'"),
    ("cron(0 12 1 1 ? 2027)", YEAR_NAMED),
    ("rate(5 minutes)", "is the form of AWS: write '*/5 * * * *'"),
    ("rate(1 hour)", "is the form of AWS: write '0 * * * *'"),
    ("rate(17 hours)", "is the form of AWS: write 'every 17 hours'"),
    ("at(2026-01-01T00:00:00)", "is a single moment, and a schedule repeats"),
    # Six fields and seven: Quartz, Spring, and others with seconds in front.
    ("0 0 9 * * *", f"{SECONDS}: write '0 9 * * *'"),
    ("0 0 12 ? * 6L", f"{SECONDS}: write '4th,5th friday of month 12:00'{RETURN} last Friday of the month"),
    ("30 0 9 * * MON", f"{SECONDS}: write '0 9 * * MON'"),
    ("*/10 * * * * *", f"{SECONDS}: write '* * * * *' for every minute, the shortest interval"),
    ("0 9 * * MON-FRI *", f"{YEARS}: write '0 9 * * MON-FRI'"),
    (
        "0 9 * * 1-5 *",
        "has six fields, and Cloud Scheduler has none for seconds or years: write '9 * * 1-5 *' if the first is "
        "for seconds or '0 9 * * 1-5' if the last is for years",
    ),
    ("0 */5 * ? * *", f"{SECONDS}: write '*/5 * * * *'"),
    ("0 0 0 1/1 * ? *", f"{BOTH}: write '0 0 * * *'"),
    ("0 9 * * * 2027", YEAR_NAMED),
    ("0 0 9 * * * 2027-2030", YEAR_NAMED),
    (
        "30 9 * * 1 *",
        "has six fields, and Cloud Scheduler has none for seconds or years: write '9 * * 1 *' if the first is "
        "for seconds or '30 9 * * 1' if the last is for years",
    ),
    ("0 9 * * * python manage.py report", "goes on after its five fields: write '0 9 * * *'"),
    ("0 9 * * * /usr/bin/report --all", "goes on after its five fields: write '0 9 * * *'"),
    ("0 9 * * * /usr/bin/report", "goes on after its five fields: write '0 9 * * *'"),
    ('"0 9 * * *"', "has quotes around it: write '0 9 * * *'"),
    ("=“0 9 * * *”", "has quotes around it: write '0 9 * * *'"),
    ("„0 9 * * *“", "has quotes around it: write '0 9 * * *'"),
    ("every day 09:00 CET", f"{ZONE}: write 'every day 09:00', and CET as its time zone"),
    ("0, 30 9 * * *", "has blanks within a field: write '0,30 9 * * *'"),
    ("0 9 * * 1 - 5", "has blanks within a field: write '0 9 * * 1-5'"),
    ("@reboot", "is no time: Cloud Scheduler starts jobs by the clock alone"),
    ("PT5M", f"{LENGTH}: write '*/5 * * * *'"),
    ("R/PT1H30M", f"{LENGTH}: write 'every 90 minutes'"),
    ("P1D", f"{LENGTH}: write '0 0 * * *'"),
    ("P1M", f"{LENGTH}: write '@monthly'"),
    ("P3M", f"{LENGTH}: write '0 0 1 */3 *'"),
    ("PT30S", f"{LENGTH}: write '* * * * *' for every minute, the shortest interval"),
    ("30 minutes", f"{LENGTH}: write '*/30 * * * *'"),
    ("300", f"{LENGTH}: write '*/5 * * * *' if these are seconds"),
    ("90.0", f"{LENGTH}: write '* * * * *' or '*/2 * * * *' if these are seconds"),
    ("1 day, 0:00:00", f"{LENGTH}: write '0 0 * * *'"),
    ("0:05:00", "has seconds: write 'every day 0:05' for a time of the day or '*/5 * * * *' for an interval"),
    ("*-*-* 09:00:00", "is the form of systemd: write '0 9 * * *'"),
    ("Mon..Fri *-*-* 09:00", "is the form of systemd: write '0 9 * * MON-FRI'"),
    ("*:0/15", "is the form of systemd: write '*/15 * * * *'"),
    ("*-*-01", "is the form of systemd: write '0 0 1 * *'"),
    ("Mon *-*-01..07 09:00", "has days of month and week, which match both in systemd and either in cron"),
    ("2026-*-* 09:00", YEAR_NAMED),
    ("0 9 * * *; 0 17 * * *", "is more than one schedule: write a class for each"),
    ("datetime.timedelta(hours=17)", f"{LENGTH}: write 'every 17 hours'"),
    ("crontab(hour=7, minute=30, day_of_week=1)", "is the form of Celery: write '30 7 * * 1'"),
    ("<crontab: */5 * * * * (m/h/dM/MY/d)>", "is the form of Celery: write '*/5 * * * *'"),
    ("0 9 1 * * (m/h/d/dM/MY)", "is the form of Celery: write '0 9 * * 1'"),
    ("<freq: 5.00 minutes>", "is the form of Celery: write '*/5 * * * *'"),
    ("<solar: sunset at latitude -37.8, longitude: 145>", SUN),
    ("sunset", SUN),
]  # fmt: skip

PASTED = {
    "\u200b0 9 * * *": "0 9 * * *",
    "0 9 * * *\u200b": "0 9 * * *",
    "\ufeff0 9 * * *": "0 9 * * *",
    "0 9 * * ＊": "0 9 * * *",
    "０ ９ ∗ ∗ ×": "0 9 * * *",
    "*∕5 9，17 * * 1‑5": "*/5 9,17 * * 1-5",
    "every day 0９：00": "every day 09:00",
    "'0 9 * * *": "0 9 * * *",
    "- cron: '30 5 * * 1,3' # mondays": "30 5 * * 1,3",
    '"schedule": "0 5 * * *",': "0 5 * * *",
    "OnCalendar=Mon *-*-* 02:00:00": "0 2 * * MON",
    "OnUnitActiveSec=5min": "*/5 * * * *",
    "H(5-29)/10 H(3-7) * * 1-5": "5-29/10 3 * * 1-5",
}


@pytest.mark.parametrize(("text", "instead"), PASTED.items())
def test_what_comes_with_a_pasted_schedule_is_left_out(text: str, instead: str) -> None:
    assert refusal(text).endswith(f": write '{instead}'")


def test_a_field_that_is_left_is_no_command() -> None:
    """A day less would be another schedule."""
    assert "write '0 9 * * MON'" not in refusal("0 9 * * MON TUE")


@pytest.mark.parametrize(("text", "message"), MESSAGES)
def test_what_other_programs_mean_is_told_in_our_form(text: str, message: str) -> None:
    assert refusal(text) == f"{text!r} {message}"


MEANT = [
    ("*/60 * * * *", "0 * * * *"),
    ("*/60 9 * * *", ""),
    ("*/90 * * * *", "every 90 minutes"),
    ("*/120 * * * *", "0 */2 * * *"),
    ("0 */24 * * *", "0 0 * * *"),
    ("0 */36 * * *", "every 36 hours"),
    ("* * */32 * *", ""),
    ("0/15 * * * *", "*/15 * * * *"),
    ("5/15 * * * *", "5-59/15 * * * *"),
    ("60 * * * *", "0 * * * *"),
    ("60 9 * * *", ""),
    ("0 24 * * *", "0 0 * * *"),
    ("0 24 * * 1", ""),
    ("61 * * * *", ""),
    ("0 0 * * FRI#1", "1st friday of month 0:00"),
    ("30 9 * JAN,6 1#4,1#2", "2nd,4th monday of jan,jun 9:30"),
    ("0 0 * * MON#1,FRI#1", ""),
    ("0,30 9 * * 1#2", ""),
    ("0 9 ? * mon-fri", "0 9 * * MON-FRI"),
    ("0 9 * * thursdays", "0 9 * * THU"),
    ("0 9 * sept *", "0 9 * SEP *"),
    ("0 9 MON * *", "0 9 * * MON"),
    ("0 9 1 * JAN", "0 9 1 JAN *"),
    ("H/15 * * * *", "*/15 * * * *"),
    ("H H * * *", "0 0 * * *"),
    ("*/5", "*/5 * * * *"),
    ("0 9 * *", "0 9 * * *"),
    ("@every 1h30m", "every 90 minutes"),
    ("@every 5m", "*/5 * * * *"),
    ("@Daily", "@daily"),
    ("daily", "@daily"),
    ("weekly", "@weekly"),
    ("quarterly", "0 0 1 1,4,7,10 *"),
    ("noon", "0 12 * * *"),
    ("every minute", "* * * * *"),
    ("every 1 months", "@monthly"),
    ("every 3 months", "0 0 1 */3 *"),
    ("every 5 months", ""),
    ("every year", "@yearly"),
    ("every week", "0 0 * * 0"),
    ("every other day", "every 48 hours"),
    ("every 2 weeks", "every 336 hours"),
    ("every half hour", "*/30 * * * *"),
    ("every 1.5 hours", "every 90 minutes"),
    ("every 5 min", "*/5 * * * *"),
    ("every 2h", "0 */2 * * *"),
    ("every 2 hours and 30 minutes", "every 150 minutes"),
    ("every hour between 9 and 17", "every 1 hours from 9:00 to 17:00"),
    ("every 5min from 10 to 11", "every 5 minutes from 10:00 to 11:00"),
    ("every day", "every day 09:00"),
    ("every day at 9", "every day 9:00"),
    ("Every day at 12 a.m.", "every day 0:00"),
    ("every day at 12:30 PM", "every day 12:30"),
    ("every day 24:00", "every day 0:00"),
    ("every monday 24:00", ""),
    ("every day 9:00 and 17:00", "0 9,17 * * *"),
    ("every mon,fri at 9:15, 17:15", "15 9,17 * * MON,FRI"),
    ("every day 9:00 and 17:30", ""),
    ("daily at noon", "every day 12:00"),
    ("9:00", "every day 9:00"),
    ("on mondays and fridays at 9.30", "every mon,fri 9:30"),
    ("every weekday at 9:00", "every mon,tue,wed,thu,fri 9:00"),
    ("weekends at 10", "every sat,sun 10:00"),
    ("fri-mon 8:00", "every fri,sat,sun,mon 8:00"),
    ("weekly on monday at 9", "every monday 9:00"),
    ("1st of month 09:00", "1 of month 09:00"),
    ("first and 15th of every month at 9:00", "1,15 of month 9:00"),
    ("monthly on the 15th at 9am", "15 of month 9:00"),
    ("the first monday of the month at 10:00", "first monday of month 10:00"),
    ("every 2nd tuesday of month 9:00", "2nd tuesday of month 9:00"),
    ("twice a day", ""),
    ("every 5 minutes on weekdays", "*/5 * * * MON,TUE,WED,THU,FRI"),
    ("every hour on monday and friday", "0 * * * MON,FRI"),
    ("every 45 minutes on monday", ""),
    ("first weekday of month 9:00", ""),
    ("9am daily", "every day 9:00"),
    ("fortnightly", "every 336 hours"),
    ("schedule: every 24 hours", "every 24 hours"),
    ('- cron: "0 9 * * *"', "0 9 * * *"),
    (r"\*/5 * * * *", "*/5 * * * *"),
    ("0 9 * * Mo-Fr", "0 9 * * MON-FRI"),
    ("0 9 * * mon–fri", "0 9 * * MON-FRI"),
    ("0 9 * Ma *", ""),
    ("0-60 0-24 * * *", "* * * * *"),
    ("0 9 1,L * *", "0 9 1,28-31 * *"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "meant"), MEANT)
def test_a_suggestion_is_what_was_meant(text: str, meant: str) -> None:
    assert ([*suggested(refusal(text)), ""])[0] == (
        meant if meant or " field of '" in refusal(text) else EXAMPLE
    )


EXAMPLE = "0 9 * * *"
"""The first of those that are named where nothing can be guessed."""


def test_days_that_cannot_be_said_are_among_those_that_can() -> None:
    for text, instead in (
        ("0 9 L * *", f"'0 9 28-31 * *'{RETURN} last day of the month"),
        ("0 9 L-2 * *", f"'0 9 26-29 * *'{RETURN} 3rd last day of the month"),
        ("0 9 15W * *", f"'0 9 14-16 * *'{RETURN} weekday nearest to day 15"),
        ("0 9 1W * *", f"'0 9 1-3 * *'{RETURN} weekday nearest to day 1"),
        ("0 9 LW * *", f"'0 9 26-31 * *'{RETURN} last weekday of the month"),
        ("0 9 * * FRIL", f"'4th,5th friday of month 9:00'{RETURN} last Friday of the month"),
        ("0 9 * * 5L", f"'4th,5th friday of month 9:00'{RETURN} last Friday of the month"),
        ("last day of month 9:00", f"'28,29,30,31 of month 9:00'{RETURN} last one"),
        ("last friday of month 9:00", f"'4th,5th friday of month 9:00'{RETURN} last one"),
        ("* * * * */7", "'* * * * 0' for Sundays or '* * * * *' for all days"),
    ):
        assert refusal(text).endswith(f": write {instead}"), text


@pytest.mark.parametrize("number", [300, 300.0])
def test_a_number_of_seconds_is_told_as_its_interval(number: Any) -> None:
    assert refusal(number) == f"{number} is a length of time: write '*/5 * * * *' if these are seconds"


def test_what_is_written_in_the_way_of_others_is_found_again() -> None:
    rng = random.Random(20261130)
    for _ in range(500):
        cron = expression(rng)
        try:
            schedule = Schedule.parse(cron)
        except InvalidSchedule:
            continue
        for text in (
            f"CRON_TZ=Asia/Tehran {cron}",
            f"0 {cron}",
            f"{cron} backup --all",
            f'"{cron}"',
            f"{cron} UTC",
        ):
            assert again(text) == schedule, text
        if cron.split()[2] == "*" or cron.split()[4] == "*":
            minute, hour, day, month, weekday = schedule.expression.split()
            names = re.sub(r"[0-7](?![^,]*/)", lambda number: DAYS[int(number[0])], weekday)
            if "/" not in weekday and "-" not in weekday:
                aws = f"cron({minute} {hour} {day} {month} {names if day == '*' else '?'} *)"
                assert comes(again(aws)) == comes(schedule), aws


DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")


def comes(schedule: Schedule) -> list[datetime]:
    return [run.at for run in schedule.upcoming(datetime(2026, 11, 30, tzinfo=UTC), 20)]


def test_whatever_is_suggested_for_these_is_taken() -> None:
    for text, _ in (*MESSAGES, *MEANT):
        for new in suggested(refusal(text)):
            assert refusal(new) == "", text


@given(st.text("0123456789 */,-LW#?@()=:.PTMHDevrymonthatdayfi", max_size=60))
@example("= 0")
def test_any_text_of_these_marks_is_answered(text: str) -> None:
    assert len(refusal(text)) < 400


def refusal(text: Any) -> str:
    try:
        Schedule.parse(text)
    except InvalidSchedule as error:
        return str(error)
    return ""


def suggested(message: str) -> list[str]:
    """The schedules that stand between quotes after "write"."""
    return re.findall(r"'([^']+)'", message.rpartition(": write ")[2]) if ": write " in message else []


def again(text: str) -> Schedule:
    return Schedule.parse(suggested(refusal(text))[0])


def test_a_long_text_is_not_looked_at() -> None:
    examples = ["0 9 * * *", "every monday 09:00", "every 2 hours"]
    assert suggested(refusal("every " + "monday and " * 30 + "friday at 9:00")) == examples
