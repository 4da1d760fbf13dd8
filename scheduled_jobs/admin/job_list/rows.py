"""The rows of the job list as finished values: what a template shows without asking anything more."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from scheduled_jobs.admin.job_list.sparkline import draw_sparkline, outcomes_in_words
from scheduled_jobs.admin.page import Allowed, row_address, why_nothing_is_sent
from scheduled_jobs.admin.words import (
    HEALTH_BADGES,
    Badge,
    JobName,
    attempt_briefly,
    first_line,
    late_sentence,
    progress_of,
    seen_alive,
    times,
    why_no_run,
    why_no_time,
)
from scheduled_jobs.admin.words.names import breakable
from scheduled_jobs.domain.ahead import ahead
from scheduled_jobs.domain.schedules import describe_schedule
from scheduled_jobs.models import JobRun, ScheduledJob, facts_from, value_in_force
from scheduled_jobs.services.history.ahead_words import WHY_NONE
from scheduled_jobs.services.history.health import Health
from scheduled_jobs.services.history.listed_jobs import ListedJob
from scheduled_jobs.services.history.looks import later

Status = JobRun.Status
SyncState = ScheduledJob.SyncState

GONE = (Health.DELETING, Health.RETIRED)
SYNC = {
    SyncState.FAILED: Badge("syncbad", "bad", gettext_lazy("not sent to Google")),
    SyncState.DRIFTED: Badge("drift", "warn", gettext_lazy("Google differs")),
    SyncState.PENDING: Badge("pending", "run", gettext_lazy("waiting to be sent")),
}
"""What is said of Google beside the state of a job; that it is the same is not said."""
LABELS = {
    "select": gettext_lazy("Select %(name)s for an action"),
    "runs": gettext_lazy("Runs of %(name)s"),
    "run_now": gettext_lazy("Run %(name)s now…"),
    "pause": gettext_lazy("Pause %(name)s…"),
    "resume": gettext_lazy("Resume %(name)s…"),
}
"""What each row calls its parts."""


class FirstLine(NamedTuple):
    """The first line of what is wrong. ``is_said``: it is a sentence of ours, and no error."""

    tone: str
    text: str
    url: str
    is_said: bool = True


def common_zone(jobs: Sequence[ListedJob]) -> str:
    """The zone of most of these jobs: it is named once for all of them, and others beside their times."""
    zones = Counter(value_in_force(job.columns, "time_zone") for job in jobs)
    return zones.most_common(1)[0][0] if zones else timezone.get_current_timezone_name()


def build_rows(
    jobs: Sequence[ListedJob],
    states: Mapping[int, str],
    now: datetime,
    *,
    zone: str,
    listed_at: datetime | None,
    changed: Container[int],
    allowed: Allowed,
    links: Mapping[str, str],
    suffix: str,
) -> list[dict[str, Any]]:
    """The finished rows of these jobs; ``states`` is job -> its Health, ``now`` is aware.

    ``zone`` is the one that the page names; ``listed_at`` is when all jobs were last looked at in Google;
    ``changed`` are the jobs whose code changed after an override was set.
    ``links`` are the addresses of pages about one job or run, with ROW for it; empty where there is no such
    page. ``suffix`` is added to the links of job pages, to lead back to the list as it was.
    """
    words = {state: HEALTH_BADGES[Health(state)].word for state in set(states.values())}
    labels = {name: str(label) for name, label in (LABELS | words).items()}
    is_sending = not why_nothing_is_sent()
    page = _Page(now, zone, listed_at, changed, allowed, links, suffix, labels, is_sending)
    return [_Row(job, Health(states[job.columns["pk"]]), page).build() for job in jobs]


class _Page(NamedTuple):
    now: datetime
    zone: str
    listed_at: datetime | None
    changed: Container[int]
    allowed: Allowed
    links: Mapping[str, str]
    suffix: str
    labels: Mapping[str, str]
    """As the language of the page has them, looked up once."""
    is_sending: bool


class _Row:
    def __init__(self, listed: ListedJob, state: Health, page: _Page) -> None:
        self.job, self.bars, self.last, self.active, self.wrong, self.told = listed
        self.state, self.page, self.now = state, page, page.now
        self.is_own = self.job["origin"] == ScheduledJob.Origin.OPERATOR
        self.schedule, self.zone = value_in_force(self.job, "schedule"), value_in_force(self.job, "time_zone")
        self.name = JobName.from_columns(self.job["origin"], self.job["task"], self.job["name"])
        google = {name: self.job[name] or "" for name in ("google_state", "google_schedule")}
        self.ahead = ahead(facts_from(self.job, **google), self.now, 1)
        self.url = self._link("change") + page.suffix

    def _link(self, page: str, pk: int | None = None) -> str:
        return row_address(self.page.links[page], self.job["pk"] if pk is None else pk)

    def _label(self, part: str) -> str:
        return self.page.labels[part] % {"name": self.name.short}

    def build(self) -> dict[str, Any]:
        job, badge = self.job, HEALTH_BADGES[self.state]
        schedule = describe_schedule(self.schedule, self.zone)
        return {
            "pk": job["pk"],
            "name": self.name.short,
            "select_label": self._label("select"),
            "icon": badge.icon,
            "tone": badge.tone,
            "word": self.page.labels[self.state],
            "note": self._note(),
            "also": self._also(),
            "progress": self._progress(),
            "html": breakable(self.name.short),
            "url": self.url,
            "about": self._about(),
            "words": schedule.words,
            "cron": schedule.expression,
            "zone": self.zone,
            "zone_label": times.zone_label(self.zone) if self.zone != self.page.zone else "",
            "is_overridden": job["overridden"] and not self.is_own,
            "code_changed": job["pk"] in self.page.changed,
            "is_own": self.is_own,
            "why": self._why(),
            **(self._runs() if self.page.allowed.runs else {}),
            **self._next(),
            **({} if self.state in GONE else self._actions()),
        }

    def _about(self) -> str:
        """Where the code is, and what it does, or why it does nothing."""
        where = self.job["task"] if self.is_own else self.name.module.removesuffix(".")
        what = value_in_force(self.job, "description")
        if self.state == Health.PAUSED and self.job["pause_reason"]:
            values = {"reason": self.job["pause_reason"], "who": self.job["paused_by"]}
            what = (_("“%(reason)s”, %(who)s") if values["who"] else _("“%(reason)s”")) % values
        elif self.state == Health.RETIRED:
            what = _("No longer in the code; history and settings are kept.")
        return f"{where} · {what}" if what else where

    def _actions(self) -> dict[str, Any]:
        is_paused, allowed = self.job["held"], self.page.allowed
        actions: dict[str, Any] = {"is_paused": is_paused}
        if allowed.run:
            refused = why_no_run(self.job["task"])
            actions["run_refused" if refused else "run_url"] = refused or self._link("run_now")
            actions["run_label"] = self._label("run_now")
        if allowed.pause:
            page = "resume" if is_paused else "pause"
            actions |= {"pause_url": self._link(page), "pause_label": self._label(page)}
        return actions

    # --- State --------------------------------------------------------------------------------

    def _note(self) -> str:
        note = self._NOTES.get(self.state)
        return note(self) if note else ""

    def _failing(self) -> str:
        if self.job["held"]:
            return ""  # the pause is said in its place, and how often it failed in the line below
        texts = [self._in_a_row()]
        if self.active is not None:
            running = self.active.status == Status.RUNNING
            texts.append(_("running again") if running else _("queued again"))
        return ", ".join(texts)

    def _in_a_row(self) -> str:
        count = self.job["failures_in_a_row"]
        return ngettext("once", "%(n)d in a row", count) % {"n": count}

    def _run_of(self) -> str:
        at = (self.wrong and (self.wrong.scheduled_for or self.wrong.at)) or self.job["last_run_at"]
        return _("%(at)s run") % {"at": self._clock(at)} if at else ""

    def _late(self) -> str:
        return _("expected %(at)s") % {"at": self._clock(self._due())}

    def _due(self) -> datetime:
        due: datetime = self.job["late_since"] or self.job["next_run_at"]
        return due

    def _unserved(self) -> str:
        at = self.job["last_delivery_at"]
        return _("nothing since %(at)s") % {"at": self._clock(at)} if at else _("nothing ever arrived")

    def _running(self) -> str:
        run = self.active
        if run is None:
            return ""
        if progress := progress_of(run.progress_done, run.progress_total):
            return _("%(percent)d %% of %(total)s") % progress._asdict()
        return _("since %(at)s") % {"at": self._clock(run.at)}

    def _queued(self) -> str:
        run = self.active
        if run is None:
            return ""
        ago = times.relative(run.at, self.now)
        return _("by %(who)s, %(ago)s") % {"who": run.requested_by, "ago": ago} if run.requested_by else ago

    def _stopped(self) -> str:
        why = self.ahead.why_none
        return str(WHY_NONE[why].short) if why is not None else ""

    def _paused(self) -> str:
        until = self.job["paused_until"]
        return _("until %(at)s") % {"at": self._clock(until)} if until else _("no end set")

    def _deleting(self) -> str:
        is_gone = self.job["sync_state"] == SyncState.SYNCED
        return _("its runs are being deleted") if is_gone else _("waiting for Google")

    def _retired(self) -> str:
        return _("since %(at)s") % {"at": times.day(self.job["retired_at"], self.zone, self.now)}

    _NOTES = {
        Health.FAILING: _failing,
        Health.MISSED: _run_of,
        Health.LOST: _run_of,
        Health.UNREACHABLE: _unserved,
        Health.NO_RUN_HERE: _unserved,
        Health.STOPPED: _stopped,
        Health.LATE: _late,
        Health.RUNNING: _running,
        Health.QUEUED: _queued,
        Health.PAUSED: _paused,
        Health.DELETING: _deleting,
        Health.RETIRED: _retired,
    }

    def _also(self) -> list[Badge]:
        """What the job is besides."""
        found = []
        if self.job["held"] and self.state != Health.PAUSED:
            end = self._paused() if self.job["paused_until"] else _("no end")
            found.append(Badge("pause", "off", _("paused, %(end)s") % {"end": end}))
        is_awaited = self.page.is_sending and self.state not in GONE
        if (sync := self.job["sync_state"]) in SYNC and (is_awaited or sync != SyncState.PENDING):
            found.append(SYNC[sync])
        return found

    def _progress(self) -> int | None:
        """Percent that is done, of the run that is going on."""
        if self.state != Health.RUNNING or self.active is None:
            return None
        progress = progress_of(self.active.progress_done, self.active.progress_total)
        return progress.percent if progress else None

    # --- What is wrong ------------------------------------------------------------------------

    def _why(self) -> FirstLine | None:
        """The first line of the worst."""
        reason = self._WHYS.get(self.state)
        if reason is not None and (why := reason(self)) is not None:
            return why
        if self.told is not None and self.told.is_unserved:
            return FirstLine("bad", attempt_briefly(self.told, self.zone, self.now), self.url)
        if self.job["sync_state"] == SyncState.FAILED:
            return FirstLine("bad", self._unsent(), self.url)
        return None

    def _why_failing(self) -> FirstLine | None:
        run = self.wrong
        if run is None:
            return None
        text = first_line(run.error) or Status(run.status).label.capitalize()
        if self.job["held"]:
            values = {"error": text, "times": self._in_a_row(), "who": self.job["paused_by"]}
            text = _("%(error)s · %(times)s before %(who)s paused it") % values if values["who"] else text
        return FirstLine("bad", text, self._link("run", run.pk), is_said=not run.error)

    def _why_lost(self) -> FirstLine | None:
        run = self.wrong
        if run is None:
            return None
        values = {"at": self._clock(run.scheduled_for or run.at)}
        text = _("The %(at)s run started and never finished. Its process has probably died.")
        if (alive := seen_alive(run)) is not None:
            values["alive"] = self._clock(alive)
            text = _(
                "The %(at)s run started and never finished: no sign of life since %(alive)s."
                " Its process has probably died."
            )
        return FirstLine("bad", text % values, self._link("run", run.pk))

    def _why_missed(self) -> FirstLine | None:
        run = self.wrong
        if run is None:
            return None
        text = _("Nothing arrived from Google for the %(at)s run.") % {
            "at": self._clock(run.scheduled_for or run.at)
        }
        last = self.last
        if last is not None and last.pk != run.pk and last.status == Status.SUCCEEDED:
            at = self._clock(last.scheduled_for or last.at)
            text = f"{text} {_('The %(at)s run arrived and succeeded.') % {'at': at}}"
        return FirstLine("warn", text, self._link("run", run.pk))

    def _why_late(self) -> FirstLine:
        looked_at = later(self.job["live_seen_at"], self.page.listed_at)
        return FirstLine(
            "warn", late_sentence(self._due(), self.told, looked_at, self.zone, self.now), self.url
        )

    _WHYS = {
        Health.FAILING: _why_failing,
        Health.LOST: _why_lost,
        Health.MISSED: _why_missed,
        Health.LATE: _why_late,
    }

    def _unsent(self) -> str:
        values = {"at": self._clock(self.job["edited_at"]), "error": first_line(self.job["sync_error"])}
        text = _("The change of %(at)s has not reached Google, which goes on as it was: %(error)s")
        if not self.job["google_state"]:
            text = _("It has not reached Google, so nothing runs: %(error)s")
        return text % values

    # --- Runs ---------------------------------------------------------------------------------

    def _runs(self) -> dict[str, Any]:
        last = self.last
        return {
            "paths": [(f"p-{kind}", path) for kind, path in draw_sparkline(self.bars).items()],
            "strip": outcomes_in_words(self.bars),
            "runs_url": self._link("runs"),
            "runs_label": self._label("runs"),
            "last": self._last_words(),
            "last_machine": times.machine(last.at) if last else "",
            "last_exact": times.exact(last.at, self.zone) if last else "",
        }

    def _last_words(self) -> str:
        run = self.last
        if run is None:
            return _("no run yet")
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
        if self.state == Health.RETIRED:
            return {"next": _("never"), "next_note": _("retired")}
        if why := why_no_time(self.ahead):
            held = self.job["held"]
            return {"next": why.short, "next_note": _("no end set") if held else ""}
        at = self.ahead.runs[0].at
        return {
            "next_machine": times.machine(at),
            "next_exact": times.exact(at, self.zone),
            "next": times.coming(at, self.now),
            "next_note": self._clock(at),
        }

    def _clock(self, at: datetime) -> str:
        return times.short_clock(at, self.zone, self.now)
