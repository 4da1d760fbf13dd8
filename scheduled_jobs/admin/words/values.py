"""The fields of a job and their values as pages show them: in words, masked, durations as they are typed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.utils.dateparse import parse_duration as parse_iso
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from scheduled_jobs.admin.words.durations import write_duration
from scheduled_jobs.conf import settings
from scheduled_jobs.domain.jobs import DURATIONS
from scheduled_jobs.domain.payloads import MASK, redact

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

FIELD_WORDS: dict[str, tuple[_StrPromise, _StrPromise | str]] = {
    "schedule": (gettext_lazy("Schedule"), ""),
    "time_zone": (gettext_lazy("Time zone"), ""),
    "payload": (gettext_lazy("Payload"), ""),
    "description": (gettext_lazy("Description"), ""),
    "retry_count": (gettext_lazy("Retry count"), gettext_lazy("0 to 5")),
    "min_backoff": (gettext_lazy("Shortest wait"), gettext_lazy("between retries, such as 30 s")),
    "max_backoff": (gettext_lazy("Longest wait"), gettext_lazy("between retries, such as 10 min")),
    "max_retry_duration": (gettext_lazy("Give up after"), gettext_lazy("0 s: no limit")),
    "max_doublings": (gettext_lazy("Doublings"), gettext_lazy("of the wait")),
    "attempt_deadline": (gettext_lazy("Attempt deadline"), gettext_lazy("15 s to 30 min")),
}
"""Overridable field -> how it is called, and what may be written."""


OTHER_FIELDS: dict[str, _StrPromise] = {
    "state": gettext_lazy("State"),
    "uri": gettext_lazy("Address"),
    "http_method": gettext_lazy("Method"),
    "headers": gettext_lazy("Headers"),
    "oidc_service_account": gettext_lazy("Account"),
    "oidc_audience": gettext_lazy("Audience"),
}
"""What Google has of a job besides, which the code alone decides, and its state."""


def field_name(field: str) -> str:
    """How a field is called where its name stands alone."""
    if field in FIELD_WORDS:
        return str(FIELD_WORDS[field][0])
    return str(OTHER_FIELDS[field]) if field in OTHER_FIELDS else field.replace("_", " ")


def field_names(fields: Iterable[str]) -> str:
    """The names of several fields within a sentence."""
    return ", ".join(field_name(field).lower() for field in fields)


def as_python(field: str, value: Any) -> Any:
    """A value of the audit or of Google as the row holds it: durations from seconds or ISO 8601."""
    if field in DURATIONS:
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return timedelta(seconds=value)
        if isinstance(value, str):
            return parse_iso(value) or value
    return value


def value_text(field: str, value: Any) -> str:
    """A value of a field, masked; durations may be seconds, and None is as good as an empty text."""
    value = as_python(field, value)
    if value is None or value == "":
        return _("(empty)")
    if isinstance(value, timedelta):
        return write_duration(value)
    if field == "state":
        return str(value).lower().replace("_", " ")
    return masked_line(value) if field == "payload" or isinstance(value, dict) else str(value)


# --- JSON with eight dots in place of every secret ------------------------------------------------


def masked_json(value: Any) -> str:
    """The value as indented JSON."""
    return _json(value, indent=2)


def masked_parts(value: Any) -> list[tuple[bool, str]]:
    """The same text in parts, each with whether it is a mask, so that a template can set masks apart."""
    parts = re.split(f"({re.escape(MASK)})", masked_json(value))
    return [(part == MASK, part) for part in parts if part]


def masked_line(value: Any, longest: int | None = None) -> str:
    """The value as one line of JSON, cut after ``longest`` characters; a text stands without its quotes."""
    text = value if isinstance(value, str) else _json(value)
    return text if longest is None or len(text) <= longest else text[: longest - 1] + "…"


def masked_entry(payload: Mapping[str, Any], name: str) -> str:
    """The value of one key of a payload as a line of JSON, masked if the key or what is in it is secret."""
    return json.dumps(
        redact({name: payload[name]}, settings.REDACTED_KEYS)[name], ensure_ascii=False, default=str
    )


def _json(value: Any, indent: int | None = None) -> str:
    return json.dumps(redact(value, settings.REDACTED_KEYS), indent=indent, ensure_ascii=False, default=str)
