"""Times in words: relative first, exact beside them, the zone named."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils.dateformat import format as date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

MINUTE, HOUR, DAY = 60, 3600, 86400
WEEK = 7


@lru_cache(maxsize=1024)
def zone_of(name: str) -> ZoneInfo:
    """The zone of a job; UTC for a name that this machine does not know."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # OSError: a folder of zones, such as "Europe"
        return ZoneInfo("UTC")


def zone_label(name: str) -> str:
    """A zone as it stands beside a time: its city."""
    return name.rpartition("/")[2].replace("_", " ")


def offset(zone: str, at: datetime) -> str:
    """ "UTC+01:00": how a zone's clocks go at a time; empty for UTC."""
    return "" if zone == "UTC" else f"UTC{at.astimezone(zone_of(zone)).isoformat()[-6:]}"


def duration(value: timedelta | None) -> str:
    """A length of time with two figures that matter: "3.1 s", "1 min 48 s", "2 h 5 min"."""
    if value is None:
        return ""
    seconds = value.total_seconds()
    if seconds < 1:
        return _("%(n)d ms") % {"n": round(seconds * 1000)}
    if seconds < 9.95:
        return _("%(n).1f s") % {"n": seconds}
    if seconds < MINUTE:
        return _("%(n)d s") % {"n": seconds}
    whole = int(seconds)
    if whole < HOUR:
        return _two(whole, MINUTE, _("%(n)d min"), 1, _("%(n)d s"))
    if whole < DAY:
        return _two(whole, HOUR, _("%(n)d h"), MINUTE, _("%(n)d min"))
    return _two(whole, DAY, _("%(n)d d"), HOUR, _("%(n)d h"))


def _two(whole: int, large: int, large_text: str, small: int, small_text: str) -> str:
    first, rest = divmod(whole, large)
    second = rest // small
    text = large_text % {"n": first}
    return f"{text} {small_text % {'n': second}}" if second else text


def distance(value: timedelta, exact_below: int = 2 * HOUR) -> str:
    """How far away, coarsely: "20 s", "7 min", "12 h", "4 days"; to the minute below some seconds.

    Where that is more than a day, the hours of the second are told: "1 day 11 h".
    """
    seconds = abs(int(value.total_seconds()))
    if seconds < MINUTE:
        return _("%(n)d s") % {"n": seconds}
    if seconds < HOUR:
        return _("%(n)d min") % {"n": seconds // MINUTE}
    if DAY <= seconds < exact_below:
        return _two(seconds, DAY, _("%(n)d day"), HOUR, _("%(n)d h"))
    if seconds < exact_below:
        return _two(seconds, HOUR, _("%(n)d h"), MINUTE, _("%(n)d min"))
    if seconds < 2 * DAY:
        return _("%(n)d h") % {"n": seconds // HOUR}
    return _("%(n)s days") % {"n": intcomma(seconds // DAY)}


def time_until(value: timedelta) -> str:
    """How far ahead: "11 h 22 min", "1 day 11 h", "4 days"; to the minute within a day, where it matters."""
    return distance(value, exact_below=2 * DAY)


def relative(at: datetime, now: datetime) -> str:
    """ "7 min ago" or "in 3 h 5 min"; "now" within a second."""
    away = at - now
    if abs(away) < timedelta(seconds=1):
        return _("now")
    if at > now:
        return _("in %(time)s") % {"time": time_until(away)}
    return _("%(time)s ago") % {"time": distance(away)}


def coming(at: datetime, now: datetime) -> str:
    """ "in 7 min", "in 12 h": as coarse as what is past."""
    return _("in %(time)s") % {"time": distance(at - now)} if at > now else relative(at, now)


def told(local: datetime, pattern: str) -> str:
    """A time of a zone by a pattern of ``date``; one that its clock shows twice names which it is."""
    return date_format(local, pattern) + _which(local)


def _which(local: datetime) -> str:
    """ " EDT" after a time that the clock shows twice.

    " UTC-03:00" where the zone's clocks have no names, or one for both.
    """
    other = local.replace(fold=1 - local.fold)
    if other.utcoffset() == local.utcoffset():
        return ""
    name = str(local.tzname())
    if not name.isalpha() or other.tzname() == name:
        name = f"UTC{local.isoformat()[-6:]}"
    return f" {name}"


def clock(at: datetime, zone: str, now: datetime) -> str:
    """The time in a zone, as short as it stays clear: "14:15", "Fri 23 Oct 01:30", another year named."""
    local, today = at.astimezone(zone_of(zone)), now.astimezone(zone_of(zone))
    return told(local, "H:i") if local.date() == today.date() else day_and_time(at, zone, now)


def short_clock(at: datetime, zone: str, now: datetime) -> str:
    """The time in a zone for a narrow column: "14:15", "Fri 02:15" within six days, "2 Nov 09:00"."""
    local, today = at.astimezone(zone_of(zone)), now.astimezone(zone_of(zone))
    days = abs((local.date() - today.date()).days)
    if days >= WEEK:
        return date_and_time(at, zone, now)
    day = f"{date_format(local, 'D')} " if days else ""
    return f"{day}{local:%H:%M}{_which(local)}"


def day(at: datetime, zone: str, now: datetime) -> str:
    """ "23 Oct" in a zone, with the year where it is another one."""
    local, today = at.astimezone(zone_of(zone)), now.astimezone(zone_of(zone))
    return date_format(local, "j M" if local.year == today.year else "j M Y")


def day_and_time(at: datetime, zone: str, now: datetime) -> str:
    """ "Fri 23 Oct 01:30" in a zone, with the year where it is another one."""
    return f"{date_format(at.astimezone(zone_of(zone)), 'D')} {date_and_time(at, zone, now)}"


def as_of(at: datetime | None, zone: str, now: datetime) -> str:
    """The same of what is told of a time that is past; empty where it is told of now."""
    return "" if at is None else day_and_time(at, zone, now)


def date_and_time(at: datetime, zone: str, now: datetime) -> str:
    """ "23 Oct 01:30" in a zone, with the year where it is another one."""
    local, today = at.astimezone(zone_of(zone)), now.astimezone(zone_of(zone))
    return told(local, "j M H:i" if local.year == today.year else "j M Y H:i")


def dated(at: datetime, zone: str) -> str:
    """ "Thu 22 Oct 14:00 Europe/Lisbon": a time that stands alone names its day and its zone."""
    local = at.astimezone(zone_of(zone))
    return f"{told(local, 'D j M H:i' if not local.second else 'D j M H:i:s')} {zone}"


def to_tenths(at: datetime, zone: str, now: datetime) -> str:
    """ "14:03:06.1" in a zone; with its day where that is not today there."""
    local, today = at.astimezone(zone_of(zone)), now.astimezone(zone_of(zone))
    tenths = f"H:i:s.{local.microsecond // 100_000}"
    return told(local, tenths if local.date() == today.date() else f"D j M {tenths}")


def to_seconds(at: datetime, zone: str, now: datetime) -> str:
    """ "14:03:06" in a zone; with its day where that is not today there."""
    local, today = at.astimezone(zone_of(zone)), now.astimezone(zone_of(zone))
    return told(local, "H:i:s" if local.date() == today.date() else "D j M H:i:s")


def gap(value: timedelta) -> str:
    """ "+1.1 s"; what would be negative by the skew of two clocks is no gap."""
    return f"+{duration(max(value, value * 0))}"


def exact(at: datetime, zone: str = "UTC") -> str:
    """The time to the second with its zone, for a ``title``: "2026-10-23 01:30:00 Europe/Lisbon"."""
    local = at.astimezone(zone_of(zone))
    return f"{local.isoformat(' ')[:19]}{_which(local)} {zone}"


def machine(at: datetime) -> str:
    """The value of a ``datetime`` attribute."""
    return f"{at.astimezone(UTC).isoformat()[:19]}Z"


def element(at: datetime, zone: str, text: str) -> SafeString:
    """A ``<time>`` that reads ``text``: the second and the zone in its ``title``, the moment for machines."""
    return format_html('<time datetime="{}" title="{}">{}</time>', machine(at), exact(at, zone), text)


def clock_element(at: datetime, zone: str, now: datetime) -> SafeString:
    """A ``<time>`` that reads as ``clock``."""
    return element(at, zone, clock(at, zone, now))
