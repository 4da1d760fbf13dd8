"""Five fields that are no cron of ours, mended field by field into what they seem to mean."""

from __future__ import annotations

import re
from datetime import timedelta

from scheduled_jobs.domain.schedules.cron import (
    DAY_NAMES,
    DAY_OF_MONTH,
    DAY_OF_WEEK,
    FIELDS,
    MONTH,
    MONTH_NAMES,
    CronField,
)
from scheduled_jobs.domain.schedules.lengths import every
from scheduled_jobs.domain.schedules.occurrences import MONTHS
from scheduled_jobs.domain.schedules.words import WEEKDAYS, ordinal

NAMES = [name.upper() for name in (*MONTHS, *WEEKDAYS)]
ONLY = ", and let run() return on any but the"


def mended_cron(texts: list[str], *, counts_from_one: bool = False) -> dict[str, str]:
    """What five fields seem to mean: schedules, perhaps none that is taken, and what is to be said of each.

    With ``counts_from_one`` the days of the week are those of AWS and Quartz, where Sunday is 1.
    """
    fields = [
        _field(field, text, counts_from_one=counts_from_one)
        for field, text in zip(FIELDS, texts, strict=True)
    ]
    for field in (MONTH, DAY_OF_WEEK):
        for position in (2, 3, 4):
            if fields[field.position] == "*" and fields[position][:3] in field.names:
                fields[position], fields[field.position] = "*", fields[position]
    if fields[0] in ("60", "*/60") and fields[1] == "*":
        fields[0] = "0"
    if fields[1] == "*/24" or (fields[1] == "24" and fields[2] == fields[4] == "*"):
        fields[1] = "0"
    minute, hour, day, month, weekday = fields
    if (day, month, weekday) == ("*", "*", "*") and (length := _longer_than_its_field(minute, hour)):
        return every(length)
    if weekday == "*/7":
        return {
            f"{minute} {hour} {day} {month} 0": " for Sundays",
            f"{minute} {hour} {day} {month} *": " for all days",
        }
    return _days_of_others(*fields) or _two_fields_for_days(fields)


def _longer_than_its_field(minute: str, hour: str) -> timedelta | None:
    """``*/90`` among the minutes, ``*/48`` among the hours: one value to cron, an interval to people."""
    if hour == "*" and (found := re.fullmatch(r"\*/(\d{2,4})", minute)) and int(found[1]) > 59:
        return timedelta(minutes=int(found[1]))
    if minute.isdigit() and (found := re.fullmatch(r"\*/(\d{2,4})", hour)) and int(found[1]) > 24:
        return timedelta(hours=int(found[1]))
    return None


def _two_fields_for_days(fields: list[str]) -> dict[str, str]:
    note = ""
    for field in (DAY_OF_MONTH, DAY_OF_WEEK):
        if fields[field.position].startswith("*/") and "*" not in (fields[2], fields[4]):
            fields[field.position] = f"{field.low}-{field.high}{fields[field.position][1:]}"
            note = " for days that match either"
    return {" ".join(fields): note}


def _field(field: CronField, text: str, *, counts_from_one: bool) -> str:
    texts = filter(None, text.upper().replace("..", "-").split(","))
    items = [_item(field, item, counts_from_one=counts_from_one) for item in texts]
    if len(items) > 1:
        items = [re.sub(r"^\*", f"{field.low}-{field.high}", item) for item in items]
    return ",".join(items)


def _item(field: CronField, item: str, *, counts_from_one: bool) -> str:
    item = re.sub(r"[A-Z]{2,}", lambda word: _name(word[0]), item)
    if counts_from_one and field is DAY_OF_WEEK:
        item = re.sub(r"(?<![/#\d])[1-7]", lambda number: DAY_NAMES[int(number[0]) - 1], item)
    item = re.sub(r"\d+", lambda number: str(int(number[0])), item)
    # Jenkins takes any one of the values in the brackets.
    item = re.sub(r"^H\((\d+)-\d+\)$", r"\1", re.sub(r"^H\((\d+-\d+)\)(?=/)", r"\1", item))
    item = str(field.low) if item == "H" else re.sub(r"^(?:\?|H|\*\*)(?=/|$)", "*", item)
    if found := re.fullmatch(r"(\w+)/(\d+)", item):
        if found[1] in (str(field.low), str(field.alias)):
            return f"*/{found[2]}" if found[2] != "1" else "*"
        return f"{found[1]}-{field.high}/{found[2]}"
    if found := re.fullmatch(r"(\w+)-(\w+)(?:/(\d+))?", item):
        if (field.high, found[1], found[2]) in ((59, "0", "60"), (23, "0", "24")):
            return f"*/{found[3]}" if found[3] else "*"
        return _forwards(field, found[1], found[2], int(found[3] or 1)) or item
    return item


def _name(word: str) -> str:
    """``MON`` for every word that begins as the name of one month or day does: ``MO``, ``MONDAYS``."""
    found = [name[:3] for name in NAMES if name.startswith(word.removesuffix("S"))]
    return found[0] if len(found) == 1 else word


def _forwards(field: CronField, first_text: str, last_text: str, step: int) -> str:
    """A range that begins anew at the lowest value, as what it seems to mean; empty where it does not."""
    numbers = {name: str(number) for number, name in enumerate(field.names, field.low)}
    first_text, last_text = numbers.get(first_text, first_text), numbers.get(last_text, last_text)
    if not (first_text + last_text).isdigit() or not 0 < step <= field.high:
        return ""
    first, last, size = int(first_text), int(last_text), len(field.values)
    if first <= last or first > (field.alias or field.high):
        return ""
    first = field.low if first == field.alias else first
    if step > 1:
        end = last + size if last < first else last
        return ",".join(str((value - field.low) % size + field.low) for value in range(first, end + 1, step))
    parts = [(first, field.high), (field.low, last)]
    if first <= last:
        parts = [(first, last)]
    elif field.alias is not None and last == field.low:
        parts = [(first, field.alias)]
    return ",".join(f"{a}" if a == b else f"{a}-{b}" for a, b in parts)


def _days_of_others(minute: str, hour: str, day: str, month: str, weekday: str) -> dict[str, str]:
    """``L``, ``W`` and ``#``: in words where they can be said, else the days among which theirs is."""
    if "L" in (days := day.split(","))[1:]:
        last = ",".join("28-31" if item == "L" else item for item in days)
        note = ", and let run() return on the 28th to the 31st but for the last day of the month"
        return {f"{minute} {hour} {last} {month} {weekday}": note}
    if found := re.fullmatch(r"L(?:-(\d))?", day):
        back = int(found[1] or 0)
        which = f"{ordinal(back + 1)} last day of the month" if back else "last day of the month"
        return {f"{minute} {hour} {28 - back}-{31 - back} {month} {weekday}": f"{ONLY} {which}"}
    if day in ("LW", "WL"):
        return {f"{minute} {hour} 26-31 {month} {weekday}": f"{ONLY} last weekday of the month"}
    if found := re.fullmatch(r"([1-9]|[12]\d|3[01])W", day):
        number = int(found[1])
        near = f"{number - 1}-{min(number + 1, 31)}" if number > 1 else "1-3"
        return {f"{minute} {hour} {near} {month} {weekday}": f"{ONLY} weekday nearest to day {number}"}
    nth = re.fullmatch(r"([A-Z]{3}|[0-7])(#[1-5](?:,\1#[1-5])*|L)", weekday)
    if nth is None or day != "*" or not (minute.isdigit() and hour.isdigit()):
        return {}
    name = WEEKDAYS[DAY_NAMES.index(nth[1]) if nth[1] in DAY_NAMES else int(nth[1]) % 7]
    months = ",".join(MONTH_NAMES[int(item) - 1] if item.isdigit() else item for item in month.split(","))
    time = f"of {'month' if month == '*' else months.lower()} {hour}:{int(minute):02}"
    if nth[2] == "L":
        return {f"4th,5th {name.lower()} {time}": f"{ONLY} last {name} of the month"}
    ordinals = ",".join(ordinal(int(number)) for number in sorted(re.findall(r"#(\d)", weekday)))
    return {f"{ordinals} {name.lower()} {time}": ""}
