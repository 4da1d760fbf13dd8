"""The watch: one step that notices what nobody was told of, and brings to an end what was left behind.

Google keeps no history and tells of no run that did not come, so that somebody has to look: the built-in task
``WatchJobs``, ``manage.py scheduled_jobs watch``, or, where neither does, a delivery for a few jobs.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.db import Error
from django.db.models import Q

from scheduled_jobs.conf import PREFIX, in_tests, settings
from scheduled_jobs.exceptions import BackendError
from scheduled_jobs.logs import logger
from scheduled_jobs.models import JobRun, LastWatch, ScheduledJob
from scheduled_jobs.services import alerts, execution, scheduling
from scheduled_jobs.services.history import stats
from scheduled_jobs.services.monitoring.judging import Judgement, judge, suspects
from scheduled_jobs.services.scheduling.drift import look_at_rows
from scheduled_jobs.services.scheduling.settling import LEFT_BEHIND

PATIENCE = 100.0
"""Seconds that a step takes at most: less than the attempt deadline of the task that makes it."""
TELLING = 20.0
"""Seconds in which a step sends what is to be told."""
FOLDS = 20
"""Transactions in which a step brings the figures up to date."""
MOST_PUSHED = 200
"""Pushes left behind that one step makes."""
MOST_SENT = 20
"""Runs that were asked for and not delivered that one step sends again."""
SOON, FEW = timedelta(minutes=15), 20
"""So long after the last step, a delivery watches a few jobs, once a minute."""
EVERY = 60.0
MINUTE = timedelta(minutes=1)
UNWATCHED = timedelta(days=1)
"""After so long without a step nobody watches."""
WATCH_JOBS = "scheduled_jobs.builtin.WatchJobs"


@dataclass
class WatchStep:
    """What one step has found and done."""

    at: datetime
    google: str = ""
    """Why Google was not asked, or did not answer; empty where it did."""
    judgement: Judgement = field(default_factory=Judgement)
    lost: list[JobRun] = field(default_factory=list)
    settled: int = 0
    """Runs that were asked for and were sent again or given up."""
    differing: list[str] = field(default_factory=list)
    """Jobs of which Google has something else than is wanted here."""
    pushed: int = 0
    failures: list[str] = field(default_factory=list)
    """Parts of the step that went wrong, and why; the others were done all the same."""

    @property
    def missed(self) -> list[JobRun]:
        """The missed runs that this step has written."""
        return self.judgement.missed


def step(now: datetime, *, seconds: float = PATIENCE) -> WatchStep:
    """Look at Google and at the runs once, and write down what is found; raises the database's Error.

    What one part of it meets, another is not kept from. Two steps at once write nothing twice.
    """
    until = time.monotonic() + seconds
    watched = WatchStep(now)
    ScheduledJob.objects.end_pauses(now)
    # Before anything is told: what somebody has paused or changed in Google is not owed.
    _look(watched)
    with _part(watched, "lost runs"):
        watched.lost = execution.expire(now)
    with _part(watched, "missed runs"):
        watched.judgement = judge(now, until=until)
    if not watched.google:
        with _part(watched, "undelivered runs"):
            watched.settled = _settle()
        with _part(watched, "pushes"):
            watched.pushed = _push_left_behind(now, until)
    with _part(watched, "deletions"):
        for _runs in scheduling.finish_deletions():
            if time.monotonic() >= until:
                break
    alerts.send_owed(now, seconds=TELLING)
    if watched.lost:
        alerts.finish_check_ins()
    stats.catch_up(most=FOLDS)
    _, is_first = LastWatch.objects.get_or_create(pk=1, defaults={"at": now})
    if not is_first:
        LastWatch.objects.filter(pk=1, at__lt=now).update(at=now)
    return watched


@contextmanager
def _part(watched: WatchStep, name: str) -> Iterator[None]:
    """What goes wrong in a part of the step is told, and the others go on; without a database none does."""
    try:
        yield
    except Error:
        raise
    except ImproperlyConfigured as error:  # it says itself what is wrong, and where
        logger.error("The watch could not look after %s: %s", name, error)  # noqa: TRY400
        watched.failures.append(f"{name}: {error}")
    except Exception as error:
        logger.exception("The watch could not look after %s", name)
        watched.failures.append(f"{name}: {type(error).__name__}: {error}")


def _look(watched: WatchStep) -> None:
    """One list of all jobs, kept on their rows: what they have, their last attempts, what differs."""
    if settings.mode != "google":
        watched.google = "pushes are off" if settings.mode == "push-off" else "tasks are run eagerly"
        return
    try:
        report = look_at_rows()
    except BackendError as error:
        watched.google = str(error) or type(error).__name__
        # No warning, which a terminal would show beside the line that says the same.
        logger.info("The watch judges by the runs alone: %s", watched.google)
        return
    changes = report.plan.of_kind("create", "update", "refuse", "orphan")
    watched.differing = [change.label for change in changes]


def _settle() -> int:
    queued = JobRun.objects.filter(status=JobRun.Status.QUEUED)
    if not queued.exists():
        return 0
    before = set(queued.values_list("pk", "sent"))
    scheduling.settle(most=MOST_SENT)
    return len(before - set(queued.values_list("pk", "sent")))


def _push_left_behind(now: datetime, until: float) -> int:
    """Push the rows whose writer has died before its push, whose class was missing there, or that failed.

    Google may have been away: a push that failed is tried again after 1, 2, 4 minutes and so on, then hourly.
    """
    state = ScheduledJob.SyncState
    unsent = ScheduledJob.objects.filter(
        Q(push_token=None) | Q(push_until__lt=now),
        sync_state__in=(state.PENDING, state.FAILED),
        edited_at__lt=now - LEFT_BEHIND,
    )
    before = last_step()
    rows = unsent.order_by("edited_at").values_list("pk", "sync_state", "edited_at")
    pks = [
        pk
        for pk, sync_state, edited_at in rows
        if sync_state == state.PENDING or before is None or _tries(edited_at, now) > _tries(edited_at, before)
    ][:MOST_PUSHED]
    if not pks or (left := until - time.monotonic()) <= 0:
        return 0
    failed = scheduling.push_jobs(pks, seconds=left)
    return len(pks) - len(failed)


def _tries(edited_at: datetime, at: datetime) -> int:
    """How often a push that failed was to be tried again by then."""
    minutes = max((at - edited_at) // MINUTE, 0)
    return min(minutes.bit_length(), 6) + minutes // 60


# --- Who watches ------------------------------------------------------------------------------------------


def last_step() -> datetime | None:
    """When somebody last made a step; None if nobody ever did."""
    return LastWatch.objects.values_list("at", flat=True).first()


def is_watched(now: datetime) -> bool:
    """Whether somebody has watched in the last day."""
    at = last_step()
    return at is not None and now - at <= UNWATCHED


def line_to_add() -> str:
    """The line of the settings that makes somebody watch; empty where it is there already."""
    try:
        named = settings.BUILTIN_TASKS
    except ImproperlyConfigured:  # which the checks tell
        named = []
    if WATCH_JOBS in named:
        return ""
    return f"{PREFIX}BUILTIN_TASKS = {json.dumps([*named, WATCH_JOBS])}"


class _Deliveries:
    """The clock of this process, by which its deliveries watch where nobody else does."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self.next = clock() + EVERY
        self.last = 0
        """The job that was watched last: the few after it are next."""

    def is_due(self) -> bool:
        """Whether a minute has passed; of the threads of a process one takes it."""
        if self.clock() < self.next:
            return False
        self.next = self.clock() + EVERY
        return True

    def some(self) -> list[int]:
        """The next few jobs in turn."""
        rows = ScheduledJob.objects.active().order_by("pk")
        pks = rows.values_list("pk", flat=True)
        found = list(pks.filter(pk__gt=self.last)[:FEW]) or list(pks[:FEW])
        self.last = found[-1] if found else 0
        return found


_deliveries = _Deliveries()


def watch_after_delivery(now: datetime, deliveries: _Deliveries = _deliveries) -> list[JobRun]:
    """Watch a few jobs after a delivery was answered, where nobody else watches. Raises nothing.

    Google is asked only where a run seems to be missed: an ordinary delivery costs nothing by this.
    """
    if not deliveries.is_due() or (deliveries is _deliveries and in_tests()):
        return []
    try:
        return _watch_few(now, deliveries)
    except Exception:
        logger.exception("a delivery could not watch other jobs")
        return []


def _watch_few(now: datetime, deliveries: _Deliveries) -> list[JobRun]:
    at = last_step()
    if at is not None and now - at <= SOON:
        return []
    execution.expire(now)
    few = deliveries.some()
    if not (seeming := suspects(now, few)):
        return judge(now, jobs=few).missed
    _look(WatchStep(now))
    return judge(now, jobs=seeming).missed


# --- What is said of it -----------------------------------------------------------------------------------


def step_lines(watched: WatchStep) -> Iterator[str]:
    """What a step has found, a line each, in plain words."""
    if watched.google:
        yield f"Google was not asked, or did not answer ({watched.google}): judged by the runs alone."
    yield from (f"[missed] {run.job.name}: {run.error}" for run in watched.missed)
    yield from (f"[lost] {run.job.name}: {run.error}" for run in watched.lost)
    yield from (f"[differs] {label}" for label in watched.differing)
    if watched.settled:
        yield f"{watched.settled} undelivered runs were sent again or given up."
    if watched.pushed:
        yield f"{watched.pushed} edits left behind were sent to Google."
    if watched.judgement.left:
        yield f"Left for the next step, jobs: {watched.judgement.left}."
    yield from (f"[!] {failure}" for failure in watched.failures)


def step_values(watched: WatchStep) -> dict[str, Any]:
    """The same for ``--json``."""
    return {
        "at": watched.at,
        "google": watched.google,
        "missed": [_run(run) for run in watched.missed],
        "lost": [_run(run) for run in watched.lost],
        "differing": watched.differing,
        "judged": watched.judgement.judged,
        "doubtful": sum(watched.judgement.doubtful.values()),
        "google_busy": watched.judgement.busy,
        "settled": watched.settled,
        "pushed": watched.pushed,
        "left": watched.judgement.left,
        "failures": watched.failures,
    }


def _run(run: JobRun) -> dict[str, Any]:
    return {"job": run.job.name, "run": run.pk, "scheduled_for": run.scheduled_for, "error": run.error}
