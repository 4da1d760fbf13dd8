"""A web server that keeps what the emulator sends it."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@dataclass(frozen=True)
class Received:
    """One request."""

    at: float
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class HttpTarget:
    """``answer`` gives the status for a request; it may sleep first."""

    answer: Callable[[Received], int] = lambda _: 200
    received: list[Received] = field(default_factory=list)
    origin: str = ""

    def wait(self, count: int, seconds: float = 30) -> list[Received]:
        """The requests, once there are so many of them."""
        end = time.monotonic() + seconds
        while len(self.received) < count:
            assert time.monotonic() < end, f"{len(self.received)} of {count} requests came in {seconds} s"
            time.sleep(0.01)
        return self.received


@contextmanager
def http_target(answer: Callable[[Received], int] = lambda _: 200) -> Iterator[HttpTarget]:
    """A target on a free port of loopback."""
    target = HttpTarget(answer)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            request = Received(time.time(), self.command, self.path, dict(self.headers), body)
            target.received.append(request)
            self.send_response(target.answer(request))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: object) -> None:
            """Nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        block_on_close = False

        def handle_error(self, request: object, client_address: object) -> None:
            """Nothing: the emulator may hang up, that is what some tests are about."""

    server = Server(("127.0.0.1", 0), Handler)
    target.origin = f"http://127.0.0.1:{server.server_address[1]}"
    thread = Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield target
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
