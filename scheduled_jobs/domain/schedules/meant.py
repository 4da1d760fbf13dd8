"""What a text that is no schedule seems to mean, written as one that is taken.

Other programs' ways are known by their form: AWS, Quartz, systemd, Celery, Go, ISO 8601, a line of a crontab.
What is nearly one of our two forms is mended. Only what is taken is suggested, and of a suggestion that is
not quite the same it is said what else to do.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import NamedTuple

from scheduled_jobs.domain.schedules.cron import DAY_NAMES, parse_cron
from scheduled_jobs.domain.schedules.english import looks_english, parse_english
from scheduled_jobs.domain.schedules.lengths import length_alone, written_length
from scheduled_jobs.domain.schedules.mended_cron import mended_cron
from scheduled_jobs.domain.schedules.mended_english import mended_english
from scheduled_jobs.domain.schedules.messages import LONGEST_QUOTE, quoted
from scheduled_jobs.domain.schedules.zones import ABBREVIATIONS
from scheduled_jobs.exceptions import InvalidSchedule

LONGEST = 120
"""Characters of a text that is looked at: hostile text is to cost no more than other text."""

SHORTHANDS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
"""Expanded before they are sent: Google documents none of them."""

NAMES = {name[1:]: name for name in SHORTHANDS} | {
    "fortnightly": "every 336 hours",
    "minutely": "* * * * *",
    "noon": "0 12 * * *",
    "quarterly": "0 0 1 1,4,7,10 *",
    "semiannually": "0 0 1 1,7 *",
}
"""Names of other programs, with or without ``@``."""


EXAMPLES = "write one such as '0 9 * * *', 'every monday 09:00' or 'every 2 hours'"


class Meant(NamedTuple):
    """Schedules to write instead, each with what is to be said of it, which is mostly nothing.

    ``what`` tells what the text is, where that says more than the fault that the parser met.
    """

    instead: dict[str, str]
    what: str = ""


@lru_cache(maxsize=1024)
def explained(text: str, fault: str, shown: str = "") -> str:
    """The fault that was found in a text, and what to write instead; ``shown`` is how the text is quoted."""
    if len(text) > LONGEST:
        return f"{fault}: {EXAMPLES}"
    written = " ".join(text.split())
    if _is_taken(written):
        return fault  # It is the zone that has not such a time.
    plain = _plain(written)
    meant = _meant(plain) if plain == written else Meant(_part(plain))
    head = f"{shown or quoted(text)} {meant.what}" if meant.what else fault
    if meant.instead:
        return f"{head}: write {' or '.join(f'{new!r}{note}' for new, note in meant.instead.items())}"
    is_told = meant.what or re.search("interval|never comes| field of '", fault)
    return head if is_told else f"{head}: {EXAMPLES}"


LOOK_ALIKES = str.maketrans(
    dict.fromkeys("‐‑–—−", "-") | dict.fromkeys("∗⁎×", "*") | {"∕": "/", "、": ",", "\\": None}
)
KEY = r"""^(?:- )?["']?(?:cron|schedule|On[A-Z]\w+)["']?(?:: ?|=)"""


def _plain(text: str) -> str:
    """A text in the characters of schedules, without what a file of settings or a table has around it."""
    shown = "".join(c for c in unicodedata.normalize("NFKC", text) if unicodedata.category(c) != "Cf")
    plain = " ".join(shown.translate(LOOK_ALIKES).split())
    bare = re.sub(KEY, "", plain)
    return re.sub(r"""(?<=["'])(?:,| #.*)$""", "", bare) if bare != plain else plain


def _meant(text: str) -> Meant:
    for read in (_several, _quotes, _zone, _name, _aws, _celery, _length, _systemd, _cron, _more, _sentence):
        found = read(text)
        if found is not None:
            taken = {new: note for new, note in found.instead.items() if _is_taken(new)}
            if taken or (found.what and not found.instead):
                return Meant(taken, found.what)
    return Meant({})


def _is_taken(text: str) -> bool:
    """Whether one of the two forms reads it, and a message has room for it."""
    try:
        parse_english(text) if looks_english(text) else parse_cron(SHORTHANDS.get(text, text).split())
    except InvalidSchedule:
        return False
    return len(text) <= LONGEST_QUOTE


def _part(text: str) -> dict[str, str]:
    """What to write for a part of a text, which may be right as it stands."""
    return {text: ""} if _is_taken(text) else _meant(text).instead


# --- The ways of other programs -------------------------------------------------------------------


def _several(text: str) -> Meant | None:
    parts = re.split(r" ?[;|] ?", text.strip(";| "))
    is_more = len(parts) > 1 and all(map(_is_taken, parts))
    return Meant({}, "is more than one schedule: write a class for each") if is_more else None


QUOTES = "\"'`“”‘’„«»‹›"
ZONE = rf"[A-Z][A-Za-z_]+(?:/[\w+-]+)+|UTC|GMT|CET|EET|WET|{'|'.join(map(str.upper, ABBREVIATIONS))}"


def _quotes(text: str) -> Meant | None:
    found = re.fullmatch(rf"=?([{QUOTES}]*)(.+?)([{QUOTES}]*)", text)
    if found is None or found[2] == text:
        return None
    return Meant(_part(found[2]), "has quotes around it" if found[1] and found[3] else "")


def _zone(text: str) -> Meant | None:
    found = re.fullmatch(r"(?:CRON_)?TZ=[\"']?(?P<zone>[\w/+-]+)[\"']? (?P<rest>.+)", text)
    found = found or re.fullmatch(rf"(?P<rest>.+?) \(?(?P<zone>{ZONE})\)?", text)
    if found is None:
        return None
    zone = ABBREVIATIONS.get(found["zone"].lower(), found["zone"])
    meant = {new: f"{note}, and {zone} as its time zone" for new, note in _part(found["rest"]).items()}
    return Meant(meant, "names a time zone, which stands beside a schedule")


def _name(text: str) -> Meant | None:
    name = text.lower().removeprefix("@")
    if text == "@reboot":
        return Meant({}, "is no time: Cloud Scheduler starts jobs by the clock alone")
    if text.startswith("@every "):
        return Meant(written_length(name.removeprefix("every ")))
    note = ", which is 00:00, or with the time, such as 'every day 09:00'" if name == "daily" else ""
    return Meant({NAMES[name]: note}) if name in NAMES else None


def _aws(text: str) -> Meant | None:
    found = re.fullmatch(r"(rate|cron|at)\((.*)\)", text)
    if found is None:
        return None
    kind, inner = found.groups()
    if kind == "at":
        return Meant({}, "is a single moment, and a schedule repeats")
    fields = inner.split()
    if kind == "cron" and len(fields) == 6:
        return _with_year(fields, "is the form of AWS")
    return Meant(written_length(inner), "is the form of AWS")


def _celery(text: str) -> Meant | None:
    """``crontab(minute='*/5')``, and what Celery prints of it, whose fields have an order of their own."""
    what = "is the form of Celery"
    if found := re.fullmatch(r"(?:celery\.schedules\.)?crontab\((.*)\)", text):
        given = dict(re.findall(r"(\w+)=['\"]?([\w*/,-]+)['\"]?", found[1]))
        names = ("minute", "hour", "day_of_month", "month_of_year", "day_of_week")
        return Meant(_part(" ".join(given.get(name, "*") for name in names)), what)
    if found := re.fullmatch(r"<freq: (.+)>", text):
        return Meant(written_length(found[1]), what)
    if re.search(r"\b(?:solar|sunset|sunrise|dawn|dusk)\b", text, re.IGNORECASE):
        return Meant({}, "is a time of the sun, and Cloud Scheduler goes by the clock alone")
    found = re.fullmatch(r"(?:<crontab: )?((?:\S+ ){5})\((m/h/d/dM/MY|m/h/dM/MY/d)\)(?: \S+)?>?", text)
    if found is None:
        return None
    fields = dict(zip(found[2].split("/"), found[1].split(), strict=True))
    return Meant(_part(" ".join(fields[letter] for letter in ("m", "h", "dM", "MY", "d"))), what)


def _length(text: str) -> Meant | None:
    what = "has seconds" if re.match(r"\d+:", text) else "is a length of time"
    return Meant(found, what) if (found := length_alone(text)) else None


SYSTEMD = re.compile(
    r"(?:(?P<weekday>[A-Z][a-z]{2,8}(?:(?:,|\.\.|-)[A-Z][a-z]{2,8})*) ?)?"
    r"(?:(?:(?P<year>[\d*,./]+)-)?(?P<month>[\d*,./]+)-(?P<day>[\d*,./]+) ?)?"
    r"(?:(?P<hour>[\d*,./]+):(?P<minute>[\d*,./]+)(?::0?0)?)?"
)


def _systemd(text: str) -> Meant | None:
    found = SYSTEMD.fullmatch(text)
    if found is None or not (found["day"] or found["hour"]) or re.match(r"\d+:", text):
        return None
    if (found["year"] or "*") != "*":
        return Meant({}, YEAR)
    day, weekday = found["day"] or "*", found["weekday"] or "*"
    if "*" not in (day, weekday):
        return Meant({}, "has days of month and week, which match both in systemd and either in cron")
    fields = [found["minute"] or "0", found["hour"] or "0", day, found["month"] or "*", weekday]
    return Meant(mended_cron(fields), "is the form of systemd")


# --- Cron, with fields or marks that other crons have ---------------------------------------------

SECONDS = "has a field for seconds, and Cloud Scheduler has none"
YEARS = "has a field for years, and Cloud Scheduler has none"
YEAR = "names years, and Cloud Scheduler has no field for them: a schedule comes each year"
BOTH = "has fields for seconds and years, and Cloud Scheduler has neither"


def _cron(text: str) -> Meant | None:
    fields = text.split()
    if looks_english(text) or not fields:
        return None
    joined = re.sub(r" ?([,/-]) ?(?=[\w*])", r"\1", text)
    if len(fields) > 5 and len(joined.split()) == 5 and (part := _part(joined)):
        return Meant(part, "has blanks within a field")
    if len(fields) == 7:
        return _with_year(fields[1:], BOTH)
    if len(fields) == 6:
        return _six(fields)
    if len(fields) < 5 and not re.search(r"[*/?]", text):
        return None
    return Meant(mended_cron([*fields, *["*"] * (5 - len(fields))])) if len(fields) < 6 else None


def _six(fields: list[str]) -> Meant:
    """Seconds in front or years at the end, by what the fields hold."""
    if "?" in (fields[2], fields[4]) or re.match(r"\d{4}", fields[5]):
        return _with_year(fields, YEARS)
    if "?" in (fields[3], fields[5]):
        return Meant(mended_cron(fields[1:], counts_from_one=True), SECONDS)
    first, last = mended_cron(fields[1:]), mended_cron(fields[:5])
    if fields[5] == "*" and re.match(rf"(?i:{'|'.join(DAY_NAMES)})", fields[4]):
        return Meant(last, YEARS)
    is_often = fields[0].startswith(("*", "0/"))
    if fields[5] != "*" or (fields[4] == "*" and (is_often or fields[0] in ("0", "00"))):
        note = " for every minute, the shortest interval"
        return Meant(
            {new: note if is_often and new == "* * * * *" else more for new, more in first.items()}, SECONDS
        )
    both = dict.fromkeys(first, " if the first is for seconds")
    both |= dict.fromkeys(last, " if the last is for years")
    return Meant(both, "has six fields, and Cloud Scheduler has none for seconds or years")


def _with_year(fields: list[str], what: str) -> Meant:
    if re.match(r"\d{4}", fields[5]):
        return Meant({}, YEAR)
    return Meant(mended_cron(fields[:5], counts_from_one=True), what)


ONE_FIELD = r"[\d*/,#?-]+|[A-Z]{3}(?:[,-][A-Z]{3})*"


def _more(text: str) -> Meant | None:
    """A line of a crontab, with its command."""
    fields = text.split()
    first = " ".join(fields[:5])
    is_cron = len(fields) > 5 and not looks_english(first) and not re.fullmatch(ONE_FIELD, fields[5])
    return Meant({first: ""}, "goes on after its five fields") if is_cron and _is_taken(first) else None


def _sentence(text: str) -> Meant | None:
    return Meant(mended_english(text)) if re.search(r"[A-Za-z]{3}|\d:\d", text) and "*" not in text else None
