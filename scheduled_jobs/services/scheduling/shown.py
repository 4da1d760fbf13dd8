"""Changes as people and machines may see them: secrets masked, headers without their values."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from scheduled_jobs.conf import settings
from scheduled_jobs.domain.jobs import MARK_HEADER
from scheduled_jobs.domain.payloads import MASK, redact
from scheduled_jobs.domain.payloads.redaction import is_secret

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scheduled_jobs.domain.jobs import JobSpec
    from scheduled_jobs.domain.plan import Change

SHORTEST = 4


def shown_fields(change: Change) -> dict[str, tuple[Any, Any]]:
    """Field -> (in Google, wanted) of a change; durations are seconds."""
    return {name: (shown(name, old), shown(name, new)) for name, (old, new) in change.fields.items()}


def without_secrets(text: str, spec: JobSpec) -> str:
    """A message of Google's, which may echo what it was sent: header values and secret payload values masked.

    Only texts of four letters and more are looked for: shorter ones stand in any sentence.
    """
    found = {value for name, value in spec.headers.items() if name != MARK_HEADER}
    found |= set(_secrets_in(spec.payload, secret=False))
    for secret in sorted(found, key=len, reverse=True):
        if len(secret) >= SHORTEST:
            for form in {secret, json.dumps(secret)[1:-1]}:
                text = text.replace(form, MASK)
    return text


def _secrets_in(value: Any, *, secret: bool) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _secrets_in(inner, secret=secret or is_secret(key, settings.REDACTED_KEYS))
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _secrets_in(inner, secret=secret)
    elif secret and value is not None:
        yield str(value)


def shown(field: str, value: Any) -> Any:
    """One value of a field, fit for a screen, a log or a pipe."""
    if field == "headers" and isinstance(value, Mapping):
        # What is compared is a digest: it tells that a value changed, and nothing else.
        return {name: f"digest {digest[:8]}" for name, digest in value.items()}
    return redact(value, settings.REDACTED_KEYS)
