"""JSON that was typed and is shown again: without the new secrets in it, which must be typed again."""

from __future__ import annotations

import json
import re
from typing import Any

from django.utils.translation import gettext as _

from scheduled_jobs.domain.payloads import MASK, parse_body
from scheduled_jobs.domain.payloads.redaction import is_secret
from scheduled_jobs.exceptions import InvalidPayload

_TEXTS = re.compile(r'("[^"\n]*")(\s*:\s*)("(?:[^"\\\n]|\\.)*"?|[^\s"{}\[\],]+)')
"""Keys with their texts, numbers and words, in what is no JSON and cannot be read otherwise."""


def without_typed_secrets(text: str, keys: tuple[str, ...], *, indent: int | None = 2) -> str:
    """What was typed, as it was typed; in place of a new secret stands that it must be typed again."""
    if not text.strip():
        return text
    try:
        payload = parse_body(text.encode("utf-8", "replace"))
    except InvalidPayload:
        return _TEXTS.sub(lambda match: _hidden(match, keys), text)
    shown = _without(payload, keys)
    if shown != payload:
        return json.dumps(shown, indent=indent, ensure_ascii=False)
    # Of a key that comes twice only the last was read.
    return _TEXTS.sub(lambda match: _hidden(match, keys), text)


def _hidden(match: re.Match[str], keys: tuple[str, ...]) -> str:
    hide = is_secret(match[1], keys) and match[3].strip('"') != MASK
    return f'{match[1]}{match[2]}"{_again()}"' if hide else match[0]


def _without(value: Any, keys: tuple[str, ...], *, secret: bool = False) -> Any:
    if secret:
        # Never the mask alone: that would put the old secret back where a new one was typed.
        return MASK if value == MASK else _again()
    if isinstance(value, dict):
        return {name: _without(inner, keys, secret=is_secret(name, keys)) for name, inner in value.items()}
    if isinstance(value, list):
        return [_without(inner, keys) for inner in value]
    return value


def _again() -> str:
    return f"{MASK} {_('type it again')}"
