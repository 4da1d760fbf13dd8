"""What an update sends back to Google as it is, since an operator chose to leave it there."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from scheduled_jobs.domain.jobs import OVERRIDABLE, RETRY_FIELDS, value_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scheduled_jobs.domain.jobs import JobSpec


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
    values = {
        name: value_of(name, value)
        for name, value in live.items()
        if can_be_kept(name, value) and name not in RETRY_FIELDS
    }
    return replace(spec, **values, retry=spec.retry.keeping(live))
