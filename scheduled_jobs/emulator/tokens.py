"""ID tokens as Google issues them for a service account, and the certificates that verify them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from threading import Lock

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from google.auth import crypt, jwt

from scheduled_jobs.emulator.slots import utc_now
from scheduled_jobs.emulator.state_file import StateFile

ISSUER = "https://accounts.google.com"
LIFETIME = timedelta(hours=1)
RENEW_BEFORE = timedelta(minutes=5)
KEPT_KEY = "signing key"
KEPT_CERTIFICATE = "certificate"


def _new_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _new_certificate(key: rsa.RSAPrivateKey, now: datetime) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Cloud Scheduler emulator")])
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=3650))
        .sign(key, hashes.SHA256())
        .public_bytes(serialization.Encoding.PEM)
    )


def bare_key(key: rsa.RSAPrivateKey, now: datetime) -> bytes:  # noqa: ARG001 – in place of _new_certificate
    """The public key alone, which google-auth takes as well as a certificate.

    A certificate has dates in it. In a test under freezegun cryptography would remember the false class of
    dates, and refuse every true one until the process ends.
    """
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.PEM, form)


def _kept_pair(state_file: StateFile, now: datetime) -> tuple[rsa.RSAPrivateKey, bytes]:
    """Key and certificate from the file, or new ones that it then keeps; raises CannotStart for others."""
    with state_file.reading():
        kept_key, certificate = state_file.secret(KEPT_KEY), state_file.secret(KEPT_CERTIFICATE)
        if kept_key is None or certificate is None:
            key = _new_key()
            certificate = _new_certificate(key, now)
            encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
            state_file.keep_secret(KEPT_KEY, key.private_bytes(encoding, form, serialization.NoEncryption()))
            state_file.keep_secret(KEPT_CERTIFICATE, certificate)
            return key, certificate
        kept = serialization.load_pem_private_key(kept_key, password=None)
        if kept.public_key() != x509.load_pem_x509_certificate(certificate).public_key():
            raise ValueError("its certificate is not that of its key")
        assert isinstance(kept, rsa.RSAPrivateKey)  # noqa: S101 - made by _new_key, in an earlier process
        return kept, certificate


class Issuer:
    """Signs ID tokens with a key of its own; thread-safe.

    With a state file the key outlives the process, so that tokens from before a restart still verify.
    ``clock`` gives the time, aware.
    """

    def __init__(
        self,
        state_file: StateFile | None = None,
        clock: Callable[[], datetime] = utc_now,
        certify: Callable[[rsa.RSAPrivateKey, datetime], bytes] = _new_certificate,
    ) -> None:
        self._clock = clock
        self._lock = Lock()
        self._tokens: dict[tuple[str, str], tuple[datetime, str]] = {}
        if state_file is None:
            key = _new_key()
            self._certificate = certify(key, clock())
        else:
            key, self._certificate = _kept_pair(state_file, clock())
        self.key_id = hashlib.sha1(self._certificate).hexdigest()  # noqa: S324 - a name, as Google's key ids
        self._signer = crypt.RSASigner(key, self.key_id)  # type: ignore[no-untyped-call] # google-auth's

    def token(self, email: str, audience: str) -> str:
        """A token of this account for this audience; the same one until five minutes before its expiry."""
        now = self._clock()
        with self._lock:
            good_until, token = self._tokens.get((email, audience), (now, ""))
            if not token or good_until <= now:
                token = self._sign(email, audience, now)
                self._tokens[email, audience] = (now + LIFETIME - RENEW_BEFORE, token)
            return token

    def certificates(self) -> bytes:
        """The JSON document that google-auth fetches: key id to certificate."""
        return json.dumps({self.key_id: self._certificate.decode()}).encode()

    def _sign(self, email: str, audience: str, now: datetime) -> str:
        account = str(int.from_bytes(hashlib.sha256(email.encode()).digest()[:8], "big")).zfill(21)
        claims = {
            "iss": ISSUER,
            "aud": audience,
            "azp": account,
            "sub": account,
            "email": email,
            "email_verified": True,
            "iat": int(now.timestamp()),
            "exp": int((now + LIFETIME).timestamp()),
        }
        token: bytes = jwt.encode(self._signer, claims)  # type: ignore[no-untyped-call] # google-auth's
        return token.decode("ascii")
