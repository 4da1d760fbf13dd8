"""The sentence on top of a job's page, and the facts beside its runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from scheduled_jobs import registry
from scheduled_jobs.admin.words import times
from scheduled_jobs.admin.words.ahead import why_no_time
from scheduled_jobs.admin.words.badges import HEALTH_BADGES, SYNC_BADGES, Badge
from scheduled_jobs.conf import settings
from scheduled_jobs.domain.ahead import WhyNone
from scheduled_jobs.domain.schedules import describe_schedule
from scheduled_jobs.models import JobRun, ScheduledJob
from scheduled_jobs.services.history.ahead_words import NOTICES
from scheduled_jobs.services.history.health import Health

if TYPE_CHECKING:
    from datetime import datetime

    from django.utils.safestring import SafeString

    from scheduled_jobs.admin.job.chart import Chart

Status = JobRun.Status
SyncState = ScheduledJob.SyncState


@dataclass(frozen=True)
class Lede:
    """``strong`` is the state, ``rest`` the sentence after it, ``second`` what the job is for."""

    badge: Badge
    strong: str
    rest: str
    second: str
    reason: str = ""


@dataclass(frozen=True)
class Fact:
    """One line beside the runs; ``link`` is a run's key."""

    label: str
    text: str
    notes: tuple[str, ...] = ()
    code: str = ""
    kind: str = ""
    link: int | None = None
    time: SafeString | None = None
    badge: Badge | None = None


def lede_of(job: ScheduledJob, health: str, now: datetime) -> Lede:
    """How a job is at ``now`` (aware), as sentences that could be read out."""
    badge = HEALTH_BADGES[health]
    parts = [_last(job, health, now), _ahead(job, health, now)]
    reason = job.pause_reason if health == Health.PAUSED else ""
    rest = " ".join(part for part in parts if part)
    return Lede(badge, f"{badge.word}.", rest, job.description, reason)


def _last(job: ScheduledJob, health: str, now: datetime) -> str:
    if health == Health.RETIRED:
        return _("Its class is gone from the code; history and overrides are kept, and return with it.")
    if health == Health.DELETING:
        return _("It is being deleted in Google, and its row goes when Google has none left.")
    first = ""
    if health == Health.PAUSED:
        who = _(" by %(person)s") % {"person": job.paused_by} if job.paused_by else ""
        since = (
            _(" since %(time)s") % {"time": times.dated(job.paused_at, job.time_zone)}
            if job.paused_at
            else ""
        )
        until = (
            _(", until %(time)s") % {"time": times.dated(job.paused_until, job.time_zone)}
            if job.paused_until
            else _(", until somebody resumes it")
        )
        first = _("Paused%(by)s%(since)s%(until)s.") % {"by": who, "since": since, "until": until} + " "
    if job.last_run_at is None:
        return first + (_("It has not run yet.") if health != Health.MISSED else "")
    return first + _outcome(job, now)


def _outcome(job: ScheduledJob, now: datetime) -> str:
    ago = times.relative(job.last_run_at, now) if job.last_run_at else ""
    word = str(Status(job.last_status).label) if job.last_status in Status.values else job.last_status
    lasted = _(" in %(time)s") % {"time": times.duration(job.last_duration)} if job.last_duration else ""
    values = {"outcome": word, "ago": ago, "lasted": lasted}
    if job.last_status == Status.RUNNING:
        return _("A run started %(ago)s and goes on.") % {"ago": ago}
    if job.last_status == Status.QUEUED:
        return _("A run was asked for %(ago)s and waits for Google.") % {"ago": ago}
    if job.failures_in_a_row > 1:
        text = _("The last %(n)d runs failed, the last of them %(ago)s%(lasted)s.")
        return text % {**values, "n": job.failures_in_a_row}
    if job.last_status in (Status.MISSED, Status.LOST, Status.SKIPPED, Status.DISCARDED):
        return _("The last run was %(outcome)s, %(ago)s.") % values
    return _("The last run %(outcome)s %(ago)s%(lasted)s.") % values


def _ahead(job: ScheduledJob, health: str, now: datetime) -> str:
    found = job.ahead(now)
    if found.why_none in (WhyNone.RETIRED, WhyNone.DELETING):  # said already
        return ""
    if found.why_none == WhyNone.PAUSED:
        return _("No run is due until then.")
    if why := why_no_time(found):
        return str(why.sentence)
    at = found.runs[0].at
    is_first = job.last_run_at is None and health != Health.MISSED
    sentence = (
        _("The first run is due %(time)s, %(away)s.")
        if is_first
        else _("The next one is due %(time)s, %(away)s.")
    )
    return sentence % {"time": times.dated(at, job.time_zone), "away": times.relative(at, now)}


def facts_of(
    job: ScheduledJob, chart: Chart, shown: int, success: JobRun | None, drifted: int, now: datetime
) -> list[Fact]:
    """The facts; ``shown`` is how many runs the chart has, ``drifted`` how many fields differ in Google."""
    zone = job.time_zone
    schedule = describe_schedule(job.schedule, zone)
    is_own = job.schedule_override is not None or job.time_zone_override is not None
    facts = [
        Fact(
            _("Schedule"),
            schedule.words,
            (zone,),
            code=job.schedule,
            kind="own" if is_own and job.origin == ScheduledJob.Origin.CODE else "",
        )
    ]
    facts.append(_next_fact(job, now))
    if success is not None:
        at = success.scheduled_for or success.started_at or success.created_at
        lasted = times.duration(success.duration)
        facts.append(
            Fact(
                _("Last success"),
                f", {lasted}" if lasted else "",
                link=success.pk,
                time=times.clock_element(at, zone, now),
            )
        )
    if shown:
        head = ngettext("Last %(n)d run", "Last %(n)d runs", shown) % {"n": shown}
        middle = _("median %(median)s, p95 %(p95)s") % {"median": chart.median, "p95": chart.p95}
        facts.append(Fact(head, chart.counts, (middle,) if chart.median else ()))
    facts.append(
        Fact(
            _("Missed after"),
            _("%(time)s without a delivery") % {"time": times.duration(settings.MISSED_GRACE)},
        )
    )
    task = registry.get(job.task)
    if task is not None:
        words = _("skip: one run at a time") if task.overlap == "skip" else _("allow: runs may overlap")
        facts.append(Fact(_("Overlap"), words, (_("set in the code"),)))
    origin = _("code") if job.origin == ScheduledJob.Origin.CODE else _("operator")
    facts.append(Fact(_("Origin"), origin, code=job.task))
    notes = [_pushed(job, now)]
    if job.live_seen_at:
        notes.append(_("looked at %(time)s") % {"time": times.relative(job.live_seen_at, now)})
    badge = SYNC_BADGES[job.sync_state]
    word = str(badge.word)
    if job.sync_state == SyncState.DRIFTED and drifted:
        word += ", " + ngettext("%(n)d field", "%(n)d fields", drifted) % {"n": drifted}
    facts.append(Fact(_("In Google"), word, tuple(filter(None, notes)), code=job.name, badge=badge))
    return facts


def _next_fact(job: ScheduledJob, now: datetime) -> Fact:
    found = job.ahead(now)
    if why := why_no_time(found):
        text = _("none: %(why)s") % {"why": why.short} if found.why_none else str(why.short)
        return Fact(_("Next run"), text, (found.fault,) if found.fault else ())
    at = found.runs[0].at
    return Fact(
        _("Next run"),
        "",
        (times.relative(at, now), *(str(NOTICES[notice]) for notice in found.notices)),
        time=times.element(at, job.time_zone, times.day_and_time(at, job.time_zone, now)),
    )


def _pushed(job: ScheduledJob, now: datetime) -> str:
    if job.synced_at is None:
        return _("never pushed")
    return _("revision %(n)d pushed %(time)s") % {
        "n": job.pushed_revision,
        "time": times.relative(job.synced_at, now),
    }
