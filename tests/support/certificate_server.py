"""Google's side of authentication: a key that signs ID tokens, and an HTTP server for its certificate."""

from __future__ import annotations

import json
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from google.auth import crypt, jwt

if TYPE_CHECKING:
    from collections.abc import Callable

EMAIL = "scheduler@test-project.iam.gserviceaccount.com"
AUDIENCE = "https://shop.example.com"


class SigningKey:
    """An RSA key with its certificate, which signs tokens as Google's do."""

    def __init__(self, key_id: str) -> None:
        self.key_id = key_id
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, key_id)])
        now = datetime.now(UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .sign(key, hashes.SHA256())
        )
        self.certificate = certificate.public_bytes(serialization.Encoding.PEM).decode()
        self.private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        self._signer = crypt.RSASigner.from_string(self.private, key_id)

    def token(self, header: dict[str, Any] | None = None, **claims: Any) -> str:
        """A token as Google makes them; ``claims`` replace its claims, None leaves one out."""
        now = int(time.time())
        values = {
            "iss": "https://accounts.google.com",
            "aud": AUDIENCE,
            "azp": "117",
            "sub": "117",
            "email": EMAIL,
            "email_verified": True,
            "iat": now,
            "exp": now + 3600,
            **claims,
        }
        values = {name: value for name, value in values.items() if value is not None}
        return jwt.encode(self._signer, values, header=header).decode()


@cache
def signing_key(key_id: str) -> SigningKey:
    """The same key for all tests that need no other: making one takes a tenth of a second."""
    return SigningKey(key_id)


class CertificateServer:
    """Serves certificates on loopback and counts how often it is asked."""

    def __init__(self, *keys: SigningKey) -> None:
        self.document: bytes = b""
        self.status = 200
        self.headers: dict[str, str] = {}
        self.delay = 0.0
        self.pause_between_bytes = 0.0
        self.fetches = 0
        self.server_time: Callable[[], datetime] = lambda: datetime.now(UTC)
        self.serve(*keys)
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.fetches += 1
                time.sleep(outer.delay)
                self.send_response(outer.status)
                for name, value in outer.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(outer.document)))
                self.end_headers()
                if not outer.pause_between_bytes:
                    self.wfile.write(outer.document)
                    return
                with suppress(OSError):  # who asked has gone
                    for byte in outer.document:
                        self.wfile.write(bytes([byte]))
                        time.sleep(outer.pause_between_bytes)

            def date_time_string(self, timestamp: float | None = None) -> str:
                return format_datetime(outer.server_time(), usegmt=True)

            def log_message(self, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/certs"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def serve(self, *keys: SigningKey) -> None:
        self.document = json.dumps({key.key_id: key.certificate for key in keys}).encode()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
