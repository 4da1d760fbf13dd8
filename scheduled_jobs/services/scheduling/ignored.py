"""The end of a choice to leave what Google has, where a look at Google shows that it is another by now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from scheduled_jobs.models import JobChange, attribution

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from scheduled_jobs.domain.jobs import LiveJob
    from scheduled_jobs.domain.plan import Desired
    from scheduled_jobs.models.job_queryset import ScheduledJobQuerySet


def end_choices(
    rows: ScheduledJobQuerySet,
    seen: Iterable[tuple[Desired, LiveJob | None]],
    at: datetime,
    *,
    seeded: Mapping[int, int] | None = None,
) -> None:
    """Forget, of jobs beside what Google was seen to have at ``at``, what is no longer left there.

    Or a value that comes back one day would be left again, and nobody had looked at it. ``seeded`` has the
    revisions to which seeding alone has brought rows since ``at``: it makes no choice.
    """
    for desired, live in seen:
        if not desired.ignored or desired.pk is None or desired.state is None:
            continue
        left = desired.left(live) if live is not None else {}
        if live is not None and desired.spec is None:
            # Without its class nothing but the state is known of what the job wants.
            left |= {name: value for name, value in desired.ignored.items() if name != "state"}
        if left.keys() == desired.ignored.keys():
            continue
        # An operator may have chosen anew since that look, or while the row was read.
        same = rows.filter(pk=desired.pk, revision=desired.revision)
        if seeded is None or seeded.get(desired.pk) != desired.revision:
            same = same.filter(edited_at__lte=at)
        job = same.only("name", "task", "ignored_drift").first()
        if job is None:
            continue
        # A plan compares the row as seeding would leave it: of what is stored only the ended goes.
        ended = desired.ignored.keys() - left.keys()
        stays = {name: value for name, value in job.ignored_drift.items() if name not in ended}
        if not same.update(ignored_drift=stays):
            continue
        with attribution(via=JobChange.Via.AUTO, reason=_("Google has another value by now.")):
            JobChange.record(job, {"ignored_drift": (job.ignored_drift, stays)}, using=rows.db)
