"""The leases of rows: only who holds a row's lease calls Google for its job."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from scheduled_jobs.models import ScheduledJob
from scheduled_jobs.models.job_queryset import ScheduledJobQuerySet
from scheduled_jobs.models.writer import writer
from scheduled_jobs.services.scheduling.client import hold_time


class JobLeases:
    """The leases of one push, all under one token of its own."""

    def __init__(self) -> None:
        self.token = uuid.uuid4().hex

    def held(self, pks: Iterable[int]) -> ScheduledJobQuerySet:
        """Those of these rows whose lease is ours."""
        return ScheduledJob.objects.filter(pk__in=list(pks), push_token=self.token)

    @contextmanager
    def locked(self, pks: Collection[int]) -> Iterator[None]:
        """A transaction in which these rows are locked; one row needs no order and is not asked for."""
        with transaction.atomic(using=writer()):
            if len(pks) > 1:
                ScheduledJob.objects.filter(pk__in=pks).lock()
            yield

    def take(self, pks: Sequence[int]) -> list[int]:
        """Take the lease of every row where it is free; one statement settles the race for all of them.

        Returns the rows that are held.
        """
        now = timezone.now()
        free = Q(push_token=None) | Q(push_until__lt=now) | Q(push_token=self.token)
        with self.locked(pks):
            ScheduledJob.objects.filter(free, pk__in=pks).update(
                push_token=self.token, push_until=now + hold_time(), push_revision=F("revision")
            )
        held = set(self.held(pks).values_list("pk", flat=True))
        return [pk for pk in pks if pk in held]

    def free(self, pks: Iterable[int], *, pending: bool = False, why: str = "") -> None:
        """Give leases back; ``pending`` writes with them that the rows are still to be pushed, and why."""
        for rows in ScheduledJob.objects.filter(push_token=self.token).in_batches(pks):
            with transaction.atomic(using=writer()):
                rows.lock()
                if pending:
                    rows.mark_pending(edited=False, sync_error=why, push_token=None, push_until=None)
                else:
                    rows.update(push_token=None, push_until=None)

    def revisions(self, pks: Iterable[int]) -> dict[int, int]:
        """The revision of each of these rows that there is, in their order."""
        pks = list(pks)
        found: dict[int, int] = {}
        for rows in ScheduledJob.objects.in_batches(pks):
            found.update(rows.values_list("pk", "revision"))
        return {pk: found[pk] for pk in dict.fromkeys(pks) if pk in found}

    def uncovered(self, wanted: Mapping[int, int]) -> list[int]:
        """The rows whose revision, given for each, nobody else has pushed, and that are still there."""
        if not wanted:
            return []
        pushed = dict(ScheduledJob.objects.filter(pk__in=wanted).values_list("pk", "pushed_revision"))
        return [pk for pk, revision in wanted.items() if pushed.get(pk, revision) < revision]
