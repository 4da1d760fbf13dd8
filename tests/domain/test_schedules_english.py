"""The English-like form: what the grammar takes, what it means, and what the message says otherwise."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from scheduled_jobs.domain.schedules import InvalidSchedule, Schedule

WEEKDAYS = ["sunday", "mon", "tuesday", "wed", "thursday", "fri", "saturday"]
MONTHS = [
    "jan",
    "february",
    "mar",
    "april",
    "may",
    "june",
    "jul",
    "august",
    "sep",
    "october",
    "nov",
    "december",
]
EXAMPLES = "write one such as '0 9 * * *', 'every monday 09:00' or 'every 2 hours'"
TIME = "a time (0:00-23:59)"

REFUSED = [
    ("every hour", "'hour' cannot stand, in 'every hour': write '0 * * * *'"),
    ("every minute", "'minute' cannot stand, in 'every minute': write '* * * * *'"),
    ("every hours", "'hours' stands where a number is needed, in 'every hours': write '0 * * * *'"),
    ("every 1 hour", "'hour' cannot stand, in 'every 1 hour': write '0 * * * *'"),
    ("every 30 seconds", "'seconds' cannot stand, in 'every 30 seconds': write '* * * * *' for every minute, the shortest interval"),
    ("every 0 minutes", "the shortest interval is one minute, in 'every 0 minutes'"),
    ("every 2 days", "'days' cannot stand, in 'every 2 days': write 'every 48 hours'"),
    ("every 123456 minutes", f"'123456' is too long a number (at most 5 digits), in 'every 123456 minutes': {EXAMPLES}"),
    ("every 7 hours synchronized", "a synchronized interval must divide 24 hours evenly, as 6 and 8 hours do, in 'every 7 hours synchronized'"),
    ("every 48 hours synchronized", "a synchronized interval must divide 24 hours evenly, as 6 and 8 hours do, in 'every 48 hours synchronized'"),
    ("every 5 minutes from 10:00", f"it ends where 'to' is needed, in 'every 5 minutes from 10:00': {EXAMPLES}"),
    ("every 5 minutes from 10:00 to", f"it ends where {TIME} is needed, in 'every 5 minutes from 10:00 to': {EXAMPLES}"),
    ("every 5 minutes from 10 to 11", f"'10' stands where {TIME} is needed, in 'every 5 minutes from 10 to 11': write 'every 5 minutes from 10:00 to 11:00'"),
    ("every 5 minutes from 1:00 to 2:00 synchronized", f"'synchronized' is too much, in 'every 5 minutes from 1:00 to 2:00 synchronized': {EXAMPLES}"),
    ("every 5 minutes 10:00", f"'10:00' is too much, in 'every 5 minutes 10:00': {EXAMPLES}"),
    ("every 5", "it ends where 'hours' or 'minutes' is needed, in 'every 5': write 'every 5 minutes' or 'every 5 hours'"),
    ("every", f"it ends where a day of the week or 'day' is needed, in 'every': {EXAMPLES}"),
    ("every monday", "a time is missing, in 'every monday': write 'every monday 09:00' or with another time"),
    ("every monday 9", f"'9' stands where {TIME} is needed, in 'every monday 9': write 'every monday 9:00'"),
    ("every monday 24:00", f"'24:00' is not {TIME}, in 'every monday 24:00': {EXAMPLES}"),
    ("every monday 9:60", f"'9:60' is not {TIME}, in 'every monday 9:60': {EXAMPLES}"),
    ("every monday 9:5", f"'9:5' is not {TIME}, in 'every monday 9:5': {EXAMPLES}"),
    ("every monday 9:00am", "'am' cannot stand, in 'every monday 9:00am': write 'every monday 9:00'"),
    ("every monday at 9:00", "'at' cannot stand, in 'every monday at 9:00': write 'every monday 9:00'"),
    ("every monday and friday 9:00", "'and' cannot stand, in 'every monday and friday 9:00': write 'every monday,friday 9:00'"),
    ("every 2 hours and 30 minutes", "'and' cannot stand, in 'every 2 hours and 30 minutes': write 'every 150 minutes'"),
    ("every 5 minutes on monday", "'on' cannot stand, in 'every 5 minutes on monday': write '*/5 * * * MON'"),
    ("every 5m", "'m' cannot stand, in 'every 5m': write '*/5 * * * *'"),
    ("every tues 9:00", "'tues' cannot stand, in 'every tues 9:00': write 'every tue 9:00'"),
    ("1 of sept 9:00", "'sept' cannot stand, in '1 of sept 9:00': write '1 of sep 9:00'"),
    ("every mon-fri 9:00", "'-' cannot stand, in 'every mon-fri 9:00': write 'every mon,tue,wed,thu,fri 9:00'"),
    ("21st of month 9:00", "'st' cannot stand, in '21st of month 9:00': write '21 of month 9:00'"),
    ("every day 9.00", "'.' cannot stand, in 'every day 9.00': write 'every day 9:00'"),
    ("Every Hour", "'hour' cannot stand, in 'every hour': write '0 * * * *'"),
    ("every mon, 9:00", f"'9:00' stands where a day of the week or 'day' is needed, in 'every mon, 9:00': {EXAMPLES}"),
    ("every monday,day 9:00", f"'day' stands where a day of the week or 'day' is needed, in 'every monday,day 9:00': {EXAMPLES}"),
    ("every weekday 9:00", "'weekday' cannot stand, in 'every weekday 9:00': write 'every mon,tue,wed,thu,fri 9:00'"),
    ("every fortnight 9:00", f"'fortnight' cannot stand, in 'every fortnight 9:00': {EXAMPLES}"),
    ("Every Monday 09:00", "'Every Monday 09:00' has capitals: write 'every monday 09:00'"),
    ("every monday 09:00 09:00", f"'09:00' is too much, in 'every monday 09:00 09:00': {EXAMPLES}"),
    ("last friday of month 9:00", "'last' cannot stand, in 'last friday of month 9:00': write '4th,5th friday of month 9:00', and let run() return on any but the last one"),
    ("monday 9:00", "'monday' stands where 'every', '1st' to '5th', or a day of the month is needed, in 'monday 9:00': write 'every monday 9:00'"),
    ("1st 9:00", "'9:00' stands where a day of the week or 'day' is needed, in '1st 9:00': write '1 of month 9:00'"),
    ("1st,every monday 9:00", f"'every' stands where 'every', '1st' to '5th', or a day of the month is needed, in '1st,every monday 9:00': {EXAMPLES}"),
    ("1st monday of 9:00", f"'9:00' stands where 'month', 'quarter' or the name of a month is needed, in '1st monday of 9:00': {EXAMPLES}"),
    ("1st monday of 4th month of quarter 9:00", f"a quarter has three months, in '1st monday of 4th month of quarter 9:00': {EXAMPLES}"),
    ("1st monday of 2nd quarter 9:00", f"'quarter' stands where 'month of quarter' is needed, in '1st monday of 2nd quarter 9:00': {EXAMPLES}"),
    ("1st monday of 2nd month 9:00", f"'9:00' stands where 'of quarter' is needed, in '1st monday of 2nd month 9:00': {EXAMPLES}"),
    ("1st monday of 2nd month of jan 9:00", f"'jan' stands where 'quarter' is needed, in '1st monday of 2nd month of jan 9:00': {EXAMPLES}"),
    ("1,15 9:00", f"'9:00' stands where 'of month' or 'of' and the names of months is needed, in '1,15 9:00': {EXAMPLES}"),
    ("10th of month 9:00", "'th' cannot stand, in '10th of month 9:00': write '10 of month 9:00'"),
    ("1,15 monday of month 9:00", f"'monday' stands where 'of month' or 'of' and the names of months is needed, in '1,15 monday of month 9:00': {EXAMPLES}"),
    ("32 of jan 9:00", f"'32' is not a day of the month (1-31), in '32 of jan 9:00': {EXAMPLES}"),
    ("0 of jan 9:00", f"'0' is not a day of the month (1-31), in '0 of jan 9:00': {EXAMPLES}"),
    ("1,32 of jan 9:00", f"'32' is not a day of the month (1-31), in '1,32 of jan 9:00': {EXAMPLES}"),
    ("30 of feb", f"a time is missing, in '30 of feb': {EXAMPLES}"),
    ("30 of feb 9:00", "'30 of feb 9:00' never comes: February has at most 29 days"),
    ("31 of apr,jun 9:00", "'31 of apr,jun 9:00' never comes: April and June have at most 30 days"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "message"), REFUSED)
def test_what_the_grammar_does_not_take_is_refused_with_advice(text: str, message: str) -> None:
    with pytest.raises(InvalidSchedule) as caught:
        Schedule.parse(text)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("text", "expression"),
    [
        ("every 2 hours", "every 2 hours"),
        ("  every\t2\nhours ", "every 2 hours"),
        ("every2hours", "every 2 hours"),
        ("every 05 mins", "every 5 mins"),
        ("every monday 09:00", "every monday 09:00"),
        ("every mon , wed,  fri 9:00", "every mon,wed,fri 9:00"),
        ("1st,third monday of month 17:00", "1st,third monday of month 17:00"),
        ("every 5 minutes from 10:00 to 14:00", "every 5 minutes from 10:00 to 14:00"),
        ("every 12 hours synchronized", "every 12 hours synchronized"),
        ("01,15 of month 0:00", "1,15 of month 0:00"),
        ("second sunday 3:00", "second sunday 3:00"),
        ("1st friday of quarter 9:00", "1st friday of quarter 9:00"),
        ("every day of 1st,2nd month of quarter 9:00", "every day of 1st,2nd month of quarter 9:00"),
    ],
)
def test_blanks_are_free_and_sent_as_one(text: str, expression: str) -> None:
    assert Schedule.parse(text).expression == expression


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("every day 09:30", "30 9 * * *"),
        ("every sun,mon,tue,wed,thu,fri,sat 09:30", "30 9 * * *"),
        ("every monday 9:05", "5 9 * * MON"),
        ("1st,2nd,3rd,4th,5th monday 9:05", "5 9 * * MON"),
        ("every mon,fri of jan,jun 13:15", "15 13 * JAN,JUN MON,FRI"),
        ("1st day of month 0:00", "0 0 1 * *"),
        ("2nd,5th day of jan 0:00", "0 0 2,5 1 *"),
        ("1st,2nd,3rd,4th,5th day of month 0:00", "0 0 1-5 * *"),
        ("15,30 of feb,mar 8:00", "0 8 15,30 2,3 *"),
        ("1 of quarter 0:00", "0 0 1 1,4,7,10 *"),
        ("1 of second month of quarter 0:00", "0 0 1 2,5,8,11 *"),
        ("1 of 1st,third month of quarter 0:00", "0 0 1 1,3,4,6,7,9,10,12 *"),
        (
            "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31 of may 4:00",
            "0 4 * 5 *",
        ),
        ("every 24 hours synchronized", "0 0 * * *"),
        ("every 15 minutes synchronized", "*/15 * * * *"),
    ],
)
def test_what_both_dialects_can_say_comes_at_the_same_times(text: str, same: str) -> None:
    after = datetime(2026, 10, 1, tzinfo=UTC)
    assert Schedule.parse(text).upcoming(after, 20) == Schedule.parse(same).upcoming(after, 20)


def listed(rng: random.Random, names: list[str]) -> tuple[str, set[int]]:
    chosen = sorted(rng.sample(range(len(names)), rng.randint(1, 3)))
    return ",".join(names[n] for n in chosen), set(chosen)


def test_days_of_a_schedule_are_found_by_trying_every_day() -> None:
    rng = random.Random(17)
    start = datetime(2026, 1, 1, tzinfo=UTC)
    days = [start + timedelta(days=n) for n in range(3 * 366)]
    for _ in range(100):
        weekday_text, weekdays = listed(rng, WEEKDAYS)
        month_text, months = listed(rng, MONTHS)
        ordinal_text, ordinals = listed(rng, ["1st", "second", "3rd", "fourth", "5th"])
        if rng.random() < 0.3:
            month_text, months = "month", set(range(12))
        time = timedelta(hours=rng.randint(0, 23), minutes=rng.randint(0, 59))
        text = f"{ordinal_text} {weekday_text} of {month_text} {str(time)[:-3]}"
        schedule = Schedule.parse(text)
        expected = [
            at + time
            for at in days
            if at.month - 1 in months and at.isoweekday() % 7 in weekdays and (at.day - 1) // 7 in ordinals
        ]
        assert [o.at for o in schedule.between(start, days[-1] + timedelta(days=1))] == expected, text
        last = schedule.previous(days[-1] + timedelta(days=1))
        assert (last and last.at) == expected[-1] if expected else last is None or last.at < start, text


@pytest.mark.parametrize(
    "zone",
    ["America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "America/Havana", "Asia/Beirut", "UTC"],
)
def test_ranged_intervals_are_found_by_walking_every_minute(zone: str) -> None:
    rng = random.Random(23)
    ranges = [
        ("0:00", "23:59"),
        ("1:30", "4:00"),
        ("22:15", "3:10"),
        ("2:15", "2:15"),
        ("9:00", "17:00"),
        ("23:30", "23:00"),
    ]
    windows = [
        datetime(2026, month, day, tzinfo=UTC)
        for month, day in ((2, 14), (3, 7), (3, 21), (3, 28), (4, 4), (10, 3), (10, 24), (10, 31))
    ]
    for start in windows:
        readings = [(start + timedelta(minutes=n)).astimezone(ZoneInfo(zone)) for n in range(3 * 1440)]
        for first, last in ranges:
            count = rng.choice([1, 7, 20, 50, 60, 90, 120, 300])
            text = f"every {count} minutes from {first} to {last}"
            found = [
                o.at
                for o in Schedule.parse(text, zone).between(
                    start + timedelta(days=1), start + timedelta(days=3)
                )
            ]
            expected = [at for at in walked(readings, count, first, last) if at >= start + timedelta(days=1)]
            assert found == expected, (text, zone, start)


def walked(readings: list[datetime], count: int, first: str, last: str) -> list[datetime]:
    """A range begins when the clock first shows its start, or leaps over it, and is over after its end."""
    found = []
    since: int | None = None
    before = readings[0] - timedelta(minutes=1)
    for now in readings:
        if came(before, now, first):
            since = 0
        elif since is not None:
            since += 1
        if since is not None and since % count == 0:
            found.append(now.astimezone(UTC))
        if since is not None and came(before, now, last):
            since = None
        before = now
    return found


def came(before: datetime, now: datetime, time: str) -> bool:
    hour, minute = map(int, time.split(":"))
    wanted = now.replace(hour=hour, minute=minute, fold=0, tzinfo=None)
    here = now.replace(tzinfo=None)
    leapt = before.replace(tzinfo=None) + timedelta(minutes=1) <= wanted < here
    return (here == wanted and not now.fold) or leapt
