"""From what Google has back to what a row or a request holds: for what is adopted, and what is left alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from scheduled_jobs.domain.jobs import OVERRIDABLE, RETRY_FIELDS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scheduled_jobs.domain.jobs import JobSpec

DURATIONS = ("min_backoff", "max_backoff", "max_retry_duration", "attempt_deadline")


def value_of(field: str, live: Any) -> Any:
    """A live value as its override holds it: seconds become a timedelta, all else stays."""
    return timedelta(seconds=live) if field in DURATIONS else live


def can_be_kept(field: str, live: Any) -> bool:
    """Whether an update can send this live value back as it is.

    Of headers only digests are known, and of a body that is no payload only a digest too.
    """
    return field in OVERRIDABLE and (field != "payload" or isinstance(live, dict))


def keeping(spec: JobSpec, live: Mapping[str, Any]) -> JobSpec:
    """The spec with these live values in place of its own.

    The paths of an update mask are whole blocks: another field of a block must not overwrite a value that
    an operator has chosen to leave in Google.
    """
    values = {name: value_of(name, value) for name, value in live.items() if can_be_kept(name, value)}
    retry = {name: values.pop(name) for name in RETRY_FIELDS if name in values}
    return replace(spec, **values, retry=replace(spec.retry, **retry))
