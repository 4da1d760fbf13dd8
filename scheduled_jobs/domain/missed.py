"""Which runs did not come: what Google was to fire, as it had the job at the time, against what arrived.

Nothing here asks a database or Google. What cannot be known is *doubtful*, and is neither told nor denied: a
time that the clocks repeat, one beside an edit, one while nobody knows what Google had.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from scheduled_jobs.domain.attempts import NEVER, OK
from scheduled_jobs.domain.jobs import ENABLED, RetryPolicy
from scheduled_jobs.domain.retries import pause_before, retry_time
from scheduled_jobs.domain.schedules import Schedule
from scheduled_jobs.exceptions import InvalidSchedule

EDGE = timedelta(minutes=1)
"""So near to an edit or a pause, nobody knows on which side of it Google was."""
INSTANT = timedelta(microseconds=1)
MINUTE = timedelta(minutes=1)
MOST = 1_000
"""Missed runs of a job that one look writes as rows of their own; what is older is one row together."""
NEAR = 50
"""Runs of a job before and after a time that are looked through."""
NO_RETRIES = RetryPolicy()
RUNNING, FAILED, TIMED_OUT, LOST = "running", "failed", "timed_out", "lost"


class Doubt(StrEnum):
    """Why it cannot be said that a run was owed."""

    CLOCKS = "clocks"
    """The clocks change there: Google may fire, or not."""
    EDGE = "edge"
    """An edit, a pause or the job's first minute is too near."""
    UNCERTAIN = "uncertain"
    """What Google had is not known: a call was not answered, or somebody changed it there."""


@dataclass(frozen=True, slots=True)
class Epoch:
    """What Google had of a job from ``since`` on; for certain from ``confirmed_at`` on. Times are aware."""

    since: datetime
    confirmed_at: datetime | None
    until: datetime | None
    schedule: str
    time_zone: str
    state: str

    def parsed(self) -> Schedule | None:
        """The schedule by which it fires; None where it does not fire, or by what cannot be read here."""
        if self.state != ENABLED:
            return None
        try:
            return Schedule.parse(self.schedule, self.time_zone)
        except InvalidSchedule:
            return None

    def doubt(self, at: datetime) -> Doubt | None:
        """Why nothing can be said of ``at``, which lies in the span."""
        if self.confirmed_at is None or at < self.confirmed_at:
            return Doubt.UNCERTAIN
        if at - self.confirmed_at <= EDGE or (self.until is not None and self.until - at <= EDGE):
            return Doubt.EDGE
        return None


@dataclass(frozen=True, slots=True)
class Watched:
    """What decides of one job which runs are owed."""

    spans: Sequence[Epoch]
    since: datetime | None
    """Until when everything was judged before; None for a job that is judged for the first time."""
    grace: timedelta
    """How long after its time a run is missed, at the earliest."""
    retries: RetryPolicy = NO_RETRIES
    ended_at: datetime | None = None
    """When the job was paused, retired or marked for deletion, if it is: nothing is owed from there on."""


class DueTime(NamedTuple):
    """A time at which Google was to fire, and why that is not certain."""

    at: datetime
    doubt: Doubt | None = None


@dataclass(frozen=True, slots=True)
class Due:
    """The times whose runs must have come by now, in order, and how far that reaches."""

    slots: list[DueTime] = field(default_factory=list)

    @property
    def until(self) -> datetime | None:
        """Up to here, exclusive, nothing is left to be judged; None where nothing was."""
        return self.slots[-1].at + INSTANT if self.slots else None


def due(job: Watched, now: datetime) -> Due:
    """The times of the schedule that are over, with the patience that each of them deserves."""
    found = Due()
    for span in job.spans:
        schedule = span.parsed()
        if schedule is None or schedule.is_estimate:
            continue
        ends = [now - job.grace + INSTANT, span.until, job.ended_at]
        start = span.since if job.since is None else max(span.since, job.since)
        for occurrence in schedule.between(start, min(end for end in ends if end is not None)):
            if occurrence.at + patience(job, schedule, occurrence.at) > now:
                return found
            doubt = Doubt.CLOCKS if occurrence.doubtful else span.doubt(occurrence.at)
            # A job whose Google has not answered yet is watched from the first answer on.
            if found.slots or doubt is not Doubt.UNCERTAIN or job.since is not None:
                found.slots.append(DueTime(occurrence.at, doubt))
    return found


def patience(job: Watched, schedule: Schedule, at: datetime) -> timedelta:
    """How long a run of ``at`` may take to come: of an attempt that never arrives, the retry may."""
    longest = _span_of_retries(job.retries)
    if longest <= job.grace:
        return job.grace
    following = schedule.upcoming(at, 1)
    return max(job.grace, min([longest, *(one.at - at for one in following)]))


def _span_of_retries(policy: RetryPolicy) -> timedelta:
    waits = [pause_before(policy, retry) for retry in range(1, policy.retry_count + 1)]
    return max(sum(waits, timedelta()), policy.max_retry_duration)


# --- What arrived -------------------------------------------------------------------------------------------


class Arrival(NamedTuple):
    """A run of the job, as it is known by now."""

    slot: datetime | None
    attempt: int
    status: str
    started_at: datetime | None
    finished_at: datetime | None
    deadline_at: datetime | None
    is_unannounced: bool = False
    """Whether it arrived without any time, and was not asked for here: it may be that of any slot."""


def minute_of(at: datetime) -> datetime:
    """What tells two times of a schedule apart: Google's header may have seconds that a schedule has not."""
    return at.replace(second=0, microsecond=0)


def is_seen(at: datetime, runs: Iterable[Arrival], grace: timedelta) -> bool:
    """Whether a run that told no time came when that of ``at`` should have."""
    return any(
        run.is_unannounced and run.started_at is not None and at <= run.started_at <= at + grace
        for run in runs
    )


def is_busy(at: datetime, runs: Iterable[Arrival], retries: RetryPolicy) -> bool:
    """Whether Google fired nothing at ``at``, since an earlier run was going on or being tried again."""
    return any(_covers(run, at, retries) for run in runs)


def _covers(run: Arrival, at: datetime, retries: RetryPolicy) -> bool:
    if run.started_at is None or run.started_at > at:
        return False
    end = run.finished_at
    if run.status in (LOST, TIMED_OUT) or end is None:
        # Google waits until its deadline for whoever has died; for who lives, as long as he does.
        end = run.deadline_at or end
        if run.status == RUNNING or end is None:
            return run.status == RUNNING
    if at <= end:
        return True
    if run.status not in (FAILED, TIMED_OUT, LOST) or run.slot is None or run.slot >= at:
        return False
    again = retry_time(retries, attempts=run.attempt, first=run.slot, ended=end, next_slot=None)
    return again is not None and at <= again


class Around:
    """The runs of a job that were near the times in question."""

    def __init__(self, runs: Iterable[Arrival]) -> None:
        began = [(run.started_at, run) for run in runs if run.started_at is not None]
        began.sort(key=lambda one: one[0])
        self.starts = [start for start, _run in began]
        self.runs = [run for _start, run in began]

    def of(self, at: datetime) -> Sequence[Arrival]:
        """Those that began before ``at``, as many as may still be going on, and those soon after it."""
        place = bisect_left(self.starts, at)
        return self.runs[max(place - NEAR, 0) : place + NEAR]


# --- Intervals, which Google counts from the last run -----------------------------------------------------


class Busy(NamedTuple):
    """Something that arrived, and until when Google fired nothing else because of it."""

    began: datetime
    ended: datetime


class Silence(NamedTuple):
    """A time in which nothing came for two intervals and the grace; ``missed`` is when a run should have."""

    missed: datetime
    since: datetime
    until: datetime | None
    """None where it goes on."""


def limit(job: Watched, interval: timedelta) -> timedelta:
    """How long a job may be silent of which Google counts the interval from the last run."""
    return 2 * interval + max(job.grace, _span_of_retries(job.retries))


def unheard(job: Watched, now: datetime) -> Iterator[tuple[datetime, datetime, timedelta]]:
    """The spans of intervals, from, to and interval, that are long enough to have a silence in them."""
    for span in job.spans:
        schedule = span.parsed()
        if schedule is None or schedule.interval is None or span.confirmed_at is None:
            continue
        since = span.confirmed_at if job.since is None else max(span.confirmed_at, job.since)
        until = min(end for end in (now, span.until, job.ended_at) if end is not None)
        if until - since > limit(job, schedule.interval):
            yield since, until, schedule.interval


def silences(job: Watched, arrivals: Iterable[Busy], now: datetime) -> Iterator[Silence]:
    """Where nothing came for two intervals, from an arrival or an edit on: one run is missed in each."""
    in_order = sorted(arrivals)
    for since, until, interval in unheard(job, now):
        last = since
        for began, ended in [*(one for one in in_order if one.began < until), Busy(until, until)]:
            if began - last > limit(job, interval):
                yield Silence(minute_of(last + interval), last, None if began == now else began)
            last = max(last, ended)


def heard_until(arrivals: Iterable[Busy], now: datetime) -> datetime | None:
    """Up to here no silence is left to be found; what goes on may end at any time, and is read again."""
    ends = [one.ended if one.ended <= now else one.began for one in arrivals]
    going_on = [one.began for one in arrivals if one.ended > now]
    return min([max(ends), *going_on]) if ends else None


# --- Google's own last attempt ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FailedAttempt:
    """Google's last attempt at a job, as a look has shown it, where nothing arrived here that could be it."""

    at: datetime
    code: int
    since: datetime
    """From here on nothing arrived, and Google tried."""


def is_unreachable(slot: datetime, later: datetime | None, attempt: FailedAttempt | None) -> bool:
    """Whether nothing of the attempts at ``slot`` arrived, and Google says that they failed.

    ``later`` is the next time of the schedule. Google keeps one attempt: it is that of the latest time before
    it. Of a job that it tries more often than anybody can look, it says no more than since when they failed.
    """
    if attempt is None or attempt.code in (OK, NEVER):
        return False
    return slot <= attempt.at and (later is None or attempt.at < later or attempt.since <= slot)


def fired_until(expression: str, time_zone: str, attempted_at: datetime) -> datetime | None:
    """Until when Google is known to have fired by a schedule: its last attempt began at a time of it.

    A minute more, for what is nearer to the end of a span is doubtful.
    """
    try:
        schedule = Schedule.parse(expression, time_zone)
    except InvalidSchedule:
        return None
    slot = schedule.previous(attempted_at + INSTANT)
    return slot.at + EDGE + INSTANT if slot is not None and attempted_at - slot.at <= EDGE else None


def next_in(job: Watched, at: datetime) -> datetime | None:
    """The time of the schedule after ``at``, by what Google has now."""
    schedule = job.spans[-1].parsed() if job.spans else None
    if schedule is None or schedule.is_estimate:
        return None
    following = schedule.upcoming(at, 1)
    return following[0].at if following else None


def unseen(slots: Sequence[DueTime], seen: Mapping[datetime, object]) -> Iterator[datetime]:
    """The times that were owed for certain, and of which no row tells; ``seen`` is by minute."""
    return (slot.at for slot in slots if slot.doubt is None and minute_of(slot.at) not in seen)
