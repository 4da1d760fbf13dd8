"""The sentences on top of a run's page, which could be read out on the phone; each is one message."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

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
    progress_of,
    seen_alive,
    times,
)
from scheduled_jobs.domain.ahead import ahead
from scheduled_jobs.domain.retries import retry_time
from scheduled_jobs.models import JobRun

if TYPE_CHECKING:
    from datetime import datetime

    from django.utils.functional import _StrPromise

    from scheduled_jobs.models import ScheduledJob
    from scheduled_jobs.services.history.last_attempts import Told
    from scheduled_jobs.services.history.run_story import Story

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

STILL_DUE = timedelta(minutes=1)
"""For how long after its time a retry is still spoken of as due."""


@dataclass(frozen=True)
class Headline:
    """``strong`` is the first sentence, ``rest`` follows, and ``error``; ``second`` is a line of its own."""

    badge: Badge
    strong: str
    rest: str
    error: str = ""
    second: str = ""
    done: float | None = None
    total: float | None = None
    progress: str = ""
    message: str = ""

    @property
    def spoken(self) -> str:
        """What a screen reader says when the status has changed."""
        return " ".join(filter(None, [self.strong, self.rest, self.error]))


def headline_of(story: Story, told: Told | None, now: datetime) -> Headline:
    """The sentence about a run at ``now`` (aware); ``told`` is what Google tried for one that waits."""
    run = story.run
    if run.status == Status.QUEUED:
        return _queued(story, told, now)
    if run.status == Status.RUNNING:
        return _running(story, now)
    return _over(story, now)


def _queued(story: Story, told: Told | None, now: datetime) -> Headline:
    run = story.run
    waited = times.duration(now - run.created_at)
    rest = asked_by(run)
    if is_given_up(run, now):
        second = _(
            "Google was asked twice and did not deliver it for %(time)s. It has not run; "
            "should it arrive after all, it still runs only once."
        ) % {"time": times.duration(now - (run.sent_at or run.created_at))}
        return Headline(RUN_BADGES[Status.LOST], _("Probably lost."), rest, second=second)
    second = ""
    if told is not None and told.is_unserved:
        second = attempt_in_short(told, run.job.time_zone, now)
    elif is_overdue(run, now):
        second = (
            _("Google was asked %(time)s ago and has not delivered it.")
            % {"time": times.duration(now - run.sent_at)}
            if run.sent and run.sent_at
            else _("Google has not been asked yet: it could not be reached, or who was to ask was stopped.")
        )
    if second:
        return Headline(
            RUN_BADGES[Status.MISSED], _("Not delivered for %(time)s.") % {"time": waited}, rest, "", second
        )
    second = _("Google was asked and delivers it within seconds, as a rule.") if run.sent else ""
    if story.holder is not None:
        second = _(
            "Run #%(run)s of this job is going on; if it still is on delivery, this one is skipped."
        ) % {"run": story.holder.pk}
    return Headline(
        RUN_BADGES[Status.QUEUED], _("Queued for %(time)s.") % {"time": waited}, rest, second=second
    )


def _running(story: Story, now: datetime) -> Headline:
    run = story.run
    started = run.started_at or run.created_at
    rest = asked_by(run) or _scheduled(run)
    progress = _progress(run)
    bar = {"done": run.progress_done, "total": run.progress_total} if progress else {}
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
        second = _("A usual run takes %(usual)s, so about %(left)s are left.") % {
            "usual": times.duration(story.usual),
            "left": times.duration(story.usual - elapsed),
        }
    elif story.usual is not None:
        second = _("A usual run takes %(usual)s.") % {"usual": times.duration(story.usual)}
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
    rest = " ".join(filter(None, [asked_by(run), _scheduled(run)]))
    return Headline(badge, strong, rest, first_line(run.error), _after(story, now))


def _scheduled(run: JobRun) -> str:
    """When it was scheduled, and which attempt it was where there was, or could be, another."""
    if run.scheduled_for is None:
        return ""
    time = times.dated(run.scheduled_for, run.job.time_zone)
    most = run.job.retry_policy.retry_count + 1
    fails = run.status in (Status.FAILED, Status.TIMED_OUT, Status.LOST)
    if run.attempt > 1 or (most > 1 and fails):
        text = _("Attempt %(n)d of %(most)d, scheduled for %(time)s.")
        return text % {"n": run.attempt, "most": max(most, run.attempt), "time": time}
    return _("Scheduled for %(time)s.") % {"time": time}


def _after(story: Story, now: datetime) -> str:
    """What follows from how it ended."""
    run, job = story.run, story.run.job
    sentences = []
    last = story.attempts[-1] if story.attempts else None
    if run.status in (Status.FAILED, Status.TIMED_OUT, Status.LOST):
        due = retry_due(last, job, now) if last is not None else None
        if due is not None:
            about = times.clock(due, job.time_zone, now)
            sentences.append(_("Google tries again about %(time)s.") % {"time": about})
        elif last is not None and last.pk != run.pk:
            sentences.append(LAST_ATTEMPT[last.status] % {"run": last.pk})
        elif run.trigger != Trigger.SCHEDULE:
            sentences.append(_("Nothing tries it again by itself: rerun it when the cause is fixed."))
        if job.last_run_id == run.pk and job.failures_in_a_row > 1:
            n = job.failures_in_a_row
            sentences.append(ngettext("%(n)d failure in a row.", "%(n)d failures in a row.", n) % {"n": n})
    elif run.status == Status.MISSED:
        sentences.append(_("Its time passed and nothing arrived from Google. Missed runs are not caught up."))
    elif run.status == Status.SKIPPED:
        sentences.append(_("Nothing was executed. Skipped runs are not caught up."))
    return " ".join(sentences)


def retry_due(run: JobRun, job: ScheduledJob, now: datetime) -> datetime | None:
    """About when Google tries it again after ``run``, its last attempt; None where it does not."""
    failed = run.status in (Status.FAILED, Status.TIMED_OUT, Status.LOST)
    ended = run.finished_at or run.deadline_at
    if not failed or run.trigger != Trigger.SCHEDULE or ended is None or run.scheduled_for is None:
        return None
    at = retry_time(
        job.retry_policy,
        attempts=run.attempt,
        first=run.scheduled_for,
        ended=ended,
        next_slot=ahead(job.facts.resumed(), run.scheduled_for, 1).next_at,
    )
    return None if at is None or at < now - STILL_DUE else at
