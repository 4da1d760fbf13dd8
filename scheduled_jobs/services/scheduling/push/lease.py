"""The leases of rows: only who holds a row's lease calls Google for its job."""

from __future__ import annotations

import uuid
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from scheduled_jobs.conf import settings
from scheduled_jobs.models import ScheduledJob

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from scheduled_jobs.models.job_queryset import ScheduledJobQuerySet

Mark = tuple[int, "datetime | None"]
"""Revision and time of the last successful push: where both are the same, so is what the row wants."""


def lease_time() -> timedelta:
    """How long a lease is good for: longer than all calls for one job can take."""
    return timedelta(seconds=4 * settings.RPC_TIMEOUT + 20)


class JobLeases:
    """The leases of one push, all under one token of its own."""

    def __init__(self, using: str) -> None:
        self.using = using
        self.token = uuid.uuid4().hex

    @property
    def rows(self) -> ScheduledJobQuerySet:
        """The jobs, in the database that is written to: a replica's lag would break the conditions."""
        return ScheduledJob.objects.using(self.using)

    def held(self, pks: Iterable[int]) -> ScheduledJobQuerySet:
        """Those of these rows whose lease is ours."""
        return self.rows.filter(pk__in=list(pks), push_token=self.token)

    @contextmanager
    def locked(self, pks: Collection[int]) -> Iterator[None]:
        """A transaction in which these rows are locked; one row needs no order and is not asked for."""
        with transaction.atomic(using=self.using):
            if len(pks) > 1:
                self.rows.filter(pk__in=pks).lock()
            yield

    def take(self, pks: Sequence[int]) -> dict[int, Mark]:
        """Take the lease of every row where it is free; one statement settles the race for all of them.

        Returns the marks of those that are held, in the order of ``pks``.
        """
        now = timezone.now()
        free = Q(push_token=None) | Q(push_until__lt=now) | Q(push_token=self.token)
        with self.locked(pks):
            self.rows.filter(free, pk__in=pks).update(
                push_token=self.token, push_until=now + lease_time(), push_revision=F("revision")
            )
        held = {
            pk: (revision, synced_at)
            for pk, revision, synced_at in self.held(pks).values_list("pk", "revision", "synced_at")
        }
        return {pk: held[pk] for pk in pks if pk in held}

    def free(self, pks: Iterable[int], **values: Any) -> None:
        """Give leases back, and write these columns with them."""
        for rows in self.rows.filter(push_token=self.token).among(pks):
            with transaction.atomic(using=self.using):
                rows.lock()
                rows.update(push_token=None, push_until=None, **values)

    def revisions(self, pks: Iterable[int]) -> dict[int, int]:
        """The revision of each of these rows that there is."""
        found = (rows.values_list("pk", "revision") for rows in self.rows.among(pks))
        return {pk: revision for some in found for pk, revision in some}

    def covered(self, wanted: Mapping[int, int]) -> set[int]:
        """The rows whose revision, given for each, somebody else has pushed, or that are gone."""
        if not wanted:
            return set()
        pushed = dict(self.rows.filter(pk__in=wanted).values_list("pk", "pushed_revision"))
        return {pk for pk, revision in wanted.items() if pushed.get(pk, revision) >= revision}
