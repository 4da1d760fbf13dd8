"""What is sent to Sentry when a run begins and ends.

Its SDK puts everything into a queue of its own: no run waits for Sentry. What a receiver raises is logged,
as for every signal, and changes nothing.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import sentry_sdk
from django.utils import timezone
from sentry_sdk.crons import capture_checkin
from sentry_sdk.integrations.logging import ignore_logger

from scheduled_jobs import signals
from scheduled_jobs.contrib.sentry.monitors import (
    check_in_of,
    is_tried_again,
    makes_check_in,
    monitor_of,
    slug_of,
)
from scheduled_jobs.logs import failures
from scheduled_jobs.models import JobRun
from scheduled_jobs.services.alerts.links import page

if TYPE_CHECKING:
    from sentry_sdk import Scope
    from sentry_sdk.types import Event, Hint

SCOPE = "_scheduled_jobs_sentry_scope"
"""The attribute of a run that keeps what its scope is left by."""
UID = "scheduled_jobs.contrib.sentry"
MAX_TAG = 200
"""Letters of a tag: Sentry drops a longer one."""


def connect_sentry() -> None:
    """Listen from now on."""
    # The same failure comes here with its exception and all that is known of the run.
    ignore_logger(failures.name)
    signals.run_started.connect(check_in_start, sender=JobRun, dispatch_uid=UID)
    signals.run_finished.connect(check_in_end, sender=JobRun, dispatch_uid=UID)
    signals.run_skipped.connect(check_in_skipped, sender=JobRun, dispatch_uid=UID)
    signals.run_failed.connect(report_exception, sender=JobRun, dispatch_uid=UID)


def check_in_start(run: JobRun, **_: Any) -> None:
    """The check-in that it is in progress; and whatever is sent from within the run says which run it was."""
    scope = sentry_sdk.new_scope()
    vars(run)[SCOPE] = scope
    # Left with the context of the run, which is a copy, or at its end.
    _describe(scope.__enter__(), run)
    if makes_check_in(run):
        _check_in(run, "in_progress")


def check_in_end(run: JobRun, **_: Any) -> None:
    """The check-in of how it ended, unless Google tries again: then that attempt makes it."""
    if (scope := vars(run).pop(SCOPE, None)) is not None:
        with suppress(ValueError):  # the context in which it was entered is gone
            scope.__exit__(None, None, None)
    if not makes_check_in(run) or is_tried_again(run, timezone.now()):
        return
    _check_in(run, "error" if run.status in JobRun.FAILING else "ok")


def check_in_skipped(run: JobRun, **_: Any) -> None:
    """Google has come, and nothing was to run: a check-in that Sentry waits for all the same."""
    if makes_check_in(run):
        _check_in(run, "ok")


def report_exception(run: JobRun, exception: BaseException | None, **_: Any) -> None:
    """The exception, with the run that it has ended."""
    if exception is None:
        return
    with sentry_sdk.new_scope() as scope:
        _describe(scope, run)
        sentry_sdk.capture_exception(exception)


def _check_in(run: JobRun, status: str) -> None:
    duration = run.duration.total_seconds() if run.duration is not None else None
    capture_checkin(slug_of(run.job), check_in_of(run), status, duration, monitor_of(run.job))


def _describe(scope: Scope, run: JobRun) -> None:
    job = run.job
    scope.set_tag("scheduled_job", job.name[:MAX_TAG])
    scope.set_context(
        "scheduled job",
        {
            "job": job.name,
            "task": job.task,
            "run": run.pk,
            "scheduled for": run.scheduled_for.isoformat() if run.scheduled_for is not None else None,
            "attempt": run.attempt,
            "trigger": run.trigger,
            "release": run.code_version,
            "link": page("jobrun_change", run.pk),
        },
    )

    def without_secrets(event: Event, _hint: Hint) -> Event:
        """Frames bring along what the task had in its hands: the payload too."""
        cleaned: Event = _cleaned(event, run)
        return cleaned

    scope.add_event_processor(without_secrets)


def _cleaned(value: Any, run: JobRun) -> Any:
    if isinstance(value, dict):
        return {key: _cleaned(inner, run) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_cleaned(inner, run) for inner in value]
    return run.redactor.value(value)
