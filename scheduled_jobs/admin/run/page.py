"""What the page of a run shows, as finished values: a sentence, the steps, the neighbours, the facts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from scheduled_jobs.admin.page import Live
from scheduled_jobs.admin.run import console, logs
from scheduled_jobs.admin.run.google import around, evidence, googles_answer, not_yet
from scheduled_jobs.admin.run.rows import run_attempts, run_beside, run_facts, run_neighbours, run_steps
from scheduled_jobs.admin.run.sentence import attempt_of_queued, headline_of, is_forgotten
from scheduled_jobs.admin.words import (
    RUN_BADGES,
    JobName,
    attempt_banner,
    first_line,
    is_overdue,
    masked_entry,
    masked_parts,
    times,
)
from scheduled_jobs.domain import traces
from scheduled_jobs.domain.jobs import same_json
from scheduled_jobs.models import JobRun, ScheduledJob
from scheduled_jobs.services.history.run_story import Story

Status = JobRun.Status

EVERY = 3
"""Seconds between two looks at a run that goes on, while its page is seen."""


def build(story: Story, asked: Mapping[str, str], now: datetime) -> dict[str, Any]:
    """What the templates show of a run whose job is loaded, at ``now`` (aware).

    ``asked`` is what the address chose: ``level`` of the log, ``trace`` in full.
    """
    run, job = story.run, story.run.job
    zone = job.time_zone
    told = attempt_of_queued(story)
    headline = headline_of(story, now)
    is_missed = run.status == Status.MISSED
    trace = traces.read(run.traceback) if run.traceback else None
    return {
        "whys": [attempt_banner(told, zone)] if told is not None else [],
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
        "steps": run_steps(story, now),
        "attempts": run_attempts(story, now),
        "slot": times.clock(run.scheduled_for, zone, now) if run.scheduled_for else "",
        "neighbours": run_neighbours(story, now) if not is_missed or story.reruns else [],
        "facts": run_facts(story, now),
        "is_missed": is_missed,
        "evidence": evidence(story, now) if is_missed else [],
        "beside": run_beside(story, now),
        "around": around(run, now),
        "after": _after_missed(story, now),
        "missed_since": times.clock(story.also_missed[0].at, zone, now) if story.also_missed else "",
        "all_missed": len(story.also_missed),
        "google": [] if is_missed else googles_answer(story, now),
        "google_note": not_yet(run, now),
        "asked_google": times.clock(story.seen_at, zone, now) if story.seen_at else "",
        "payload": masked_parts({} if run.payload is None else run.payload),
        "payload_note": _payload_note(run, job),
        "payload_changes": _payload_changes(run, job),
        "result": masked_parts(run.result) if run.result is not None else None,
        "result_note": _result_note(run),
        "trace": trace,
        "has_more_error": not is_missed and bool(trace or run.error.strip() != first_line(run.error)),
        "is_full_trace": asked.get("trace") == "full",
        "log": logs.read_log(run.log, asked.get("level", ""), zone),
        "console_logs": console.logs_url(run),
        "notes": [str(note) for note in run.context.get("notes", [])],
    }


def _after_missed(story: Story, now: datetime) -> str:
    """Why a run that was missed may be left, where that is known."""
    following = story.next
    if following is None or following.status != Status.SUCCEEDED:
        return ""
    at = times.clock(following.scheduled_for or following.at, story.run.job.time_zone, now)
    return _("The run of %(time)s, after it, has succeeded.") % {"time": at}


def _payload_note(run: JobRun, job: ScheduledJob) -> str:
    if run.payload is not None and not same_json(run.payload, job.payload):
        return _("not the one in force")
    return _("as it ran") if run.started_at else _("the one in force")


def _payload_changes(run: JobRun, job: ScheduledJob) -> list[tuple[str, str]]:
    """Each key that differs, with what is in force now, masked; empty where the key is not there."""
    then, now = run.payload, job.payload
    if not isinstance(then, Mapping) or not isinstance(now, Mapping):
        return []
    return [
        (str(name), masked_entry(now, name) if name in now else "")
        for name in dict.fromkeys([*then, *now])
        if not (name in then and name in now and same_json(then[name], now[name]))
    ]


def _result_note(run: JobRun) -> str:
    """Why a run that has a result, or will have one, shows none."""
    return {
        Status.QUEUED: _("Not yet: the run has not started."),
        Status.RUNNING: _("Not yet: the run has not finished."),
        Status.SUCCEEDED: _("None was kept.")
        if run.context.get("notes")
        else _("None: run() returned nothing."),
    }.get(Status(run.status), "")


def title_of(run: JobRun) -> str:
    """What the page is called: the run and the short name of its job."""
    return _("Run %(run)s of %(job)s") % {"run": run.pk, "job": JobName.for_job(run.job).short}


def tools(story: Story, allowed: Any, now: datetime, *, waiting: int) -> dict[str, bool]:
    """Which actions a user may take on this run now; ``waiting`` is how many of its backfill wait."""
    run = story.run
    last = story.attempts[-1] if story.attempts else run
    is_missed = run.status == Status.MISSED and last.pk == run.pk
    others = waiting - (run.status == Status.QUEUED)
    return {
        "run_missed": allowed.run and is_missed,
        "rerun": allowed.run and run.is_over and not is_missed,
        "rerun_with_changes": allowed.run_with_payload and run.is_over,
        "cancel": allowed.run and run.status == Status.QUEUED,
        "cancel_backfill": allowed.run and others > 0,
        "settle": allowed.run and (is_overdue(run, now) or is_forgotten(story, now)),
        "deal_with": allowed.run and run.status in JobRun.GONE and run.acknowledged_at is None,
        "take_back": allowed.run and run.acknowledged_at is not None,
    }
