"""What runs next, a pause, and what a schedule will do before it is saved."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from scheduled_jobs import times
from scheduled_jobs.domain.ahead import Ahead, Notice
from scheduled_jobs.domain.schedules import Occurrence, Schedule, describe_schedule
from scheduled_jobs.exceptions import InvalidSchedule
from scheduled_jobs.models import ScheduledJob
from scheduled_jobs.services.history.ahead_words import NOTICES, WHY_NONE, Why


def pause_in_words(job: ScheduledJob, tell: Callable[[datetime], str]) -> str:
    """By whom a job is paused, since when and until when; ``tell`` puts a time into words."""
    values = {
        "person": job.paused_by,
        "since": tell(job.paused_at) if job.paused_at else "",
        "until": tell(job.paused_until) if job.paused_until else "",
    }
    text = _("Paused until somebody resumes it.")
    if job.paused_by and job.paused_at:
        text = _("Paused by %(person)s since %(since)s, until somebody resumes it.")
        if job.paused_until:
            text = _("Paused by %(person)s since %(since)s, until %(until)s.")
    elif job.paused_by:
        text = _("Paused by %(person)s, until somebody resumes it.")
        if job.paused_until:
            text = _("Paused by %(person)s, until %(until)s.")
    elif job.paused_until:
        text = _("Paused until %(until)s.")
    return text % values


RUNS_AHEAD, PREVIEWED = 5, 8
"""Runs that are told of a job, and of what is typed together with those that it replaces."""
WEEK = timedelta(days=7)

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
    """One run ahead, on the clock of its zone, and in words how far away it is.

    ``before`` tells which times the clocks skipped since the run before it, ``notice`` what they do at the
    run itself. ``mark`` is "new" or "gone" where an edit adds or removes the run.
    """

    time: SafeString
    away: str
    before: str = ""
    notice: str = ""
    mark: str = ""


@dataclass(frozen=True)
class Preview:
    """What a schedule does; ``before`` is empty where it is the saved one, ``error`` where there is none.

    ``becomes`` tells how many runs a week an edit makes of how many.
    """

    words: str
    zone: str
    runs: list[Coming]
    notes: list[str]
    before: str = ""
    becomes: str = ""
    error: str = ""

    @property
    def is_edit(self) -> bool:
        """Whether it shows something else than what is saved."""
        return bool(self.before) or bool(self.error)

    @property
    def city(self) -> str:
        """The zone as it stands beside times."""
        return times.zone_label(self.zone)


def preview(
    schedule: str,
    zone: str,
    *,
    now: datetime,
    saved: tuple[str, str] | None = None,
    notes: Sequence[str] = (),
) -> Preview:
    """The preview of a schedule at ``now`` (aware), against the saved schedule and zone if there are any.

    ``notes`` are sentences about the job, shown beside the times. Never raises for a faulty schedule.
    """
    try:
        parsed = Schedule.parse(schedule, zone)
    except InvalidSchedule as error:
        return Preview("", zone, [], [], error=str(error))
    about = [*notes]
    if parsed.is_estimate:
        about.append(str(NOTICES[Notice.ESTIMATE]))
    old = None if saved is None else _parsed(*saved)
    if saved is None or parsed == old:
        before, becomes, runs = "", "", [(run, "") for run in parsed.upcoming(now, PREVIEWED)]
    else:
        before = _told_in(*saved, other_zone=zone) if saved[0] else ""
        becomes, runs = _becomes(parsed, old, now), _beside(parsed, old, now)
    coming = [_coming(run, zone, now, tells=not parsed.is_estimate, mark=mark) for run, mark in runs]
    if not coming:
        about.append(_("No run lies ahead."))
    words = describe_schedule(parsed.expression, zone).words
    return Preview(words, zone, coming, about, before, becomes)


def runs_ahead(found: Ahead, zone: str, now: datetime) -> list[Coming]:
    """The runs that lie ahead of a job."""
    tells = not {Notice.ESTIMATE, Notice.COUNTED_FROM_NOW}.intersection(found.notices)
    return [_coming(run, zone, now, tells=tells) for run in found.runs]


def _parsed(schedule: str, zone: str) -> Schedule | None:
    try:
        return Schedule.parse(schedule, zone)
    except InvalidSchedule:
        return None


def _told_in(schedule: str, zone: str, *, other_zone: str) -> str:
    words = describe_schedule(schedule, zone).words
    return words if zone == other_zone else f"{words}, {zone}"


def _coming(run: Occurrence, zone: str, now: datetime, *, tells: bool, mark: str = "") -> Coming:
    before, notice = _told_apart(run) if tells else ("", "")
    time = times.element(run.at, zone, times.day_and_time(run.at, zone, now))
    away = _("in %(time)s") % {"time": times.time_until(run.at - now)}
    return Coming(time, away, before, notice, mark)


def _told_apart(run: Occurrence) -> tuple[str, str]:
    """The notices of the times skipped before a run, and the one of the run itself.

    Only of a doubtful run there is something to tell, after what was skipped; another's are all about that.
    """
    notices = run.notice.split("; ") if run.notice else []
    own = notices.pop() if notices and run.doubtful else ""
    return "; ".join(notices), own


def _beside(new: Schedule, old: Schedule | None, now: datetime) -> list[tuple[Occurrence, str]]:
    """The next runs of both, each once, and whether the edit adds or removes it."""
    stays, goes = (
        {run.at: run for run in each.upcoming(now, PREVIEWED)} if each else {} for each in (new, old)
    )
    marks = dict.fromkeys(goes, "gone") | {at: "" if old is None or at in goes else "new" for at in stays}
    both = goes | stays
    return [(both[at], marks[at]) for at in sorted(both)[:PREVIEWED]]


def _becomes(new: Schedule, old: Schedule | None, now: datetime) -> str:
    were, are = (len(list(each.between(now, now + WEEK))) if each else 0 for each in (old, new))
    if were == are:
        return ""
    text = ngettext("%(old)s run a week becomes %(new)s.", "%(old)s runs a week become %(new)s.", were)
    return text % {"old": intcomma(were), "new": intcomma(are)}
