"""On top of a job's page: how the job is, its last run, what lies ahead, and whether Google has it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from scheduled_jobs.admin.job.overview import first_after_pause
from scheduled_jobs.admin.words import (
    FIELD_WORDS,
    HEALTH_BADGES,
    RUN_BADGES,
    field_name,
    first_line,
    is_raised,
    late_sentence,
    pause_in_words,
    times,
    value_text,
    why_no_time,
)
from scheduled_jobs.domain import traces
from scheduled_jobs.domain.ahead import Ahead, WhyNone
from scheduled_jobs.models import JobRun, ScheduledJob
from scheduled_jobs.services.history.health import Health
from scheduled_jobs.services.history.last_attempts import Told

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

Status = JobRun.Status
SyncState = ScheduledJob.SyncState

LAST_RUN: dict[str, _StrPromise] = {
    Status.RUNNING: gettext_lazy("A run started %(ago)s and has not ended yet."),
    Status.QUEUED: gettext_lazy("A run was asked for %(ago)s and waits for Google."),
    Status.SUCCEEDED: gettext_lazy("The last run succeeded %(ago)s."),
    Status.FAILED: gettext_lazy("The last run failed %(ago)s."),
    Status.TIMED_OUT: gettext_lazy("The last run timed out %(ago)s."),
    Status.LOST: gettext_lazy("The last run was lost, %(ago)s."),
    Status.MISSED: gettext_lazy("The last run was missed, %(ago)s."),
    Status.SKIPPED: gettext_lazy("The last run was skipped, %(ago)s."),
    Status.DISCARDED: gettext_lazy("The last run was discarded, %(ago)s."),
}
"""Status of the last run -> what is said of it."""
LAST_RUN_LASTED: dict[str, _StrPromise] = {
    Status.SUCCEEDED: gettext_lazy("The last run succeeded %(ago)s in %(lasted)s."),
    Status.FAILED: gettext_lazy("The last run failed %(ago)s in %(lasted)s."),
    Status.TIMED_OUT: gettext_lazy("The last run timed out %(ago)s in %(lasted)s."),
}
"""The same of a run whose duration is known."""


def job_headline(
    job: ScheduledJob,
    health: Health,
    ahead: Ahead,
    now: datetime,
    told: Told | None = None,
    looked_at: datetime | None = None,
    missed: datetime | None = None,
) -> dict[str, Any]:
    """How a job is at ``now`` (aware), as sentences that could be read out.

    ``told`` is Google's last attempt as seen at ``looked_at``, ``missed`` the last slot whose run never came.
    ``strong`` is the state, ``rest`` the
    sentences after it, ``second`` what the job is for.
    """
    badge, rests = HEALTH_BADGES[health], job.is_paused(now)
    strong = (_("%(state)s, and paused.") if rests else _("%(state)s.")) % {"state": badge.word}
    if health == Health.PAUSED:
        strong = _pause(job, now)
    if rests and health == Health.FAILING:
        sentences = _failing(job, now)
    else:
        state = (
            _why_late(job, health, told, looked_at, now)
            or _why_missed(job, health, missed, now)
            or _state(job, health, now)
        )
        sentences = [state, _last_run(job, health, now), _next_run(job, health, ahead, now)]
    return {
        "badge": badge,
        "strong": strong,
        "rest": " ".join(filter(None, sentences)),
        "second": job.description,
    }


def _failing(job: ScheduledJob, now: datetime) -> list[str]:
    """A pause is no cure: what failed, who paused it and why, and until when."""
    n = job.failures_in_a_row
    values = {"n": n, "person": job.paused_by or _("somebody"), "reason": job.pause_reason}
    values["at"] = times.day_and_time(job.paused_at, job.time_zone, now) if job.paused_at else ""
    text = ngettext(
        "The last run failed, then %(person)s paused it on %(at)s: “%(reason)s”.",
        "The last %(n)d runs failed, then %(person)s paused it on %(at)s: “%(reason)s”.",
        n,
    )
    if not (job.pause_reason and job.paused_at):
        text = ngettext(
            "The last run failed, then %(person)s paused it.",
            "The last %(n)d runs failed, then %(person)s paused it.",
            n,
        )
    end = _("No end is set.")
    if job.paused_until:
        end = _("It goes on at %(time)s.") % {
            "time": times.day_and_time(job.paused_until, job.time_zone, now)
        }
    return [text % values, end]


def failure_banner(job: ScheduledJob, run: JobRun, ahead: Ahead, now: datetime) -> dict[str, Any]:
    """What failed last, where, since when, and what to do next; masked as the run has it."""
    rests = job.is_paused(now)
    error = first_line(run.error) or str(RUN_BADGES[run.status].word)
    at = first_after_pause(job, ahead, now) if rests else ""
    if not rests and ahead.runs:
        at = times.day_and_time(ahead.runs[0].at, job.time_zone, now)
    if rests and at:
        text = _(
            "Fix the cause, run it once to see, then resume. Resuming alone starts nothing: "
            "the next run would be %(time)s."
        )
    elif rests:
        text = _("Fix the cause, run it once to see, then resume.")
    elif at:
        text = _("Fix the cause and run it once to see, or wait for the next run: %(time)s.")
    else:
        text = _("Fix the cause and run it once to see.")
    return {
        "pk": run.pk,
        "icon": RUN_BADGES[run.status].icon,
        "error": error if is_raised(run.status, error) else capfirst(error),
        "is_lost": run.status == Status.LOST,
        "where": traces.read(run.traceback).where if run.traceback else None,
        "since": _since(job, now),
        "next": text % {"time": at},
    }


def _since(job: ScheduledJob, now: datetime) -> str:
    since, success = (
        times.day_and_time(at, job.time_zone, now) if at else ""
        for at in (job.failing_since or job.last_failure_at, job.last_success_at)
    )
    text = _("%(since)s; last success %(success)s") if success else _("%(since)s; it has never succeeded")
    return text % {"since": since, "success": success}


def _why_late(
    job: ScheduledJob, health: Health, told: Told | None, looked_at: datetime | None, now: datetime
) -> str:
    if health == Health.LATE and (due := job.late_since or job.next_run_at) is not None:
        return late_sentence(due, told, looked_at, job.time_zone, now)
    return ""


def _why_missed(job: ScheduledJob, health: Health, missed: datetime | None, now: datetime) -> str:
    # A later run may have come: then the last one is none that explains the state.
    if health != Health.MISSED or missed is None or job.is_paused(now) or job.last_status == Status.MISSED:
        return ""
    at = times.clock(missed, job.time_zone, now)
    return _("Nothing arrived from Google for the %(at)s run.") % {"at": at}


def _state(job: ScheduledJob, health: Health, now: datetime) -> str:
    """What the word alone does not tell."""
    if health == Health.RETIRED:
        return _("Its class is gone from the code; history and overrides are kept, and return with it.")
    if health == Health.DELETING:
        if job.sync_state == SyncState.SYNCED:
            return _("Google has it no more; its runs are being deleted here, and then its row.")
        return _("It is being deleted in Google, and its row goes when Google has none left.")
    if not job.is_paused(now):
        return ""
    text = "" if health == Health.PAUSED else _pause(job, now)
    why = _("Why: “%(reason)s”.") % {"reason": job.pause_reason} if job.pause_reason else ""
    return f"{text} {why}".strip()


def _pause(job: ScheduledJob, now: datetime) -> str:
    return pause_in_words(job, lambda at: times.day_and_time(at, job.time_zone, now))


def _last_run(job: ScheduledJob, health: Health, now: datetime) -> str:
    if health in (Health.RETIRED, Health.DELETING):
        return ""
    if job.last_run_at is None:
        return _("It has not run yet.") if health != Health.MISSED else ""
    status, values = job.last_status, {"ago": times.relative(job.last_run_at, now)}
    if job.failures_in_a_row > 1 and status not in (Status.RUNNING, Status.QUEUED):
        text = _("The last %(n)d runs failed, the last of them %(ago)s.")
        return text % {**values, "n": job.failures_in_a_row}
    if job.last_duration and status in LAST_RUN_LASTED:
        return LAST_RUN_LASTED[status] % {**values, "lasted": times.duration(job.last_duration)}
    return LAST_RUN[status] % values


def _next_run(job: ScheduledJob, health: Health, ahead: Ahead, now: datetime) -> str:
    if ahead.why_none in (WhyNone.RETIRED, WhyNone.DELETING):  # said already
        return ""
    if ahead.why_none == WhyNone.PAUSED:
        return _("No run is due until then.")
    if why := why_no_time(ahead):
        return str(why.sentence)
    at = ahead.runs[0].at
    is_first = job.last_run_at is None and health != Health.MISSED
    sentence = _("First run: %(time)s, %(away)s.") if is_first else _("Next run: %(time)s, %(away)s.")
    return sentence % {
        "time": times.day_and_time(at, job.time_zone, now),
        "away": times.relative(at, now),
    }


# --- Google ---------------------------------------------------------------------------------------


def google_banner(
    job: ScheduledJob,
    differing: Mapping[str, tuple[Any, Any]],
    looked_at: datetime | None,
    now: datetime,
) -> dict[str, str] | None:
    """The line about Google, or None where all is well. ``differing`` is field -> (in Google, wanted)."""
    if job.sync_state == SyncState.FAILED:
        text = _("Not in Google: %(why)s")
        if job.synced_at:
            text = _("The last change is not in Google: %(why)s")
        return {"icon": "syncbad", "tone": "err", "text": text % {"why": job.sync_error}}
    if job.sync_state == SyncState.PENDING:
        text = _("What is saved here is not in Google yet.")
        return {"icon": "pending", "tone": "info", "text": f"{text} {job.sync_error}".strip()}
    if job.sync_state == SyncState.SYNCED:
        # A former name that cannot be deleted is a note: the job itself is as it should be.
        text = _("Sent, but %(note)s") % {"note": job.sync_error}
        return {"icon": "drift", "tone": "", "text": text} if job.sync_error else None
    if job.live is None:
        text = _("Google has no such job.")
    else:
        parts = _parts(differing) or [_("the address, the headers or the account")]
        text = _("Google differs: %(parts)s.") % {"parts": "; ".join(parts)}
    if differing.keys() and differing.keys() <= FIELD_WORDS.keys() - {"payload"} and len(differing) == 1:
        [(name, (live, wanted))] = differing.items()
        text = _("Google has a different %(field)s: %(live)s there, %(wanted)s here.") % {
            "field": field_name(name).lower(),
            "live": value_text(name, live),
            "wanted": value_text(name, wanted),
        }
    return {"icon": "drift", "tone": "", "text": f"{text} {_seen(job, looked_at, now)}".strip()}


def _seen(job: ScheduledJob, looked_at: datetime | None, now: datetime) -> str:
    last = times.relative(looked_at, now) if looked_at else ""
    if job.differs_since is None:
        return _("Seen %(ago)s.") % {"ago": last} if last else ""
    first = times.clock(job.differs_since, job.time_zone, now)
    return _("First seen %(time)s, last %(ago)s.") % {"time": first, "ago": last}


def _parts(differing: Mapping[str, tuple[Any, Any]]) -> list[str]:
    text = _("%(field)s is %(live)s there and %(wanted)s here")
    parts = [
        text
        % {
            "field": field_name(name).lower(),
            "live": value_text(name, live),
            "wanted": value_text(name, wanted),
        }
        for name, (live, wanted) in differing.items()
        if name not in ("payload", "state")
    ]
    if "payload" in differing:
        parts.append(_("the payload is another one there"))
    if "state" in differing:
        live, wanted = (str(state).lower() for state in differing["state"])
        parts.append(_("it is %(live)s there and %(wanted)s here") % {"live": live, "wanted": wanted})
    return parts
