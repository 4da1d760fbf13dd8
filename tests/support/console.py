"""What a person does and sees in Google's console."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.support import full_name

if TYPE_CHECKING:
    from datetime import datetime

    from scheduled_jobs.backends.memory import MemoryBackend
    from scheduled_jobs.models import ScheduledJob


def edit_in_console(google: MemoryBackend, job: ScheduledJob, *mask: str, **values: Any) -> None:
    """Change a job as a person does in Google's console."""
    message = google.store.get_job(full_name(job))
    for path, value in values.items():
        *parents, name = path.split("__")
        target = message
        for parent in parents:
            target = getattr(target, parent)
        setattr(target, name, value)
    google.store.update_job(message, list(mask))


def live_values(google: MemoryBackend, job: ScheduledJob) -> Any:
    return google.get(full_name(job), timeout=1).values


def tried(google: MemoryBackend, job: ScheduledJob, at: datetime, code: int) -> None:
    """Google has tried the job, and met what this code of ``google.rpc.Code`` says."""
    entry = google.store._entry(full_name(job))
    google.store.attempt_started(entry, at)
    google.store.attempt_finished(entry, code, None)
