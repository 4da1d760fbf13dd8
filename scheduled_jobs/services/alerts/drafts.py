"""What is told of runs, in words: one draft for each cause, by what happened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from scheduled_jobs import times
from scheduled_jobs.conf import PREFIX, settings
from scheduled_jobs.domain.alerts import SHARED, ToldAlert
from scheduled_jobs.models import AlertRun, JobRun, ScheduledJob
from scheduled_jobs.services.alerts import causes, links
from scheduled_jobs.services.alerts.paragraphs import facts, prose
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
    short_name,
    since_when,
    slot_and_zone,
    slot_or_start,
    some_of,
    to_do,
    with_query,
    zone_note,
)

Kind, Status = AlertRun.Kind, JobRun.Status

DOCTOR = "python manage.py scheduled_jobs doctor"
SOON = timedelta(hours=1)


class Telling(NamedTuple):
    """What is told of one cause: its runs, whose jobs are loaded, and of a recovery what ``told`` of it."""

    kind: str
    runs: Sequence[JobRun]
    told: ToldAlert | None = None


@dataclass(frozen=True)
class Draft:
    """A message in parts: ``head`` are its first lines, which answer what and why; ``url`` is where to look.

    ``body`` are paragraphs of lines.
    """

    subject: str
    head: Sequence[str]
    body: Sequence[Sequence[str]] = ()
    url: str = ""
    of_many: bool = False
    """Whether several things are found there."""
    says_why_sent: bool = True
    notes: Sequence[str] = ()


def draft_of(telling: Telling, now: datetime) -> Draft:
    """What is told of one cause at ``now`` (aware)."""
    words = WORDS.get(Kind(telling.kind))
    return words(telling.runs, now) if words else _recovered(telling.runs, now, telling.told)


# --- One job fails, or is paused for it ---------------------------------------------------------------


def _failing(runs: Sequence[JobRun], now: datetime) -> Draft:
    run = runs[-1]
    shared = {job.pk: job for job in [*causes.sharing(run.error_key), *(run.job for run in runs)]}
    if len(shared) > 1:
        return _many_failing(run, list(shared.values()), now)
    n = run.job.failures_in_a_row
    subject = _("FAILING: %(job)s") % {"job": short_name(run.job)}
    if n > 1:
        subject = f"{subject} ({_('%(n)d in a row') % {'n': n}})"
    quiet = _("you will not be written to again about this error before %(time)s.") % {
        "time": clock_of(run.job, now + settings.ALERT_COOLDOWN, now)
    }
    if coming := run.job.ahead(now).next_at:
        quiet = _("it runs again at %(time)s, and %(quiet)s") % {
            "time": clock_of(run.job, coming, now),
            "quiet": quiet,
        }
    steps = [
        (_("Can it wait? Then do nothing: %(quiet)s") % {"quiet": quiet}, ""),
        (_("Stop it for now:"), links.page("scheduledjob_pause", run.job_id)),
        _run_once(run),
    ]
    return _about_one(subject, run, now, steps)


def _paused(runs: Sequence[JobRun], now: datetime) -> Draft:
    run = runs[-1]
    n = run.job.failures_in_a_row
    subject = ngettext(
        "PAUSED: %(job)s after %(n)d failure", "PAUSED: %(job)s after %(n)d failures in a row", n
    ) % {"job": short_name(run.job), "n": n}
    paused = _("It was paused, as %(setting)s says; it runs no more until somebody resumes it.") % {
        "setting": f"{PREFIX}AUTO_PAUSE_AFTER"
    }
    steps = [_run_once(run), (_("Then resume it:"), links.page("scheduledjob_resume", run.job_id))]
    return _about_one(subject, run, now, steps, prose(paused))


def _run_once(run: JobRun) -> tuple[str, str]:
    return _("After a fix, run it once:"), links.page("scheduledjob_run_now", run.job_id)


def _about_one(
    subject: str, run: JobRun, now: datetime, steps: list[tuple[str, str]], more: Sequence[str] = ()
) -> Draft:
    job, n = run.job, run.job.failures_in_a_row
    success = causes.success_before(run)
    last = _("there was no success before.")
    if success is not None:
        last = _("the last success was %(time)s.") % {"time": day_and_clock(job, success.at, now)}
    failed = _("%(job)s failed %(n)d times in a row;") if n > 1 else _("%(job)s failed at %(time)s;")
    failed %= {"job": short_name(job), "n": n, "time": slot_and_zone(run, now)}
    table = [
        (_("What it does"), job.description),
        (_("Since"), since_when(job, job.failing_since or run.at)),
        (_("Next"), next_by_schedule(job, now)),
        (_("New"), new_release(run, success)),
    ]
    head = [*prose(f"{failed} {last}"), error_and_place(run), *more]
    return Draft(subject, head, [facts(table), to_do(steps), last_log_lines(run)], page_of(run))


def _many_failing(run: JobRun, jobs: Sequence[ScheduledJob], now: datetime) -> Draft:
    total, since = len(jobs), min(job.failing_since or now for job in jobs)
    time = clock_of(run.job, since, now)
    subject = _("%(n)d jobs FAILING since %(time)s, one cause") % {"n": total, "time": time}
    apps = sorted({job.task.partition(".")[0] for job in jobs})
    first = _("%(n)d of %(total)s jobs in %(apps)s fail with the same error since %(time)s (%(zone)s).") % {
        "n": total,
        "total": f"{causes.jobs().count():,}",
        "apps": some_of(apps),
        "time": time,
        "zone": times.zone_label(run.job.time_zone),
    }
    coming = {job.pk: job.ahead(now).next_at for job in jobs}
    later = [job for job in jobs if (at := coming[job.pk]) is None or at > now + SOON]
    steps = []
    if n := total - len(later):
        soon = ngettext(
            "Once it is fixed, %(n)d of the %(total)d runs again within an hour, by schedule.",
            "Once it is fixed, %(n)d of the %(total)d run again within an hour, by schedule.",
            n,
        )
        steps.append((soon % {"n": n, "total": total}, ""))
    if later:
        by_hand = ngettext(
            "%(n)d does not, and may have to be run by hand afterwards: %(names)s",
            "%(n)d do not, and may have to be run by hand afterwards: %(names)s",
            len(later),
        ) % {"n": len(later), "names": some_of([short_name(job) for job in later])}
        steps.append((by_hand, with_query(links.page("jobrun_changelist"), error=run.error_key)))
    one = _(
        "This is one mail for all of them; the next one comes when they recover, or when another cause "
        "appears."
    )
    head = [*prose(first), first_line_of(run)]
    url = with_query(links.page("scheduledjob_changelist"), state="failing")
    return Draft(subject, head, [prose(one), to_do(steps)], url, of_many=True)


# --- Runs that were lost, or never came ---------------------------------------------------------------


def _lost(runs: Sequence[JobRun], now: datetime) -> Draft:
    run = runs[0]
    if len(runs) > 1:
        return _several_lost(runs, now)
    subject = _("LOST: %(job)s, the run of %(time)s") % {
        "job": short_name(run.job),
        "time": clock_of(run.job, slot_or_start(run), now),
    }
    if run.started_at is None:
        first = _("%(who)s asked for a run of %(job)s at %(time)s, and it never arrived: it has not run.") % {
            "who": run.requested_by or _("Somebody"),
            "job": short_name(run.job),
            "time": slot_and_zone(run, now, run.created_at),
        }
        second = f"{first_line_of(run)}."
        steps = [*_reach(run.job), (_("When it does, ask for it again:"), _rerun(run))]
    else:
        first = _("%(job)s began at %(time)s, and its process gave no more sign of life.") % {
            "job": short_name(run.job),
            "time": slot_and_zone(run, now, run.started_at),
        }
        second = _("Whether its work was done is not known; Google does not try it again.")
        steps = [
            (_("See in its log, and where it writes, what was done."), ""),
            (_("To do it again:"), _rerun(run)),
        ]
    head = [*prose(_with_end(first, [] if run.started_at else runs, now)), *prose(second)]
    return Draft(subject, head, [job_table(run, now), to_do(steps)], page_of(run))


def _several_lost(runs: Sequence[JobRun], now: datetime) -> Draft:
    subject = _("LOST: %(n)d runs, since %(time)s") % {
        "n": len(runs),
        "time": clock_of(runs[0].job, min(one.at for one in runs), now),
    }
    began = sum(one.started_at is not None for one in runs)
    died = ngettext(
        "Of %(n)d run the process gave no more sign of life.",
        "Of %(n)d runs the process gave no more sign of life.",
        began,
    )
    never_came = ngettext(
        "%(n)d run was asked for and never arrived.",
        "%(n)d runs were asked for and never arrived.",
        len(runs) - began,
    )
    first = " ".join(text % {"n": n} for text, n in ((died, began), (never_came, len(runs) - began)) if n)
    return _about_several(subject, runs, now, first, Status.LOST)


def _rerun(run: JobRun) -> str:
    return links.page("jobrun_rerun", run.pk)


def _reach(job: ScheduledJob) -> list[tuple[str, str]]:
    return [
        (_("Does this address reach the server? Google calls"), address_at_google(job)),
        (_("On the server, this says what answers there:"), DOCTOR),
    ]


def _missed(runs: Sequence[JobRun], now: datetime) -> Draft:
    run = runs[0]
    if len(runs) > 1:
        n, jobs = sum(map(count_of, runs)), {one.job_id for one in runs}
        subject = _("MISSED: %(n)s runs of %(jobs)d jobs, since %(time)s")
        if len(jobs) == 1:
            subject = _("MISSED: %(job)s did not run %(n)s times, since %(time)s")
        subject %= {
            "n": f"{n:,}",
            "jobs": len(jobs),
            "job": short_name(run.job),
            "time": clock_of(run.job, min(map(first_slot_of, runs)), now),
        }
        first = _("%(n)s scheduled times passed, and nothing arrived.") % {"n": f"{n:,}"}
        return _about_several(subject, runs, now, first, Status.MISSED)
    time = clock_of(run.job, slot_or_start(run), now)
    subject = _("MISSED: %(job)s did not run at %(time)s") % {"job": short_name(run.job), "time": time}
    first = _("%(job)s was due at %(time)s and nothing arrived by %(now)s.") % {
        "job": short_name(run.job), "time": slot_and_zone(run, now), "now": clock_of(run.job, now, now),
    }  # fmt: skip
    steps = [
        *_reach(run.job),
        (_("When it does, run this one for %(time)s:") % {"time": time}, _rerun(run)),
        (_("Handled elsewhere? Mark it as dealt with:"), page_of(run)),
    ]
    about = [*job_table(run, now, is_over=True), *_other_jobs(run, now)]
    head = [*prose(_with_end(first, runs, now)), *googles_attempt(run, now)]
    return Draft(subject, head, [about, to_do(steps)], page_of(run), notes=zone_note(run))


def _with_end(text: str, runs: Sequence[JobRun], now: datetime) -> str:
    """With whether it is over already: the first thing that somebody wants to know who was woken."""
    last = {run.job_id: run for run in sorted(runs, key=slot_or_start)}
    well = [run.job for run in last.values() if (at := run.job.last_success_at) and at > slot_or_start(run)]
    if not well:
        return text
    if len(well) < len(last):
        over = _("%(n)d of these %(total)d jobs ran since.") % {"n": len(well), "total": len(last)}
    elif (at := well[0].last_success_at) and len(well) == 1:
        time = clock_of(well[0], at, now)
        over = _("It runs again: its last success was at %(time)s.") % {"time": time}
    else:
        over = _("All of these jobs ran since.")
    return f"{text} {over}"


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


def _about_several(subject: str, runs: Sequence[JobRun], now: datetime, first: str, status: str) -> Draft:
    url = with_query(links.page("jobrun_changelist"), status=status)
    lines = [f"  {clock_of(run.job, slot_or_start(run), now)}  {short_name(run.job)}" for run in runs[:NAMED]]
    if (more := len(runs) - NAMED) > 0:
        lines.append("  " + _("and %(n)d more") % {"n": more})
    if len({run.job_id for run in runs}) >= SHARED:
        first = f"{first} {_('Probably this server, not these jobs.')}"
    google = next((line for run in runs if (line := googles_attempt(run, now))), [])
    steps = [
        (_("Does the address reach the server? On it, this says what answers there:"), DOCTOR),
        (_("What has to be done yet can be run from there:"), url),
    ]
    head = [*prose(_with_end(first, runs if status == Status.MISSED else [], now)), *google]
    return Draft(subject, head, [lines, to_do(steps)], url, of_many=True)


# --- It is over ---------------------------------------------------------------------------------------


def _recovered(runs: Sequence[JobRun], now: datetime, told: ToldAlert | None) -> Draft:
    last = {run.job_id: run for run in runs}
    n, total = len(last), len(told.jobs) if told is not None else len(last)
    if n == 1 and total <= 1:
        return _one_recovered(runs[-1], now)
    jobs = _("%(n)d jobs") if n == total else _("%(n)d of %(total)d jobs")
    jobs %= {"n": n, "total": total}
    names = some_of([short_name(run.job) for run in last.values()])
    return Draft(
        _("OK again: %(jobs)s") % {"jobs": jobs},
        [*prose(_("%(jobs)s have succeeded again.") % {"jobs": jobs}), *prose(names)],
        url=links.page("dashboard"),
        of_many=True,
        says_why_sent=False,
    )


def _one_recovered(run: JobRun, now: datetime) -> Draft:
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
    subject = _("OK again: %(job)s") % {"job": short_name(job)}
    return Draft(subject, [*prose(text % values), *prose(took)], url=page_of(run), says_why_sent=False)


WORDS = {
    Kind.FAILING: _failing,
    Kind.PAUSED: _paused,
    Kind.LOST: _lost,
    Kind.MISSED: _missed,
}
