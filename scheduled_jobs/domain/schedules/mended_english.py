"""Sentences that are nearly the English-like form, mended word by word into what they seem to mean."""

from __future__ import annotations

import re
from collections.abc import Callable

from scheduled_jobs.domain.schedules.english import KINDS, ORDINALS
from scheduled_jobs.domain.schedules.lengths import written_length
from scheduled_jobs.domain.schedules.words import WEEKDAYS

DAYS = [day[:3].lower() for day in WEEKDAYS]
DAY = r"(?:sun|mon|tue|wed|thu|fri|sat)[a-z]*"
NTH = r"(?:\d+(?:st|nd|rd|th)|first|second|third|fourth|fifth)"
TIME = r"\d{1,2}:\d\d"


def _clock(found: re.Match[str]) -> str:
    hour = int(found[1]) % 12 + (12 if found[3] == "p" else 0)
    return f"{hour}:{found[2] or '00'}"


def _days(found: re.Match[str]) -> str:
    first, last = DAYS.index(found[1][:3]), DAYS.index(found[2][:3])
    return ",".join(DAYS[n % 7] for n in range(first, last + 1 if last >= first else last + 8))


def _short(found: re.Match[str]) -> str:
    """ "mon" for "mondays" and "tues"; "monday" stays, and so does "month"."""
    return found[0] if found[0] in KINDS or found[0].startswith("month") else found[0][:3]


def _numbers(found: re.Match[str]) -> str:
    """ "1,15" for "first,15th"."""
    return ",".join(str(ORDINALS.get(name) or name[:-2]) for name in found[1].split(",")) + " "


WORDS: list[tuple[str, str | Callable[[re.Match[str]], str]]] = [
    (r"[.;!]+$|\b(?:at|on|the|o'clock|past)\b", " "),
    (r"\beach\b", "every"),
    (r"\bnoon\b|\bmidday\b", "12:00"),
    (r"\bmidnight\b", "0:00"),
    (r"\b(\d{1,2})(?:[:.h](\d\d))? ?([ap])\.?m\b\.?", _clock),
    (r"\b(\d{1,2})[.h](\d\d)\b", r"\1:\2"),
    (rf"\b({TIME}):00\b", r"\1"),
    (r"^((?:every )?day )?24:00$", r"\g<1>0:00"),
    (r"\b(?:week|work|working |business )days?\b", "mon,tue,wed,thu,fri"),
    (r"\bweekends?\b", "sat,sun"),
    (rf"\b({DAY}) ?(?:-|–|to|through|till|until|\.\.) ?({DAY})\b", _days),
    (rf"\b{DAY}\b|\bsept\b", _short),
    (r"\bbetween (\S+) and (\S+)", r"from \1 to \2"),
    (r"\b(from|to|until) (\d{1,2})(?![:\d])", r"\1 \2:00"),
    (r"\bevery (hour|minute)s?(?= from)", r"every 1 \1s"),
    (r"\b(\d+) ?(?:m|min|minute)s?(?= from)", r"\1 minutes"),
    (r"\b(\d+) ?(?:h|hr|hour)s?(?= from)", r"\1 hours"),
    (r" ?(?:,|&|\band\b) ?(?:every )?", ","),
    (r"\bday of week\b", "day"),
    (r"\bof (?:every |a )?month\b|\bevery month$", "of month"),
    (rf"^(?:monthly|every month) (?:day )?(\d+)(?:st|nd|rd|th)?(?= {TIME}$)", r"\1 of month"),
    (rf"^(?:every )?({NTH}(?:,{NTH})*)(?: of)?(?: month)? (?={TIME}$)", r"\1 of month "),
    (rf"\b(?:every )?({NTH}(?:,{NTH})*)(?: day)? (?=of\b)", _numbers),
    (r"^daily\b|^every 1 days?\b", "every day"),
    (rf"^({TIME}) (?:daily|every day)$", r"every day \1"),
    (rf"^(?:weekly|every week) (?={DAY})", "every "),
    (rf"^(?={DAY}\b(?!.*\bof\b)|day\b|{TIME}$)", "every "),
    (rf"^every (?={TIME}$)", "every day "),
    (rf"^every (?={NTH}(?:,{NTH})* {DAY})", ""),
    (r"^(every .*[a-z]) (\d{1,2})$", r"\1 \2:00"),
]  # fmt: skip


def mended_english(text: str) -> dict[str, str]:
    """What a sentence seems to mean: schedules, perhaps none that is taken, and what to say of each."""
    text = text.lower()
    if found := re.fullmatch(r"(?:once )?(?:every|each) (.+)", text):
        length = found[1].replace("other ", "2 ").replace("second day", "2 day")
        if length.isdigit():
            return {f"every {length} minutes": "", f"every {length} hours": ""}
        if length != "day" and (new := written_length(length)):
            return new
    for pattern, word in WORDS:
        text = " ".join(re.sub(pattern, word, text).split())
    if re.search(r"(?:st|nd|rd|th|last) mon,tue,wed,thu,fri\b", text):
        return {}  # The first weekday of a month is not the first of each.
    if found := re.fullmatch(rf"every (?:(\d+) )?(minute|hour)s? ({DAY}(?:,{DAY})*)", text):
        return _on_days(int(found[1] or 1), found[2], found[3].split(","))
    if text.startswith("last "):
        return _last(text)
    if found := re.fullmatch(rf"every (\S+) ({TIME}(?:,{TIME})+)", text):
        return _several_times(found[1], found[2].split(","))
    if re.search(r"\d$|\bfrom\b", text):
        return {text: ""}
    return {f"{text} 09:00": " or with another time"}


def _on_days(number: int, unit: str, days: list[str]) -> dict[str, str]:
    """An interval on certain days, which only cron can say, where it divides the hour or the day."""
    if (60 if unit == "minute" else 24) % max(number, 1):
        return {}
    step = f"*/{number}" if number > 1 else "*"
    time = f"{step} *" if unit == "minute" else f"0 {step}"
    return {f"{time} * * {','.join(day[:3].upper() for day in days)}": ""}


def _last(text: str) -> dict[str, str]:
    days = text.replace("last day", "28,29,30,31").replace("last", "4th,5th")
    return {days: ", and let run() return on any but the last one"}


def _several_times(days: str, times: list[str]) -> dict[str, str]:
    """Times of one minute in several hours, which only cron can say."""
    hours, minutes = zip(*(map(int, time.split(":")) for time in times), strict=True)
    weekdays = "*" if days == "day" else ",".join(day[:3].upper() for day in days.split(","))
    hour = ",".join(map(str, sorted(hours)))
    return {f"{minutes[0]} {hour} * * {weekdays}": ""} if len(set(minutes)) == 1 else {}
