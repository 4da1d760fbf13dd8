"""What stands on the page of a run, line by line: its steps, the runs beside it, and what is known of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from scheduled_jobs.admin.run.sentence import retry_due
from scheduled_jobs.admin.words import (
    RUN_BADGES,
    Badge,
    first_line,
    job_label,
    seen_alive,
    times,
    trigger_words,
    why_no_time,
)
from scheduled_jobs.models import JobRun, ScheduledJob

if TYPE_CHECKING:
    from datetime import datetime

    from scheduled_jobs.services.history.last_attempts import Told
    from scheduled_jobs.services.history.run_story import Story

Status = JobRun.Status


@dataclass(frozen=True)
class Step:
    """One point of the step line. ``gap`` stands on the segment to the next one."""

    icon: str
    tone: str
    label: str
    at: datetime | None
    text: str
    gap: str = ""
    is_hot: bool = False


@dataclass(frozen=True)
class RunFact:
    """One line of the context. ``is_job``: it links to the job."""

    label: str
    text: str
    note: str = ""
    quote: str = ""
    icon: str = ""
    is_job: bool = False
    is_mono: bool = False


@dataclass(frozen=True)
class Attempt:
    label: str
    badge: Badge
    started: str
    duration: str
    error: str
    pk: int | None = None
    is_this: bool = False


@dataclass(frozen=True)
class Neighbour:
    """A run, or a time still ahead (``pk`` None), in the line of neighbours."""

    label: str
    text: str
    pk: int | None = None
    badge: Badge | None = None
    at: datetime | None = None


# --- The step line ----------------------------------------------------------------------------------


def run_steps(run: JobRun, told: Told | None, zone: str, now: datetime) -> list[Step]:
    points: list[tuple[str, str, str, datetime, str]] = []

    def add(icon: str, tone: str, label: str, at: datetime | None, text: str = "") -> None:
        if at is not None:
            points.append((icon, tone, label, at, text))

    if run.trigger == JobRun.Trigger.SCHEDULE or run.status == Status.MISSED:
        text = _("attempt %(n)d") % {"n": run.attempt} if run.attempt > 1 else ""
        add("sched", "off", _("Scheduled"), run.scheduled_for, text)
    else:
        by = _("by %(person)s") % {"person": run.requested_by} if run.requested_by else ""
        add("hand", "off", _("Asked for"), run.created_at, by)
        add("queue", "off", _("Sent to Google"), run.sent_at)
    if told is not None and told.is_unserved:
        add("syncbad", "bad", _("Google’s attempt"), told.at, told.meaning.told)
    badge = RUN_BADGES[run.status]
    add("run", "run", _("Started") if run.is_over else str(badge.word), run.started_at)
    if run.is_over:
        end = run.finished_at or (None if run.started_at else run.created_at)
        add(badge.icon, badge.tone, str(badge.word), end)
    steps = []
    for n, (icon, tone, label, at, text) in enumerate(points):
        following = points[n + 1][3] if n + 1 < len(points) else None
        is_work = at == run.started_at and label == _("Started")
        steps.append(
            Step(
                icon, tone, label, at,
                ", ".join(filter(None, [times.to_tenths(at, zone, now), text])),
                gap="" if following is None else times.duration(run.duration) if is_work
                else times.gap(following - at),
                is_hot=is_work and following is not None and badge.tone == "bad",
            )
        )  # fmt: skip
    if not run.is_over and steps:
        so_far = _("%(time)s so far") % {"time": times.duration(now - points[-1][3])}
        steps[-1] = replace(steps[-1], gap=so_far)
        steps.append(_waiting_for(run))
    return steps


def _waiting_for(run: JobRun) -> Step:
    """The step that has not come yet."""
    if run.status == Status.RUNNING:
        return Step("sched", "off", _("End"), None, _("not yet"))
    return Step("run", "off", _("Started"), None, _("not yet: waits for the delivery"))


# --- The other attempts, and the neighbours ---------------------------------------------------------


def run_attempts(story: Story, now: datetime) -> list[Attempt]:
    run, job = story.run, story.run.job
    last = story.attempts[-1] if story.attempts else None
    due = retry_due(last, job, now) if last is not None else None
    if len(story.attempts) < 2 and due is None:
        return []
    most = max(job.retry_policy.retry_count + 1, len(story.attempts))
    rows = []
    for other in story.attempts:
        label = _("%(n)d of %(most)d") % {"n": other.attempt, "most": max(most, other.attempt)}
        rows.append(
            Attempt(
                label=_("%(label)s, this one") % {"label": label} if other.pk == run.pk else label,
                badge=RUN_BADGES[other.status],
                started=times.to_tenths(other.started_at, job.time_zone, now) if other.started_at else "",
                duration=times.duration(other.duration),
                error=first_line(other.error),
                pk=None if other.pk == run.pk else other.pk,
                is_this=other.pk == run.pk,
            )
        )
    if due is not None and last is not None:
        label = _("%(n)d of %(most)d") % {"n": last.attempt + 1, "most": max(most, last.attempt + 1)}
        about = _("about %(time)s") % {"time": times.clock(due, job.time_zone, now)}
        badge = Badge("sched", "off", gettext_lazy("Due"))
        rows.append(Attempt(label, badge, about, "", _("Google retries by itself")))
    return rows


def run_neighbours(story: Story, now: datetime) -> list[Neighbour]:
    zone = story.run.job.time_zone
    found = []
    if story.retry_of is not None:
        found.append(_neighbour(_("Rerun of"), story.retry_of, zone, now, numbered=True))
    found += [_neighbour(_("Rerun as"), other, zone, now, numbered=True) for other in story.reruns[:5]]
    if story.previous is not None:
        found.append(_neighbour(_("Previous run"), story.previous, zone, now))
    if story.next is not None:
        found.append(_neighbour(_("Next run"), story.next, zone, now))
    elif why_no_time(ahead := story.run.job.ahead(now)) is None:
        coming = ahead.runs[0].at
        text = f"{times.clock(coming, zone, now)}, {times.relative(coming, now)}"
        found.append(Neighbour(_("Next scheduled time"), text, at=coming))
    success = story.last_success
    if success is not None and (story.previous is None or success.pk != story.previous.pk):
        found.append(_neighbour(_("Last success before"), success, zone, now))
    return found


def _neighbour(label: str, run: JobRun, zone: str, now: datetime, *, numbered: bool = False) -> Neighbour:
    at = run.scheduled_for or run.started_at or run.created_at
    clock = times.clock(at, zone, now)
    return Neighbour(label, f"#{run.pk}, {clock}" if numbered else clock, run.pk, RUN_BADGES[run.status], at)


# --- The context ------------------------------------------------------------------------------------


def run_facts(run: JobRun, job: ScheduledJob, zone: str, now: datetime) -> list[RunFact]:
    icon, word, note = trigger_words(run)
    facts = [
        RunFact(_("Job"), job_label(job), is_job=True),
        RunFact(_("Run"), str(run.pk)),
        RunFact(_("Trigger"), word, note=note, quote=run.reason, icon=icon),
    ]
    if run.scheduled_for is not None:
        facts.append(RunFact(_("Scheduled time"), times.dated(run.scheduled_for, zone)))
    elif run.trigger != JobRun.Trigger.SCHEDULE:
        facts.append(
            RunFact(_("Scheduled time"), _("none: asked for by hand"), note=_("the schedule stays as it is"))
        )
    if run.deliveries:
        more = run.deliveries - 1
        absorbed = ngettext("%(n)d duplicate absorbed", "%(n)d duplicates absorbed", more) % {"n": more}
        facts.append(
            RunFact(_("Deliveries"), str(run.deliveries), note=absorbed if more else _("no duplicate"))
        )
    if run.deadline_at is not None and run.started_at is not None:
        facts.append(_deadline(run, run.deadline_at, run.started_at, now))
    if (alive := seen_alive(run)) is not None and run.status == Status.RUNNING:
        facts.append(RunFact(_("Seen alive"), times.relative(alive, now)))
    if run.code_version:
        facts.append(RunFact(_("Code"), run.code_version, is_mono=True))
    if caller := run.context.get("caller"):
        facts.append(RunFact(_("Caller"), str(caller), note=_("token verified")))
    return facts


def _deadline(run: JobRun, deadline: datetime, started: datetime, now: datetime) -> RunFact:
    if run.status == Status.RUNNING:
        left = deadline - now
        note = (
            _("%(time)s left") % {"time": times.duration(left)}
            if left > timedelta()
            else _("passed %(time)s ago; Google no longer listens") % {"time": times.distance(left)}
        )
    else:
        note = _("used %(time)s") % {"time": times.duration(run.duration)} if run.duration else ""
    return RunFact(_("Deadline"), times.duration(deadline - started), note=note)
