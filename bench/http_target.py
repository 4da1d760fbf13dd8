"""A target that answers at once and remembers when which job called."""

from __future__ import annotations

import asyncio
import re
import time
from threading import Event, Thread
from typing import cast

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
NAME = re.compile(rb"X-CloudScheduler-JobName: ([^\r]+)", re.IGNORECASE)
LENGTH = re.compile(rb"Content-Length: (\d+)", re.IGNORECASE)


class Target:
    """Listens on a free port of loopback, in a thread; ``arrivals`` holds (seconds since 1970, job id)."""

    def __init__(self) -> None:
        self.arrivals: list[tuple[float, str]] = []
        self.port = 0
        self._ready = Event()
        self._thread = Thread(target=lambda: asyncio.run(self._serve()), daemon=True)
        self._thread.start()
        self._ready.wait()

    def take(self) -> list[tuple[float, str]]:
        """The arrivals so far, which are forgotten."""
        taken, self.arrivals = self.arrivals, []
        return taken

    async def _serve(self) -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: _Connection(self), "127.0.0.1", 0, backlog=4096)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await server.serve_forever()


class _Connection(asyncio.Protocol):
    def __init__(self, target: Target) -> None:
        self._target = target
        self._data = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        now = time.time()
        self._data += data
        head, found, body = self._data.partition(b"\r\n\r\n")
        length = LENGTH.search(head)
        if not found or len(body) < (int(length[1]) if length else 0):
            return
        name = NAME.search(head)
        self._target.arrivals.append((now, name[1].decode() if name else ""))
        self._data = b""
        self._transport.write(ANSWER)
