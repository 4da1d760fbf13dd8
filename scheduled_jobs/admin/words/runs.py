"""What stands behind a run: who or what asked for it, how far it is, for how long it ran, and if it lives."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import NamedTuple

from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from scheduled_jobs import registry
from scheduled_jobs.models import JobRun
from scheduled_jobs.services.execution.decision import FORCED_BY
from scheduled_jobs.services.execution.statements import LEASE
from scheduled_jobs.services.history.strips import ToldRun
from scheduled_jobs.services.scheduling.run_now import MOST_SENT, NOTHING_SENT, UNDELIVERED

TICK = 75
"""Where the 95th percentile stands, in percent of the bar."""


class Share(NamedTuple):
    """``percent`` of the 95th percentile; ``within`` and ``over`` are parts of the bar, in percent of it."""

    percent: int
    within: int
    over: int


def share_of(duration: timedelta | None, p95: float | None) -> Share | None:
    """The bar of a duration; ``p95`` in seconds. None where one of them is not known."""
    if duration is None or not p95:
        return None
    part = duration.total_seconds() / p95
    return Share(
        round(100 * part), round(TICK * min(part, 1)), round(min(TICK * max(part - 1, 0), 100 - TICK))
    )


Status, Trigger = JobRun.Status, JobRun.Trigger

_RAISED = re.compile(r"[A-Za-z_][\w.]*(:|$)")


def trigger_words(run: JobRun) -> tuple[str, str, str]:
    """The icon and the word of a trigger, and what else there is to say about it."""
    if run.trigger == Trigger.SCHEDULE:
        note = _("Google’s own retry") if run.attempt > 1 else ""
        return ("retry" if run.attempt > 1 else "sched"), _("schedule"), note
    if run.trigger == Trigger.MANUAL and run.requested_by == FORCED_BY:
        return "hand", _("forced run"), _("in Google’s console, or by gcloud")
    by = _("by %(person)s") % {"person": run.requested_by} if run.requested_by else ""
    return {
        Trigger.MANUAL: ("hand", _("run now"), by),
        Trigger.RETRY: ("retry", _("rerun"), by),
        Trigger.BACKFILL: ("retry", _("backfill"), by),
        Trigger.EAGER: ("play", _("eager"), _("run by the command itself, without Google")),
    }[Trigger(run.trigger)]


def asked_by(run: JobRun) -> str:
    """How a run came about, as a sentence; empty for a natural one."""
    person = {"person": run.requested_by or _("somebody")}
    if run.trigger == Trigger.MANUAL and run.requested_by == FORCED_BY:
        return _("Forced in Google’s console.")
    return {
        Trigger.SCHEDULE: "",
        Trigger.MANUAL: _("Asked for by %(person)s.") % person,
        Trigger.RETRY: _("A rerun, asked for by %(person)s.") % person,
        Trigger.BACKFILL: _("A backfill, asked for by %(person)s.") % person,
        Trigger.EAGER: _("Run by the command itself."),
    }[Trigger(run.trigger)]


def seen_alive(run: JobRun | ToldRun) -> datetime | None:
    """When the process of a running run last gave a sign of life."""
    return None if run.lease_until is None else run.lease_until - LEASE


def is_gone(run: JobRun, now: datetime) -> bool:
    """Whether a run that says running has given no sign of life for so long that it is lost."""
    return run.status == Status.RUNNING and run.lease_until is not None and run.lease_until < now


def is_overdue(run: JobRun, now: datetime) -> bool:
    """Whether a queued run ought to have been delivered by now; what waits for its turn ought not."""
    if run.status != Status.QUEUED or (run.trigger in JobRun.IN_TURN and not run.sent):
        return False
    if not run.sent or run.sent_at is None:
        return run.created_at < now - NOTHING_SENT
    return run.sent_at < now - UNDELIVERED


def is_given_up(run: JobRun, now: datetime) -> bool:
    """Whether a queued run was sent as often as it may be and was never delivered."""
    return is_overdue(run, now) and run.sent >= MOST_SENT


class Progress(NamedTuple):
    """How far a run is; ``percent`` lies between 0 and 100."""

    percent: int
    done: str
    total: str


def progress_of(done: float | None, total: float | None) -> Progress | None:
    """What a run has said of its progress; None without a total, of which alone there are percents."""
    if done is None or not total or total < 0:
        return None
    return Progress(int(min(max(100 * done / total, 0), 100)), _count(done), _count(total))


def _count(number: float) -> str:
    return intcomma(round(number, 1) if number % 1 else int(number))


def runs_told(n: int, *, is_about: bool) -> str:
    """How many runs; what is only about so many has two digits that count."""
    if is_about:
        return _("about %(n)s runs") % {"n": intcomma(int(float(f"{n:.2g}")))}
    return ngettext("%(n)s run", "%(n)s runs", n) % {"n": intcomma(n)}


def attempt_of(run: JobRun, retries: int) -> str:
    """Which attempt at its slot a run is, of how many; a run that was asked for has one."""
    most = max(retries + 1, run.attempt) if run.scheduled_for is not None else run.attempt
    return _("%(n)d of %(most)d") % {"n": run.attempt, "most": most}


def first_line(error: str, length: int = 200) -> str:
    """The first line of an error, shortened."""
    line = error.strip().partition("\n")[0]
    return line if len(line) <= length else f"{line[: length - 1]}…"


def is_raised(status: str, line: str) -> bool:
    """Whether the first line of an error is what a task has raised, and no sentence of ours."""
    return status == Status.FAILED and _RAISED.match(line) is not None


def why_no_run(task: str) -> str:
    """Why a job of this task cannot be run now, for want of a class, as a sentence; empty where it can."""
    if registry.find_or_none(task) is not None:
        return ""
    return _("%(task)s is not in the code: nothing can be run until it is back.") % {"task": task}
