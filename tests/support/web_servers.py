"""Web servers on loopback, in a thread: this project's, and servers of other people."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

from django.core.handlers.wsgi import WSGIHandler
from django.core.servers.basehttp import ThreadedWSGIServer
from django.db import connections

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator


class _Handler(WSGIRequestHandler):
    def log_message(self, *args: Any) -> None:
        pass


@contextmanager
def serving(
    app: Callable[..., Iterable[bytes]] | None = None, tls: Any = None, *, uses_database: bool = False
) -> Iterator[str]:
    """Serve this WSGI app, or else Django's as the settings are now; gives scheme, host and port."""
    inner = WSGIHandler() if app is None else app

    def named(environ: Any, start: Callable[..., Any]) -> Iterable[bytes]:
        def start_named(status: str, headers: list[tuple[str, str]], *args: Any) -> Any:
            own = [] if "Server" in dict(headers) else [("Server", "Elsewhere")]
            return start(status, [*own, *headers], *args)

        return inner(environ, start_named)

    # As Django's own live server: a database in memory is one connection's.
    in_memory: dict[str, Any] = {}
    if uses_database:
        in_memory = {c.alias: c for c in connections.all() if c.vendor == "sqlite" and c.is_in_memory_db()}

    def server_of(address: Any, handler: Any) -> ThreadedWSGIServer:
        return ThreadedWSGIServer(address, handler, connections_override=in_memory)

    for connection in in_memory.values():
        connection.inc_thread_sharing()
    with make_server("127.0.0.1", 0, named, server_class=server_of, handler_class=_Handler) as server:
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield f"{'http' if tls is None else 'https'}://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
            for connection in in_memory.values():
                connection.dec_thread_sharing()


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
