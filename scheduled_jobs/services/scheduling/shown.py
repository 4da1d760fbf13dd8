"""Changes as people and machines may see them: secrets masked, headers without their values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from scheduled_jobs.conf import settings
from scheduled_jobs.domain.payloads import redact

if TYPE_CHECKING:
    from scheduled_jobs.domain.plan import Change


def shown_fields(change: Change) -> dict[str, tuple[Any, Any]]:
    """Field -> (in Google, wanted) of a change; durations are seconds."""
    return {name: (shown(name, old), shown(name, new)) for name, (old, new) in change.fields.items()}


def shown(field: str, value: Any) -> Any:
    """One value of a field, fit for a screen, a log or a pipe."""
    if field == "headers" and isinstance(value, Mapping):
        # What is compared is a digest: it tells that a value changed, and nothing else.
        return {name: f"digest {digest[:8]}" for name, digest in value.items()}
    return redact(value, settings.REDACTED_KEYS)
