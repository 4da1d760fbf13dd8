"""What Google says of a run: its own answer, and of a run that was missed why it may not have arrived."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from scheduled_jobs.admin.run import console
from scheduled_jobs.admin.run.sentence import retry_due
from scheduled_jobs.admin.words import times, why_no_time
from scheduled_jobs.domain.attempts import NEVER, OK, SKEW, time_of
from scheduled_jobs.domain.jobs import PAUSED
from scheduled_jobs.models import JobRun
from scheduled_jobs.models.runs import EARLIEST, LATEST
from scheduled_jobs.services.history.last_attempts import Told
from scheduled_jobs.services.history.run_story import AROUND, MOST, Story

Status = JobRun.Status


@dataclass(frozen=True)
class Saying:
    """What one source says. ``address`` is broken where a narrow column may break it; ``href`` proves it."""

    source: str
    text: str
    address: str = ""
    is_conclusion: bool = False
    href: str = ""
    link: str = ""


def is_google_about(story: Story) -> bool:
    """Whether Google's last attempt is the one that this run was."""
    run, told = story.run, story.told
    if told is None or run.started_at is None:
        return False
    others = [*story.attempts, story.previous, story.next]
    starts = [other.started_at for other in others if other is not None and other.started_at is not None]
    away = abs(told.at - run.started_at)
    return away <= SKEW and all(away <= abs(told.at - start) for start in starts)


def not_yet(run: JobRun, now: datetime) -> str:
    """Why Google has not answered yet, of a run that goes on; empty of any other."""
    if run.status != Status.RUNNING:
        return ""
    if run.deadline_at is None or run.deadline_at < now:
        return _("Google no longer waits for this run: its deadline has passed.")
    until = times.clock(run.deadline_at, run.job.time_zone, now)
    return _("None yet: Google waits for this run, until %(time)s at the latest.") % {"time": until}


def googles_answer(story: Story, now: datetime) -> list[Saying]:
    """Google's last attempt, and what comes next; nothing where it was not read."""
    run, told = story.run, story.told
    if told is None or not run.is_over:
        return []
    attempt = _last_attempt(told, run.job.time_zone, now)
    which = _("It is not this run: Google keeps only its last attempt.")
    if is_google_about(story):
        which = _("That is this run.")
        if story.seen_at is not None and run.finished_at is not None and story.seen_at < run.finished_at:
            # What Google had to say then is still that of the attempt before.
            attempt = f"{times.to_seconds(told.at, run.job.time_zone, now)}."
            which = _("That is this run, which went on when Google was asked.")
    elif run.started_at is not None and told.at < run.started_at:
        which = _("It was before this run: Google was not asked since.")
    found = [Saying(_("Last attempt"), f"{attempt} {which}")]
    if coming := _coming(story, now):
        found.append(Saying(_("Next"), coming))
    return [*found, Saying(_("Address"), "", told.address)]


def _last_attempt(told: Told, zone: str, now: datetime) -> str:
    meaning = told.meaning
    text = _("%(time)s, %(told)s (%(name)s, code %(code)d).") if meaning.name else _("%(time)s, %(told)s.")
    return text % {
        "time": times.to_seconds(told.at, zone, now),
        "told": meaning.told,
        "name": meaning.name,
        "code": told.code,
    }


def _coming(story: Story, now: datetime) -> str:
    run, job = story.run, story.run.job
    sentences = []
    last = story.attempts[-1] if story.attempts else None
    if last is not None and (due := retry_due(last, job, now)) is not None:
        most = max(job.retry_policy.retry_count + 1, last.attempt + 1)
        values = {"n": last.attempt + 1, "most": most, "time": times.clock(due, job.time_zone, now)}
        sentences.append(_("Attempt %(n)d of %(most)d about %(time)s.") % values)
    if why_no_time(ahead := job.ahead(now)) is None:
        at = times.clock(ahead.runs[0].at, run.job.time_zone, now)
        sentences.append(_("By its schedule %(time)s.") % {"time": at})
    return " ".join(sentences)


# --- Why a run did not arrive ----------------------------------------------------------------------


def evidence(story: Story, now: datetime) -> list[Saying]:
    """What is known of a run that never arrived, by source, and what follows."""
    job = story.run.job
    found = [
        _google_says(story, now),
        Saying(_("This server"), _server(story, now)),
    ]
    if story.told is not None:
        found.append(Saying(_("Address"), "", story.told.address))
    found.append(Saying(_("Paused?"), _paused(story, now)))
    if not job.is_paused(now):
        found.append(Saying(_("So"), _so(story), is_conclusion=True))
    return found


def _tried(story: Story) -> Told | None:
    """Google's attempt at the time that was missed: as watching has seen it, or still its last one."""
    told, slot, seen = story.told, story.run.scheduled_for, story.run.context.get("missed", {})
    if (at := time_of(seen.get("attempt_at"))) is not None and isinstance(seen.get("code"), int):
        return Told(at, seen["code"], told.address if told is not None else "", is_unserved=True)
    if told is None or told.code == NEVER or slot is None or abs(told.at - slot) > SKEW:
        return None
    return told


def _google_says(story: Story, now: datetime) -> Saying:
    run, zone = story.run, story.run.job.time_zone
    text = _of_attempts(story, now)
    href = console.scheduler_logs_url(run.job.name, run.scheduled_for) if run.scheduled_for else ""
    link = ""
    if href and run.scheduled_for:
        link = _("%(time)s in Cloud Logging") % {"time": times.clock(run.scheduled_for, zone, now)}
    return Saying(_("Google says"), text, href=href, link=link)


def _of_attempts(story: Story, now: datetime) -> str:
    if tried := _tried(story):
        attempt = _last_attempt(tried, story.run.job.time_zone, now)
        return _("It tried: %(attempt)s") % {"attempt": attempt}
    told, slot = story.told, story.run.scheduled_for
    if told is None or slot is None:
        return _("Nothing: no attempt of this job has been read yet.")
    attempt = _last_attempt(told, story.run.job.time_zone, now)
    if told.at > slot:
        return _("Its last attempt is a later one: %(attempt)s It keeps no older one.") % {"attempt": attempt}
    if story.seen_at is not None and story.seen_at > slot + SKEW:
        return _("It had not tried by %(seen)s. Its last attempt was earlier: %(attempt)s") % {
            "seen": times.clock(story.seen_at, story.run.job.time_zone, now),
            "attempt": attempt,
        }
    return _("It has not been asked since. Its last attempt was earlier: %(attempt)s") % {"attempt": attempt}


def around(run: JobRun, now: datetime) -> str:
    """The minutes of a missed time in which is looked for what else arrived; empty without one."""
    if run.scheduled_for is None:
        return ""
    start, end = (times.clock(at, run.job.time_zone, now) for at in _edges(run.scheduled_for))
    return _("%(start)s to %(end)s") % {"start": start, "end": end}


def _edges(slot: datetime) -> tuple[datetime, datetime]:
    return slot - min(AROUND, slot - EARLIEST), slot + min(AROUND, LATEST - slot)


def _server(story: Story, now: datetime) -> str:
    slot = story.run.scheduled_for
    if slot is None:
        return ""
    zone = story.run.job.time_zone
    start, end = _edges(slot)
    between = {"start": times.clock(start, zone, now), "end": times.clock(end, zone, now)}
    arrived = sum(other.started_at is not None for other in story.beside)
    gone = sum(other.status == Status.MISSED for other in story.beside)
    if not arrived:
        text = _("No run of another job arrived between %(start)s and %(end)s.") % between
    elif arrived == MOST:
        text = _("Was up: %(n)d other runs and more arrived between %(start)s and %(end)s.")
        text %= {"n": arrived, **between}
    else:
        text = ngettext(
            "Was up: %(n)d other run arrived between %(start)s and %(end)s.",
            "Was up: %(n)d other runs arrived between %(start)s and %(end)s.",
            arrived,
        ) % {"n": arrived, **between}
    if gone:
        also = ngettext("%(n)d other was missed as well.", "%(n)d others were missed as well.", gone)
        text = f"{text} {also % {'n': gone}}"
    job = story.run.job
    if job.refused_at is not None and abs(job.refused_at - slot) <= 2 * AROUND:
        refused = _("A call of this job was refused at %(time)s: %(caller)s may not run tasks here.") % {
            "time": times.clock(job.refused_at, zone, now),
            "caller": job.refused_caller or _("its account"),
        }
        text = f"{text} {refused}"
    return text


def _paused(story: Story, now: datetime) -> str:
    job = story.run.job
    if job.is_paused(now):
        since = times.clock(job.paused_at, job.time_zone, now) if job.paused_at else _("an unknown time")
        return _("Yes, here, since %(time)s.") % {"time": since}
    if (job.live or {}).get("state") == PAUSED:
        return _("Not here, but in Google, as last seen.")
    return _("Not now, neither here nor in Google.") if job.live else _("Not here, now.")


def _so(story: Story) -> str:
    if tried := _tried(story):
        if tried.code == OK:
            return _(
                "Something else answered at that address: Google reports a success, and nothing ran here."
            )
        return _("Google tried, and its call did not get to this app.")
    if any(other.started_at is not None for other in story.beside):
        return _("Probably Google did not call for this job: others arrived at the same time.")
    if story.beside:
        return _("Probably nothing got to this server then: other jobs are missing too.")
    return _("What kept it is not known.")
