"""How long the last runs of a job took, as an inline SVG whose x-coordinates are percents: any width fits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.utils.dateformat import format as date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from scheduled_jobs.admin.words import RUN_BADGES, times
from scheduled_jobs.models import JobRun
from scheduled_jobs.services.history.job_story import Lasted, quantiles

Status = JobRun.Status

LENGTHS = (60, 200)
LEFT, BASE, TOP = 6.0, 90.0, 8.0
"""Percents left of the bars; y of the base line and of the highest bar."""
LOWEST, LOWEST_BAD = 2.0, 10.0
"""A failure of 0.2 s must be as visible as one of twenty minutes."""
UNTIMED = 30.0
"""Height of a run that has no duration."""
HIGHEST = 1.5
"""Times the 95th percentile; a bar that would be higher is cut, or all others could not be told apart."""
GAP = 4
"""In a bar that is cut, and in that of a run that was stopped at its deadline."""
FEW = 8
"""Bars up to which only the first and the last have their time below them."""
TEXT = 9.0
"""Percents of the width that a text below the bars needs on a telephone."""
STEPS = (
    0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 40, 60, 120, 300, 600, 900,
    1800, 3600, 7200, 14400, 21600, 43200, 86400,
)  # fmt: skip
"""Seconds at which a scale may end."""
MARKS: dict[str, str] = {
    Status.QUEUED: "m-run",
    Status.RUNNING: "m-run",
    Status.SUCCEEDED: "m-ok",
    Status.FAILED: "m-bad",
    Status.TIMED_OUT: "m-bad",
    Status.LOST: "m-lost",
    Status.MISSED: "m-miss",
    Status.SKIPPED: "m-skip",
    Status.DISCARDED: "m-disc",
}
"""Status of a run -> the class of its bar."""


def draw_durations(runs: Sequence[Lasted], zone: str, now: datetime) -> dict[str, Any]:
    """Draw these runs (the oldest first), newest right, against the longest that is usual.

    ``grid`` and ``ticks`` are positions with their texts.
    """
    middle = quantiles(runs)
    longest = max((run.seconds for run in runs if run.seconds), default=0.0) or 2.0
    if middle is not None and middle[1]:
        longest = min(longest, HIGHEST * middle[1])
    # Twice a round number of seconds, so that the middle is one too.
    top = next((2.0 * step for step in STEPS if 2 * step >= longest), longest)
    scale = (BASE - TOP) / top
    step = (100 - LEFT) / max(len(runs), 20)
    # Newest stands at the right edge; where there are few runs the left is empty.
    first = 100 - step * len(runs)
    places = [first + step * n for n in range(len(runs))]
    counts = Counter(run.status for run in runs)
    head = ngettext("Duration of the last %(n)d run.", "Duration of the last %(n)d runs.", len(runs))
    parts = [head % {"n": len(runs)}]
    if middle is not None:
        values = {"median": _seconds(middle[0]), "p95": _seconds(middle[1])}
        parts.append(_("Median %(median)s, p95 %(p95)s.") % values)
    told = ", ".join(f"{counts[status]} {Status(status).label}" for status in RUN_BADGES if counts[status])
    return {
        "label": " ".join([*parts, f"{told}."]),
        "shown": len(runs),
        "bars": [_bar(run, x, step, scale, zone, now) for run, x in zip(runs, places, strict=True)],
        "grid": [(f"{BASE - scale * value:.1f}", _axis(value)) for value in (0, top / 2, top)],
        "ticks": _ticks(runs, places, zone),
        "median_y": f"{BASE - scale * middle[0]:.1f}" if middle else "",
        "median": _seconds(middle[0]) if middle else "",
        "p95": _seconds(middle[1]) if middle else "",
        "counts": told,
    }


def _ticks(runs: Sequence[Lasted], places: Sequence[float], zone: str) -> list[tuple[str, str, str]]:
    """Place, anchor and text below the bars: dates, and times where the date was told already.

    The newest has its text, and of the others those that have room beside it.
    """
    last = len(runs) - 1
    left = {last: 100 - TEXT, 0: places[0]}
    left |= {n: places[n] - TEXT / 2 for n in (last // 3, 2 * last // 3) if last >= FEW}
    shown: list[int] = []
    for n in left:
        if all(abs(left[n] - left[other]) >= TEXT for other in shown):
            shown.append(n)
    local = {n: runs[n].at.astimezone(times.zone_of(zone)) for n in {0, *shown}}
    told = local[0].date() if local[0].date() == local[last].date() else None
    found = []
    for n in sorted(shown):
        at = local[n]
        text = date_format(at, "H:i" if at.date() == told else "j M")
        told = at.date()
        place = ("100", "end") if n == last else (f"{places[n]:.2f}", "middle" if n else "start")
        found.append((*place, text))
    return found


def _bar(run: Lasted, x: float, step: float, scale: float, zone: str, now: datetime) -> dict[str, Any]:
    """One run: its marks, rectangles or a dashed line in percents, and the words that say the same."""
    status, badge = Status(run.status), RUN_BADGES[run.status]
    at = times.clock(run.at, zone, now)
    lasted = "" if run.seconds is None else _seconds(run.seconds)
    is_bad = status in JobRun.FAILING
    height = UNTIMED
    if run.seconds is not None:
        height = max(scale * run.seconds, LOWEST_BAD if is_bad else LOWEST)
    is_cut = height > BASE - TOP or (status == Status.TIMED_OUT and height > 2 * LOWEST_BAD)
    left, width = f"{x + step * 0.14:.2f}", f"{step * 0.72:.2f}"

    def box(css: str, y: float, tall: float) -> dict[str, Any]:
        return {"css": css, "x": left, "width": width, "y": f"{y:.1f}", "height": f"{tall:.1f}"}

    if status in (Status.SKIPPED, Status.DISCARDED) and run.seconds is None:
        shapes = [
            {"css": "m-skip", "x": f"{x + step / 2:.2f}", "y": f"{BASE - UNTIMED:.1f}", "is_line": True}
        ]
    elif is_cut:
        height = min(height, BASE - TOP)
        half = (height - GAP) / 2
        shapes = [box(MARKS[status], BASE - half, half), box(MARKS[status], BASE - height, half)]
    else:
        shapes = [box(MARKS[status], BASE - height, height)]
    if is_bad:
        shapes.append(box("m-foot", BASE + 2, 3))
    return {
        "pk": run.pk,
        "label": ", ".join(filter(None, [str(badge.word), at, lasted])),
        "shapes": shapes,
        "cells": (badge.word, at, lasted),
    }


def _axis(value: float) -> str:
    """In one unit: there is room for no more."""
    return _("%(n)d s") % {"n": value} if not value or 60 < value < 120 else _seconds(value)


def _seconds(value: float) -> str:
    return times.duration(timedelta(seconds=value)) if value else _("0 s")
