"""What stands on the page of a run, line by line: its steps, the runs beside it, and what is known of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from scheduled_jobs.admin.run import console
from scheduled_jobs.admin.run.google import is_google_about
from scheduled_jobs.admin.run.sentence import attempt_of_queued, retry_due
from scheduled_jobs.admin.words import (
    RUN_BADGES,
    Badge,
    JobName,
    first_line,
    job_label,
    seen_alive,
    times,
    why_no_time,
)
from scheduled_jobs.domain.schedules import describe_schedule
from scheduled_jobs.models import Alert, JobRun
from scheduled_jobs.services.alerts import in_words
from scheduled_jobs.services.execution.decision import FORCED_BY
from scheduled_jobs.services.history.run_story import Story

Status, Trigger = JobRun.Status, JobRun.Trigger

OTHERS = 3
"""Other missed times that are named."""
BESIDE = 6
"""Runs of other jobs that are listed."""


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
    is_job: bool = False
    is_mono: bool = False
    href: str = ""


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
class Beside:
    """A run of another job at the time that was missed."""

    pk: int
    job: str
    badge: Badge
    scheduled: str
    started: str


@dataclass(frozen=True)
class Neighbour:
    """A run, or a time still ahead (``pk`` None), in the line of neighbours."""

    label: str
    text: str
    pk: int | None = None
    badge: Badge | None = None
    at: datetime | None = None


# --- The step line ----------------------------------------------------------------------------------


def run_steps(story: Story, now: datetime) -> list[Step]:
    run, told, zone = story.run, story.told, story.run.job.time_zone
    points: list[tuple[str, str, str, datetime, str]] = []

    def add(icon: str, tone: str, label: str, at: datetime | None, text: str = "") -> None:
        if at is not None:
            points.append((icon, tone, label, at, text))

    if run.trigger == JobRun.Trigger.SCHEDULE or run.status == Status.MISSED:
        text = _("attempt %(n)d") % {"n": run.attempt} if run.attempt > 1 else ""
        add("sched", "off", _("Scheduled"), run.scheduled_for, text)
        if told is not None and run.started_at is not None and is_google_about(story):
            # Two clocks: what was sent cannot have started before.
            add("queue", "off", _("Sent by Google"), min(told.at, run.started_at))
    else:
        by = _("by %(person)s") % {"person": run.requested_by} if run.requested_by else ""
        add("hand", "off", _("Asked for"), run.created_at, by)
        add("queue", "off", _("Sent to Google"), run.sent_at)
    if failed := attempt_of_queued(story):
        add("syncbad", "bad", _("Google’s attempt failed"), failed.at, failed.meaning.name)
    badge = RUN_BADGES[run.status]
    add("run", "run", _("Started") if run.is_over else str(badge.word), run.started_at)
    if run.is_over:
        end = run.finished_at or (None if run.started_at else run.created_at)
        add(badge.icon, badge.tone, str(badge.word), end)
    if run.status == Status.MISSED and story.next is not None:
        after = RUN_BADGES[story.next.status]
        text = str(after.word).lower()
        if story.next.duration is not None:
            text = _("%(ended)s in %(time)s") % {"ended": text, "time": times.duration(story.next.duration)}
        add(after.icon, after.tone, _("Next run"), story.next.at, text)
    # Nobody asks for tenths of a second of what never came.
    tell = times.to_seconds if run.status == Status.MISSED else times.to_tenths
    steps = []
    for n, (icon, tone, label, at, text) in enumerate(points):
        following = points[n + 1][3] if n + 1 < len(points) else None
        is_work = at == run.started_at and label == _("Started")
        steps.append(
            Step(
                icon, tone, label, at,
                ", ".join(filter(None, [tell(at, zone, now), text])),
                gap="" if following is None else times.duration(run.duration) if is_work
                else times.gap(following - at),
                is_hot=(is_work and following is not None and badge.tone == "bad")
                or (run.status == Status.MISSED and label == str(badge.word)),
            )
        )  # fmt: skip
    if not run.is_over and steps:
        so_far = _("%(time)s so far") % {"time": times.duration(now - points[-1][3])}
        steps[-1] = replace(steps[-1], gap=so_far, is_hot=failed is not None)
        steps.append(_waiting_for(run))
    return steps


def _waiting_for(run: JobRun) -> Step:
    """The step that has not come yet."""
    if run.status == Status.RUNNING:
        return Step("sched", "off", _("End"), None, _("not yet"))
    return Step("run", "off", _("Started"), None, _("not yet"))


# --- The other attempts, and the neighbours ---------------------------------------------------------


def run_attempts(story: Story, now: datetime) -> list[Attempt]:
    run, job = story.run, story.run.job
    last = story.attempts[-1] if story.attempts else None
    due = retry_due(last, job, now) if last is not None else None
    if len(story.attempts) < 2 and due is None:
        return []
    most = max(job.retry_policy.retry_count + 1, len(story.attempts))
    rows = [
        Attempt(
            label=_("%(n)d of %(most)d") % {"n": other.attempt, "most": max(most, other.attempt)},
            badge=RUN_BADGES[other.status],
            started=times.to_tenths(other.started_at, job.time_zone, now) if other.started_at else "",
            duration=times.duration(other.duration),
            error=first_line(other.error),
            pk=None if other.pk == run.pk else other.pk,
            is_this=other.pk == run.pk,
        )
        for other in story.attempts
    ]
    if due is not None and last is not None:
        label = _("%(n)d of %(most)d") % {"n": last.attempt + 1, "most": max(most, last.attempt + 1)}
        about = _("about %(time)s") % {"time": times.clock(due, job.time_zone, now)}
        badge = Badge("sched", "off", gettext_lazy("To come"))
        rows.append(Attempt(label, badge, about, "", _("Google tries again by itself")))
    return rows


def run_neighbours(story: Story, now: datetime) -> list[Neighbour]:
    zone = story.run.job.time_zone
    found = []
    if story.retry_of is not None:
        found.append(_neighbour(_("Rerun of"), story.retry_of, zone, now, numbered=True))
    found += [_neighbour(_("Run again as"), other, zone, now, numbered=True) for other in story.reruns[:5]]
    if story.previous is not None:
        found.append(_neighbour(_("Previous run"), story.previous, zone, now))
    if story.next is not None:
        found.append(_neighbour(_("Next run"), story.next, zone, now))
    elif why_no_time(ahead := story.run.job.ahead(now)) is None:
        coming = ahead.runs[0].at
        text = f"{times.clock(coming, zone, now)}, {times.relative(coming, now)}"
        found.append(Neighbour(_("Next run"), text, at=coming))
    success = story.last_success
    if success is not None and (story.previous is None or success.pk != story.previous.pk):
        found.append(_neighbour(_("Last success"), success, zone, now))
    return found


def run_beside(story: Story, now: datetime) -> list[Beside]:
    """What other jobs ran at the time that was missed."""
    zone = story.run.job.time_zone
    return [
        Beside(
            pk=other.pk,
            job=JobName.for_job(other.job).short,
            badge=RUN_BADGES[other.status],
            scheduled=times.clock(other.scheduled_for, zone, now) if other.scheduled_for else "",
            started=times.to_seconds(other.started_at, zone, now) if other.started_at else "",
        )
        for other in story.beside[:BESIDE]
    ]


def _neighbour(label: str, run: JobRun, zone: str, now: datetime, *, numbered: bool = False) -> Neighbour:
    at = run.scheduled_for or run.at
    clock = times.clock(at, zone, now)
    return Neighbour(label, f"#{run.pk}, {clock}" if numbered else clock, run.pk, RUN_BADGES[run.status], at)


# --- The context ------------------------------------------------------------------------------------


def run_facts(story: Story, now: datetime) -> list[RunFact]:
    run, job = story.run, story.run.job
    zone = job.time_zone
    facts = [RunFact(_("Job"), job_label(job), is_job=True)]
    if run.status == Status.MISSED:
        told = describe_schedule(job.schedule, zone)
        facts.append(RunFact(_("Schedule"), told.words, note=f"{told.expression} {zone}".strip()))
        if (day := story.day) is not None and day.runs:
            text = _("%(missed)d of %(runs)d in 24 h") % {"missed": day.missed, "runs": day.runs}
            facts.append(RunFact(_("Missed"), text, note=_others_missed(story, now)))
        if run.scheduled_for is not None:
            after = times.distance((run.finished_at or run.created_at) - run.scheduled_for)
            facts.append(RunFact(_("Counted"), _("%(time)s after the scheduled time") % {"time": after}))
    else:
        facts.append(_started_by(run))
    if run.scheduled_for is not None:
        facts.append(RunFact(_("Scheduled for"), times.dated(run.scheduled_for, zone)))
    elif run.trigger != Trigger.SCHEDULE:
        facts.append(RunFact(_("Scheduled for"), _("no scheduled time: asked for by hand")))
    if run.deliveries:
        more = run.deliveries - 1
        absorbed = ngettext("%(n)d duplicate absorbed", "%(n)d duplicates absorbed", more) % {"n": more}
        times_told = ngettext("once", "%(n)d times", run.deliveries) % {"n": run.deliveries}
        facts.append(RunFact(_("Delivered"), times_told, note=absorbed if more else ""))
    if run.deadline_at is not None and run.started_at is not None:
        facts.append(_deadline(run, run.deadline_at, run.started_at, now))
    if (alive := seen_alive(run)) is not None and run.status == Status.RUNNING:
        facts.append(RunFact(_("Seen alive"), times.relative(alive, now)))
    facts += _deployment(run)
    if caller := run.context.get("caller"):
        facts.append(RunFact(_("Caller"), str(caller), note=_("token verified")))
    if run.acknowledged_at is not None:
        when = times.clock(run.acknowledged_at, zone, now)
        facts.append(RunFact(_("Dealt with"), when, note=run.acknowledged_by))
    for alert in story.alerts:
        facts += _told(alert, zone, now)
    return facts


def _others_missed(story: Story, now: datetime) -> str:
    """When else the job was missed, and nothing has made up for it yet."""
    others = [run.at for run in story.also_missed if run.pk != story.run.pk]
    if not others:
        return ""
    told = ", ".join(times.clock(at, story.run.job.time_zone, now) for at in others[:OTHERS])
    if more := len(others[OTHERS:]):
        return _("also %(times)s and %(n)d more") % {"times": told, "n": more}
    return _("also %(times)s") % {"times": told}


def _told(alert: Alert, zone: str, now: datetime) -> Iterator[RunFact]:
    """Who was told of it, and who could not be."""
    when = times.clock(alert.created_at, zone, now)
    kind = alert.get_kind_display()
    if names := ", ".join(in_words(one) for one in alert.channels if one["sent_at"]):
        yield RunFact(_("Told"), names, note=f"{when}, {kind}")
    for one in alert.channels:
        if one["error"]:
            tries = ngettext("tried once", "tried %(n)d times", one["tries"]) % {"n": one["tries"]}
            yield RunFact(_("Not told"), in_words(one), note=f"{when}, {kind}: {one['error']}; {tries}")


def _deployment(run: JobRun) -> Iterator[RunFact]:
    """Which code ran it, and where."""
    if run.code_version:
        yield RunFact(_("Release"), run.code_version, is_mono=True)
    if host := run.context.get("host"):
        yield RunFact(_("Host"), str(host), is_mono=True)
    if trace := run.context.get("trace"):
        yield RunFact(_("Trace"), str(trace), is_mono=True, href=console.trace_url(str(trace)))


def _started_by(run: JobRun) -> RunFact:
    """What, or who, asked for it."""
    label = _("Started by")
    if run.trigger == Trigger.SCHEDULE:
        return RunFact(label, _("the schedule"), note=_("Google’s own retry") if run.attempt > 1 else "")
    if run.trigger == Trigger.EAGER:
        return RunFact(label, _("the command itself"), note=_("without Google"))
    if run.trigger == Trigger.MANUAL and run.requested_by == FORCED_BY:
        return RunFact(label, _("somebody"), note=_("in Google’s console, or by gcloud"))
    texts = {
        Trigger.MANUAL: _("%(person)s, with Run now"),
        Trigger.RETRY: _("%(person)s, with Rerun"),
        Trigger.BACKFILL: _("%(person)s, with a backfill"),
    }
    person = run.requested_by or _("somebody")
    return RunFact(label, texts[Trigger(run.trigger)] % {"person": person}, quote=run.reason)


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
