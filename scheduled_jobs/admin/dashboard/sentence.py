"""How all jobs are, in one sentence that could be read out on the phone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from scheduled_jobs.admin.dashboard.addresses import Addresses
from scheduled_jobs.admin.dashboard.needs import BADGES
from scheduled_jobs.admin.words import HEALTH_BADGES, Badge, times
from scheduled_jobs.models import ScheduledJob
from scheduled_jobs.services.history.health import Health
from scheduled_jobs.services.history.matters import JobNow, Kind, Matter, last_failure_of

SyncState = ScheduledJob.SyncState

WELL = (Health.HEALTHY, Health.RUNNING, Health.QUEUED)
WRONG = (
    Health.FAILING, Health.LOST, Health.MISSED, Health.UNREACHABLE, Health.NO_RUN_HERE, Health.STOPPED,
    Health.LATE,
)  # fmt: skip


@dataclass
class Clause:
    """A part that leads to the list of what it speaks of; ``after`` follows, with the sign that ends it."""

    badge: Badge
    text: str
    url: str
    after: str = ""


@dataclass(frozen=True)
class Sentence:
    """``lead`` comes first, ``rest`` last."""

    lead: str
    clauses: list[Clause]
    rest: str
    troubles: int
    """Jobs of which something is wrong."""

    @property
    def text(self) -> str:
        """As it is read aloud."""
        parts = (f"{clause.text}{clause.after}" for clause in self.clauses)
        return "".join([f"{self.lead} ", *parts, self.rest]).strip()


def is_well(job: JobNow) -> bool:
    """Whether nothing is to be said of a job."""
    return job.health in WELL and job.sync_state not in (SyncState.FAILED, SyncState.DRIFTED)


def is_wrong(job: JobNow) -> bool:
    """Whether somebody has to look at a job."""
    return job.health in WRONG or job.sync_state == SyncState.FAILED


def sentence_of(jobs: Sequence[JobNow], matters: Sequence[Matter], to: Addresses, now: datetime) -> Sentence:
    """How these jobs are."""
    n = Counter(job.health for job in jobs)
    sync = Counter(job.sync_state for job in jobs)
    well, total = sum(is_well(job) for job in jobs), len(jobs)
    values = {"n": intcomma(well), "total": intcomma(total)}
    lead = (
        ngettext("%(n)s of %(total)s job is healthy.", "%(n)s of %(total)s jobs are healthy.", total) % values
    )
    if well == total:
        lead = ngettext("The one job is healthy.", "All %(n)s jobs are healthy.", total) % values
    texts = {
        Health.FAILING: ngettext("%(n)s is failing", "%(n)s are failing", n[Health.FAILING]),
        Health.LOST: ngettext("%(n)s has lost a run", "%(n)s have lost runs", n[Health.LOST]),
        Health.MISSED: ngettext("%(n)s has missed a run", "%(n)s have missed runs", n[Health.MISSED]),
        Health.UNREACHABLE: ngettext("%(n)s is unreachable", "%(n)s are unreachable", n[Health.UNREACHABLE]),
        Health.NO_RUN_HERE: ngettext(
            "%(n)s has no run here", "%(n)s have no run here", n[Health.NO_RUN_HERE]
        ),
        Health.STOPPED: ngettext(
            "%(n)s is stopped in Google", "%(n)s are stopped in Google", n[Health.STOPPED]
        ),
        Health.LATE: ngettext("%(n)s is late", "%(n)s are late", n[Health.LATE]),
    }
    quiet = {
        Health.PAUSED: ngettext("%(n)s is paused", "%(n)s are paused", n[Health.PAUSED]),
        Health.NEW: ngettext("%(n)s has not run yet", "%(n)s have not run yet", n[Health.NEW]),
    }
    wrong = [_clause(state, text, n[state], to) for state, text in texts.items() if n[state]]
    if n[Health.FAILING]:
        about = _about_failing(jobs, matters)
        wrong[0].after = f", {about}" if about else ""
    others = [_clause(state, text, n[state], to) for state, text in quiet.items() if n[state]]
    google = []
    if number := sync[SyncState.DRIFTED]:
        text = ngettext("Google differs in %(n)s job", "Google differs in %(n)s jobs", number)
        url = to.compare([]) or to.jobs(google=SyncState.DRIFTED)
        google.append(Clause(BADGES[Kind.DIFFERS], text % {"n": intcomma(number)}, url))
    if number := sync[SyncState.FAILED]:
        text = ngettext("%(n)s could not be sent", "%(n)s could not be sent", number)
        url = to.compare([]) or to.jobs(google=SyncState.FAILED)
        google.append(Clause(BADGES[Kind.NOT_SENT], text % {"n": intcomma(number)}, url))
    for some in (wrong, others, google):
        for clause in some:
            clause.after += "; " if clause.after else ", "
        if some:
            some[-1].after = f"{some[-1].after[:-2]}. "
        if len(some) > 1 and some[-2].after == ", ":
            some[-2].after = f" {_('and')} "
    rest = "" if wrong or google else _rest(jobs, sync, to, now)
    return Sentence(lead, [*wrong, *others, *google], rest, sum(is_wrong(job) for job in jobs))


def _clause(state: Health, text: str, number: int, to: Addresses) -> Clause:
    return Clause(HEALTH_BADGES[state], text % {"n": intcomma(number)}, to.jobs(state=state))


def _about_failing(jobs: Sequence[JobNow], matters: Sequence[Matter]) -> str:
    alike = max((len(matter.jobs) for matter in matters if matter.is_joined), default=0)
    failing = sum(job.health == Health.FAILING for job in jobs)
    if alike and alike == failing:
        return _("all with one and the same error")
    if alike:
        return _("%(n)s of them with one and the same error") % {"n": intcomma(alike)}
    held = sum(job.is_held for job in jobs if job.health == Health.FAILING)
    return ngettext("one of them paused", "%(n)s of them paused", held) % {"n": held} if held else ""


def _rest(jobs: Sequence[JobNow], sync: Counter[str], to: Addresses, now: datetime) -> str:
    """What is good to know where nothing is wrong."""
    found = []
    if to.allowed.runs and (failed_at := last_failure_of(jobs)):
        found.append(_("The last failure was %(ago)s.") % {"ago": times.relative(failed_at, now)})
    if sync[SyncState.SYNCED] == len(jobs):
        found.append(_("Google is the same as here."))
    return " ".join(found)
