"""Lengths of time as people write them: "30 s", "10 min", "1 h 30 min", or "90" for seconds."""

from __future__ import annotations

import re
from datetime import timedelta

from django.utils.translation import gettext as _

UNIT_SECONDS = {"d": 86_400, "h": 3_600, "min": 60, "s": 1}
"""How a length is written, the largest unit first, in seconds."""
_NAMES = {
    "d": "d", "day": "d", "days": "d",
    "h": "h", "hr": "h", "hrs": "h", "hour": "h", "hours": "h",
    "m": "min", "min": "min", "mins": "min", "minute": "min", "minutes": "min",
    "": "s", "s": "s", "sec": "s", "secs": "s", "second": "s", "seconds": "s",
}  # fmt: skip
_PART = re.compile(r"\s*([0-9]{1,12})\s*([a-z]*)\s*,?", re.ASCII)


def parse_duration(text: str) -> timedelta:
    """Read a length of time in whole seconds; raises ValueError with a sentence that says what to write."""
    rest, total = text.strip().lower(), 0
    used: list[str] = []
    if not rest:
        raise ValueError(_("Write a length of time, such as 30 s, 10 min or 1 h 30 min."))
    while rest:
        match = _PART.match(rest)
        unit = _NAMES.get(match[2]) if match else None
        if match is None or unit is None or unit in used:
            raise ValueError(_wrong(text, rest, match, unit))
        if used and (not match[2] or list(UNIT_SECONDS).index(unit) < list(UNIT_SECONDS).index(used[-1])):
            raise ValueError(_wrong(text, rest, match, unit))
        used.append(unit)
        total += int(match[1]) * UNIT_SECONDS[unit]
        rest = rest[match.end() :]
    try:
        return timedelta(seconds=total)
    except OverflowError:
        raise ValueError(
            _("“%(text)s” is longer than can be counted; write a shorter one.") % {"text": text}
        ) from None


def _wrong(text: str, rest: str, match: re.Match[str] | None, unit: str | None) -> str:
    if re.match(r"\s*[0-9]*[.,][0-9]|\s*-", rest):
        why = _("Cloud Scheduler takes whole seconds, none of them negative")
    elif match is not None and unit is None:
        why = _("“%(unit)s” is no unit") % {"unit": match[2]}
    elif match is not None and not match[2]:
        why = _("the number %(number)s has no unit") % {"number": match[1]}
    elif match is not None:
        why = _("the units come once each, from the largest to the smallest")
    else:
        why = _("“%(rest)s” is no number with a unit") % {"rest": rest.strip()[:40]}
    said = _("“%(text)s” is not a length of time: %(why)s. Write it as 30 s, 10 min or 1 h 30 min.")
    return said % {"text": text.strip()[:80], "why": why}


def write_duration(value: timedelta) -> str:
    """The same in words, exactly: what it gives is read back as the same length."""
    seconds = int(value.total_seconds())
    parts = []
    for unit, size in UNIT_SECONDS.items():
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts) or "0 s"
