"""Tasks of this package's own. BUILTIN_TASKS names those that are to be scheduled: a job costs money."""

from __future__ import annotations

import abc
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.utils import timezone

from scheduled_jobs.conf import settings
from scheduled_jobs.services.history.retention import Pruned, prune
from scheduled_jobs.services.monitoring import watch
from scheduled_jobs.services.scheduling.deleting import finish_deletions
from scheduled_jobs.tasks import PeriodicTask

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


class WatchJobs(BuiltinTask):
    """Notices runs that did not come, and brings to an end what was left behind."""

    # Each minute: what did not come is told within a minute after its grace, and an edit whose push was lost,
    # or a run whose process died, waits no longer. A job costs the same however often it runs.
    run_every = "* * * * *"
    # A step that fails is made again a minute later, and nothing is missed by that.
    failure_tolerance = 3

    def run(self) -> dict[str, Any]:
        """Stop before the deadline: what is left then, the next step does."""
        now, deadline = timezone.now(), self.metadata.deadline
        left = watch.PATIENCE if deadline is None else PART * (deadline - now).total_seconds()
        step = watch.step(now, seconds=min(left, watch.PATIENCE))
        if step.failures:  # else a part that fails each time would be seen by nobody
            raise RuntimeError("; ".join(step.failures))
        values = watch.step_values(step)
        del values["at"], values["failures"]  # the run has its own times, and with a failure no result
        # What is found is in the rows and in the alerts; a result is a row each minute.
        return {name: len(value) if isinstance(value, list) else value for name, value in values.items()}


def pruning(now: datetime, *, write: bool = True) -> Iterator[Pruned]:
    """First what is left of deleted jobs, then the runs that need not be kept; each step tells of both."""
    pruned = Pruned(1)
    for runs in finish_deletions() if write else ():
        pruned = pruned._replace(deleted=pruned.deleted + runs)
        yield pruned
    for step in prune(now, write=write):
        yield step._replace(deleted=pruned.deleted + step.deleted)
