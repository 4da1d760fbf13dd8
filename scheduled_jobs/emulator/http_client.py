"""Sends attempts over HTTP/1.1: thousands at once, on one thread, with the standard library.

One connection per attempt. Connections are not kept: a target that closes an idle one just then would turn
into a failed attempt, or into a request sent twice.
"""

from __future__ import annotations

import asyncio
import ssl
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urljoin, urlsplit

from scheduled_jobs.emulator.delivery import Delivery, Outcome, Unanswered
from scheduled_jobs.emulator.gate import Gate
from scheduled_jobs.emulator.http_response import Exchange, Malformed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

# A target that holds its attempts for minutes may hold this many; those of other targets go on.
PER_ORIGIN = 1000
FIRST_CONNECT_TIMEOUT = 0.25  # seconds; sooner than the kernel, which tries again after a whole one
LONGEST_CONNECT_TIMEOUT = 10.0
TAKEN_AFTER = 0.1  # seconds without an answer after which a target is taken to be at work on an attempt
MAX_REDIRECTS = 10
KEEP_METHOD = (307, 308)
REDIRECTS = (301, 302, 303, *KEEP_METHOD)


@dataclass(slots=True)
class _Origin:
    slots: asyncio.Semaphore
    gate: Gate
    users: int = 0


class HttpClient:
    """Sends deliveries from the event loop it is used in; ``token(email, audience)`` signs ID tokens."""

    def __init__(self, token: Callable[[str, str], str], connections: int) -> None:
        self._token = token
        self._all = asyncio.Semaphore(connections)
        self._origins: dict[str, _Origin] = {}

    async def send(self, delivery: Delivery) -> Outcome:
        """One attempt: its redirects are followed and the final answer counts.

        The deadline runs from the moment a connection is opened, not while the attempt waits for its turn
        behind others to the same target.
        """
        try:
            async with self._origin(urlsplit(delivery.uri).netloc) as origin, origin.slots, self._all:
                async with asyncio.timeout(None) as timeout:
                    return await self._follow(delivery, timeout)
        except TimeoutError:
            return Unanswered.DEADLINE
        except (OSError, Malformed, ValueError):
            return Unanswered.UNREACHABLE

    @asynccontextmanager
    async def _origin(self, key: str) -> AsyncIterator[_Origin]:
        """The origin's limits, kept for as long as anyone sends to it."""
        origin = self._origins.get(key)
        if origin is None:
            origin = _Origin(asyncio.Semaphore(PER_ORIGIN), Gate())
            self._origins[key] = origin
        origin.users += 1
        try:
            yield origin
        finally:
            origin.users -= 1
            if not origin.users:
                del self._origins[key]

    async def _follow(self, delivery: Delivery, timeout: asyncio.Timeout) -> Outcome:
        headers = dict(delivery.headers)
        if delivery.oidc is not None:
            headers["Authorization"] = f"Bearer {self._token(*delivery.oidc)}"
        uri, method, body = delivery.uri, delivery.method, delivery.body
        for _ in range(MAX_REDIRECTS + 1):
            url = urlsplit(uri)
            if url.scheme not in ("http", "https") or not url.hostname:
                return Unanswered.UNREACHABLE
            async with self._origin(url.netloc) as origin, AsyncExitStack() as stack:
                async with origin.gate:
                    if timeout.when() is None:  # its turn has come
                        now = asyncio.get_running_loop().time()
                        timeout.reschedule(now + delivery.deadline.total_seconds())
                    exchange = await self._connect(url, url.hostname, method, origin.gate)
                    stack.callback(exchange.abort)
                    exchange.send(_request(url, method, headers, body))
                    await asyncio.wait((exchange.answer,), timeout=TAKEN_AFTER)
                    origin.gate.widen()
                answer = await exchange.answer
            if answer.status not in REDIRECTS or not answer.location:
                return answer.status
            target = urljoin(uri, answer.location)
            if urlsplit(target).netloc != urlsplit(uri).netloc:
                headers.pop("Authorization", None)  # a token is not for whoever is redirected to
            if answer.status not in KEEP_METHOD and method not in ("GET", "HEAD"):
                method, body = "GET", b""
                headers.pop("Content-Type", None)
            uri = target
        return Unanswered.UNREACHABLE

    async def _connect(self, url: SplitResult, host: str, method: str, gate: Gate) -> Exchange:
        loop = asyncio.get_running_loop()
        secure = url.scheme == "https"
        port = url.port or (443 if secure else 80)
        timeout = FIRST_CONNECT_TIMEOUT
        while True:
            exchange = Exchange(method, loop.create_future())
            try:
                async with asyncio.timeout(timeout):
                    await loop.create_connection(
                        lambda exchange=exchange: exchange,
                        host,
                        port,
                        ssl=self._tls if secure else None,
                    )
            except TimeoutError:
                # The connection may be made at this very moment, and is dropped: nothing has been sent on
                # it yet, so that the next one does not send a second time.
                exchange.abort()
                gate.narrow()
                timeout = min(1.5 * timeout, LONGEST_CONNECT_TIMEOUT)
            except BaseException:
                exchange.abort()
                raise
            else:
                return exchange

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return ssl.create_default_context()


def _request(url: SplitResult, method: str, headers: dict[str, str], body: bytes) -> bytes:
    target = (url.path or "/") + (f"?{url.query}" if url.query else "")
    lines = [f"{method} {target} HTTP/1.1", f"Host: {url.netloc.rpartition('@')[2]}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if body or method in ("POST", "PUT", "PATCH"):
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("utf-8") + body
