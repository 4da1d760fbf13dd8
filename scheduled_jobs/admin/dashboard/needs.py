"""What needs attention, in words, each with its next step as a button."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from scheduled_jobs.admin.dashboard.addresses import Addresses
from scheduled_jobs.admin.words import (
    HEALTH_BADGES,
    SYNC_BADGES,
    Badge,
    JobName,
    attempt_in_short,
    field_names,
    first_line,
    times,
)
from scheduled_jobs.admin.words.names import breakable
from scheduled_jobs.domain.jobs import DISABLED, PAUSED
from scheduled_jobs.models import ScheduledJob
from scheduled_jobs.services.history.health import Health
from scheduled_jobs.services.history.matters import JobNow, Kind, Matter

SyncState = ScheduledJob.SyncState

BADGES: dict[Kind, Badge] = {
    **{Kind(state): badge for state, badge in HEALTH_BADGES.items() if state in list(Kind)},
    Kind.NOT_SENT: Badge("syncbad", "bad", gettext_lazy("Not sent")),
    Kind.DIFFERS: SYNC_BADGES[SyncState.DRIFTED],
    Kind.FAILING_PAUSED: Badge("bad", "bad", gettext_lazy("Failing, paused")),
}
COUNTED = (Kind.FAILING, Kind.LOST, Kind.MISSED, Kind.FAILING_PAUSED)
"""Of these the word says how many."""
NAMED = 2
"""Jobs that a sentence names; of more it says how many."""
WHY_STOPPED = {
    PAUSED: gettext_lazy("As last seen there: paused by somebody in the console."),
    DISABLED: gettext_lazy("As last seen there: disabled by Google."),
}
"""State of one job in Google -> why it is not called."""


@dataclass
class Need:
    """One line. ``code`` is an error as it was written, ``why`` a sentence; by ``key`` it is dealt with."""

    badge: Badge
    word: str
    what: SafeString = field(default_factory=SafeString)
    code: str = ""
    why: str = ""
    buttons: list[tuple[str, str]] = field(default_factory=list)
    key: str = ""


def needs(matters: Sequence[Matter], addresses: Addresses, zone: str, now: datetime) -> list[Need]:
    """The lines of these matters, their times in a zone."""
    words = _Words(addresses, zone, now)
    return [words.of(matter) for matter in matters]


class _Words:
    def __init__(self, addresses: Addresses, zone: str, now: datetime) -> None:
        self.to, self.zone, self.now = addresses, zone, now

    def of(self, matter: Matter) -> Need:
        badge = BADGES[matter.kind]
        number = len(matter.runs or matter.jobs)
        need = Need(badge, str(badge.word))
        if number > 1 and matter.kind in COUNTED:
            need.word = _("%(n)d %(word)s") % {"n": number, "word": str(badge.word).lower()}
        need.key = matter.key if self.to.dealt_with else ""
        self._WORDS[matter.kind](self, matter, need)
        need.buttons = [(text, url) for text, url in need.buttons if url]
        if not self.to.allowed.runs:
            need.code = ""
        return need

    # --- Names ------------------------------------------------------------------------------------

    def _link(self, job: JobNow) -> SafeString:
        name = JobName.from_columns(job.origin, job.task, job.name)
        shown = breakable(name.short)
        return format_html('<b><a href="{}" title="{}">{}</a></b>', self.to.job(job.pk), name, shown)

    def _names(self, jobs: Sequence[JobNow], **filters: Any) -> SafeString:
        """ "A", "A and B", or "12 jobs", which lead to the list of them."""
        if len(jobs) > NAMED:
            number = ngettext("%(n)d job", "%(n)d jobs", len(jobs)) % {"n": len(jobs)}
            return format_html('<b><a href="{}">{}</a></b>', self.to.jobs(**filters), number)
        if len(jobs) == NAMED:
            return format_html(
                _("{first} and {second}"), first=self._link(jobs[0]), second=self._link(jobs[1])
            )
        return self._link(jobs[0])

    def _clock(self, at: datetime | None) -> str:
        return times.clock(at, self.zone, self.now) if at else ""

    # --- What fails -------------------------------------------------------------------------------

    def _failing(self, matter: Matter, need: Need) -> None:
        first, failure = matter.jobs[0], matter.failure
        since = self._clock(min(filter(None, (job.failing_since for job in matter.jobs)), default=None))
        if matter.is_mixed:
            need.what = format_html(
                _("{job} and {n} more, each with an error of its own"),
                job=self._link(first), n=len(matter.jobs) - 1,
            )  # fmt: skip
        elif len(matter.jobs) > 1:
            text = (
                _("{jobs} fail with the same error since {since}")
                if since
                else _("{jobs} fail with the same error")
            )
            need.what = format_html(text, jobs=self._names(matter.jobs, state=Health.FAILING), since=since)
        else:
            n = first.failures_in_a_row
            text = ngettext("{job} has failed", "{job} has failed {n} times in a row", n)
            if since:
                text = ngettext(
                    "{job} has failed at {since}", "{job} has failed {n} times in a row since {since}", n
                )
            need.what = format_html(text, job=self._link(first), n=n, since=since)
        if failure:
            need.code = first_line(failure.error)
            need.buttons.append((_("See the error"), self.to.run(failure.pk)))
        if len(matter.jobs) > 1:
            text = _("See the %(n)d") if matter.is_mixed else _("The %(n)d jobs")
            need.buttons.append((text % {"n": len(matter.jobs)}, self.to.jobs(state=Health.FAILING)))
        elif failure:
            need.buttons.append((_("Rerun…"), self.to.rerun(failure.pk)))

    def _failing_paused(self, matter: Matter, need: Need) -> None:
        first = matter.jobs[0]
        if matter.is_mixed:
            need.what = format_html(
                _("{jobs} failed before they were paused"),
                jobs=self._names(matter.jobs, state=Health.FAILING),
            )
            need.buttons = [
                (_("See the %(n)d") % {"n": len(matter.jobs)}, self.to.jobs(state=Health.FAILING))
            ]
            return
        pause = matter.details.get(first.pk, {})
        n, who = first.failures_in_a_row, pause.get("paused_by") or _("somebody")
        text = ngettext(
            "{job} failed once before {who} paused it", "{job} failed {n} times before {who} paused it", n
        )
        if at := pause.get("paused_at"):
            text = ngettext(
                "{job} failed once before {who} paused it, {ago}",
                "{job} failed {n} times before {who} paused it, {ago}",
                n,
            )
        ago = times.relative(at, self.now) if at else ""
        need.what = format_html(text, job=self._link(first), n=n, who=who, ago=ago)
        until = pause.get("paused_until")
        values = {"reason": pause.get("pause_reason", ""), "until": self._clock(until)}
        need.why = (
            _("“%(reason)s”; until %(until)s") if until else _("“%(reason)s”; no end is set")
        ) % values
        if matter.failure:
            need.buttons = [(_("See the error"), self.to.run(matter.failure.pk))]

    # --- What is lost or missed -------------------------------------------------------------------

    def _lost(self, matter: Matter, need: Need) -> None:
        if not self._several(matter, need, _("{runs} of {jobs} were lost {span}"), "lost"):
            run = matter.runs[0]
            at = self._clock(run.scheduled_for or run.at)
            text = _("{job} {time} started and never finished")
            need.why = _("Its process is gone; part of its work may be done.")
            if run.started_at is None:
                text = _("{job} was asked for at {time} and never delivered")
                need.why = _("Google was asked, and nothing arrived here.")
            need.what = format_html(text, job=self._link(matter.jobs[0]), time=at)
            need.buttons = [(_("See the run"), self.to.run(run.pk)), (_("Rerun…"), self.to.rerun(run.pk))]

    def _missed(self, matter: Matter, need: Need) -> None:
        if not self._several(matter, need, _("{runs} of {jobs} never arrived {span}"), "missed"):
            run, job = matter.runs[0], matter.jobs[0]
            at = self._clock(run.scheduled_for or run.at)
            need.what = format_html(_("{job} {time} never arrived"), job=self._link(job), time=at)
            last = matter.details.get(job.pk, {}).get("last_run_at")
            if last and last > run.at:
                need.why = _("The job has run since, at %(time)s.") % {"time": self._clock(last)}
            need.buttons = [
                (_("Why?"), self.to.run(run.pk)),
                (_("Run for %(time)s…") % {"time": at}, self.to.rerun(run.pk)),
            ]

    def _several(self, matter: Matter, need: Need, text: str, status: str) -> bool:
        runs = matter.runs
        if len(runs) == 1:
            return False
        first, last = self._clock(runs[-1].at), self._clock(runs[0].at)
        span = _("between {first} and {last}") if first != last else _("at {first}")
        need.what = format_html(
            text,
            runs=ngettext("%(n)d run", "%(n)d runs", len(runs)) % {"n": len(runs)},
            jobs=self._names(matter.jobs, state=status),
            span=span.format(first=first, last=last),
        )
        need.buttons = [
            (_("See the last"), self.to.run(runs[0].pk)),
            (_("The %(n)d runs") % {"n": len(runs)}, self.to.runs(status=status, start=runs[-1].at)),
        ]
        return True

    # --- What Google has, and does ----------------------------------------------------------------

    def _unserved(self, matter: Matter, need: Need) -> None:
        told = matter.details.get(matter.jobs[0].pk)
        state = matter.kind.value
        text = ngettext("{jobs} does not run: {why}", "{jobs} do not run: {why}", len(matter.jobs))
        why = str(told.meaning.heading) if told else str(need.badge.word)
        need.what = format_html(text, jobs=self._names(matter.jobs, state=state), why=why)
        if told:
            need.why = attempt_in_short(told, self.zone, self.now)
        where = self.to.job(matter.jobs[0].pk) if len(matter.jobs) == 1 else self.to.jobs(state=state)
        need.buttons = [(_("Why?"), where), (_("Compare…"), self._compare(matter))]

    def _stopped(self, matter: Matter, need: Need) -> None:
        text = _("Google does not call {jobs}")
        need.what = format_html(text, jobs=self._names(matter.jobs, state=Health.STOPPED))
        need.why = _("As last seen there: paused by somebody in the console, or disabled.")
        if len(matter.jobs) == 1:
            found = dict(matter.details.get(matter.jobs[0].pk, {}))
            live, _wanted = found.pop("state", ("", ""))
            if live:
                need.why = str(WHY_STOPPED.get(live, need.why))
            if found:
                need.why += " " + _("Differs too: %(fields)s.") % {"fields": field_names(found)}
        need.buttons = [(_("Compare and decide…"), self._compare(matter))]

    def _late(self, matter: Matter, need: Need) -> None:
        text = ngettext("{jobs} is late", "{jobs} are late", len(matter.jobs))
        need.what = format_html(text, jobs=self._names(matter.jobs, state=Health.LATE))
        need.why = _("The time that Google had named has passed, and nothing arrived.")
        where = self.to.job(matter.jobs[0].pk) if len(matter.jobs) == 1 else self.to.jobs(state=Health.LATE)
        need.buttons = [(_("Why?"), where)]

    def _not_sent(self, matter: Matter, need: Need) -> None:
        first = matter.jobs[0]
        row = matter.details.get(first.pk, {})
        text = _("{jobs} could not be sent to Google")
        if len(matter.jobs) == 1 and first.health == Health.STOPPED:
            text = _("{jobs} is still stopped in Google")
        elif len(matter.jobs) == 1 and row.get("synced_at"):
            text = _("{jobs} still runs as Google had it before")
        need.what = format_html(text, jobs=self._names(matter.jobs, google=SyncState.FAILED))
        # A sentence of ours; those after it are of use where one is about to do something.
        need.why = first_line(row.get("sync_error", "")).partition(". ")[0]
        if at := row.get("edited_at"):
            need.why = _("%(why)s, since %(time)s") % {"why": need.why, "time": self._clock(at)}
        need.buttons = [(_("Compare and try again…"), self._compare(matter))]

    def _differs(self, matter: Matter, need: Need) -> None:
        text = ngettext(
            "{jobs} is not the same in Google", "{jobs} are not the same in Google", len(matter.jobs)
        )
        need.what = format_html(text, jobs=self._names(matter.jobs, google=SyncState.DRIFTED))
        if len(matter.jobs) <= NAMED:
            some = [names for names in matter.details.values() if names]
            need.why = "; ".join(str(field_names(names)) for names in some)
        need.buttons = [(_("Compare and decide…"), self._compare(matter))]

    def _compare(self, matter: Matter) -> str:
        return self.to.compare([job.pk for job in matter.jobs])

    _WORDS = {
        Kind.FAILING: _failing,
        Kind.LOST: _lost,
        Kind.MISSED: _missed,
        Kind.UNREACHABLE: _unserved,
        Kind.NO_RUN_HERE: _unserved,
        Kind.STOPPED: _stopped,
        Kind.LATE: _late,
        Kind.NOT_SENT: _not_sent,
        Kind.DIFFERS: _differs,
        Kind.FAILING_PAUSED: _failing_paused,
    }
