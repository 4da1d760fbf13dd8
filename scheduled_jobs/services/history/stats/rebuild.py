"""Makes all figures anew, but those of times of which runs were pruned."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from django.db.models import Q
from django.utils import timezone

from scheduled_jobs.models import JobRun, RunStats, ScheduledJob
from scheduled_jobs.models.stats import cell_of, is_frozen
from scheduled_jobs.services.history.stats.fold import fold

CHUNKS = 10
"""Transactions of one fold; others may take their turn between two."""
PAUSE = 0.5


def rebuild(sleep: Callable[[float], None] = time.sleep) -> Iterator[tuple[int, int]]:
    """Make the figures anew from the runs that are there; yields how many of how many steps are done.

    First each cell is marked, then they are folded as ever: whoever stops it, or folds beside it, loses
    nothing.
    """
    jobs = list(ScheduledJob.objects.order_by("pk").values_list("pk", "pruned_until"))
    for number, (pk, pruned_until) in enumerate(jobs):
        yield number, 2 * len(jobs)
        for chunk in JobRun.objects.filter(job=pk).in_chunks("scheduled_for", "created_at"):
            now = timezone.now()
            keys = {cell_of(pk, slot, asked, now) for _pk, _at, slot, asked in chunk}
            RunStats.objects.mark_stale(key for key in keys if not is_frozen(key, pruned_until))
        here = RunStats.objects.filter(job=pk)
        here.filter(Q() if pruned_until is None else Q(start__gte=pruned_until)).update(stale=1)
    RunStats.objects.exclude(job__in=[pk for pk, _until in jobs]).update(stale=1)
    marked = RunStats.objects.filter(stale=1)
    total = max(marked.count(), 1)
    while left := marked.count():
        done = max(total - left, 0) / total
        yield len(jobs) + int(done * len(jobs)), 2 * len(jobs)
        fold(most=CHUNKS)
        if marked.count() >= left:
            sleep(PAUSE)  # another process folds just now
