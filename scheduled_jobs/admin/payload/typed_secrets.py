"""JSON that was typed and is shown again: without the new secrets in it, which must be typed again."""

from __future__ import annotations

import json
import re
from typing import Any

from django.utils.translation import gettext as _

from scheduled_jobs.domain.payloads import MASK, parse_body
from scheduled_jobs.domain.payloads.redaction import is_secret
from scheduled_jobs.exceptions import InvalidPayload

_KEY = re.compile(
    r"""(?P<quote>["']?)(?P<name>(?:[^\s"'{}\[\],:=\\]|\\.)+(?:\ +[^\s"'{}\[\],:=]+)*)(?P=quote)\s*"""
    r"""(?:[:=;]\s*|(?<=["'])\s*(?=["'\[{\d]))"""
)
_SCALAR = re.compile(r"""(?P<quote>["'])(?:[^\\\n]|\\.)*?(?:(?P=quote)|$)|[^\n{}\[\],]+""", re.MULTILINE)
"""Keys, and the texts, numbers and words after them, of what is no JSON and cannot be read otherwise: with
other quotes or none, with = for a colon or nothing."""
_DECODER = json.JSONDecoder()


def without_typed_secrets(text: str, keys: tuple[str, ...], *, indent: int | None = 2) -> str:
    """What was typed, as it was typed; in place of a new secret stands that it must be typed again."""
    if not text.strip():
        return text
    try:
        payload = parse_body(text.encode("utf-8", "replace"))
    except InvalidPayload:
        return _without_in_text(text, keys)
    shown = _without(payload, keys)
    if shown != payload:
        return json.dumps(shown, indent=indent, ensure_ascii=False)
    # Of a key that comes twice only the last was read.
    return _without_in_text(text, keys)


def _without_in_text(text: str, keys: tuple[str, ...]) -> str:
    pieces, place = [], 0
    while key := _KEY.search(text, place):
        start = key.end()
        end = _end_of_value(text, start) if is_secret(_name(key["name"]), keys) else start
        value = text[start:end]
        again = f'"{_again()}"' if value and value.strip("\"'") != MASK else value
        pieces += [text[place:start], again]
        place = end
    return "".join((*pieces, text[place:]))


def _end_of_value(text: str, start: int) -> int:
    try:
        return _DECODER.raw_decode(text, start)[1]
    except (ValueError, RecursionError):
        scalar = _SCALAR.match(text, start)
        # Where a list or an object ends that is never closed nobody can tell.
        return scalar.end() if scalar else len(text)


def _name(written: str) -> str:
    try:
        return str(_DECODER.decode(f'"{written}"'))
    except ValueError:
        return written


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
