"""The sentences on top of a run's page, which could be read out on the phone; each is one message."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from scheduled_jobs.admin.words import (
    RUN_BADGES,
    Badge,
    asked_by,
    attempt_in_short,
    first_line,
    is_given_up,
    is_gone,
    is_overdue,
    is_raised,
    progress_of,
    seen_alive,
    times,
)
from scheduled_jobs.domain.attempts import SKEW
from scheduled_jobs.models import JobRun, ScheduledJob
from scheduled_jobs.services.alerts import retry_at
from scheduled_jobs.services.history.last_attempts import Told
from scheduled_jobs.services.history.run_story import Story
from scheduled_jobs.services.scheduling.run_now import NOTHING_SENT

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

Status, Trigger = JobRun.Status, JobRun.Trigger

LASTED: dict[str, _StrPromise] = {
    Status.SUCCEEDED: gettext_lazy("Succeeded after %(time)s."),
    Status.FAILED: gettext_lazy("Failed after %(time)s."),
    Status.TIMED_OUT: gettext_lazy("Timed out after %(time)s."),
    Status.LOST: gettext_lazy("Lost after %(time)s."),
    Status.DISCARDED: gettext_lazy("Discarded after %(time)s."),
}
"""Status of a run whose duration is known -> how it ended."""
LAST_ATTEMPT: dict[str, _StrPromise] = {
    Status.QUEUED: gettext_lazy("Its last attempt, #%(run)s, is queued."),
    Status.RUNNING: gettext_lazy("Its last attempt, #%(run)s, is still running."),
    Status.SUCCEEDED: gettext_lazy("Its last attempt, #%(run)s, succeeded."),
    Status.FAILED: gettext_lazy("Its last attempt, #%(run)s, failed."),
    Status.TIMED_OUT: gettext_lazy("Its last attempt, #%(run)s, timed out."),
    Status.LOST: gettext_lazy("Its last attempt, #%(run)s, was lost."),
    Status.DISCARDED: gettext_lazy("Its last attempt, #%(run)s, was discarded."),
    Status.MISSED: gettext_lazy("Its last attempt, #%(run)s, was missed."),
    Status.SKIPPED: gettext_lazy("Its last attempt, #%(run)s, was skipped."),
}
"""Status of the last attempt -> what is said of it."""

NEXT_ONE: dict[str, _StrPromise] = {
    Status.QUEUED: gettext_lazy("The next one, %(time)s, is queued."),
    Status.RUNNING: gettext_lazy("The next one, %(time)s, arrived and is running."),
    Status.SUCCEEDED: gettext_lazy("The next one, %(time)s, arrived and succeeded."),
    Status.FAILED: gettext_lazy("The next one, %(time)s, arrived and failed."),
    Status.TIMED_OUT: gettext_lazy("The next one, %(time)s, arrived and timed out."),
    Status.LOST: gettext_lazy("The next one, %(time)s, arrived and was lost."),
    Status.DISCARDED: gettext_lazy("The next one, %(time)s, arrived and was discarded."),
    Status.MISSED: gettext_lazy("The next one, %(time)s, was missed too."),
    Status.SKIPPED: gettext_lazy("The next one, %(time)s, was skipped."),
}
"""Status of the run after one that was missed -> what is said of it."""

STILL_DUE = timedelta(minutes=1)
"""For how long after its time a retry is still spoken of as due."""


@dataclass(frozen=True)
class Headline:
    """``strong`` is the first sentence, ``rest`` follows, and ``error``; ``second`` is a line of its own.

    ``is_raised`` is whether the error is the task's, and no sentence of ours.
    """

    badge: Badge
    strong: str
    rest: str
    error: str = ""
    second: str = ""
    done: float | None = None
    total: float | None = None
    progress: str = ""
    message: str = ""
    is_raised: bool = False

    @property
    def spins(self) -> bool:
        """Whether its icon turns: something is going on."""
        return self.badge is RUN_BADGES[Status.RUNNING]

    @property
    def spoken(self) -> str:
        """What a screen reader says when the status has changed."""
        return " ".join(filter(None, [self.strong, self.rest, self.error]))


def headline_of(story: Story, now: datetime) -> Headline:
    """The sentence about a run at ``now`` (aware)."""
    run = story.run
    if run.status == Status.QUEUED:
        return _queued(story, now)
    if run.status == Status.RUNNING:
        return _running(story, now)
    return _over(story, now)


def attempt_of_queued(story: Story) -> Told | None:
    """What Google tried in vain since it was asked for a run that still waits."""
    run, told = story.run, story.told
    if run.status != Status.QUEUED or run.sent_at is None or told is None or not told.is_unserved:
        return None
    return told if told.at >= run.sent_at - SKEW else None


def is_forgotten(story: Story, now: datetime) -> bool:
    """Whether it is the turn of a queued run, and nobody has sent it for a while."""
    return (
        _waits_in_turn(story.run) and not _waits_for(story, now) and story.run.created_at < now - NOTHING_SENT
    )


def _waits_in_turn(run: JobRun) -> bool:
    return run.status == Status.QUEUED and not run.sent and run.trigger in JobRun.IN_TURN


def _waits_for(story: Story, now: datetime) -> str:
    """What has to end before a rerun or a backfill has its turn; empty where nothing has."""
    run = story.run
    if run.trigger == Trigger.BACKFILL and run.job.is_paused(now):
        return _("The job is paused: it waits until the job is resumed.")
    if before := [one for one in story.before if not is_gone(one, now)]:
        n, first = len(before), before[0].pk
        text = ngettext(
            "It waits for its turn: run #%(run)s, which was asked for before it, goes first.",
            "It waits for its turn: %(n)d runs that were asked for before it go first, now #%(run)s.",
            n,
        )
        return text % {"n": n, "run": first}
    if story.holder is not None and not is_gone(story.holder, now):
        return _("It waits until run #%(run)s of this job has ended.") % {"run": story.holder.pk}
    return ""


def _queued(story: Story, now: datetime) -> Headline:
    run = story.run
    rest = asked_by(run)
    strong = _("Queued for %(time)s.") % {"time": times.duration(now - run.created_at)}
    if _waits_in_turn(run):
        second = _waits_for(story, now)
        if not second and is_forgotten(story, now):
            second = _(
                "It is its turn, and nobody has asked Google yet: watching does, or “Ask Google again”."
            )
        return Headline(RUN_BADGES[Status.QUEUED], strong, rest, second=second)
    if is_given_up(run, now):
        second = _(
            "Google was asked twice and did not deliver it for %(time)s. It has not run; "
            "should it arrive after all, it still runs only once."
        ) % {"time": times.duration(now - (run.sent_at or run.created_at))}
        return Headline(RUN_BADGES[Status.LOST], _("Probably lost."), rest, second=second)
    if told := attempt_of_queued(story):
        rest = f"{rest} {attempt_in_short(told, run.job.time_zone, now)}"
        second = _("It runs as soon as Google gets through, unless it is cancelled.")
        return Headline(RUN_BADGES[Status.QUEUED], strong, rest, second=second)
    if is_overdue(run, now):
        second = (
            _("Google was asked %(time)s ago and has not delivered it.")
            % {"time": times.duration(now - run.sent_at)}
            if run.sent and run.sent_at
            else _("Google has not been asked yet: it could not be reached, or who was to ask was stopped.")
        )
        return Headline(RUN_BADGES[Status.QUEUED], strong, rest, second=second)
    second = _("Google was asked and delivers it within seconds, as a rule.") if run.sent else ""
    if story.holder is not None:
        text = _("Run #%(run)s of this job is going on; if it still is on delivery, this one is skipped.")
        if run.trigger in JobRun.IN_TURN:
            text = _("Run #%(run)s of this job is going on; if it still does on delivery, this one waits.")
        second = text % {"run": story.holder.pk}
    return Headline(RUN_BADGES[Status.QUEUED], strong, rest, second=second)


def _running(story: Story, now: datetime) -> Headline:
    run = story.run
    started = run.started_at or run.created_at
    rest = asked_by(run) or _scheduled(run, now)
    progress = _progress(run)
    bar: dict[str, Any] = {"done": run.progress_done, "total": run.progress_total} if progress else {}
    if is_gone(run, now):
        alive = seen_alive(run) or started
        second = _("No sign of life for %(time)s: its process has died, or cannot reach the database.") % {
            "time": times.duration(now - alive)
        }
        lost = RUN_BADGES[Status.LOST]
        return Headline(
            lost,
            _("Probably lost."),
            rest,
            "",
            second,
            **bar,
            progress=progress,
            message=run.progress_message,
        )
    elapsed = now - started
    second = ""
    if run.deadline_at is not None and run.deadline_at < now:
        second = _("Past its deadline: Google no longer waits for the answer, and the run goes on.")
    elif story.usual is not None and elapsed < story.usual:
        second = _("It usually takes %(usual)s, so about %(left)s are left.") % {
            "usual": times.duration(story.usual),
            "left": times.duration(story.usual - elapsed),
        }
    elif story.usual is not None:
        second = _("It usually takes %(usual)s.") % {"usual": times.duration(story.usual)}
    return Headline(
        RUN_BADGES[Status.RUNNING],
        _("Running for %(time)s.") % {"time": times.duration(elapsed)},
        rest,
        "",
        second,
        **bar,
        progress=progress,
        message=run.progress_message,
    )


def _progress(run: JobRun) -> str:
    progress = progress_of(run.progress_done, run.progress_total)
    return _("%(done)s of %(total)s done, %(percent)d %%") % progress._asdict() if progress else ""


def _over(story: Story, now: datetime) -> Headline:
    run = story.run
    badge = RUN_BADGES[run.status]
    strong = f"{badge.word}."
    if run.duration is not None and run.started_at is not None and run.status in LASTED:
        strong = LASTED[run.status] % {"time": times.duration(run.duration)}
    if run.status == Status.MISSED and run.scheduled_for is not None:
        return _missed(story, run.scheduled_for, now)
    rest = " ".join(filter(None, [asked_by(run), _scheduled(run, now)]))
    error = first_line(run.error)
    raised = is_raised(run.status, error)
    said = error if raised else capfirst(error)
    return Headline(badge, strong, rest, said, _after(story, now), is_raised=raised)


def _missed(story: Story, slot: datetime, now: datetime) -> Headline:
    run, zone = story.run, story.run.job.time_zone
    noticed = run.finished_at or run.created_at
    rest = _("The run scheduled for %(time)s never arrived; it was given up at %(end)s.") % {
        "time": times.clock(slot, zone, now),
        "end": times.clock(noticed, zone, now),
    }
    if many := run.context.get("missed", {}).get("slots"):
        rest = _("The last of %(n)s scheduled times for which nothing arrived.") % {"n": intcomma(many)}
    if following := story.next:
        at = following.scheduled_for or following.at
        rest += " " + NEXT_ONE[following.status] % {"time": times.clock(at, zone, now)}
    last = story.attempts[-1] if story.attempts else run
    second = _("Nothing ran, and nothing is caught up by itself.")
    if last.pk != run.pk:
        second = LAST_ATTEMPT[last.status] % {"run": last.pk}
    return Headline(RUN_BADGES[Status.MISSED], _("Missed."), rest, second=second)


def _scheduled(run: JobRun, now: datetime) -> str:
    """When it was scheduled, and which attempt it was where there was, or could be, another."""
    if run.scheduled_for is None:
        return ""
    time = times.day_and_time(run.scheduled_for, run.job.time_zone, now)
    most = run.job.retry_policy.retry_count + 1
    fails = run.status in JobRun.FAILING
    if run.attempt > 1 or (most > 1 and fails):
        text = _("Attempt %(n)d of %(most)d, scheduled for %(time)s.")
        return text % {"n": run.attempt, "most": max(most, run.attempt), "time": time}
    return _("Scheduled for %(time)s.") % {"time": time}


def _after(story: Story, now: datetime) -> str:
    """What follows from how it ended."""
    run, job = story.run, story.run.job
    sentences = []
    last = story.attempts[-1] if story.attempts else None
    if run.status == Status.LOST and run.started_at is not None:
        sentences.append(_("Part of its work may be done."))
    if run.status in JobRun.FAILING:
        due = retry_due(last, job, now) if last is not None else None
        if due is not None:
            about = times.clock(due, job.time_zone, now)
            sentences.append(_("Google tries again about %(time)s.") % {"time": about})
        elif last is not None and last.pk != run.pk:
            sentences.append(LAST_ATTEMPT[last.status] % {"run": last.pk})
        elif run.trigger != Trigger.SCHEDULE:
            sentences.append(_("Nothing tries it again by itself: rerun it when the cause is fixed."))
        if n := story.alike:
            text = ngettext(
                "The run before this one failed in the same way.",
                "The %(n)d runs before this one failed in the same way.",
                n,
            )
            sentences.append(text % {"n": n})
    elif run.status == Status.SKIPPED:
        sentences.append(_("Nothing ran, and nothing is caught up by itself."))
    return " ".join(sentences)


def retry_due(run: JobRun, job: ScheduledJob, now: datetime) -> datetime | None:
    """About when Google tries it again after ``run``, its last attempt; None where it does not."""
    at = retry_at(run, job)
    return None if at is None or at < now - STILL_DUE else at
