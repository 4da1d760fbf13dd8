"""How many attempts knock at one target at a time.

A development server queues five or ten connections that it has not accepted yet; the kernel drops those
beyond, without a word, and tries again only after a second or more. A burst of a thousand attempts would lose
minutes that way. So the number grows while a target keeps up, and is halved where connections were dropped.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType

FIRST = 8
FEWEST = 4
MOST = 256


class Gate:
    """An async context manager that lets ``limit`` attempts in; the others wait in their order."""

    def __init__(self) -> None:
        self.limit = float(FIRST)
        self._dropped = False
        self._inside = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    def widen(self) -> None:
        """The target took an attempt. A whole round of them doubles the limit, or after a drop adds one."""
        self.limit = min(MOST, self.limit + (1 / self.limit if self._dropped else 1))

    def narrow(self) -> None:
        """A connection was dropped."""
        self.limit = max(FEWEST, self.limit / 2)
        self._dropped = True

    async def __aenter__(self) -> None:
        if self._inside < self.limit and not self._waiting:
            self._inside += 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._leave()  # it was let in at this very moment
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leave()

    def _leave(self) -> None:
        self._inside -= 1
        while self._waiting and self._inside < self.limit:
            turn = self._waiting.popleft()
            if not turn.done():
                self._inside += 1
                turn.set_result(None)
