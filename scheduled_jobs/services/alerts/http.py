"""Calls to addresses that are secrets: of what went wrong nothing is told that could hold one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import requests

from scheduled_jobs.conf import settings

TIMEOUT = 5.0
"""Seconds for connecting and for each piece of the answer; whoever asks waits no longer in all."""
MAX_HOST = 200


class NotSent(Exception):
    """Why something was not sent, or not taken, in words that anybody may read."""


def post(address: str, *, json: Mapping[str, Any] | None = None, body: bytes = b"") -> None:
    """Send a POST, follow nothing, and read no answer but its status. Raises NotSent unless it is 2xx."""
    if not is_callable(address):
        raise NotSent("it is no http or https address")
    if not settings.may_call(address):
        raise NotSent("tests are run here, which call nobody outside")
    content: dict[str, Any] = {"data": body} if json is None else {"json": json}
    try:
        with requests.post(address, timeout=TIMEOUT, allow_redirects=False, stream=True, **content) as answer:
            status = answer.status_code
    except requests.Timeout:
        raise NotSent(no_answer(TIMEOUT)) from None
    except (requests.RequestException, OSError, ValueError) as error:
        raise NotSent(f"it could not be reached: {type(error).__name__}") from None
    if 300 <= status < 400:
        raise NotSent(f"it answered {status}, a redirect, which is not followed")
    if not 200 <= status < 300:
        raise NotSent(f"it answered {status}")


def no_answer(seconds: float) -> str:
    """That nothing was answered in so many seconds."""
    return f"there was no answer within {seconds:g} s"


def is_callable(address: str) -> bool:
    """Whether it is an address that can be called at all."""
    try:
        parts = urlsplit(address)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        return False


def host_shown(address: str) -> str:
    """What may be shown of an address."""
    try:
        return (urlsplit(address).hostname or "")[:MAX_HOST] or "no host"
    except ValueError:
        return "no host"
