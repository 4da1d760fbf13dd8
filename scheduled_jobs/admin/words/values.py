"""The values of a job's fields as the job page shows them: in words, masked, durations as they are typed."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.utils.dateparse import parse_duration as parse_iso
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from scheduled_jobs.admin.words.durations import write_duration
from scheduled_jobs.conf import settings
from scheduled_jobs.domain.jobs import DURATIONS
from scheduled_jobs.domain.payloads import redact

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.utils.functional import _StrPromise

LABELS: dict[str, tuple[_StrPromise, _StrPromise | str]] = {
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
"""Field -> how it is called, and what may be written."""


def label(field: str) -> str:
    """How a field is called on the page."""
    return str(LABELS[field][0]) if field in LABELS else field.replace("_", " ")


def as_python(field: str, value: Any) -> Any:
    """A value of the audit or of Google as the row holds it: durations from seconds or ISO 8601."""
    if field in DURATIONS:
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return timedelta(seconds=value)
        if isinstance(value, str):
            return parse_iso(value) or value
    return value


def as_text(field: str, value: Any) -> str:
    """A value of a field for the page; secrets are eight dots."""
    value = as_python(field, value)
    if value is None:
        return _("the code’s default")
    if isinstance(value, timedelta):
        return write_duration(value)
    if field == "payload":
        return json.dumps(redact(value, settings.REDACTED_KEYS), ensure_ascii=False, default=str)
    return str(value) if value != "" else _("(empty)")


def in_json(payload: Mapping[str, Any], name: str) -> str:
    """The value of one key of a payload as a line of JSON, masked if the key or what is in it is secret."""
    one = {name: payload[name]}
    return json.dumps(redact(one, settings.REDACTED_KEYS)[name], ensure_ascii=False, default=str)


def short_json(payload: dict[str, Any], length: int = 60) -> str:
    """A payload in one line, masked and cut."""
    text = json.dumps(redact(payload, settings.REDACTED_KEYS), ensure_ascii=False, default=str)
    return text if len(text) <= length else text[: length - 1] + "…"
