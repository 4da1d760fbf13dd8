"""Times of a run, to the tenth of a second, and the gaps between them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.dateformat import format as date_format

from scheduled_jobs.admin.words import times

if TYPE_CHECKING:
    from datetime import datetime, timedelta


def to_tenths(at: datetime, zone: str, now: datetime) -> str:
    """ "14:03:06.1" in a zone; with its day where that is not today there."""
    local, today = at.astimezone(times.zone_of(zone)), now.astimezone(times.zone_of(zone))
    clock = f"{local:%H:%M:%S}.{local.microsecond // 100_000}"
    return clock if local.date() == today.date() else f"{date_format(local, 'D j M')} {clock}"


def gap(value: timedelta) -> str:
    """ "+1.1 s"; what would be negative by the skew of two clocks is no gap."""
    return f"+{times.duration(max(value, value * 0))}"


def dated(at: datetime, zone: str) -> str:
    """ "Thu 22 Oct 14:00 Europe/Lisbon": a time that stands alone names its day and its zone."""
    local = at.astimezone(times.zone_of(zone))
    return f"{date_format(local, 'D j M H:i' if not local.second else 'D j M H:i:s')} {zone}"
