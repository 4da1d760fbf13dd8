"""How long the last runs of a job took, as an inline SVG whose x-coordinates are percents: any width fits."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.utils.dateformat import format as date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from scheduled_jobs.admin.words import RUN_BADGES, times
from scheduled_jobs.models import JobRun
from scheduled_jobs.services.history.job_story import quantiles

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from scheduled_jobs.services.history.job_story import Lasted

Status = JobRun.Status

LENGTHS = (60, 200)
LEFT, BASE, TOP = 6.0, 118.0, 14.0
"""Percents left of the bars; y of the base line and of the highest bar."""
LOWEST = 2.0
UNTIMED = 29.5
"""Height of a run that has no duration."""
TICKS = 6
STEPS = (
    0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 900, 1800,
    3600, 7200, 14400, 21600, 43200, 86400,
)  # fmt: skip
"""Seconds at which a scale may end."""


def draw_durations(runs: Sequence[Lasted], zone: str, now: datetime) -> dict[str, Any]:
    """Draw these runs (the oldest first), newest right, against the longest of them.

    ``grid`` and ``ticks`` are positions with their texts.
    """
    longest = max((run.seconds for run in runs if run.seconds), default=0.0) or 2.0
    # Twice a round number of seconds, so that the middle is one too.
    top = next((2.0 * step for step in STEPS if 2 * step >= longest), longest)
    scale = (BASE - TOP) / top
    step = (100 - LEFT) / max(len(runs), 20)
    # Newest stands at the right edge; where there are few runs the left is empty.
    first = 100 - step * len(runs)
    bars = [_bar(run, first + step * n, step, scale, zone, now) for n, run in enumerate(runs)]
    middle = quantiles(runs)
    counts = Counter(run.status for run in runs)
    parts = ", ".join(f"{counts[status]} {Status(status).label}" for status in RUN_BADGES if counts[status])
    head = ngettext("Duration of the last %(n)d run.", "Duration of the last %(n)d runs.", len(runs)) % {
        "n": len(runs)
    }
    middle_words = ""
    if middle is not None:
        middle_words = _("Median %(median)s, p95 %(p95)s.") % {
            "median": _seconds(middle[0]),
            "p95": _seconds(middle[1]),
        }
    every = max(-(-len(runs) // TICKS), 1)
    return {
        "label": " ".join(filter(None, [head, middle_words, f"{parts}."])),
        "bars": bars,
        "grid": [(f"{BASE - scale * value:.1f}", _seconds(value)) for value in (0, top / 2, top)],
        "ticks": _ticks(
            [
                (first + step * n, run.at.astimezone(times.zone_of(zone)))
                for n, run in enumerate(runs)
                if n % every == 0 and first + step * n < 97
            ],
            is_one_day=len({run.at.astimezone(times.zone_of(zone)).date() for run in runs}) < 2,
        ),
        "median_y": f"{BASE - scale * middle[0]:.1f}" if middle else "",
        "median": _seconds(middle[0]) if middle else "",
        "p95": _seconds(middle[1]) if middle else "",
        "counts": parts,
        "statuses": [Status(status) for status in RUN_BADGES if counts[status]],
    }


def _ticks(marks: list[tuple[float, datetime]], *, is_one_day: bool) -> list[tuple[str, str]]:
    """The texts below the bars: dates, and times where the date was told already or is always the same."""
    found = []
    told = marks[0][1].date() if marks and is_one_day else None
    for x, at in marks:
        found.append((f"{x:.2f}", date_format(at, "H:i" if at.date() == told else "j M")))
        told = at.date()
    return found


def _bar(run: Lasted, x: float, step: float, scale: float, zone: str, now: datetime) -> dict[str, Any]:
    """One run: its marks, rectangles or a dashed line in percents, and the words that say the same."""
    badge = RUN_BADGES[run.status]
    parts = [str(badge.word), times.clock(run.at, zone, now)]
    if run.seconds is not None:
        parts.append(_seconds(run.seconds))
    height = max(scale * run.seconds, LOWEST) if run.seconds is not None else UNTIMED
    left, width = f"{x + step * 0.14:.2f}", f"{step * 0.72:.2f}"

    def box(css: str, y: float, tall: float) -> dict[str, Any]:
        return {"css": css, "x": left, "width": width, "y": f"{y:.1f}", "height": f"{tall:.1f}"}

    status = Status(run.status)
    if status in (Status.SKIPPED, Status.DISCARDED) and run.seconds is None:
        middle = f"{x + step / 2:.2f}"
        shapes = [{**box("m-skip", BASE - UNTIMED, BASE), "x": middle, "is_line": True}]
    elif status == Status.MISSED:
        shapes = [box("m-miss", BASE - 0.5 - UNTIMED, UNTIMED)]
    elif status in (Status.RUNNING, Status.QUEUED):
        shapes = [box("m-run", BASE - height, height)]
    elif status == Status.TIMED_OUT and height > 20:
        half = (height - 8) / 2
        shapes = [box("m-bad", BASE - half, half), box("m-bad", BASE - height, half)]
    elif status in (Status.FAILED, Status.TIMED_OUT, Status.LOST):
        shapes = [box("m-lost" if status == Status.LOST else "m-bad", BASE - height, height)]
    else:
        shapes = [box("m-disc" if status == Status.DISCARDED else "m-ok", BASE - height, height)]
    if status in (Status.FAILED, Status.TIMED_OUT, Status.LOST):
        # A failure of 0.2 s must be as visible as one of twenty minutes.
        shapes.append(box("m-foot", BASE + 3, 4))
    return {"pk": run.pk, "label": ", ".join(parts), "shapes": shapes}


def _seconds(value: float) -> str:
    return times.duration(timedelta(seconds=value)) if value else _("0 s")
