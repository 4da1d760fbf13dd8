"""What the page of a run shows, as finished values: a sentence, the steps, the neighbours, the facts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _

from scheduled_jobs.admin.page import Live
from scheduled_jobs.admin.run import traces
from scheduled_jobs.admin.run.rows import run_attempts, run_facts, run_neighbours, run_steps
from scheduled_jobs.admin.run.sentence import headline_of
from scheduled_jobs.admin.words import RUN_BADGES, JobName, attempt_banner, is_overdue, masked_parts
from scheduled_jobs.domain.attempts import SKEW
from scheduled_jobs.models import JobRun, ScheduledJob
from scheduled_jobs.services.history.last_attempts import Told, told_of

if TYPE_CHECKING:
    from datetime import datetime

    from scheduled_jobs.services.history.run_story import Story

Status = JobRun.Status

EVERY = 3
"""Seconds between two looks at a run that goes on, while its page is seen."""


def build(story: Story, now: datetime) -> dict[str, Any]:
    """What the templates show of a run whose job is loaded, at ``now`` (aware)."""
    run, job = story.run, story.run.job
    zone = job.time_zone
    told = attempt_of_queued(run)
    headline = headline_of(story, told, now)
    return {
        "whys": [attempt_banner(told, zone)] if told is not None and told.is_unserved else [],
        "zone": zone,
        "live": Live.of(
            now,
            zone,
            every=0 if run.is_over else EVERY,
            status=run.status,
            say=headline.spoken,
            mark=f"{RUN_BADGES[run.status].word}:",
        ),
        "headline": headline,
        "steps": run_steps(run, told, zone, now),
        "attempts": run_attempts(story, now),
        "neighbours": run_neighbours(story, now),
        "facts": run_facts(run, job, zone, now),
        "payload": masked_parts({} if run.payload is None else run.payload),
        "payload_note": _payload_note(run, job),
        "result": masked_parts(run.result) if run.result is not None else None,
        "result_note": _result_note(run),
        "trace": traces.read(run.traceback) if run.traceback else None,
        "log": run.log.splitlines(),
        "is_overdue": is_overdue(run, now),
        "notes": [str(note) for note in run.context.get("notes", [])],
    }


def _payload_note(run: JobRun, job: ScheduledJob) -> str:
    if run.payload is not None and run.payload != job.payload:
        return _("not the one in force")
    return _("as it ran") if run.started_at else _("the one in force")


def _result_note(run: JobRun) -> str:
    if run.result is not None:
        return ""
    notes = {
        Status.QUEUED: _("Not yet: the run has not begun."),
        Status.RUNNING: _("Not yet: the run has not ended."),
        Status.SUCCEEDED: _("None: run() returned nothing."),
    }
    if run.status == Status.SUCCEEDED and run.context.get("notes"):
        return _("None was kept.")
    if run.status in notes:
        return notes[Status(run.status)]
    if run.started_at is None:
        return _("None: the run never began.")
    return _("None: the run ended before it returned.")


def attempt_of_queued(run: JobRun) -> Told | None:
    """What Google tried since it was asked for a run that still waits."""
    told = told_of(run.job) if run.status == Status.QUEUED and run.sent_at is not None else None
    return told if told is not None and run.sent_at is not None and told.at >= run.sent_at - SKEW else None


def title_of(run: JobRun) -> str:
    """What the page is called: the run and the short name of its job."""
    return _("Run %(run)s of %(job)s") % {"run": run.pk, "job": JobName.for_job(run.job).short}


def tools(run: JobRun, allowed: Any) -> dict[str, bool]:
    """Which actions a user may take on this run now."""
    return {
        "rerun": allowed.run and run.is_over,
        "rerun_with_changes": allowed.run_with_payload and run.is_over,
        "cancel": allowed.run and run.status == Status.QUEUED,
    }
