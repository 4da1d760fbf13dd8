"""What UpdateJob makes of the stored job and the given one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scheduled_jobs.emulator.messages import Job, JobMessage
from scheduled_jobs.emulator.rules import MASK_PATHS, OUTPUT_ONLY

if TYPE_CHECKING:
    from collections.abc import Sequence

MESSAGES = frozenset(field.name for field in Job.DESCRIPTOR.fields if field.message_type is not None)


def with_changes(stored: JobMessage, given: JobMessage, paths: Sequence[str]) -> JobMessage:
    """A new message: without paths the given job whole, else the stored one with these fields replaced.

    Output-only fields and the name are ignored in the paths. The paths have been checked.
    """
    job = Job()
    if not paths:
        job.CopyFrom(given)
        return job
    job.CopyFrom(stored)
    for path in paths:
        if path in MASK_PATHS:
            _copy(path, given, job)
    return job


def keep_output(stored: JobMessage, job: JobMessage) -> None:
    """Carry over what only the service writes."""
    for name in OUTPUT_ONLY:
        _copy(name, stored, job)


def _copy(name: str, source: JobMessage, target: JobMessage) -> None:
    target.ClearField(name)
    if name not in MESSAGES:
        setattr(target, name, getattr(source, name))
    elif source.HasField(name):
        getattr(target, name).CopyFrom(getattr(source, name))
