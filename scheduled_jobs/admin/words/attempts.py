"""Google's last attempt in words: short for lists, as a sentence, and as the banner why nothing runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from scheduled_jobs import times
from scheduled_jobs.domain.attempts import SKEW
from scheduled_jobs.domain.jobs import DISABLED, ENABLED, PAUSED
from scheduled_jobs.models import ScheduledJob
from scheduled_jobs.services.history.last_attempts import Told


@dataclass(frozen=True)
class Banner:
    """What stands in ``_why.html``; ``note`` follows the address, ``code`` what Google says.

    ``is_state``: it is about Google's state of the job, and is decided where both sides are compared.
    """

    tone: str
    icon: str
    heading: str
    says: str
    remedy: str
    code: str = ""
    address: str = ""
    note: str = ""
    who: str = ""
    is_state: bool = False
    is_ours: bool = False
    """What is told was seen here, and not by Google."""


def refusal_banner(job: ScheduledJob, now: datetime) -> Banner | None:
    """That calls of a job are refused here, as their account may not run tasks."""
    if job.refused_at is None or not job.is_refused(now):
        return None
    says = _("the token of %(caller)s is genuine, and it may not run tasks here; last at %(time)s")
    return Banner(
        "bad",
        "warn",
        _("Calls of this job are refused here (403)"),
        says
        % {
            "caller": job.refused_caller or _("no account"),
            "time": times.exact(job.refused_at, job.time_zone),
        },
        _(
            "If the job is to call by this account, name it in DJANGO_CLOUD_TASKS_OIDC_ALLOWED_EMAILS; else "
            "run schedule_tasks, by which it calls by the right one. If you do not know it, somebody else "
            "has tried: nothing was run."
        ),
        is_ours=True,
    )


def attempt_in_short(told: Told, zone: str, now: datetime) -> str:
    """ "Google’s last attempt, 17:58, got no usable answer."; with the address only where nothing arrived."""
    text = _("Google’s last attempt, %(time)s, %(told)s.")
    if told.is_unserved and told.is_success:
        text = _("Google’s last attempt, %(time)s, %(told)s at %(address)s, and nothing arrived here.")
    elif told.is_unserved:
        text = _("Google’s last attempt, %(time)s, %(told)s at %(address)s.")
    return text % {
        "time": times.clock(told.at, zone, now),
        "told": told.meaning.told,
        "address": told.address,
    }


def attempt_briefly(told: Told, zone: str, now: datetime) -> str:
    """The same in a list, where the address stands above: once for all that share it."""
    values = {"time": times.clock(told.at, zone, now), "told": told.meaning.told}
    return _("Google’s last attempt, %(time)s, %(told)s.") % values


def late_sentence(
    due: datetime, told: Told | None, looked_at: datetime | None, zone: str, now: datetime
) -> str:
    """Since when a run is late, and why, as far as Google was asked."""
    late = _("The run of %(time)s has not arrived, %(away)s after its time.") % {
        "time": times.clock(due, zone, now),
        "away": times.distance(now - due),
    }
    if told is not None and told.at >= due - SKEW:
        return f"{late} {attempt_in_short(told, zone, now)}"
    if looked_at is None or looked_at < due + SKEW:
        return f"{late} {_('“Ask Google” tells what its attempt met.')}"
    return (
        f"{late} {_('Google had not tried it, as seen %(ago)s.') % {'ago': times.relative(looked_at, now)}}"
    )


def attempt_banner(told: Told, zone: str) -> Banner:
    """Why one job does not run here."""
    says = _("last attempt %(time)s: %(told)s")
    says %= {"time": times.exact(told.at, zone), "told": told.meaning.told}
    return _banner(told, told.meaning.heading, says, told.address)


def attempts_banners(unserved: Sequence[Told], jobs: int, now: datetime) -> list[Banner]:
    """The same of all jobs at once: one for each cause, the commonest first."""
    found = []
    for code, n in Counter(told.code for told in unserved).most_common():
        some = [told for told in unserved if told.code == code]
        meaning = some[0].meaning
        heading = ngettext(
            "%(heading)s: %(n)d of %(jobs)d jobs does not run",
            "%(heading)s: %(n)d of %(jobs)d jobs do not run",
            n,
        )
        first, last = (times.clock(pick(told.at for told in some), "UTC", now) for pick in (min, max))
        says = _("last attempt %(last)s UTC: %(told)s")
        if first != last:
            says = _("last attempts %(first)s to %(last)s UTC: %(told)s")
        found.append(
            _banner(
                some[0],
                heading % {"heading": meaning.heading, "n": n, "jobs": max(jobs, n)},
                says % {"first": first, "last": last, "told": meaning.told},
                *_addresses(some),
            )
        )
    return found


def _addresses(some: Sequence[Told]) -> tuple[str, str]:
    """What the addresses have in common, and what is said of that."""
    if len(some) == 1:
        return some[0].address, ""
    places = sorted({told.address.rpartition("/")[0] for told in some})
    if len(places) == 1:
        return f"{places[0]}/…", _("the same for all of them")
    return f"{places[0]}/…", _("and %(n)d others") % {"n": len(places) - 1}


def _banner(told: Told, heading: str, says: str, address: str, note: str = "") -> Banner:
    code = _("%(name)s, code %(code)d") % {"name": told.meaning.name, "code": told.code}
    return Banner("bad", "warn", heading, says, told.meaning.remedy, code, address, note)


def state_banner(job: ScheduledJob, looked_at: datetime | None, now: datetime) -> Banner | None:
    """Why a job does not run that Google has disabled, or that somebody has paused there and nobody here."""
    state, wanted = (job.live or {}).get("state"), job.desired_state
    if wanted != ENABLED or job.sync_state == job.SyncState.PENDING:
        return None
    seen = times.relative(looked_at, now) if looked_at else ""
    says = _("state %(state)s, seen %(ago)s") % {"state": state, "ago": seen}
    if state == DISABLED:
        remedy = _(
            "Look at its log in the Google console, delete it there, and send it again: Google gets it anew."
        )
        return Banner("bad", "warn", _("Google has disabled this job"), says, remedy, is_state=True)
    if state != PAUSED:
        return None
    return Banner(
        "off",
        "pause",
        _("Paused in Google, but not here"),
        says,
        _("Keep the pause, which becomes one here with your reason, or switch the job on again."),
        who=_("somebody with access to the Google console; Cloud Audit Logs has the name"),
        is_state=True,
    )
