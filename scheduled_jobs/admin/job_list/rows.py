"""The rows of the job list as finished values: what a template shows without asking anything more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from scheduled_jobs.admin.job_list.sparkline import draw_sparkline, outcomes_in_words
from scheduled_jobs.admin.words import (
    HEALTH_BADGES,
    SYNC_BADGES,
    Badge,
    JobName,
    attempt_briefly,
    late_sentence,
    progress_of,
    times,
    why_no_run,
    why_no_time,
)
from scheduled_jobs.domain.ahead import ahead
from scheduled_jobs.domain.schedules import describe_schedule
from scheduled_jobs.models import JobRun, ScheduledJob, facts_from
from scheduled_jobs.services.history.ahead_words import WHY_NONE
from scheduled_jobs.services.history.census import CODE_CHANGED, FOLLOWS
from scheduled_jobs.services.history.health import Health
from scheduled_jobs.services.history.looks import later

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from scheduled_jobs.admin.page.permissions import Allowed
    from scheduled_jobs.services.history.listed_jobs import ListedJob

Status = JobRun.Status
SyncState = ScheduledJob.SyncState

DELETED = Badge("retired", "off", gettext_lazy("Deleted"))
KEY = "7392058146"
"""Stands in an address where the key of a job goes."""


def build_rows(
    jobs: Sequence[ListedJob],
    states: Mapping[int, str],
    now: datetime,
    *,
    listed_at: datetime | None,
    allowed: Allowed,
    links: Mapping[str, str],
    suffix: str,
) -> list[dict[str, Any]]:
    """The finished rows of these jobs; ``states`` is job -> its Health, ``now`` is aware.

    ``listed_at`` is when all jobs were last looked at in Google.
    ``links`` are the addresses of pages about one job, with KEY for the job; empty where there is no such
    page. ``suffix`` is added to the links of job pages, to lead back to the list as it was.
    """
    rows = (_Row(job, states[job.columns["pk"]], now, listed_at) for job in jobs)
    return [row.build(allowed, links, suffix) for row in rows]


class _Row:
    def __init__(self, listed: ListedJob, state: str, now: datetime, listed_at: datetime | None) -> None:
        self.job, self.bars, self.last, self.active, self.told = listed
        self.state = state
        self.now = now
        self.listed_at = listed_at
        self.schedule = self._in_force("schedule")
        self.zone = self._in_force("time_zone")
        google = {name: self.job[name] or "" for name in ("google_state", "google_schedule")}
        self.ahead = ahead(facts_from(self.job, **google), now, 1)

    def _in_force(self, field: str) -> str:
        override: str | None = self.job[f"{field}_override"]
        declared: str = self.job[f"declared_{field}"]
        return declared if override is None else override

    def build(self, allowed: Allowed, links: Mapping[str, str], suffix: str) -> dict[str, Any]:
        job, pk = self.job, self.job["pk"]
        badge = HEALTH_BADGES[self.state]
        is_own = job["origin"] == ScheduledJob.Origin.OPERATOR
        name = JobName.from_columns(job["origin"], job["task"], job["name"])
        is_gone = job["retired_at"] is not None or job["deleting_at"] is not None
        schedule = describe_schedule(self.schedule, self.zone)
        return {
            "pk": pk,
            "select_label": _("Select %(name)s for an action") % {"name": name.short},
            "icon": badge.icon,
            "tone": badge.tone,
            "word": str(badge.word),
            "note": self._note(),
            "why": self._why(),
            "progress": self._progress(),
            "name": name.html,
            "url": links["change"].replace(KEY, str(pk), 1) + suffix,
            "doc": self._in_force("description"),
            "own_task": job["task"] if is_own else "",
            "reason": job["pause_reason"] if job["held"] else "",
            "words": schedule.words,
            "cron": schedule.expression,
            "zone": self.zone,
            "zone_label": times.zone_label(self.zone),
            "is_overridden": job["overridden"] != FOLLOWS,
            "code_changed": job["overridden"] == CODE_CHANGED,
            "paths": draw_sparkline(self.bars).items(),
            "strip": outcomes_in_words(self.bars),
            "runs_url": links["runs"].replace(KEY, str(pk), 1),
            "last": self._last_words(),
            "last_machine": times.machine(self.last.at) if self.last else "",
            "last_exact": times.exact(self.last.at, self.zone) if self.last else "",
            **self._next(),
            **self._google(),
            **({} if is_gone else self._actions(name.short, allowed, links)),
        }

    def _actions(self, name: str, allowed: Allowed, links: Mapping[str, str]) -> dict[str, Any]:
        pk, is_paused = self.job["pk"], self.job["held"]
        actions: dict[str, Any] = {"is_paused": is_paused}
        if allowed.run:
            refused = why_no_run(self.job["task"])
            actions["run_refused" if refused else "run_url"] = refused or links["run_now"].replace(
                KEY, str(pk), 1
            )
            actions["run_label"] = _("Run %(name)s now…") % {"name": name}
        if allowed.pause:
            actions["pause_url"] = links["resume" if is_paused else "pause"].replace(KEY, str(pk), 1)
            label = _("Resume %(name)s…") if is_paused else _("Pause %(name)s…")
            actions["pause_label"] = label % {"name": name}
        return actions

    # --- State --------------------------------------------------------------------------------

    def _note(self) -> str:
        note = self._NOTES.get(Health(self.state))
        return note(self) if note else ""

    def _failing(self) -> str:
        count = self.job["failures_in_a_row"]
        texts = [ngettext("once", "%(n)d in a row", count) % {"n": count}]
        if self.active is not None:
            running = self.active.status == Status.RUNNING
            texts.append(_("running again") if running else _("queued again"))
        return ", ".join(texts)

    def _missed(self) -> str:
        at = (self.last and self.last.scheduled_for) or self.job["last_run_at"]
        return self._clock_and_ago(at) if at else ""

    def _lost(self) -> str:
        at = self.job["last_run_at"]
        return _("started %(at)s, never ended") % {"at": self._clock(at)} if at else ""

    def _late(self) -> str:
        return _("since %(at)s") % {"at": self._clock(self._due())}

    def _due(self) -> datetime:
        due: datetime = self.job["late_since"] or self.job["next_run_at"]
        return due

    def _unserved(self) -> str:
        at = self.job["last_delivery_at"]
        return _("nothing since %(at)s") % {"at": self._clock(at)} if at else _("nothing ever arrived")

    def _why(self) -> str:
        """What Google's last attempt says, where it says why nothing runs."""
        if self.told is not None and self.told.is_unserved:
            return attempt_briefly(self.told, self.zone, self.now)
        if self.state == Health.LATE:
            looked_at = later(self.job["live_seen_at"], self.listed_at)
            return late_sentence(self._due(), self.told, looked_at, self.zone, self.now)
        return ""

    def _running(self) -> str:
        run = self.active
        if run is None:
            return ""
        if progress := progress_of(run.progress_done, run.progress_total):
            return _("%(done)s of %(total)s") % progress._asdict()
        return _("since %(at)s") % {"at": self._clock(run.at)}

    def _queued(self) -> str:
        run = self.active
        if run is None:
            return ""
        ago = times.relative(run.created_at, self.now)
        if not run.requested_by:
            return ago
        return _("by %(who)s, %(ago)s") % {"who": run.requested_by, "ago": ago}

    def _stopped(self) -> str:
        why = self.ahead.why_none
        return str(WHY_NONE[why].short) if why is not None else ""

    def _healthy(self) -> str:
        return _("Google differs") if self.job["sync_state"] == SyncState.DRIFTED else ""

    def _paused(self) -> str:
        until = self.job["paused_until"]
        end = _("until %(at)s") % {"at": self._clock(until)} if until else _("no end set")
        who = self.job["paused_by"]
        return _("%(end)s, by %(who)s") % {"end": end, "who": who} if who else end

    def _retired(self) -> str:
        return _("since %(at)s") % {"at": self._clock(self.job["retired_at"])}

    _NOTES = {
        Health.FAILING: _failing,
        Health.MISSED: _missed,
        Health.LOST: _lost,
        Health.UNREACHABLE: _unserved,
        Health.NO_RUN_HERE: _unserved,
        Health.STOPPED: _stopped,
        Health.LATE: _late,
        Health.RUNNING: _running,
        Health.QUEUED: _queued,
        Health.HEALTHY: _healthy,
        Health.PAUSED: _paused,
        Health.DELETING: lambda _row: _("waiting for Google"),
        Health.RETIRED: _retired,
    }

    def _progress(self) -> int | None:
        """Percent that is done, of the run that is going on."""
        if self.state != Health.RUNNING or self.active is None:
            return None
        progress = progress_of(self.active.progress_done, self.active.progress_total)
        return progress.percent if progress else None

    # --- Runs ---------------------------------------------------------------------------------

    def _last_words(self) -> str:
        run = self.last
        if run is None:
            return ""
        ago = times.relative(run.at, self.now)
        lasted = times.duration(run.duration)
        status = Status(run.status)
        if status == Status.RUNNING:
            return _("started %(ago)s") % {"ago": ago}
        if status == Status.SUCCEEDED and lasted:
            return f"{ago}, {lasted}"
        if status == Status.FAILED and lasted:
            return _("%(ago)s, failed in %(time)s") % {"ago": ago, "time": lasted}
        if status in (Status.TIMED_OUT, Status.LOST) and run.finished_at and run.started_at:
            return _("%(ago)s, %(outcome)s after %(time)s") % {
                "ago": ago,
                "outcome": status.label,
                "time": times.distance(run.finished_at - run.started_at),
            }
        return f"{ago}, {status.label}"

    def _next(self) -> dict[str, Any]:
        if why := why_no_time(self.ahead):
            return {"next": "—", "next_note": why.short}
        at = self.ahead.runs[0].at
        return {
            "next_machine": times.machine(at),
            "next_exact": times.exact(at, self.zone),
            "next": times.relative(at, self.now),
            "next_note": self._clock(at),
        }

    def _google(self) -> dict[str, str]:
        badge = SYNC_BADGES[self.job["sync_state"]]
        if self.job["retired_at"] is not None and self.job["sync_state"] == SyncState.SYNCED:
            badge = DELETED
        return {"google_icon": badge.icon, "google_tone": badge.tone, "google_word": str(badge.word)}

    def _clock(self, at: datetime) -> str:
        return times.clock(at, self.zone, self.now)

    def _clock_and_ago(self, at: datetime) -> str:
        return f"{self._clock(at)}, {times.relative(at, self.now)}"
