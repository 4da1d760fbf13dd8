"""Names that change hands while rows are seeded: no two rows may have one, not even for a moment."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from scheduled_jobs.models import FormerName

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence, Set

    from scheduled_jobs.models.job_queryset import ScheduledJobQuerySet
    from scheduled_jobs.services.scheduling.seed.stored import Stored


class Renaming:
    """What happens to the names of rows when others take them.

    ``changes`` maps the primary key of a row to its columns that change; ``created`` are the names of new
    rows.
    """

    def __init__(
        self,
        rows: ScheduledJobQuerySet,
        by_pk: Mapping[int, Stored],
        changes: Mapping[int, Mapping[str, Any]],
        created: Set[str],
    ) -> None:
        self.rows = rows
        self.by_pk = by_pk
        self.changes = changes
        self.created = created

    @cached_property
    def holders(self) -> list[Stored]:
        """The rows that have a name which another is given now, and do not give it up themselves."""
        taken = self.created | {changes["name"] for changes in self.changes.values() if "name" in changes}
        return [
            job
            for job in self.by_pk.values()
            if job.name in taken and "name" not in self.changes.get(job.pk, {})
        ]

    def make_room(self) -> dict[int, str]:
        """First pass: names that are given up, or held by a row that is retired, become free.

        Returns the new names of the holders, by primary key.
        """
        leaving = [self.by_pk[pk] for pk, changes in self.changes.items() if "name" in changes]
        for job in leaving:
            # Two jobs may swap their names, which a unique key refuses in one step.
            self.rows.filter(pk=job.pk).update(name=f"renaming-{job.pk}")
        for job in self.holders:
            self.rows.filter(pk=job.pk).update(name=retired_name(job))
        self._remember([job for job in (*leaving, *self.holders) if job.remote_name])
        return {job.pk: retired_name(job) for job in self.holders}

    def _remember(self, jobs: Sequence[Stored]) -> None:
        """Under its former name a job is still found by its deliveries, and deleted in Google."""
        if not jobs:
            return
        # Two rows have one name in Google where the first lost it to the second and is not pushed since:
        # the job there is the second's.
        holders = {job.remote_name: job for job in sorted(jobs, key=_has_its_name)}
        former = FormerName.objects.using(self.rows.db)
        former.filter(remote_name__in=holders).delete()
        former.bulk_create(
            FormerName(job_id=job.pk, name=job.name, remote_name=remote_name)
            for remote_name, job in holders.items()
        )


def _has_its_name(job: Stored) -> bool:
    """Whether the job in Google has the name that the row has."""
    return job.remote_name.endswith(f"/{job.name}")


def retired_name(job: Stored) -> str:
    """The name of a row that lost its own to another."""
    return f"{job.name[:470]}-retired-{job.pk}"
