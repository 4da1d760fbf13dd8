"""The rows beside what Google has, and what a sync would change."""

from __future__ import annotations

from dataclasses import replace

from django.utils import timezone

from scheduled_jobs import registry
from scheduled_jobs.backends import Backend
from scheduled_jobs.domain.jobs import LiveJob
from scheduled_jobs.domain.plan import Change, Desired, Listing, Plan, change_for, make_plan
from scheduled_jobs.models import ScheduledJob
from scheduled_jobs.services.scheduling import google_names
from scheduled_jobs.services.scheduling.desired import Row, desired_of_all, read_rows, with_pushed
from scheduled_jobs.services.scheduling.names import ownership
from scheduled_jobs.services.scheduling.seed.rows import Seeded, new_row
from scheduled_jobs.services.scheduling.sync.report import Comparison, Options


def compare(listing: Listing, seeded: Seeded, options: Options, backend: Backend) -> Comparison:
    """Compare all rows, or those of the chosen tasks, as seeding left or would leave them.

    They are read after the list: an edit made in between is not taken for drift, nor a new job for an orphan.
    """
    jobs, faulty = _jobs(seeded, options)
    is_all = options.tasks is None
    known = {backend.remote_name(job.name) for job in faulty} | google_names.known(listing.at)
    owed = google_names.owed(timezone.now())
    same: list[Desired] = []
    differing: list[Desired] = []
    pushed_since: list[Desired] = []
    for desired in desired_of_all(jobs, backend.remote_name("")):
        live = listing.jobs.get(desired.remote_name)
        if was_pushed_since(desired, listing):
            pushed_since.append(desired)
        else:
            (differing if live is not None and desired.differences(live) else same).append(desired)
    wanted = [*same, *with_pushed(differing)]
    taken_over = {desired.remote_name for desired in wanted if desired.state is not None}
    plan = make_plan(
        wanted,
        listing,
        ownership(),
        adopt=options.adopt,
        delete=options.delete and is_all,
        find_orphans=is_all,
        known=known.union(desired.remote_name for desired in pushed_since),
        owed=[name for name in owed if name not in taken_over],
    )
    absent = _absent(plan, owed if is_all else [], listing)
    unchanged = (*plan.unchanged, *pushed_since)
    return Comparison(listing, replace(plan, unchanged=unchanged), plan.unchanged, tuple(absent))


def is_needed(desired: Desired, listing: Listing, *, adopt: bool) -> bool:
    """Whether a row is still to be pushed, as read under its lease; somebody may have done so meanwhile."""
    if was_pushed_since(desired, listing):
        return False
    return change_for(desired, listing, ownership(), adopt=adopt) is not None


def seen_of(found: Comparison) -> dict[int, LiveJob | None]:
    """Row -> what the list shows of its job; not of those that are another's, or have another name there."""
    own = ownership()
    seen: dict[int, LiveJob | None] = {}
    wanted: list[Desired | Change] = [*found.agreeing, *found.plan.changes]
    for one in wanted:
        live = found.listing.jobs.get(one.remote_name)
        is_absent = live is None and isinstance(one, Change) and one.kind == "create"
        if one.pk is not None and (is_absent or (live is not None and own.refusal_reason(live) is None)):
            seen[one.pk] = live
    return seen


def was_pushed_since(desired: Desired, listing: Listing) -> bool:
    """Whether Google has been told what the row wants after the list was begun.

    A time to come was written by a host whose clock is ahead, and tells nothing.
    """
    at = desired.pushed_at
    return desired.is_pushed and at is not None and listing.at < at <= timezone.now()


def _jobs(seeded: Seeded, options: Options) -> tuple[list[Row | ScheduledJob], list[Row | ScheduledJob]]:
    """The rows to compare, and those whose classes are faulty: these stay as they are."""
    chosen = None if options.tasks is None else {registry.dotted_path(task) for task in options.tasks}
    faulty = {path for path, _ in seeded.faulty}
    rows: list[Row | ScheduledJob] = list(read_rows(ScheduledJob.objects.all()))
    if not options.write:
        rows = [seeded.touched.get(job.pk, job) for job in rows]
        rows += [new_row(declaration, now=timezone.now()) for declaration in seeded.created]
    rows = [job for job in rows if chosen is None or job.task in chosen]
    return [job for job in rows if job.task not in faulty], [job for job in rows if job.task in faulty]


def _absent(plan: Plan, owed: list[str], listing: Listing) -> list[tuple[int | None, str]]:
    names: list[tuple[int | None, str]] = [(None, name) for name in owed]
    for desired in plan.unchanged:
        names += [(desired.pk, name) for name in desired.former]
        if desired.state is None and desired.is_claimed:
            names.append((desired.pk, desired.remote_name))
    return [(pk, name) for pk, name in names if listing.covers(name) and name not in listing.jobs]
