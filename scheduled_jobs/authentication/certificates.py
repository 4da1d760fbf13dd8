"""The public certificates that ID tokens are verified with: fetched rarely, whatever is sent to us.

CacheControl keeps the document for as long as its headers say. Above it stands a minute in which nothing
is asked for again, so that a server without such headers, or a flood of tokens with invented keys, costs
one fetch a minute. A key that is not in the document is looked for past the cache after that minute: keys
change before the cache runs out where an emulator is started anew.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from threading import Lock
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from scheduled_jobs.conf import settings
from scheduled_jobs.exceptions import CertificatesUnavailable
from scheduled_jobs.logs import logger

if TYPE_CHECKING:
    from cachecontrol.cache import DictCache


MIN_AGE = 60.0
"""Seconds in which certificates are not fetched again."""
MIN_AGE_OF_FAILURE = 5.0
"""Seconds after a failed fetch in which no other is tried."""
TIMEOUT = 5.0
"""Seconds that the server of the certificates has to connect, and to answer."""


@dataclass(frozen=True, slots=True)
class _Fetched:
    """What one look at the document gave: certificates by key id, or the reason why there are none."""

    url: str
    asked_at: float
    sent_at: float
    """When the server itself was last asked; the cache may have answered since."""
    certificates: Mapping[str, str] | None
    error: str = ""
    server_time: datetime | None = None
    """When the document was sent, by the clock of its server."""


class Certificates:
    """The certificates of a process, by key id; thread-safe. ``clock`` gives monotonic seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, *, level: int = logging.WARNING) -> None:
        self._clock = clock
        self._level = level
        self._lock = Lock()
        self._cache: DictCache | None = None
        self._last: _Fetched | None = None

    def forget(self) -> None:
        """Drop everything, as at the start of the process."""
        with self._lock:
            self._cache = self._last = None

    def ask(self, url: str) -> datetime | None:
        """Fetch the document anew, and give the time by its server's clock, where that tells it.

        Raises CertificatesUnavailable. What is known already stays as it is.
        """
        now = self._clock()
        others = Certificates(self._clock, level=logging.DEBUG)  # whoever asks tells what is wrong
        fetched = others._fetch(url, now, now, fresh=True)
        if fetched.certificates is None:
            raise CertificatesUnavailable(fetched.error)
        return fetched.server_time

    def for_key(self, url: str, key_id: str) -> Mapping[str, str]:
        """All certificates at ``url``, which hold the key's if there is one.

        Raises CertificatesUnavailable if they have to be fetched and cannot be.
        """
        last = self._last
        if last is not None and self._is_good(last, url, key_id):
            return last.certificates or {}
        with self._lock:  # deliveries that come at once share one fetch
            last = self._last
            if last is None or not self._is_good(last, url, key_id):
                last = self._last = self._look_again(last, url, key_id)
        if last.certificates is None:
            raise CertificatesUnavailable(last.error)
        return last.certificates

    def _is_good(self, last: _Fetched, url: str, key_id: str) -> bool:
        if last.url != url or last.certificates is None:
            return False
        now = self._clock()
        return now - last.asked_at < MIN_AGE and (key_id in last.certificates or now - last.sent_at < MIN_AGE)

    def _look_again(self, last: _Fetched | None, url: str, key_id: str) -> _Fetched:
        now = self._clock()
        sent_at = now - MIN_AGE
        if last is not None and last.url == url:
            if last.certificates is None and now - last.asked_at < MIN_AGE_OF_FAILURE:
                return last
            sent_at = last.sent_at
        fetched = self._fetch(url, now, sent_at, fresh=False)
        if fetched.certificates is None or key_id in fetched.certificates or now - fetched.sent_at < MIN_AGE:
            return fetched
        refreshed = self._fetch(url, now, sent_at, fresh=True)
        if refreshed.certificates is None:
            # What the cache holds stays good: an invented key must not shut out those that are known.
            self._last = replace(fetched, sent_at=now - MIN_AGE + MIN_AGE_OF_FAILURE)
            raise CertificatesUnavailable(refreshed.error)
        return refreshed

    def _fetch(self, url: str, now: float, sent_at: float, *, fresh: bool) -> _Fetched:
        import requests
        from cachecontrol import CacheControl
        from cachecontrol.cache import DictCache

        if not settings.may_call(url):
            why = f"the certificates at {url} are not fetched: tests are run here, which call nobody outside"
            return _Fetched(url, now, now, None, why)
        if self._cache is None:
            self._cache = DictCache()
        try:
            with CacheControl(requests.Session(), cache=self._cache) as session:
                # Plain HTTP is the emulator's: a proxy of the environment is not for that.
                session.trust_env = url.startswith("https:")
                headers = {"Cache-Control": "no-cache"} if fresh else {}
                response: Any = session.get(url, headers=headers, timeout=TIMEOUT, stream=True)
                if not response.from_cache:
                    sent_at = now
                response.raise_for_status()
                return _Fetched(
                    url,
                    now,
                    sent_at,
                    _certificates_in(_content_of(response)),
                    server_time=_time_of(response.headers),
                )
        except requests.HTTPError as error:
            reason = f"HTTP {error.response.status_code}"
        except requests.RequestException as error:
            # The whole text names addresses; the answer goes to callers that nobody knows.
            logger.log(self._level, "The certificates at %s cannot be fetched: %s", url, error)
            reason = type(error).__name__
        except CertificatesUnavailable as error:
            reason = str(error)
            # A 200 that is of no use may say that it is good for hours: nobody is to be given it again.
            self._cache = None
        return _Fetched(
            url, self._clock(), now, None, f"the certificates at {url} cannot be fetched: {reason}"
        )


def _content_of(response: Any) -> bytes:
    """The document. Raises CertificatesUnavailable where it is not there within TIMEOUT seconds."""
    deadline = time.monotonic() + TIMEOUT
    content = bytearray()
    # Byte by byte: the time-out of a read begins anew with each byte, and one that asks for more waits on.
    for byte in response.iter_content(1):
        content += byte
        if time.monotonic() > deadline:
            raise CertificatesUnavailable(f"the document takes longer than {TIMEOUT:.0f} s")
    return bytes(content)


def _certificates_in(document: bytes) -> Mapping[str, str]:
    """Key id -> certificate (PEM). Raises CertificatesUnavailable for a document that holds none."""
    from google.auth import crypt

    try:
        certificates: Any = json.loads(document)
    except (ValueError, RecursionError):
        certificates = None
    if not isinstance(certificates, dict):
        raise CertificatesUnavailable("the document is not a JSON object")
    if isinstance(certificates.get("keys"), list):
        raise CertificatesUnavailable(
            "the document holds JSON Web Keys; use the X.509 form, such as Google's /oauth2/v1/certs"
        )
    found = {}
    for key, certificate in certificates.items():
        try:
            crypt.RSAVerifier.from_string(certificate)  # type: ignore[no-untyped-call]
        except (ValueError, TypeError):
            continue
        found[str(key)] = certificate
    if not found:
        raise CertificatesUnavailable("the document holds no certificate")
    return MappingProxyType(found)


def _time_of(headers: Mapping[str, str]) -> datetime | None:
    """When an answer was sent; a cache on the way says how long ago that was."""
    try:
        sent = parsedate_to_datetime(headers["Date"])
        return sent + timedelta(seconds=int(headers.get("Age", "0")))
    except (KeyError, ValueError, TypeError, OverflowError):
        return None
