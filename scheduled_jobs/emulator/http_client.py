"""Sends attempts over HTTP/1.1: thousands at once, on one thread, with the standard library.

One connection per attempt. Connections are not kept: a target that closes an idle one just then would turn
into a failed attempt, or into a request sent twice.
"""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urljoin, urlsplit

from scheduled_jobs.emulator.delivery import Delivery, Outcome, Unanswered
from scheduled_jobs.emulator.http_response import Answer, Exchange, Malformed

if TYPE_CHECKING:
    from collections.abc import Callable

# A target that holds its attempts for minutes may hold this many; those of other targets go on.
PER_ORIGIN = 1000
MAX_REDIRECTS = 10
KEEP_METHOD = (307, 308)
REDIRECTS = (301, 302, 303, *KEEP_METHOD)


@dataclass(slots=True)
class _Origin:
    slots: asyncio.Semaphore
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
        behind a thousand others to the same target.
        """
        key = urlsplit(delivery.uri).netloc
        origin = self._origins.setdefault(key, _Origin(asyncio.Semaphore(PER_ORIGIN)))
        origin.users += 1
        try:
            async with origin.slots, self._all:
                async with asyncio.timeout(delivery.deadline.total_seconds()):
                    return await self._follow(delivery)
        except TimeoutError:
            return Unanswered.DEADLINE
        except (OSError, Malformed, ValueError):
            return Unanswered.UNREACHABLE
        finally:
            origin.users -= 1
            if not origin.users:
                del self._origins[key]

    async def _follow(self, delivery: Delivery) -> Outcome:
        headers = dict(delivery.headers)
        if delivery.oidc is not None:
            headers["Authorization"] = f"Bearer {self._token(*delivery.oidc)}"
        uri, method, body = delivery.uri, delivery.method, delivery.body
        for _ in range(MAX_REDIRECTS + 1):
            answer = await self._exchange(urlsplit(uri), method, headers, body)
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

    async def _exchange(self, url: SplitResult, method: str, headers: dict[str, str], body: bytes) -> Answer:
        if url.scheme not in ("http", "https") or not url.hostname:
            raise Malformed(f"cannot send to {url.geturl()}")
        secure = url.scheme == "https"
        loop = asyncio.get_running_loop()
        exchange = Exchange(_request(url, method, headers, body), method, loop.create_future())
        transport, _ = await loop.create_connection(
            lambda: exchange,
            url.hostname,
            url.port or (443 if secure else 80),
            ssl=self._tls if secure else None,
        )
        try:
            return await exchange.answer
        finally:
            transport.abort()

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
