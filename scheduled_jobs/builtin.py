"""Tasks of this package's own. BUILTIN_TASKS names those that are to be scheduled: a job costs money."""

from __future__ import annotations

import abc
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ImproperlyConfigured
from django.utils import timezone

from scheduled_jobs.conf import settings
from scheduled_jobs.services.history.retention import Pruned, prune
from scheduled_jobs.services.scheduling.deleting import finish_deletions
from scheduled_jobs.tasks import PeriodicTask

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

PART = 0.8
"""How much of the time until its deadline a run uses: its last step must end, and the answer arrive."""


class BuiltinTask(PeriodicTask, abc.ABC):
    """A task that there is only while the setting names it."""

    @classmethod
    def _is_wanted(cls) -> bool:
        try:
            return cls.name() in settings.BUILTIN_TASKS
        except ImproperlyConfigured:  # which the checks tell
            return False


class PruneHistory(BuiltinTask):
    """Deletes the runs that need not be kept any more, and what is left of deleted jobs."""

    run_every = "17 * * * *"

    def run(self) -> dict[str, Any]:
        """Stop before the deadline: what is left then, the next run does."""
        begin, deadline = timezone.now(), self.metadata.deadline
        end = None if deadline is None else begin + PART * (deadline - begin)
        pruned = Pruned(0)
        for pruned in pruning(begin):
            self.report_progress(pruned.done, pruned.jobs, f"{pruned.deleted} runs deleted")
            if end is not None and timezone.now() >= end:
                break
        return {"deleted": pruned.deleted, "is_done": pruned.done == pruned.jobs}


def pruning(now: datetime, *, write: bool = True) -> Iterator[Pruned]:
    """First what is left of deleted jobs, then the runs that need not be kept; each step tells of both."""
    pruned = Pruned(1)
    for runs in finish_deletions() if write else ():
        pruned = pruned._replace(deleted=pruned.deleted + runs)
        yield pruned
    for step in prune(now, write=write):
        yield step._replace(deleted=pruned.deleted + step.deleted)
