"""What is written before the calls of a push: under which names Google may have the jobs from now on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import F, Value
from django.db.models.functions import Concat

from scheduled_jobs.models import FormerName

if TYPE_CHECKING:
    from collections.abc import Iterable

    from scheduled_jobs.domain.plan import Desired
    from scheduled_jobs.services.scheduling.push.lease import JobLeases


def remember_names(leases: JobLeases, wanted: Iterable[Desired], prefix: str) -> None:
    """Keep the names under which these jobs are about to be created, and those that they have had.

    A process that is killed between a create and its record would leave a job that no row knows of, and
    that fires for ever once the row is renamed or retired. ``prefix`` is the full resource name of a job
    without its id.
    """
    new = {
        desired.pk: desired
        for desired in wanted
        if desired.pk is not None and desired.state is not None and not desired.created
    }
    if not new:
        return
    with transaction.atomic(using=leases.using):
        # The rows before their former names, also where it is one row alone: so does whoever renames it.
        leases.rows.filter(pk__in=new).lock()
        rows = leases.held(new)
        rows.filter(revision=F("push_revision")).update(remote_name=Concat(Value(prefix), F("name")))
        # Whoever edits a row at this moment pushes it again, perhaps under another name; under the one that
        # it had when it was read it is created all the same.
        overtaken = rows.exclude(revision=F("push_revision")).values_list("pk", flat=True)
        former = [(pk, name) for pk, desired in new.items() for name in desired.former]
        former += [(pk, new[pk].remote_name) for pk in overtaken]
        if former:
            known = FormerName.objects.using(leases.using)
            known.filter(remote_name__in=[name for _, name in former]).update(deleted_at=None)
            known.bulk_create(
                (
                    FormerName(job_id=pk, name=name.rpartition("/")[2], remote_name=name)
                    for pk, name in former
                ),
                ignore_conflicts=True,
            )
