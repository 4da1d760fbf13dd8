"""A daemon thread beside the requests of a process, which does what is due and sleeps in between."""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from django.db import connections

from scheduled_jobs.logs import logger

_BEGINNING = datetime.now(UTC) - timedelta(seconds=time.monotonic())


def steady_now() -> datetime:
    """The time by a clock that nobody sets: what is due is not late by the hour that one is put back."""
    return _BEGINNING + timedelta(seconds=time.monotonic())


class Clockwork(ABC):
    """What has to be done, and the thread that does it: begun with the first thing, by whoever adds it.

    ``_condition`` guards the list of things. A child process begins without it and without them.
    """

    name = ""

    def __init__(self, clock: Callable[[], datetime] = steady_now) -> None:
        self._clock = clock
        self._is_closing = False
        self.after_fork()

    @abstractmethod
    def step(self, now: datetime) -> datetime | None:
        """Do all that is due at ``now``; returns when the next thing is, None where there is none."""

    @abstractmethod
    def _due_at(self) -> datetime | None:
        """When the next thing is due. The condition is held."""

    def after_fork(self) -> None:
        """A child process has none of its parent's threads."""
        self._condition = threading.Condition()
        self._thread: threading.Thread | None = None
        self._wakes_at: datetime | None = None
        """When the thread looks again by itself; None where it waits to be woken, or is busy."""

    def _wake(self) -> None:
        with self._condition:
            self._notify()

    def _notify(self) -> None:
        # Most runs are over long before anything is due: the thread, once woken, sleeps past all of them.
        due_at = self._due_at()
        if self._wakes_at is None or (due_at is not None and due_at < self._wakes_at):
            self._condition.notify()

    def _wake_or_start(self) -> None:
        """The condition is held."""
        if not self._is_closing and (self._thread is None or not self._thread.is_alive()):
            self._start()
        self._notify()

    def _start(self) -> None:
        thread = threading.Thread(target=self._work, name=f"scheduled-jobs-{self.name}", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:
            # No thread can be had: runs go on, and count as lost if they outlive their first lease.
            logger.warning("The thread of the %s could not be started: %s", self.name, error)
        else:
            self._thread = thread

    def _work(self) -> None:
        _leave_pools()
        while True:
            with self._condition:
                due_at, now = self._due_at(), self._clock()
                if due_at is None and self._is_closing:
                    return
                if due_at is None or due_at > now:
                    self._wakes_at = due_at
                    self._condition.wait(None if due_at is None else (due_at - now).total_seconds())
                    self._wakes_at = None
                    continue
            self.step(now)
            # Between two steps lie seconds: a connection is not kept for so little.
            connections.close_all()


def _leave_pools() -> None:
    """Take this thread's connections past the pools, which the runs themselves may hold whole."""
    for alias in connections:
        connection = connections[alias]
        if connection.settings_dict.get("OPTIONS", {}).get("pool"):
            connections[alias] = own = connection.copy()
            own.settings_dict["OPTIONS"]["pool"] = False
