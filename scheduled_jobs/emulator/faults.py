"""Slow answers, lost answers, refusals and quotas on demand, and a record of the calls made."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Event, Lock
from typing import Literal, NamedTuple

from scheduled_jobs.emulator.rules import project_of
from scheduled_jobs.exceptions import StoreError

Phase = Literal["before", "after"]

WRITES = frozenset(f"{verb}Job" for verb in ("Create", "Update", "Delete", "Pause", "Resume", "Run"))
MUTATIONS = WRITES - {"RunJob", "CreateJob"}
MINUTE = timedelta(minutes=1)
FOREVER = timedelta(days=365)


class Call(NamedTuple):
    """One call as it arrived: ``("PauseJob", "projects/…/jobs/…")``, or the parent's name for ListJobs."""

    method: str
    name: str


@dataclass
class _Planned:
    phase: Phase
    method: str
    name: str | None
    error: StoreError
    times: int


class Faults:
    """What can go wrong with a call on its way to the store and back.

    ``latency``
        seconds that every call takes before it is looked at.
    ``writes_per_minute``
        quota of each project in any 60 s: calls beyond it answer RESOURCE_EXHAUSTED. None: no limit.
    ``settle``
        seconds for which a job that was just changed refuses the next change with ABORTED, as the service
        did with a delete sent right after a pause (recorded). 0: never.
    ``intercept``
        called as ``intercept(method, name, phase)`` around each call; what it raises is the answer:
        "before", nothing has been done yet; "after", all is done and only the answer is lost.
    ``calls``
        every call, in order of arrival, while ``record`` is true.
    """

    def __init__(
        self,
        *,
        latency: float = 0.0,
        writes_per_minute: int | None = None,
        settle: float = 0.0,
        intercept: Callable[[str, str, Phase], None] | None = None,
        record: bool = True,
    ) -> None:
        self.latency = latency
        self.writes_per_minute = writes_per_minute
        self.settle = settle
        self.intercept = intercept
        self.record = record
        self.calls: list[Call] = []
        self._lock = Lock()
        self._hurried = Event()
        self._planned: list[_Planned] = []
        self._writes: dict[str, deque[datetime]] = {}
        self._busy: dict[str, datetime] = {}

    def refuse(
        self, method: str, code: str, message: str = "", *, name: str | None = None, times: int = 1
    ) -> None:
        """Answer the next calls of the method (of the named job) with this status; nothing is done."""
        self._planned.append(_Planned("before", method, name, StoreError(code, message), times))

    def lose_answer(
        self, method: str, code: str = "DEADLINE_EXCEEDED", *, name: str | None = None, times: int = 1
    ) -> None:
        """Carry out the next calls of the method (on the named job), then answer with this status."""
        self._planned.append(_Planned("after", method, name, StoreError(code, "The answer was lost."), times))

    def hurry(self) -> None:
        """Let no call wait any longer, so that a stop need not."""
        self._hurried.set()

    @contextmanager
    def around(self, method: str, name: str, clock: Callable[[], datetime]) -> Iterator[None]:
        """Wrap one call; raises StoreError where it is to fail."""
        if self.record:
            self.calls.append(Call(method, name))
        if self.latency:
            self._hurried.wait(self.latency)
        self._raise_planned("before", method, name)
        self._count_write(method, name, clock())
        self._claim(method, name, clock())
        try:
            yield
        finally:
            self._release(method, name, clock())
        self._raise_planned("after", method, name)

    def _raise_planned(self, phase: Phase, method: str, name: str) -> None:
        if self.intercept is not None:
            self.intercept(method, name, phase)
        with self._lock:
            for planned in self._planned:
                if (planned.phase, planned.method) == (phase, method) and planned.name in (None, name):
                    planned.times -= 1
                    if not planned.times:
                        self._planned.remove(planned)
                    raise StoreError(planned.error.code, planned.error.message)

    def _count_write(self, method: str, name: str, now: datetime) -> None:
        if self.writes_per_minute is None or method not in WRITES:
            return
        project = project_of(name)
        with self._lock:
            writes = self._writes.setdefault(project, deque())
            while writes and writes[0] <= now - MINUTE:
                writes.popleft()
            if len(writes) >= self.writes_per_minute:
                raise StoreError(
                    "RESOURCE_EXHAUSTED",
                    "Quota exceeded for quota metric 'Write requests' and limit 'Write requests per minute' "
                    f"of service 'cloudscheduler.googleapis.com' for consumer 'projects/{project}'.",
                )
            writes.append(now)

    def _claim(self, method: str, name: str, now: datetime) -> None:
        if not self.settle or method not in MUTATIONS:
            return
        # Two changes of one job at once: the second is refused, whichever thread comes first.
        with self._lock:
            if self._busy.get(name, now) > now:
                raise StoreError("ABORTED", "sync mutate calls cannot be queued", resource=name)
            self._busy[name] = now + FOREVER

    def _release(self, method: str, name: str, now: datetime) -> None:
        if self.settle and method in MUTATIONS:
            with self._lock:
                self._busy[name] = now + timedelta(seconds=self.settle)
