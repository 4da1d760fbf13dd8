"""Running the task: from the row that says ``running`` to what is to be written at the end."""

from __future__ import annotations

import asyncio
import decimal
import inspect
import json
import sys
import traceback
from collections.abc import Callable, Mapping
from contextlib import ExitStack, nullcontext
from contextvars import copy_context
from dataclasses import dataclass, field
from datetime import datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any

from asgiref.sync import async_to_sync
from django.http import HttpRequest

from scheduled_jobs import registry, signals
from scheduled_jobs.conf import settings
from scheduled_jobs.domain.errors import error_key, place_of
from scheduled_jobs.domain.metadata import TaskMetadata
from scheduled_jobs.domain.payloads import Signature, storable
from scheduled_jobs.exceptions import DiscardTask, TaskExited
from scheduled_jobs.logs import failures
from scheduled_jobs.models import JobRun
from scheduled_jobs.registry import Task
from scheduled_jobs.services.execution.capture import RunLog, shortened, show_to, taking_records
from scheduled_jobs.services.execution.leftovers import connections_put_back, process
from scheduled_jobs.services.execution.stopping import Handlers, one_process
from scheduled_jobs.services.execution.telling import send

if TYPE_CHECKING:
    from scheduled_jobs.services.execution.heartbeat import Report


Status = JobRun.Status

MAX_ERROR = 10_000
MAX_TRACEBACK = 100_000
MAX_RESULT = 1_000_000
"""Characters: each look at the run loads all of them."""


@dataclass(slots=True)
class Outcome:
    """How a run ended. ``value`` is what ``run()`` returned, ``result`` what of it can be kept.

    ``raised`` is what ``run()`` raised, as whoever called for the run may be given it. A process that is
    being stopped (``is_stopping``) raises it again once the end is written.
    """

    status: str
    value: Any = None
    result: Any = None
    error: str = ""
    error_key: str = ""
    traceback: str = ""
    notes: list[str] = field(default_factory=list)
    raised: BaseException | None = None
    is_stopping: bool = False


def execute(
    run: JobRun,
    task: type[Task],
    arguments: Mapping[str, Any] | None,
    *,
    clock: Callable[[], datetime],
    report: Report,
    log: RunLog | None = None,
    request: HttpRequest | None = None,
    headers: Mapping[str, str] | None = None,
) -> Outcome:
    """Run the task of a row that says ``running``. Raises nothing, whatever the task does.

    ``arguments`` None: the payload of the row is validated first, as part of the run. Its progress goes to
    ``report``, its log records to ``log``, which is set on ``run`` at the end.
    """
    # What a task activates, its zone and its language above all, is gone with the copy.
    with nullcontext() if log is None else taking_records():
        outcome = copy_context().run(_execute, run, task, arguments, clock, report, log, request, headers)
    if log is not None:
        run.log = log.end()
    return outcome


def log_of(run: JobRun) -> RunLog | None:
    """What the log records of a run are taken into; None where LOG_LEVEL wants none."""
    level = settings.log_level
    return None if level is None else RunLog(level, run.redactor.text)


def _execute(
    run: JobRun,
    task: type[Task],
    arguments: Mapping[str, Any] | None,
    clock: Callable[[], datetime],
    report: Report,
    log: RunLog | None,
    request: HttpRequest | None,
    headers: Mapping[str, str] | None,
) -> Outcome:
    show_to(log)
    # The one thing there that is changed in place.
    decimal.setcontext(decimal.getcontext().copy())
    handlers, has_begun, is_stop = Handlers(), False, False
    left = ExitStack()
    left.enter_context(process.put_back())
    left.enter_context(connections_put_back())
    try:
        send(signals.run_started, run)
        if arguments is None:
            keys = settings.REDACTED_KEYS
            arguments = Signature.of(task.run).validate(run.payload or {}, secret_keys=keys)
        instance = task()
        # Not by assignment, which a frozen dataclass refuses.
        vars(instance).update(request=request, _progress=report, _metadata=metadata_of(run, headers))
        has_begun = True
        with one_process():
            value = _call(instance, arguments)
    except DiscardTask as error:
        return Outcome(Status.DISCARDED, error=shortened(run.redactor.text(_text_of(error)), MAX_ERROR))
    except BaseException as error:  # noqa: BLE001 – a row that says running must get its end
        is_stop = handlers.is_stop(error)
        if has_begun and isinstance(error, SystemExit) and not is_stop and error.code in (None, 0):
            return Outcome(Status.SUCCEEDED, notes=["run() was ended by sys.exit()."])
        return _failure(run, task, error, clock(), is_stop=is_stop)
    finally:
        left.close()
        if not is_stop:  # which may have taken its handler away, to be heard once only
            handlers.put_back()
    return _success(run, value)


def metadata_of(run: JobRun, headers: Mapping[str, str] | None = None) -> TaskMetadata:
    """What the run is told of itself."""
    return TaskMetadata(
        task=run.job.task,
        job_name=run.job.name,
        scheduled_for=run.scheduled_for or run.created_at,
        attempt=run.attempt,
        trigger=run.trigger,
        run_id=run.pk,
        deadline=run.deadline_at,
        headers={} if headers is None else headers,
    )


def _call(task: Task, arguments: Mapping[str, Any]) -> Any:
    returned = task.run(**arguments)
    if _is_unrun(returned, task.run):
        raise TypeError("run() returned a generator, whose body is only run by whoever iterates over it")
    if not inspect.isawaitable(returned):
        return returned
    if _has_greenlets_for_threads():
        getattr(returned, "close", lambda: None)()
        raise RuntimeError(
            "an async run() needs a thread of its own, and gevent has none: while its loop runs, Django "
            "refuses the database to every other request of the process. Write a plain run(), or use other "
            "workers."
        )

    async def wait() -> Any:
        return await returned

    # In a loop of its own: what ends a loop, such as SystemExit in one of its tasks, must not end a server's.
    return async_to_sync(wait, force_new_loop=True)()


def _has_greenlets_for_threads() -> bool:
    gevent = sys.modules.get("gevent.monkey")
    return gevent is not None and bool(gevent.is_module_patched("threading"))


def _is_unrun(returned: Any, run: Callable[..., Any]) -> bool:
    """Whether this is the generator of ``run()`` itself, whose body has not begun; any other is a result."""
    code = getattr(returned, "gi_code", None) or getattr(returned, "ag_code", None)
    return code is not None and (
        code.co_name == "run" or code is getattr(inspect.unwrap(run), "__code__", None)
    )


def _success(run: JobRun, value: Any) -> Outcome:
    try:
        result = run.redactor.value(storable(value))
        length = len(json.dumps(result))
        why = f"as JSON it has {length:,} characters; write at most {MAX_RESULT:,}" * (length > MAX_RESULT)
    except (ValueError, TypeError, RecursionError) as error:
        why = shortened(run.redactor.text(str(error)), 500)
    if not why:
        return Outcome(Status.SUCCEEDED, value=value, result=result)
    # The work is done: a retry would repeat it for ever.
    return Outcome(Status.SUCCEEDED, value=value, notes=[f"The result was not kept: {why}"])


def _failure(run: JobRun, task: type[Task], error: BaseException, now: datetime, *, is_stop: bool) -> Outcome:
    outcome = Outcome(Status.FAILED, raised=error, is_stopping=is_stop)
    is_cut_off = outcome.is_stopping or isinstance(error, asyncio.CancelledError)
    if is_cut_off and run.deadline_at is not None and run.deadline_at < now:
        # The server has stopped the process because it took too long: Google has long hung up.
        outcome.status = Status.TIMED_OUT
    elif outcome.is_stopping:
        # Nothing that the task has done: as though the process had died, but known at once.
        outcome.status = Status.LOST
    if not outcome.is_stopping and not isinstance(error, Exception):
        # Whoever calls for the run here and now must not be ended by what the task does.
        outcome.raised = TaskExited(
            f"{registry.dotted_path(task)} raised {type(error).__name__}: {_text_of(error)}"
        )
        outcome.raised.__cause__ = error
    name, text = type(error).__name__, run.redactor.text(_text_of(error))
    outcome.error = shortened(f"{name}: {text}" if text else name, MAX_ERROR)
    is_own = outcome.status == Status.FAILED
    outcome.error_key = error_key(name, text, place_of(error)) if is_own else outcome.status
    lines = "".join(traceback.format_exception(type(error), error, _below_us(error.__traceback__)))
    kept = run.redactor.text(lines)
    outcome.traceback = shortened(kept, MAX_TRACEBACK)
    # Error trackers want the exception itself; with a secret in it they get what is kept of it.
    shown = error if kept == lines else None
    run.exception = shown or _stand_in(error, shortened(text, MAX_ERROR))
    path = registry.dotted_path(task)
    failures.error("%s failed in run %s: %s", path, run.pk, outcome.error, exc_info=shown)
    return outcome


def _stand_in(error: BaseException, text: str) -> Exception:
    """An exception of the same name, raised at the same place, that says ``text``."""
    kind = type(error)
    names = {"__module__": kind.__module__, "__qualname__": kind.__qualname__}
    made: Exception = type(kind.__name__, (Exception,), names)(text)
    return made.with_traceback(error.__traceback__)


def _text_of(error: BaseException) -> str:
    try:
        return str(error)
    except BaseException:  # noqa: BLE001 – an exception of the task's own may not even be shown
        return "(its message cannot be shown)"


def _below_us(frames: TracebackType | None) -> TracebackType | None:
    """The traceback without the frames of this module, if anything is below them."""
    rest = frames
    while rest is not None and rest.tb_frame.f_code.co_filename == __file__:
        rest = rest.tb_next
    return rest or frames
