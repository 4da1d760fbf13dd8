"""The words of alerts: plain text of 78 columns for people, and the same as fields for machines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.conf import settings as django_settings
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from scheduled_jobs import times
from scheduled_jobs.conf import PREFIX, settings
from scheduled_jobs.domain.alerts import SHARED, ToldAlert
from scheduled_jobs.models import AlertRun, JobRun, ScheduledJob
from scheduled_jobs.models.alerts import MAX_SUBJECT
from scheduled_jobs.services.alerts import causes, links
from scheduled_jobs.services.alerts.channels import escaped
from scheduled_jobs.services.alerts.paragraphs import facts, numbered, prose
from scheduled_jobs.services.alerts.pieces import (
    NAMED,
    address_at_google,
    clock_of,
    count_of,
    day_and_clock,
    error_and_place,
    first_line_of,
    first_slot_of,
    googles_attempt,
    job_table,
    last_log_lines,
    new_release,
    next_by_schedule,
    page_of,
    see_it,
    short_name,
    since_when,
    slot_and_zone,
    slot_or_start,
    some_of,
    where_it_runs,
    with_query,
    zone_note,
)

Kind, Status = AlertRun.Kind, JobRun.Status

IN_FIELDS = 50
SOON = timedelta(hours=1)


class Message(NamedTuple):
    """What is told."""

    subject: str
    text: str
    fields: dict[str, Any]


@dataclass(frozen=True)
class _Draft:
    """A message in parts: ``head`` are its first lines, which answer what, why and where to look."""

    subject: str
    head: Sequence[str]
    body: Sequence[Sequence[str]] = ()
    """Paragraphs of lines."""
    url: str = ""
    says_why_sent: bool = True
    notes: Sequence[str] = field(default_factory=list)


def message(kind: str, runs: Sequence[JobRun], now: datetime, *, told: ToldAlert | None = None) -> Message:
    """What is told of these runs, whose jobs are loaded, at ``now`` (aware); of a recovery, what ``told``."""
    with translation.override(django_settings.LANGUAGE_CODE):
        words = WORDS.get(Kind(kind))
        draft = words(runs, now) if words else _recovered(runs, now, told)
        return _message(kind, draft, runs)


def in_short(kind: str, runs: Sequence[JobRun]) -> Message:
    """What is told where the words for it fail: which runs it is about."""
    with translation.override(django_settings.LANGUAGE_CODE):
        subject = f"{Kind(kind).label}: {some_of([short_name(run.job) for run in runs])}"
        return _message(kind, _Draft(subject, [*map(page_of, runs[:NAMED])]), [])


def test_message(by: str) -> Message:
    """What a test tells, which somebody asked for."""
    with translation.override(django_settings.LANGUAGE_CODE):
        who = _("%(who)s asked for it.") % {"who": by} if by else ""
        first = prose(
            " ".join(filter(None, [_("This is a test: alerts of scheduled jobs arrive here."), who]))
        )
        url = links.page("dashboard")
        draft = _Draft(_("TEST: alerts arrive here"), [*first, *see_it(url)], url=url)
        return _message(Kind.TEST, draft, [])


def reason_of_pause(job: ScheduledJob) -> str:
    """Why a job was paused by itself, as it is kept with the pause: also those read it who may see no run."""
    text = ngettext(
        "%(n)d scheduled time failed (%(setting)s)",
        "%(n)d scheduled times in a row failed (%(setting)s)",
        job.failures_in_a_row,
    )
    setting = f"{PREFIX}AUTO_PAUSE_AFTER"
    with translation.override(django_settings.LANGUAGE_CODE):
        return text % {"n": job.failures_in_a_row, "setting": setting}


def _message(kind: str, draft: _Draft, runs: Iterable[JobRun]) -> Message:
    subject = " ".join(f"[{where_it_runs()}] {draft.subject}".split())[:MAX_SUBJECT]
    notes = [*draft.notes]
    if draft.says_why_sent and (recipients := settings.ALERT_RECIPIENTS):
        why = ngettext(
            "You get this because %(who)s is in %(setting)s.",
            "You get this because %(who)s are in %(setting)s.",
            len(recipients),
        )
        notes.append(why % {"who": ", ".join(recipients), "setting": f"{PREFIX}ALERT_RECIPIENTS"})
    paragraphs = [draft.head, *draft.body, notes]
    text = "\n\n".join("\n".join(lines) for lines in paragraphs if lines) + "\n"
    fields = {
        # What is called text every chat shows, by the rules of Slack.
        "text": escaped("\n".join([subject, *draft.head])),
        "event": str(kind),
        "subject": subject,
        "app": settings.APP_NAME or "",
        "environment": settings.ENVIRONMENT or "",
        "url": draft.url,
        "runs": [_as_fields(run) for run in list(runs)[:IN_FIELDS]],
    }
    return Message(subject, text, fields)


def _as_fields(run: JobRun) -> dict[str, Any]:
    return {
        "run": run.pk,
        "job": run.job.name,
        "task": run.job.task,
        "status": run.status,
        "scheduled_for": run.scheduled_for,
        "error": first_line_of(run) if run.error else "",
        "error_key": run.error_key,
        "failures_in_a_row": run.job.failures_in_a_row,
        "url": page_of(run),
    }


# --- One job fails, or is paused for it ---------------------------------------------------------------


def _failing(runs: Sequence[JobRun], now: datetime) -> _Draft:
    run = runs[-1]
    shared = {job.pk: job for job in [*causes.sharing(run.error_key), *(run.job for run in runs)]}
    if len(shared) > 1:
        return _many_failing(run, list(shared.values()), now)
    n = run.job.failures_in_a_row
    subject = _("FAILING: %(job)s") % {"job": short_name(run.job)}
    if n > 1:
        subject = f"{subject} ({_('%(n)d in a row') % {'n': n}})"
    until = now + settings.ALERT_COOLDOWN
    quiet = _("you will not be written to again about this error before %(time)s.") % {
        "time": clock_of(run.job, until, now)
    }
    if coming := run.job.ahead(now).next_at:
        wait = _("Can it wait? Then do nothing: it runs again at %(time)s, and %(quiet)s") % {
            "time": clock_of(run.job, coming, now),
            "quiet": quiet,
        }
    else:
        wait = _("Can it wait? Then do nothing: %(quiet)s") % {"quiet": quiet}
    steps = [
        (wait, ""),
        (_("Stop it for now:"), links.page("scheduledjob_pause", run.job_id)),
        (_("After a fix, run it once:"), links.page("scheduledjob_run_now", run.job_id)),
    ]
    return _about_one(subject, run, now, steps)


def _paused(runs: Sequence[JobRun], now: datetime) -> _Draft:
    run = runs[-1]
    n = run.job.failures_in_a_row
    subject = ngettext(
        "PAUSED: %(job)s after %(n)d failure", "PAUSED: %(job)s after %(n)d failures in a row", n
    ) % {"job": short_name(run.job), "n": n}
    paused = _("It was paused, as %(setting)s says; it runs no more until somebody resumes it.") % {
        "setting": f"{PREFIX}AUTO_PAUSE_AFTER"
    }
    steps = [
        (_("After a fix, run it once:"), links.page("scheduledjob_run_now", run.job_id)),
        (_("Then resume it:"), links.page("scheduledjob_resume", run.job_id)),
    ]
    return _about_one(subject, run, now, steps, prose(paused))


def _about_one(
    subject: str, run: JobRun, now: datetime, steps: list[tuple[str, str]], more: Sequence[str] = ()
) -> _Draft:
    job, n = run.job, run.job.failures_in_a_row
    success = causes.success_before(run)
    last = _("there was no success before.")
    if success is not None:
        last = _("the last success was %(time)s.") % {"time": day_and_clock(job, success.at, now)}
    if n > 1:
        failed = _("%(job)s failed %(n)d times in a row;") % {"job": short_name(job), "n": n}
    else:
        failed = _("%(job)s failed at %(time)s;") % {"job": short_name(job), "time": slot_and_zone(run, now)}
    since = job.failing_since or run.at
    table = [
        (_("What it does"), job.description),
        (_("Since"), since_when(job, since)),
        (_("Next"), next_by_schedule(job, now)),
        (_("New"), new_release(run, success)),
    ]
    head = [*prose(f"{failed} {last}"), error_and_place(run), *more, *see_it(page_of(run))]
    return _Draft(
        subject,
        head,
        [facts(table), [_("What to do"), *numbered(steps)], last_log_lines(run)],
        url=page_of(run),
    )


def _many_failing(run: JobRun, jobs: Sequence[ScheduledJob], now: datetime) -> _Draft:
    since = min(job.failing_since or now for job in jobs)
    time = clock_of(run.job, since, now)
    subject = _("%(n)d jobs FAILING since %(time)s, one cause") % {"n": len(jobs), "time": time}
    apps = sorted({job.task.partition(".")[0] for job in jobs})
    first = _("%(n)d of %(total)s jobs in %(apps)s fail with the same error since %(time)s (%(zone)s).") % {
        "n": len(jobs),
        "total": f"{causes.jobs().count():,}",
        "apps": some_of(apps),
        "time": time,
        "zone": times.zone_label(run.job.time_zone),
    }
    coming = {job.pk: job.ahead(now).next_at for job in jobs}
    later = [job for job in jobs if (at := coming[job.pk]) is None or at > now + SOON]
    steps = []
    if len(later) < len(jobs):
        n = len(jobs) - len(later)
        soon = ngettext(
            "Once it is fixed, %(n)d of the %(total)d runs again within an hour, by schedule.",
            "Once it is fixed, %(n)d of the %(total)d run again within an hour, by schedule.",
            n,
        )
        steps.append((soon % {"n": n, "total": len(jobs)}, ""))
    if later:
        by_hand = ngettext(
            "%(n)d does not, and may have to be run by hand afterwards: %(names)s",
            "%(n)d do not, and may have to be run by hand afterwards: %(names)s",
            len(later),
        ) % {"n": len(later), "names": some_of([short_name(job) for job in later])}
        steps.append((by_hand, with_query(links.page("jobrun_changelist"), error=run.error_key)))
    url = with_query(links.page("scheduledjob_changelist"), state="failing")
    head = [*prose(first), first_line_of(run), *see_it(url, _("See them"))]
    one = _(
        "This is one mail for all of them; the next one comes when they recover, or when another cause "
        "appears."
    )
    return _Draft(subject, head, [prose(one), [_("What to do"), *numbered(steps)]], url=url)


# --- Runs that were lost, or never came ---------------------------------------------------------------


def _lost(runs: Sequence[JobRun], now: datetime) -> _Draft:
    run = runs[0]
    if len(runs) > 1:
        subject = _("LOST: %(n)d runs, since %(time)s") % {
            "n": len(runs),
            "time": clock_of(run.job, min(one.at for one in runs), now),
        }
        began = [one for one in runs if one.started_at is not None]
        died = ngettext(
            "Of %(n)d run the process gave no more sign of life.",
            "Of %(n)d runs the process gave no more sign of life.",
            len(began),
        )
        never_came = ngettext(
            "%(n)d run was asked for and never arrived.",
            "%(n)d runs were asked for and never arrived.",
            len(runs) - len(began),
        )
        counted = ((died, len(began)), (never_came, len(runs) - len(began)))
        first = " ".join(text % {"n": n} for text, n in counted if n)
        return _about_several(subject, runs, now, first, "lost")
    subject = _("LOST: %(job)s, the run of %(time)s") % {
        "job": short_name(run.job),
        "time": clock_of(run.job, slot_or_start(run), now),
    }
    if run.started_at is None:
        return _never_came(subject, run, now)
    head = [
        *prose(
            _("%(job)s began at %(time)s, and its process gave no more sign of life.")
            % {"job": short_name(run.job), "time": slot_and_zone(run, now, run.started_at)}
        ),
        *prose(_("Whether its work was done is not known; Google does not try it again.")),
        *see_it(page_of(run)),
    ]
    steps = [
        (_("See in its log, and where it writes, what was done."), ""),
        (_("To do it again:"), links.page("jobrun_rerun", run.pk)),
    ]
    return _Draft(subject, head, [job_table(run, now), [_("What to do"), *numbered(steps)]], url=page_of(run))


def _never_came(subject: str, run: JobRun, now: datetime) -> _Draft:
    who = _("%(who)s asked for a run of %(job)s at %(time)s, and it never arrived: it has not run.") % {
        "who": run.requested_by or _("Somebody"),
        "job": short_name(run.job),
        "time": slot_and_zone(run, now, run.created_at),
    }
    head = [
        *prose(" ".join(filter(None, [who, _ran_since([run], now)]))),
        *prose(f"{first_line_of(run)}."),
        *see_it(page_of(run)),
    ]
    steps = [*_reach(run.job), (_("When it does, ask for it again:"), links.page("jobrun_rerun", run.pk))]
    return _Draft(subject, head, [job_table(run, now), [_("What to do"), *numbered(steps)]], url=page_of(run))


def _reach(job: ScheduledJob) -> list[tuple[str, str]]:
    return [
        (_("Does this address reach the server? Google calls"), address_at_google(job)),
        (_("On the server, this says what answers there:"), "python manage.py scheduled_jobs doctor"),
    ]


def _missed(runs: Sequence[JobRun], now: datetime) -> _Draft:
    run = runs[0]
    if len(runs) > 1:
        n, since = sum(map(count_of, runs)), min(map(first_slot_of, runs))
        jobs = {one.job_id for one in runs}
        subject = _("MISSED: %(n)s runs of %(jobs)d jobs, since %(time)s")
        if len(jobs) == 1:
            subject = _("MISSED: %(job)s did not run %(n)s times, since %(time)s")
        subject %= {
            "n": f"{n:,}",
            "jobs": len(jobs),
            "job": short_name(run.job),
            "time": clock_of(run.job, since, now),
        }
        first = _("%(n)s scheduled times passed, and nothing arrived.") % {"n": f"{n:,}"}
        return _about_several(subject, runs, now, first, "missed")
    time = clock_of(run.job, slot_or_start(run), now)
    subject = _("MISSED: %(job)s did not run at %(time)s") % {"job": short_name(run.job), "time": time}
    first = _("%(job)s was due at %(time)s and nothing arrived by %(now)s.") % {
        "job": short_name(run.job), "time": slot_and_zone(run, now), "now": clock_of(run.job, now, now),
    }  # fmt: skip
    head = [
        *prose(" ".join(filter(None, [first, _ran_since(runs, now)]))),
        *googles_attempt(run, now),
        *see_it(page_of(run)),
    ]
    again = _("When it does, run this one for %(time)s:") % {"time": time}
    steps = [
        *_reach(run.job),
        (again, links.page("jobrun_rerun", run.pk)),
        (_("Handled elsewhere? Mark it as dealt with:"), page_of(run)),
    ]
    about = [*job_table(run, now, is_over=True), *_other_jobs(run, now)]
    return _Draft(
        subject, head, [about, [_("What to do"), *numbered(steps)]],
        url=page_of(run), notes=zone_note(run),
    )  # fmt: skip


def _ran_since(runs: Sequence[JobRun], now: datetime) -> str:
    """Whether it is over already: the first thing that somebody wants to know who was woken."""
    last = {run.job_id: run for run in sorted(runs, key=slot_or_start)}
    well = [run.job for run in last.values() if (at := run.job.last_success_at) and at > slot_or_start(run)]
    if not well:
        return ""
    if len(well) < len(last):
        return _("%(n)d of these %(total)d jobs ran since.") % {"n": len(well), "total": len(last)}
    at = min(job.last_success_at for job in well if job.last_success_at is not None)
    time = clock_of(well[0], at, now)
    if len(well) == 1:
        return _("It runs again: its last success was at %(time)s.") % {"time": time}
    return _("All of these jobs ran since.")


def _other_jobs(run: JobRun, now: datetime) -> list[str]:
    n, since = causes.missed_too(run)
    if since is None:
        return []
    text = ngettext(
        "%(n)d of %(total)d was missed too since %(time)s: perhaps this server, not this job",
        "%(n)d of %(total)d were missed too since %(time)s: probably this server, not this job",
        n,
    ) % {"n": n, "total": causes.jobs().count(), "time": clock_of(run.job, since, now)}
    return facts([(_("Other jobs"), text)])


def _about_several(subject: str, runs: Sequence[JobRun], now: datetime, first: str, status: str) -> _Draft:
    url = with_query(links.page("jobrun_changelist"), status=status)
    lines = [f"  {clock_of(run.job, slot_or_start(run), now)}  {short_name(run.job)}" for run in runs[:NAMED]]
    if more := len(runs) - NAMED if len(runs) > NAMED else 0:
        lines.append("  " + _("and %(n)d more") % {"n": more})
    jobs = len({run.job_id for run in runs})
    whose = _("Probably this server, not these jobs.") if jobs >= SHARED else ""
    over = _ran_since(runs, now) if status == "missed" else ""
    google = next((line for run in runs if (line := googles_attempt(run, now))), [])
    steps = [
        (_("Does the address reach the server? On it, this says what answers there:"),
         "python manage.py scheduled_jobs doctor"),
        (_("What has to be done yet can be run from there:"), url),
    ]  # fmt: skip
    head = [*prose(" ".join(filter(None, [first, whose, over]))), *google, *see_it(url, _("See them"))]
    return _Draft(subject, head, [lines, [_("What to do"), *numbered(steps)]], url=url)


# --- It is over ---------------------------------------------------------------------------------------


def _recovered(runs: Sequence[JobRun], now: datetime, told: ToldAlert | None) -> _Draft:
    last = {run.job_id: run for run in runs}
    if len(last) == 1 and (told is None or len(told.jobs) <= 1):
        return _one_recovered(runs[-1], now)
    n, total = len(last), len(told.jobs) if told is not None else len(last)
    if n == total:
        subject = _("OK again: %(n)d jobs") % {"n": n}
        first = _("%(n)d jobs have succeeded again.") % {"n": n}
    else:
        subject = _("OK again: %(n)d of %(total)d jobs") % {"n": n, "total": total}
        first = _("%(n)d of %(total)d jobs have succeeded again.") % {"n": n, "total": total}
    names = some_of([short_name(run.job) for run in last.values()])
    url = links.page("dashboard")
    return _Draft(
        subject, [*prose(first), *prose(names), *see_it(url, _("See them"))], url=url, says_why_sent=False
    )


def _one_recovered(run: JobRun, now: datetime) -> _Draft:
    job = run.job
    before = causes.success_before(run)
    wrong = causes.wrong_between(run, before.at if before is not None else None)
    text = _("%(job)s succeeded at %(time)s.")
    values = {"job": short_name(job), "time": slot_and_zone(run, now, run.started_at)}
    if wrong:
        text = ngettext(
            "%(job)s succeeded at %(time)s, after %(n)s failure in %(length)s.",
            "%(job)s succeeded at %(time)s, after %(n)s failures in %(length)s.",
            len(wrong),
        )
        values |= {"n": str(len(wrong)), "length": times.distance(run.at - wrong[-1])}
    took = _("It took %(length)s.") % {"length": times.duration(run.duration)} if run.duration else ""
    return _Draft(
        _("OK again: %(job)s") % {"job": short_name(job)},
        [*prose(text % values), *prose(took), *see_it(page_of(run))],
        url=page_of(run),
        says_why_sent=False,
    )


WORDS = {
    Kind.FAILING: _failing,
    Kind.PAUSED: _paused,
    Kind.LOST: _lost,
    Kind.MISSED: _missed,
}
