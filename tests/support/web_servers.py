"""Web servers on loopback, in a thread: this project's, and servers of other people."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from django.core.handlers.wsgi import WSGIHandler

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Handler(WSGIRequestHandler):
    def log_message(self, *args: Any) -> None:
        pass


@contextmanager
def serving(app: Callable[..., Iterable[bytes]] | None = None, tls: Any = None) -> Iterator[str]:
    """Serve this WSGI app, or else Django's as the settings are now; gives scheme, host and port."""
    inner = WSGIHandler() if app is None else app

    def named(environ: Any, start: Callable[..., Any]) -> Iterable[bytes]:
        def start_named(status: str, headers: list[tuple[str, str]], *args: Any) -> Any:
            own = [] if "Server" in dict(headers) else [("Server", "Elsewhere")]
            return start(status, [*own, *headers], *args)

        return inner(environ, start_named)

    with make_server("127.0.0.1", 0, named, server_class=_Server, handler_class=_Handler) as server:
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield f"{'http' if tls is None else 'https'}://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def answering(status: str, body: str = "", **headers: str) -> Callable[..., Iterable[bytes]]:
    """An app that gives everybody one answer; an underscore in a header's name is a hyphen."""

    def app(environ: Any, start: Callable[..., Any]) -> Iterable[bytes]:
        named = {name.replace("_", "-"): value.format(**environ) for name, value in headers.items()}
        start(status, [*named.items()])
        return [body.encode()]

    return app


GOOGLES_403 = answering(
    "403 Forbidden",
    "<title>403 Forbidden</title><h2>Your client does not have permission to get URL from this server.</h2>",
    Server="Google Frontend",
)
"""What stands before a private Cloud Run service, for whoever has no token."""


@contextmanager
def saying(data: bytes) -> Iterator[str]:
    """A port that says this to whoever connects, whatever they ask, and closes; gives host and port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(65_536)
                    connection.sendall(data)

        threading.Thread(target=serve, daemon=True).start()
        yield f"127.0.0.1:{listening.getsockname()[1]}"
        listening.shutdown(socket.SHUT_RDWR)
