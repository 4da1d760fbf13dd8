"""What an attempt met, and how that is told to whoever reads the terminal."""

from __future__ import annotations

import html
import json
import re
import ssl
import zlib
from contextlib import suppress
from dataclasses import dataclass
from http.client import responses

from scheduled_jobs.emulator.delivery import Outcome, Unanswered, is_success

MOST_READ = 64 * 1024
"""Bytes of an answer in which its line is looked for."""
LONGEST = 200
KEYS = ("status", "reason", "error")
"""Of a JSON object, what is told of it."""
TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)
OPENSSL = re.compile(r"^\[SSL[^]]*\] | \(_ssl\.c:\d+\)$")
"""Where in Python and OpenSSL an error comes from."""
TAG = re.compile(r"<[^>]*>")


@dataclass(frozen=True, slots=True)
class Met:
    """How an attempt ended, which counts, and what was met on the way, in words."""

    outcome: Outcome
    said: str = ""
    """The line of the last answer's body, or why there was no answer."""
    redirects: tuple[str, ...] = ()
    """A status and a place each."""

    @property
    def is_as_wished(self) -> bool:
        """Whether the address of the job itself has answered 2xx: after a redirect it is somebody else."""
        return is_success(self.outcome) and not self.redirects

    def __str__(self) -> str:
        text = self.said
        if not isinstance(self.outcome, Unanswered):
            text = f"{self.outcome} {responses.get(self.outcome, '')}".rstrip() + (text and f": {text}")
        text = ", then ".join((*self.redirects, text))
        return (
            f"{text} (to Cloud Scheduler a success)" if is_success(self.outcome) and self.redirects else text
        )


def redirected(status: int, location: str) -> str:
    """A redirect, as it is told."""
    return f"{status} to {on_one_line(location)}"


def telling_line(body: bytes, encoding: str = "") -> str:
    """The line of a body that says most: the error in a JSON object, the title of a page, or the first."""
    if encoding.lower() in ("gzip", "deflate"):
        with suppress(zlib.error):
            body = zlib.decompressobj(zlib.MAX_WBITS | 32).decompress(body, MOST_READ)
    text = body.decode(errors="replace")
    with suppress(ValueError, RecursionError):
        if isinstance(found := json.loads(text), dict):
            return on_one_line(": ".join(value for key in KEYS if isinstance(value := found.get(key), str)))
    if (title := TITLE.search(text)) is not None:
        return on_one_line(html.unescape(title[1]))
    lines = (on_one_line(html.unescape(TAG.sub(" ", line))) for line in text.splitlines())
    return next(filter(None, lines), "")


def why_unreachable(error: BaseException, where: str) -> str:
    """Why nobody has answered at ``where``, a host and perhaps a port."""
    while error.__cause__ is not None:
        error = error.__cause__
    if isinstance(error, ConnectionRefusedError):
        return f"connection refused: nothing listens on {where}"
    what = "TLS" if isinstance(error, ssl.SSLError) else "answer"
    why = on_one_line(OPENSSL.sub("", str(getattr(error, "strerror", None) or error)))
    return f"no {what} from {where}: {why or type(error).__name__}"


def on_one_line(text: str) -> str:
    """A text of strangers in one line of a terminal, without what a terminal would obey."""
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
