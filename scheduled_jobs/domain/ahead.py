"""What runs next, and if nothing does, why: the one answer that every screen, command and method gives.

A pause is over at its end: the run that is due at this very time takes place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum, auto
from itertools import count, islice, takewhile

from scheduled_jobs.domain.jobs import DISABLED, PAUSED
from scheduled_jobs.domain.schedules import Occurrence, Schedule
from scheduled_jobs.domain.schedules.occurrences import moment
from scheduled_jobs.domain.schedules.zones import END
from scheduled_jobs.exceptions import InvalidSchedule

INSTANT = timedelta(microseconds=1)
LAST = moment(END)
"""No run is foretold from here on."""


class WhyNone(Enum):
    """Why nothing runs; ``services.history.ahead_words`` has a sentence for each."""

    RETIRED = auto()
    DELETING = auto()
    PAUSED = auto()
    PAUSED_IN_GOOGLE = auto()
    DISABLED_IN_GOOGLE = auto()
    UNREADABLE = auto()
    NEVER = auto()


class Notice(Enum):
    """What is to be known about the runs as a whole."""

    TOLD_BY_GOOGLE = auto()
    """The schedule cannot be read here: the run is the one that Google told last."""
    ESTIMATE = auto()
    """Google counts from the end of the last run: the times after the first may become others."""
    COUNTED_FROM_NOW = auto()
    """The same, and when the last run ends is not known here: all times are a guess."""
    NOT_IN_CODE = auto()
    """This process does not have the task's class: it would refuse the run."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What decides what runs next. All times are aware."""

    schedule: str
    time_zone: str
    is_paused: bool = False
    paused_until: datetime | None = None
    is_retired: bool = False
    is_deleting: bool = False
    is_in_code: bool = True
    google_state: str = ""
    """The job's state as last seen in Google; empty where it was never seen."""
    google_schedule: str = ""
    """What Google was last seen to fire by; empty where the job was never seen."""
    google_next: datetime | None = None
    """The next run as Google told it last. It is not renewed by each run."""

    def pushed(self) -> Facts:
        """The facts once Google has been made equal to what is wanted here."""
        return replace(self, google_state="", google_schedule="")

    def resumed(self) -> Facts:
        """The facts once the pause here has been ended and Google told of it."""
        return replace(self.pushed(), is_paused=False, paused_until=None)

    def paused(self, until: datetime | None) -> Facts:
        """The facts once the job has been paused until ``until`` and Google told of it."""
        return replace(self.pushed(), is_paused=True, paused_until=until)


@dataclass(frozen=True, slots=True)
class Ahead:
    """The next runs, the earliest first; ``why_none`` is set where there are none, and only there."""

    runs: list[Occurrence]
    why_none: WhyNone | None = None
    notices: tuple[Notice, ...] = ()
    fault: str = ""
    """What is wrong with a schedule that cannot be read."""

    @property
    def next_at(self) -> datetime | None:
        """The next run, in UTC."""
        return self.runs[0].at if self.runs else None


NOTHING_RUNS: tuple[tuple[WhyNone, Callable[[Facts], bool]], ...] = (
    (WhyNone.RETIRED, lambda facts: facts.is_retired),
    (WhyNone.DELETING, lambda facts: facts.is_deleting),
    (WhyNone.PAUSED, lambda facts: facts.is_paused and facts.paused_until is None),
    (WhyNone.PAUSED_IN_GOOGLE, lambda facts: facts.google_state == PAUSED),
    (WhyNone.DISABLED_IN_GOOGLE, lambda facts: facts.google_state == DISABLED),
)
"""Why a job runs nothing, whatever its schedule says; the first that holds is told."""


def ahead(facts: Facts, now: datetime, n: int) -> Ahead:
    """The next ``n`` runs (one or more) strictly after ``now`` (aware)."""
    if why := _why_none(facts):
        return Ahead([], why)
    notices = () if facts.is_in_code else (Notice.NOT_IN_CODE,)
    try:
        if facts.google_schedule:
            # Somebody may have given it a schedule there that cannot be read here, and Google fires by it.
            Schedule.parse(facts.google_schedule, facts.time_zone)
        schedule = Schedule.parse(facts.schedule, facts.time_zone)
    except InvalidSchedule as error:
        return _told_by_google(facts, now, notices, str(error))
    runs = list(islice(_runs(schedule, facts, now), n))
    if not runs:
        return Ahead([], WhyNone.NEVER)
    if schedule.is_estimate:
        is_known = _google_next(facts, now) is not None
        notices = (Notice.ESTIMATE if is_known else Notice.COUNTED_FROM_NOW, *notices)
    return Ahead(runs, None, notices)


def left_out(facts: Facts, now: datetime, until: datetime, most: int) -> list[datetime]:
    """The runs that a pause from ``now`` until ``until`` (both aware) leaves out; at most ``most``.

    None of a job that would run nothing without the pause, and of a schedule that cannot be read.
    """
    facts = facts.resumed()
    if _why_none(facts):
        return []
    try:
        schedule = Schedule.parse(facts.schedule, facts.time_zone)
    except InvalidSchedule:
        return []
    runs = takewhile(lambda run: run.at < until, _runs(schedule, facts, now))
    return [run.at for run in islice(runs, most)]


def _why_none(facts: Facts) -> WhyNone | None:
    return next((why for why, holds in NOTHING_RUNS if holds(facts)), None)


def _runs(schedule: Schedule, facts: Facts, now: datetime) -> Iterator[Occurrence]:
    if schedule.is_estimate:
        return _counted(schedule, facts, now)
    return schedule.between(_start(facts, now), LAST)


def _counted(schedule: Schedule, facts: Facts, now: datetime) -> Iterator[Occurrence]:
    """The runs of an interval: Google counts from a moment of its own, which its next run tells."""
    one, two = schedule.upcoming(now, 2)
    step = two.at - one.at
    first = _google_next(facts, now) or one.at
    passed = max(-((first - _start(facts, now)) // step), 0)
    for i in count(passed):
        if first + step * i >= LAST:
            return
        yield one._replace(at=first + step * i)


def _start(facts: Facts, now: datetime) -> datetime:
    """The first moment at which a run would take place."""
    if facts.is_paused and facts.paused_until is not None and facts.paused_until > now:
        return facts.paused_until
    return now + INSTANT


def _google_next(facts: Facts, now: datetime) -> datetime | None:
    """The next run as Google told it, where that still lies ahead."""
    return facts.google_next if facts.google_next is not None and facts.google_next > now else None


def _told_by_google(facts: Facts, now: datetime, notices: tuple[Notice, ...], fault: str) -> Ahead:
    at = _google_next(facts, now)
    if at is None or at < _start(facts, now):
        return Ahead([], WhyNone.UNREADABLE, fault=fault)
    return Ahead([Occurrence(at)], None, (Notice.TOLD_BY_GOOGLE, *notices), fault)
