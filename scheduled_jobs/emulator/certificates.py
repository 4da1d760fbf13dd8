"""The certificates over HTTP, where google-auth fetches Google's own."""

from __future__ import annotations

from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from threading import Thread

from scheduled_jobs.exceptions import CannotStart

PATH = "/certs"
CACHE_CONTROL = "public, max-age=19000, must-revalidate, no-transform"  # the form of Google's own header


class _Server(ThreadingTCPServer):
    """Not http.server's own class, which would look up the host's full name and may wait for a DNS server."""

    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False


class CertificateServer:
    """Serves one document at ``/certs`` from a thread of its own; raises CannotStart for a taken port."""

    def __init__(self, document: bytes, host: str, port: int) -> None:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 10

            def do_GET(self) -> None:
                found = self.path.partition("?")[0] == PATH
                body = document if found else b'{"error": "The certificates are at /certs."}'
                self.send_response(HTTPStatus.OK if found else HTTPStatus.NOT_FOUND)
                self.send_header("Content-Type", "application/json; charset=UTF-8")
                self.send_header("Content-Length", str(len(body)))
                if found:
                    self.send_header("Cache-Control", CACHE_CONTROL)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
                """Nothing: fetches of certificates are of no interest."""

        try:
            self._server = _Server((host, port), Handler)
        except (OSError, OverflowError) as error:
            why = getattr(error, "strerror", None) or error
            raise CannotStart(
                f"port {port} on {host}, for the certificates, cannot be used ({why}); pick another port"
            ) from error
        self.port = int(self._server.server_address[1])
        self.url = f"http://{host}:{self.port}{PATH}"
        self._thread = Thread(
            target=self._server.serve_forever, args=(0.1,), name="certificates", daemon=True
        )

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Close the port."""
        if self._thread.is_alive():
            self._server.shutdown()
        self._server.server_close()
