"""What runs next, and what a schedule will do before it is saved: its runs, what an edit adds and removes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from scheduled_jobs.admin.words import times
from scheduled_jobs.domain.ahead import Notice
from scheduled_jobs.domain.schedules import Schedule, describe_schedule
from scheduled_jobs.exceptions import InvalidSchedule
from scheduled_jobs.services.history.ahead_words import NOTICES, WHY_NONE, Why

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from scheduled_jobs.domain.ahead import Ahead
    from scheduled_jobs.domain.schedules import Occurrence

RUNS_AHEAD = 10
WEEK = timedelta(days=7)
MAX_NAMED = 20
"""Added and removed runs that are named one by one, of each kind."""

AFTER_THE_LAST_RUN = Why(
    gettext_lazy("after the last run"),
    gettext_lazy("Google counts the next run from the end of the last one."),
)


def why_no_time(ahead: Ahead) -> Why | None:
    """Why no time of a next run is told; None where one is. A guess is not told."""
    if ahead.why_none is not None:
        return WHY_NONE[ahead.why_none]
    return AFTER_THE_LAST_RUN if Notice.COUNTED_FROM_NOW in ahead.notices else None


def next_run(ahead: Ahead, zone: str, now: datetime) -> str:
    """The next run in a column: relative, and on the clock of a zone; or why no time is told."""
    if why := why_no_time(ahead):
        return str(why.short)
    at = ahead.runs[0].at
    return f"{times.relative(at, now)}, {times.clock(at, zone, now)} {times.zone_label(zone)}"


# --- Several runs ahead ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Coming:
    """One run ahead, on three clocks. ``before`` tells which times the clocks skipped since the run before
    it, ``notice`` what they do at the run itself."""

    machine: str
    exact: str
    job: str
    utc: str
    viewer: str
    away: str
    before: str = ""
    notice: str = ""


@dataclass(frozen=True)
class Delta:
    """The runs of the next seven days that an edit adds and removes. ``head`` is the sum in words."""

    head: str
    removed: list[str]
    added: list[str]
    more: str
    same: str


@dataclass(frozen=True)
class Preview:
    """What a schedule does; ``before`` is empty where it is the saved one, ``error`` where there is none."""

    before: str
    words: str
    zone: str
    viewer_zone: str
    runs: list[Coming]
    notes: list[str]
    delta: Delta | None = None
    error: str = ""

    @property
    def is_edit(self) -> bool:
        """Whether it shows something else than what is saved."""
        return bool(self.before) or bool(self.error)


def preview(
    schedule: str,
    zone: str,
    *,
    now: datetime,
    viewer_zone: str,
    saved: tuple[str, str] | None = None,
    notes: Sequence[str] = (),
) -> Preview:
    """The preview of a schedule at ``now`` (aware), against the saved schedule and zone if there are any.

    ``notes`` are sentences about the job, shown beside the times. Never raises for a faulty schedule.
    """
    try:
        parsed = Schedule.parse(schedule, zone)
    except InvalidSchedule as error:
        return Preview("", "", zone, viewer_zone, [], [], error=str(error))
    before = ""
    is_same = saved is not None and (parsed.expression, parsed.time_zone) == _normal(*saved)
    if saved is not None and not is_same and saved[0]:
        before = _told_in(*saved, other_zone=zone)
    about = [*notes]
    if parsed.is_estimate:
        about.append(str(NOTICES[Notice.ESTIMATE]))
    runs = [
        _coming(run, zone, viewer_zone, now, tells=not parsed.is_estimate)
        for run in parsed.upcoming(now, RUNS_AHEAD)
    ]
    if not runs:
        about.append(_("No run lies ahead."))
    delta = None if saved is None or is_same else _delta(parsed, saved, now)
    words = describe_schedule(parsed.expression, zone).words
    return Preview(before, words, zone, viewer_zone, runs, about, delta)


def runs_ahead(found: Ahead, schedule: str, zone: str, viewer_zone: str, now: datetime) -> Preview:
    """The runs that lie ahead of a job, with what is to be known about them."""
    tells = not {Notice.ESTIMATE, Notice.COUNTED_FROM_NOW}.intersection(found.notices)
    runs = [_coming(run, zone, viewer_zone, now, tells=tells) for run in found.runs]
    words = describe_schedule(schedule, zone).words
    return Preview("", words, zone, viewer_zone, runs, [str(NOTICES[notice]) for notice in found.notices])


def _normal(schedule: str, zone: str) -> tuple[str, str]:
    try:
        parsed = Schedule.parse(schedule, zone)
    except InvalidSchedule:
        return schedule, zone
    return parsed.expression, parsed.time_zone


def _told_in(schedule: str, zone: str, *, other_zone: str) -> str:
    words = describe_schedule(schedule, zone).words
    return words if zone == other_zone else f"{words}, {zone}"


def _coming(run: Occurrence, zone: str, viewer_zone: str, now: datetime, *, tells: bool) -> Coming:
    before, notice = _told_apart(run) if tells else ("", "")
    return Coming(
        machine=times.machine(run.at),
        exact=times.exact(run.at, zone),
        job=times.day_and_time(run.at, zone, now),
        utc=times.date_and_time(run.at, "UTC", now),
        viewer=times.date_and_time(run.at, viewer_zone, now),
        away=_("in %(time)s") % {"time": times.time_until(run.at - now)},
        before=before,
        notice=notice,
    )


def _told_apart(run: Occurrence) -> tuple[str, str]:
    """The notices of the times skipped before a run, and the one of the run itself.

    Only of a doubtful run there is something to tell, after what was skipped; another's are all about that.
    """
    notices = run.notice.split("; ") if run.notice else []
    own = notices.pop() if notices and run.doubtful else ""
    return "; ".join(notices), own


def _delta(parsed: Schedule, saved: tuple[str, str], now: datetime) -> Delta:
    new = _week(parsed, now)
    try:
        old = _week(Schedule.parse(*saved), now)
    except InvalidSchedule:
        old = []
    zone = parsed.time_zone
    added, removed = sorted(set(new) - set(old)), sorted(set(old) - set(new))
    hidden = max(len(added) - MAX_NAMED, 0) + max(len(removed) - MAX_NAMED, 0)
    same = len(set(new) & set(old))
    head = ngettext(
        "Seven days, to %(end)s: %(old)s run becomes %(new)s",
        "Seven days, to %(end)s: %(old)s runs become %(new)s",
        len(old),
    ) % {
        "end": times.day_and_time(now + WEEK, zone, now),
        "old": intcomma(len(old)),
        "new": intcomma(len(new)),
    }
    return Delta(
        head=head,
        removed=_named(removed, zone, now),
        added=_named(added, zone, now),
        more=_("and %(n)s more.") % {"n": intcomma(hidden)} if hidden else "",
        same=ngettext("%(n)s run stays as it is.", "%(n)s runs stay as they are.", same)
        % {"n": intcomma(same)}
        if same
        else "",
    )


def _week(schedule: Schedule, now: datetime) -> list[datetime]:
    return [run.at for run in schedule.between(now, now + WEEK)]


def _named(moments: Iterable[datetime], zone: str, now: datetime) -> list[str]:
    return [times.day_and_time(at, zone, now) for at in list(moments)[:MAX_NAMED]]
