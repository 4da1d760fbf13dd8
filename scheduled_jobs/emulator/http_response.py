"""Reads one HTTP/1.1 response: its status, where it redirects to, and where it ends. The body is dropped."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import cast

MAX_HEAD = 64 * 1024
MAX_BODY = 1024 * 1024  # what a target says beyond this is not waited for


class Malformed(Exception):
    """The target did not answer in HTTP, or not to the end."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What matters of a response."""

    status: int
    location: str


class _Body:
    """Counts a body down to its end. ``remaining`` is None where only the end of the connection tells it."""

    def __init__(self, length: int | None, *, chunked: bool) -> None:
        self.remaining = length
        self.chunked = chunked
        self.read = 0
        self._line = b""
        self._trailer = False

    def feed(self, data: bytes) -> bool:
        """Take in data; True once the body has ended or is longer than anyone wants."""
        self.read += len(data)
        if self.read > MAX_BODY:
            return True
        if self.chunked:
            return self._feed_chunks(data)
        if self.remaining is None:
            return False
        self.remaining -= len(data)
        return self.remaining <= 0

    def _feed_chunks(self, data: bytes) -> bool:
        while data:
            if self.remaining:
                taken = min(self.remaining, len(data))
                self.remaining -= taken
                data = data[taken:]
                continue
            line, found, data = (self._line + data).partition(b"\n")
            if not found:
                self._line = line
                return False
            self._line = b""
            line = line.strip()
            if self._trailer:
                if not line:
                    return True
            elif line:  # between chunks stands an empty line
                self.remaining = _number(line.partition(b";")[0].strip(), 16)
                self._trailer = self.remaining == 0
        return False


def _number(text: bytes, base: int) -> int:
    try:
        number = int(text, base)
    except ValueError:
        number = -1
    if number < 0:
        raise Malformed(f"{text!r} is not a length")
    return number


class Exchange(asyncio.Protocol):
    """One request over one connection; ``answer`` is set when its response is complete."""

    def __init__(self, method: str, answer: asyncio.Future[Answer]) -> None:
        self.answer = answer
        self._method = method
        self._transport: asyncio.Transport | None = None
        self._head = b""
        self._received: Answer | None = None
        self._body: _Body | None = None

    def send(self, request: bytes) -> None:
        """Write the request; the connection must have been made."""
        assert self._transport is not None  # noqa: S101 - create_connection() has returned
        self._transport.write(request)

    def abort(self) -> None:
        """Drop the connection, and the answer that nobody waits for."""
        if not self.answer.cancel() and not self.answer.cancelled():
            self.answer.exception()  # looked at, so that asyncio does not complain that nobody did
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the connection; called by the event loop."""
        self._transport = cast("asyncio.Transport", transport)
        if self.answer.cancelled():
            self._transport.abort()  # too late: another connection was tried

    def data_received(self, data: bytes) -> None:
        """Read on; called by the event loop."""
        try:
            self._take(data)
        except Malformed as error:
            self._fail(error)

    def connection_lost(self, exc: Exception | None) -> None:
        """Take the end of the connection for the end of a body without a length; called by the loop."""
        if exc is None and self._body is not None and self._body.remaining is None:
            self._succeed()
        self._fail(Malformed("the connection ended before the response did"))

    def _take(self, data: bytes) -> None:
        while self._received is None:
            head, found, data = (self._head + data).partition(b"\r\n\r\n")
            if not found:
                self._head = head
                if len(head) > MAX_HEAD:
                    raise Malformed("the response's head does not end")
                return
            self._head = b""
            self._read_head(head)
        if self._body is None or self._body.feed(data):
            self._succeed()

    def _read_head(self, head: bytes) -> None:
        first, *lines = head.split(b"\r\n")
        version, _, rest = first.partition(b" ")
        if not version.startswith(b"HTTP/1.") or not rest[:3].isdigit():
            raise Malformed(f"{first[:80]!r} is not a status line")
        status = int(rest[:3])
        if status < 200:
            return  # 100 Continue and its like: the answer is still to come
        headers = {}
        for line in lines:
            name, _, value = line.partition(b":")
            headers[name.strip().lower()] = value.strip()
        self._received = Answer(status, headers.get(b"location", b"").decode("utf-8", "replace"))
        if self._method == "HEAD" or status in (204, 304):
            return
        if b"chunked" in headers.get(b"transfer-encoding", b"").lower():
            self._body = _Body(0, chunked=True)
        elif b"content-length" in headers:
            length = _number(headers[b"content-length"], 10)
            self._body = _Body(length, chunked=False) if length else None
        else:
            self._body = _Body(None, chunked=False)

    def _succeed(self) -> None:
        if not self.answer.done() and self._received is not None:
            self.answer.set_result(self._received)

    def _fail(self, error: Exception) -> None:
        if not self.answer.done():
            self.answer.set_exception(error)
