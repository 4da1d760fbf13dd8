"""JSON as it may be shown: indented, with eight dots in place of every secret."""

from __future__ import annotations

import json
from typing import Any

from scheduled_jobs.conf import settings
from scheduled_jobs.domain.payloads import MASK, redact


def as_text(value: Any) -> str:
    """The value as indented JSON, secrets masked."""
    return json.dumps(redact(value, settings.REDACTED_KEYS), indent=2, ensure_ascii=False)


def in_pieces(value: Any) -> list[tuple[bool, str]]:
    """The same text in pieces, each with whether it is a mask, so that a template can set masks apart."""
    pieces: list[tuple[bool, str]] = []
    for n, piece in enumerate(as_text(value).split(MASK)):
        if n:
            pieces.append((True, MASK))
        if piece:
            pieces.append((False, piece))
    return pieces


def in_line(value: Any) -> str:
    """The value as one line of JSON, secrets masked; a text stands without its quotes."""
    if isinstance(value, str):
        return value
    return json.dumps(redact(value, settings.REDACTED_KEYS), ensure_ascii=False, default=str)
