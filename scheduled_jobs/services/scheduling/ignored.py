"""Choices to leave what Google has, and their end: each was made between two values, and ends with either."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from scheduled_jobs.models import JobChange, attribution

if TYPE_CHECKING:
    from collections.abc import Iterable

    from scheduled_jobs.domain.jobs import LiveJob
    from scheduled_jobs.domain.plan import Desired
    from scheduled_jobs.models.job_queryset import ScheduledJobQuerySet


def end_choices(rows: ScheduledJobQuerySet, seen: Iterable[tuple[Desired, LiveJob | None]]) -> None:
    """Forget, of jobs beside what Google was just seen to have, what is no longer left there.

    Or a value that comes back one day would be left again, and nobody had looked at it.
    """
    for desired, live in seen:
        # Without its class nothing is known of what the job wants, and so of what differs.
        if not desired.ignored or desired.pk is None or desired.spec is None or desired.state is None:
            continue
        left = desired.left(live) if live is not None else {}
        if left.keys() == desired.ignored.keys():
            continue
        # Of this very revision: an operator may have chosen anew meanwhile.
        same = rows.filter(pk=desired.pk, revision=desired.revision)
        job = same.only("name", "task").first()
        if job is None or not same.update(ignored_drift=left):
            continue
        with attribution(via=JobChange.Via.AUTO, reason=_("One of the two values has changed.")):
            JobChange.record(job, {"ignored_drift": (dict(desired.ignored), left)}, using=rows.db)
