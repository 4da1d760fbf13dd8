"""The last runs of a job, small: thirty as one path per outcome, with the words that say the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from scheduled_jobs.models import JobRun
from scheduled_jobs.services.history.strips import LENGTH, Bar

Status = JobRun.Status

BASE, LOWEST, HIGHEST, FOOT_BASE, FOOT = 20, 3, 19, 26, 3
"""In units of the 150 x 26 box: where bars stand, how high they are, and the foot of a failure."""
STEP, FIRST = 5, 2
WITHOUT_DURATION = 10
"""Height of what has no duration: a skipped or missed slot, a run that is queued."""

PATH_KINDS: dict[str, str] = {
    Status.SUCCEEDED: "ok",
    Status.FAILED: "bad",
    Status.TIMED_OUT: "bad",
    Status.LOST: "lost",
    Status.MISSED: "miss",
    Status.SKIPPED: "skip",
    Status.DISCARDED: "disc",
    Status.RUNNING: "run",
    Status.QUEUED: "run",
}
"""Status -> class of its path in scheduled_jobs.css, without the ``p-``."""
EMPTY = "none"
SPLIT = 10
"""From this height on a timed out bar has room for its gap."""


def draw_sparkline(bars: Sequence[Bar]) -> dict[str, str]:
    """Class -> the commands of its path: the last runs, newest right, as high as the longest lets them."""
    longest = max((bar.seconds for bar in bars if bar.seconds), default=0.0)
    scale = (HIGHEST - LOWEST) / longest if longest else 0.0
    paths: dict[str, list[str]] = {}
    empty = LENGTH - len(bars)
    x = FIRST + STEP * empty
    for bar in bars:
        height = LOWEST + round(scale * bar.seconds) if bar.seconds is not None else WITHOUT_DURATION
        kind = PATH_KINDS[bar.status]
        if kind == "ok":
            paths.setdefault(kind, []).append(f"M{x} {BASE}v-{height}")
        else:
            _exceptional(paths, kind, bar.status, x, height)
        x += STEP
    if empty:
        paths[EMPTY] = [f"M{FIRST + STEP * n} {BASE}v-2" for n in range(empty)]
    return {kind: "".join(parts) for kind, parts in paths.items()}


def _exceptional(paths: dict[str, list[str]], kind: str, status: str, x: int, height: int) -> None:
    if kind == "miss":
        path = f"M{x - 1.4:g} {BASE - 0.6:g}h2.8v-{height}h-2.8z"
    elif kind == "run":
        path = f"M{x - 1.4:g} {BASE}v-{height + 2}h2.8v{height + 2}"
    elif status == Status.TIMED_OUT and height >= SPLIT:
        path = f"M{x} {BASE}v-{height - 10}M{x} {BASE - height + 8}v-8"
    elif status == Status.TIMED_OUT:
        path = f"M{x} {BASE}v-{height - 2}"
    else:
        path = f"M{x} {BASE}v-{height}"
    paths.setdefault(kind, []).append(path)
    if status in JobRun.FAILING:
        # A failure of 0.2 s must be as visible as one of twenty minutes.
        paths.setdefault("bad", []).append(f"M{x} {FOOT_BASE}v-{FOOT}")


def outcomes_in_words(bars: Sequence[Bar]) -> str:
    """ "Last 30 runs: 24 succeeded, 6 failed"."""
    if not bars:
        return _("No runs yet")
    counts = Counter(bar.status for bar in bars)
    labels = _labels(get_language())
    parts = [f"{counts[status]} {labels[status]}" for status in PATH_KINDS if counts[status]]
    return f"{_head(get_language(), len(bars))}: {', '.join(parts)}"


@lru_cache(maxsize=64)
def _head(_language: str | None, n: int) -> str:
    return ngettext("Last %(n)d run", "Last %(n)d runs", n) % {"n": n}


@lru_cache(maxsize=64)
def _labels(_language: str | None) -> dict[str, str]:
    """Looked up once, not for each row."""
    return {status: str(status.label) for status in Status}
