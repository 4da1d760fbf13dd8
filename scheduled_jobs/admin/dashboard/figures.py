"""The four figures of a day, each with an hour for each bar, and the jobs at the end of the scale."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils.translation import gettext as _

from scheduled_jobs.admin.dashboard.addresses import Addresses
from scheduled_jobs.admin.dashboard.timeline import box
from scheduled_jobs.admin.words import JobName, times
from scheduled_jobs.models.stats import floor
from scheduled_jobs.services.history.matters import JobNow
from scheduled_jobs.services.history.stats.figures import Figures, most_failing, series, slowest, together
from scheduled_jobs.services.history.stats.reading import Unfolded

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
CELL = timedelta(minutes=10)
HEIGHT = 18
FOOT = 20
MOST = 4
COLUMN = 100 / 24


class Figure(NamedTuple):
    """A figure of the day, which leads to the runs that it counts."""

    label: str
    value: str
    note: str
    url: str
    bars: list[tuple[str, str]]
    """The class and the data of each path."""


class Standing(NamedTuple):
    """A job at the end of a scale: its name, its columns, and how long its bar is, in percent."""

    name: str
    title: str
    url: str
    columns: tuple[str, ...]
    share: str


def four_figures(to: Addresses, now: datetime, unfolded: Unfolded) -> list[Figure]:
    """Runs, successes, how soon they started, and what was delivered twice: of the last 24 hours."""
    start = floor(now - DAY, CELL)
    hours = series(start - DAY, now, HOUR, unfolded=unfolded)
    day = together(figures for at, figures in hours if at >= start)
    yesterday = together(figures for at, figures in hours if at < start)
    by_hour = [Figures()] * 24
    for at, figures in hours:
        if at >= start:
            by_hour[min((at - start) // HOUR, 23)] = figures
    ran = [figures.succeeded for figures in by_hour]
    bad = [figures.bad for figures in by_hour]
    return [
        Figure(
            _("Runs, 24 h"),
            intcomma(day.runs),
            _hourly(day.runs),
            to.runs(start=start),
            [_bars("b-q", [figures.runs for figures in by_hour])],
        ),
        Figure(
            _("Succeeded"),
            _percent(day.success_rate),
            _went_wrong(day),
            to.runs(start=start, status="failing"),
            [_bars("b-ok", ran), _bars("b-bad", [3 if n else 0 for n in bad], most=HEIGHT, least=0)],
        ),
        Figure(
            _("Started within (95 %)"),
            times.duration(day.started_within) or "–",
            _("of the scheduled time; worst %(time)s") % {"time": times.duration(day.longest_delay)}
            if day.longest_delay is not None
            else _("no run of a schedule has started"),
            to.runs(start=start, late=_whole(day.started_within)),
            [_bars("b-q", [_seconds(figures.started_within) for figures in by_hour])],
        ),
        Figure(
            _("Delivered twice, run once"),
            intcomma(day.delivered_twice),
            _("the day before %(n)s") % {"n": intcomma(yesterday.delivered_twice)},
            to.runs(start=start, twice=True),
            [_bars("b-q", [figures.delivered_twice for figures in by_hour])],
        ),
    ]


def _hourly(runs: int) -> str:
    if 0 < runs < 24:
        return _("fewer than one an hour")
    return _("%(n)s an hour") % {"n": intcomma(round(runs / 24))}


def _went_wrong(day: Figures) -> str:
    failed = day.bad - day.missed
    if not day.bad:
        return _("none failed, none missed")
    texts = []
    if failed:
        texts.append(_("%(n)s failed or lost") % {"n": intcomma(failed)})
    if day.missed:
        texts.append(_("%(n)s missed") % {"n": intcomma(day.missed)})
    return ", ".join(texts)


def _percent(share: float | None) -> str:
    """A share that is not quite all of it is not rounded to that."""
    if share is None:
        return "–"
    percent = round(100 * share, 1)
    if share < 1:
        percent = min(percent, 99.9)
    return _("%(n)s %%") % {"n": f"{percent:g}"}


def _whole(length: timedelta | None) -> timedelta | None:
    """Where a list of what took longer begins, in a round number."""
    return None if length is None else timedelta(seconds=round(length.total_seconds(), 1))


def _seconds(length: timedelta | None) -> float:
    return length.total_seconds() if length else 0


def _bars(css: str, values: Sequence[float], *, most: float = 0, least: float = 1) -> tuple[str, str]:
    most = most or max(values) or 1
    heights = [max(HEIGHT * value / most, least) for value in values]
    return css, "".join(
        box(n * COLUMN + 0.4, FOOT - height, 3.3, height) for n, height in enumerate(heights) if height
    )


# --- The ends of the scale --------------------------------------------------------------------------


def slowest_jobs(jobs: Sequence[JobNow], to: Addresses, now: datetime, unfolded: Unfolded) -> list[Standing]:
    """The jobs that took longest in seven days, today among them: median and 95th percentile."""
    start = floor(now, DAY) - 6 * DAY  # cells of whole days alone are half as many
    found = [(pk, figures) for pk, figures in slowest(start, now, MOST, unfolded) if figures.p95]
    longest = max((_seconds(figures.p95) for _pk, figures in found), default=1) or 1
    return _standings(
        jobs, found, to,
        lambda figures: (times.duration(figures.median), times.duration(figures.p95)),
        lambda figures: _seconds(figures.p95) / longest,
    )  # fmt: skip


def most_failing_jobs(
    jobs: Sequence[JobNow], to: Addresses, now: datetime, unfolded: Unfolded
) -> list[Standing]:
    """The jobs of which most went wrong in 24 hours."""
    found = most_failing(now - DAY, now, MOST, unfolded)
    rates = [1 - (figures.success_rate or 0) for _pk, figures in found]
    return _standings(
        jobs, found, to,
        lambda figures: (_of_how_many(figures), _percent(1 - (figures.success_rate or 0))),
        lambda figures: (1 - (figures.success_rate or 0)) / max(rates),
    )  # fmt: skip


def _of_how_many(figures: Figures) -> str:
    """ "6 of 96", "6 of 96, and 2 missed", "1 lost of 48", "2 missed of 144"."""
    failed, text = figures.bad - figures.missed, _("%(failed)s of %(all)s")
    if not failed:
        text = _("%(missed)s missed of %(all)s")
    elif figures.missed:
        text = _("%(failed)s of %(all)s, and %(missed)s missed")
    elif failed == figures.lost:
        text = _("%(failed)s lost of %(all)s")
    numbers = {"failed": failed, "missed": figures.missed, "all": figures.runs}
    return text % {name: intcomma(n) for name, n in numbers.items()}


def _standings(
    jobs: Sequence[JobNow],
    found: Iterable[tuple[int, Figures]],
    to: Addresses,
    columns: Callable[[Figures], tuple[str, ...]],
    share: Callable[[Figures], float],
) -> list[Standing]:
    of = {job.pk: job for job in jobs}
    standings = []
    for pk, figures in found:
        if pk in of:
            name = JobName.from_columns(of[pk].origin, of[pk].task, of[pk].name)
            standings.append(
                Standing(name.short, str(name), to.job(pk), columns(figures), f"{100 * share(figures):.0f}%")
            )
    return standings
