"""Sends attempts with urllib3, many at once: each in a thread and over a connection of its own.

Connections are not kept: a target that closes an idle one just then would turn into a failed attempt, or
into a request sent twice. urllib3's connections by themselves follow no redirect and know of no proxy.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import closing, suppress
from functools import cached_property
from http.client import HTTPException
from queue import Empty, SimpleQueue
from threading import Semaphore, Thread
from urllib.parse import urljoin, urlsplit

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError
from urllib3.util import parse_url

from scheduled_jobs.emulator.delivery import Delivery, Unanswered
from scheduled_jobs.emulator.met import MOST_READ, Met, redirected, telling_line, why_unreachable

# A target that holds its attempts for minutes may hold this many; those of other targets go on.
PER_ORIGIN = 1000

# A development server queues five or ten connections that it has not accepted yet, and the system drops
# those beyond. So only a few knock at a time, until they are let in. One that is dropped is made anew before
# the system tries it again, a second later: a connection made by that second try may be reset with the
# request already sent (seen with Linux 6.18 and its SYN cookies).
KNOCKING_PER_ORIGIN = 8
FIRST_CONNECT_TIMEOUT = 0.25  # seconds
LONGEST_CONNECT_TIMEOUT = 10.0
LET_IN_AFTER = 0.02  # seconds of a connection without an answer: the target is at work on the attempt

MAX_REDIRECTS = 10
KEEP_METHOD = (307, 308)
REDIRECTS = (301, 302, 303, *KEEP_METHOD)
MAX_BODY = 1024 * 1024  # what a target says beyond this is not waited for
PIECE = 64 * 1024
IDLE_SECONDS = 1.0  # after which a thread without work ends


class _Origin:
    def __init__(self) -> None:
        self.places = asyncio.Semaphore(PER_ORIGIN)
        self.door = asyncio.Semaphore(KNOCKING_PER_ORIGIN)


class HttpClient:
    """Sends deliveries from the event loop it is used in; ``token(email, audience)`` signs ID tokens."""

    def __init__(self, token: Callable[[str, str], str]) -> None:
        self._token = token
        self._origins: defaultdict[str, _Origin] = defaultdict(_Origin)
        self._threads = _Threads()

    async def send(self, delivery: Delivery) -> Met:
        """One attempt: its redirects are followed and the final answer counts.

        The deadline does not run while the attempt waits for its turn behind others to the same target.
        """
        origin = self._origins[urlsplit(delivery.uri).netloc]
        async with origin.places:
            async with origin.door:
                line = _Line()
                attempt = asyncio.create_task(self._attempt(delivery, line))
                try:
                    while not attempt.done() and not line.is_connected:
                        await asyncio.wait((attempt,), timeout=LET_IN_AFTER)
                except asyncio.CancelledError:
                    attempt.cancel()
                    raise
            return await attempt

    async def _attempt(self, delivery: Delivery, line: _Line) -> Met:
        seconds = delivery.deadline.total_seconds()
        try:
            # The time of the whole attempt, which no timeout of a single read could keep.
            async with asyncio.timeout(seconds):
                return await self._threads.run(lambda: self._follow(delivery, line))
        except TimeoutError:
            return Met(Unanswered.DEADLINE, f"no answer within the attempt deadline of {seconds:g} s")
        finally:
            line.cut()

    def _follow(self, delivery: Delivery, line: _Line) -> Met:
        # http.client writes a byte for each character: beyond ASCII these are the bytes of UTF-8.
        headers = {name: value.encode().decode("latin-1") for name, value in delivery.headers.items()}
        if delivery.oidc is not None:
            headers["Authorization"] = f"Bearer {self._token(*delivery.oidc)}"
        uri, method, body = delivery.uri, delivery.method, delivery.body
        redirects: tuple[str, ...] = ()
        while len(redirects) <= MAX_REDIRECTS:
            try:
                status, location, said = self._ask(line, method, uri, headers, body)
            except (HTTPError, HTTPException, OSError, ValueError) as error:
                why = why_unreachable(error, urlsplit(uri).netloc)
                return Met(Unanswered.UNREACHABLE, why, redirects)
            if status not in REDIRECTS or not location:
                return Met(status, said, redirects)
            redirects += (redirected(status, location),)
            target = urljoin(uri, location)
            if urlsplit(target).netloc != urlsplit(uri).netloc:
                headers.pop("Authorization", None)  # a token is not for whoever is redirected to
            if status not in KEEP_METHOD and method not in ("GET", "HEAD"):
                method, body = "GET", b""
                headers.pop("Content-Type", None)
            uri = target
        return Met(Unanswered.UNREACHABLE, f"more than {MAX_REDIRECTS} redirects", redirects[:1])

    def _ask(
        self, line: _Line, method: str, uri: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, str | None, str]:
        """One request: the status of its answer, where that redirects to, and what it says."""
        url = parse_url(uri)
        host = (url.host or "").strip("[]")
        connection: HTTPConnection
        if url.scheme == "https":
            connection = HTTPSConnection(host, url.port, ssl_context=self._tls)
        elif url.scheme == "http":
            connection = HTTPConnection(host, url.port)
        else:
            raise ValueError(f"{url.scheme} is not HTTP")
        with closing(connection):
            line.connect(connection)
            with suppress(BrokenPipeError, ConnectionResetError):  # it may answer without reading to the end
                connection.request(method, url.request_uri, body or None, headers, preload_content=False)
            response = connection.getresponse()
            read, kept = 0, b""
            for piece in response.stream(PIECE, decode_content=False):
                read += len(piece)
                kept += piece[: MOST_READ - len(kept)]
                if read > MAX_BODY:
                    break
            said = telling_line(kept, response.headers.get("Content-Encoding", ""))
            return response.status, response.headers.get("Location"), said

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return ssl.create_default_context()


class _Line:
    """The connection of an attempt, which another thread can cut."""

    def __init__(self) -> None:
        self.is_connected = False
        self._is_cut = False
        self._socket: socket.socket | None = None

    def connect(self, connection: HTTPConnection) -> None:
        """Make the connection, as long as someone waits for the answer."""
        connection.timeout = FIRST_CONNECT_TIMEOUT
        while not self._is_cut:
            try:
                connection.connect()
            except NewConnectionError:
                raise  # urllib3 counts refusals among the timeouts
            except (ConnectTimeoutError, TimeoutError):  # the latter while TLS is agreed on
                connection.close()
                connection.timeout = min(1.5 * connection.timeout, LONGEST_CONNECT_TIMEOUT)
            else:
                break
        self._socket = connection.sock
        self.is_connected = True
        connection.timeout = None
        if self._is_cut:
            raise ConnectionAbortedError

    def cut(self) -> None:
        """End what the thread waits for, be it that a target keeps quiet or that its answer never ends."""
        self._is_cut = True
        if self._socket is not None:
            with suppress(OSError):  # closed already
                self._socket.shutdown(socket.SHUT_RDWR)


class _Threads:
    """Runs what blocks; unlike an executor's, these threads do not keep the process from ending."""

    def __init__(self) -> None:
        self._work: SimpleQueue[tuple[Future[Met], Callable[[], Met]]] = SimpleQueue()
        self._idle = Semaphore(0)

    def run(self, call: Callable[[], Met]) -> asyncio.Future[Met]:
        """Call it in a thread that has nothing to do, or in a new one."""
        future: Future[Met] = Future()
        future.set_running_or_notify_cancel()
        self._work.put((future, call))
        if not self._idle.acquire(blocking=False):
            Thread(target=self._serve, name="attempts", daemon=True).start()
        return asyncio.wrap_future(future)

    def _serve(self) -> None:
        while True:
            try:
                future, call = self._work.get(timeout=IDLE_SECONDS)
            except Empty:
                if self._idle.acquire(blocking=False):
                    return
                continue  # something has just been put there for it
            try:
                future.set_result(call())
            except BaseException as error:  # noqa: BLE001 - raised again where it is awaited
                future.set_exception(error)
            self._idle.release()
