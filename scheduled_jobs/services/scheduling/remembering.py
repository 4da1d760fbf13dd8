"""What is written before the calls of a push: under which names Google may have the jobs from now on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import F, Value
from django.db.models.functions import Concat
from django.utils import timezone

from scheduled_jobs.models import FormerName

if TYPE_CHECKING:
    from collections.abc import Iterable

    from scheduled_jobs.domain.plan import Desired
    from scheduled_jobs.services.scheduling.leasing import JobLeases


def remember_names(leases: JobLeases, wanted: Iterable[Desired], prefix: str) -> None:
    """Keep the names under which these jobs are about to be created, and those that they have had.

    A process that is killed between a create and its record would leave a job that no row knows of, and
    that fires for ever once the row is renamed or retired. ``prefix`` is the full resource name of a job
    without its id.
    """
    new = {
        desired.pk: desired.former
        for desired in wanted
        if desired.pk is not None and desired.state is not None and not desired.created
    }
    if not new:
        return
    former = [
        FormerName(job_id=pk, name=remote_name.rpartition("/")[2], remote_name=remote_name)
        for pk, names in new.items()
        for remote_name in names
    ]
    known = FormerName.objects.using(leases.using)
    with leases.locked(new):
        if former:
            known.filter(remote_name__in=[name.remote_name for name in former]).update(deleted_at=None)
            known.bulk_create(former, ignore_conflicts=True)
        # Whoever renames the row at this moment pushes it again, under a revision that is not the lease's.
        rows = leases.held(new).filter(revision=F("push_revision"))
        rows.update(remote_name=Concat(Value(prefix), F("name")))
        # What is made there now is theirs: deliveries still find by it the jobs that had the name before,
        # but these have nothing in Google any more that a rename of theirs would delete.
        taken = known.filter(remote_name__in=rows.values("remote_name"), deleted_at=None)
        taken.update(deleted_at=timezone.now())
