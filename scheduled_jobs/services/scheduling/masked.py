"""Changes as people and machines may see them: secrets masked, headers without their values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scheduled_jobs.conf import settings
from scheduled_jobs.domain.jobs import MARK_HEADER, JobSpec
from scheduled_jobs.domain.payloads import Redactor, redact, secrets_in
from scheduled_jobs.domain.plan import Change


def masked_fields(change: Change) -> dict[str, tuple[Any, Any]]:
    """Field -> (in Google, wanted) of a change; durations are seconds."""
    return {name: masked_pair(name, old, new) for name, (old, new) in change.fields.items()}


def masked_pair(field: str, old: Any, new: Any) -> tuple[Any, Any]:
    """Both values of a change; the new one tells where a mask hides that it is another."""
    before, after = masked(field, old), masked(field, new)
    return before, after if field == "headers" else _telling(old, new, before, after)


def _telling(old: Any, new: Any, before: Any, after: Any) -> Any:
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        return {
            key: _telling(old[key], new[key], before[key], after[key]) if key in before else after[key]
            for key in after
        }
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        return [_telling(*parts) for parts in zip(old, new, before, after, strict=True)]
    return f"{after} (changed)" if before == after and old != new else after


def without_secrets(text: str, spec: JobSpec) -> str:
    """A message of Google's, which may echo what it was sent, with header values and secrets masked."""
    headers = (value for name, value in spec.headers.items() if name != MARK_HEADER)
    return Redactor([*headers, *secrets_in(spec.payload, settings.REDACTED_KEYS)]).text(text)


def masked(field: str, value: Any) -> Any:
    """One value of a field, fit for a screen, a log or a pipe."""
    if field == "headers" and isinstance(value, Mapping):
        # What is compared is a digest: it tells that a value changed, and nothing else.
        return {name: f"digest {digest[:8]}" for name, digest in value.items()}
    return redact(value, settings.REDACTED_KEYS)
