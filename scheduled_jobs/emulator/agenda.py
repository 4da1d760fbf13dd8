"""What is due when: one time for each key, the earliest found without looking at the others."""

from __future__ import annotations

import heapq
from collections.abc import Hashable
from itertools import count
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from datetime import datetime

Key = TypeVar("Key", bound=Hashable)


class Agenda(Generic[Key]):
    """A heap whose outdated entries are passed over when they reach the top. Not thread-safe."""

    def __init__(self) -> None:
        self._heap: list[tuple[datetime, int, Key]] = []
        self._current: dict[Key, int] = {}
        self._numbers = count()

    def put(self, key: Key, when: datetime | None) -> None:
        """Set the key's time; None takes the key out."""
        if when is None:
            self._current.pop(key, None)
            return
        number = next(self._numbers)
        self._current[key] = number
        heapq.heappush(self._heap, (when, number, key))

    def next_time(self) -> datetime | None:
        """The earliest time of all keys."""
        while self._heap and self._current.get(self._heap[0][2]) != self._heap[0][1]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def pop_due(self, now: datetime, limit: int) -> list[tuple[datetime, Key]]:
        """Take out at most ``limit`` of the keys whose time has come, the earliest first."""
        due: list[tuple[datetime, Key]] = []
        while len(due) < limit:
            when = self.next_time()
            if when is None or when > now:
                break
            key = heapq.heappop(self._heap)[2]
            del self._current[key]
            due.append((when, key))
        return due
