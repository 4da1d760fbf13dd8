"""Check-ins at a service such as Healthchecks, which notices from outside that a job is silent.

They are sent by threads beside the run, which waits for none of them. The address is a secret.
"""

from __future__ import annotations

import threading
import time
from urllib.parse import urlsplit, urlunsplit

from scheduled_jobs import registry
from scheduled_jobs.domain.addresses import odd_character
from scheduled_jobs.exceptions import InvalidDefinition
from scheduled_jobs.logs import logger
from scheduled_jobs.models import JobRun
from scheduled_jobs.registry import Task
from scheduled_jobs.services.alerts.http import TIMEOUT, NotSent, host_shown, is_callable, post
from scheduled_jobs.services.alerts.owing import given_up_at

MOST = 20
"""Check-ins of a process that are under way at once: a service that hangs holds no more threads."""
MAX_BODY = 10_000
START, FAIL = "/start", "/fail"
THREAD = "scheduled_jobs.check_in"

_room = threading.BoundedSemaphore(MOST)


class CheckIn:
    """What one run tells at the address of its task: each after the one before."""

    def __init__(self, address: str, task: str) -> None:
        self._address, self._task = address, task
        self._last: threading.Thread | None = None

    def send(self, end: str, body: str = "") -> None:
        """Tell it, soon. Raises nothing; what cannot be sent is logged."""
        room = _room
        if not room.acquire(blocking=False):
            self._log("too many are under way")
            return
        before, content = self._last, body.encode(errors="replace")[:MAX_BODY]

        def post_in_turn() -> None:
            try:
                if before is not None:
                    before.join(TIMEOUT)
                post(_with_end(self._address, end), body=content)
            except NotSent as error:
                self._log(str(error))
            finally:
                room.release()

        self._last = threading.Thread(target=post_in_turn, name=THREAD, daemon=True)
        try:
            self._last.start()
        except RuntimeError as error:  # no more threads, or the process ends
            room.release()
            self._last = before
            self._log(str(error))

    def end(self, run: JobRun, status: str, error: str) -> None:
        """Tell how the run has ended; of a failure that Google tries again, nothing."""
        if status not in JobRun.FAILING:
            self.send("")
        elif given_up_at(run, run.job) is None:
            self.send(FAIL, error or status)

    def _log(self, why: str) -> None:
        host = host_shown(self._address)
        logger.warning("The check-in of %s at %s was not taken: %s", self._task, host, why)


def begin_check_in(task: type[Task]) -> CheckIn | None:
    """Tell the address of the task, if it has one, that a run has begun. Raises nothing."""
    if (check_in := _check_in_of(task)) is not None:
        check_in.send(START)
    return check_in


def check_in_lost(run: JobRun) -> None:
    """Tell the address of its task that a run is lost, whose process told it nothing more. Raises nothing.

    Where Google tries it again that attempt tells how it ends, and the service that none came.
    """
    task = registry.get(run.job.task)
    if task is not None and (check_in := _check_in_of(task)) is not None:
        check_in.end(run, run.status, run.error)


def finish_check_ins(seconds: float = TIMEOUT) -> None:
    """Wait until those under way are sent: the process may be about to end."""
    until = time.monotonic() + seconds
    for thread in threading.enumerate():
        if thread.name == THREAD:
            thread.join(max(until - time.monotonic(), 0))


def _check_in_of(task: type[Task]) -> CheckIn | None:
    try:
        address = check_in_address(task)
    except (Exception, SystemExit) as error:  # noqa: BLE001 – the user's code; the checks tell what is wrong
        name = registry.dotted_path(task)
        logger.warning("%s: schedule_ping_url() gives no address: %s", name, type(error).__name__)
        return None
    if address is None:
        return None
    return CheckIn(address, registry.dotted_path(task))


def check_in_address(task: type[Task]) -> str | None:
    """The address of the task; raises InvalidDefinition, which does not show it, for what is none."""
    address = task.schedule_ping_url()
    if address is None or address == "":
        return None
    if not isinstance(address, str):
        raise InvalidDefinition(f"it returned {type(address).__name__}; return an address, or None")
    if odd_character(address) is not None or not is_callable(address):
        raise InvalidDefinition(
            f"it is no http or https address, at {host_shown(address)}; return the whole one, as the service "
            "shows it"
        )
    return address


def _with_end(address: str, end: str) -> str:
    parts = urlsplit(address)
    return urlunsplit(parts._replace(path=parts.path.rstrip("/") + end if end else parts.path))
