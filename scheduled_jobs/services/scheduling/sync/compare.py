"""The rows beside what Google has, some hundreds at a time, and what a sync would change.

The rows are read while Google lists. What others have changed meanwhile is read again after the list, so
that an edit made in between is not taken for drift, nor a new job for an orphan.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any

from django.db.models import Q
from django.utils import timezone

from scheduled_jobs.domain.plan import (
    Change,
    Desired,
    Listing,
    Ownership,
    Plan,
    change_for,
    make_plan,
    names_elsewhere,
)
from scheduled_jobs.models import FormerName, ScheduledJob
from scheduled_jobs.services.scheduling.desired import desired_of, desired_of_all
from scheduled_jobs.services.scheduling.names import ownership, this_app
from scheduled_jobs.services.scheduling.rows import rows_in_force
from scheduled_jobs.services.scheduling.seed.rows import new_row

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from datetime import datetime

    from scheduled_jobs.backends import Backend
    from scheduled_jobs.domain.jobs import LiveJob
    from scheduled_jobs.models.job_queryset import ScheduledJobQuerySet
    from scheduled_jobs.services.scheduling.push.lease import Mark
    from scheduled_jobs.services.scheduling.rows import Row
    from scheduled_jobs.services.scheduling.seed.rows import Seeded
    from scheduled_jobs.services.scheduling.sync.report import Options

AT_ONCE = 500
"""So many jobs are compared together: what that takes is free again before the next are."""
MANY = 500
"""From so many rows on, reading all of them is quicker than naming those that are wanted."""

SyncState = ScheduledJob.SyncState


class Comparison:
    """All rows, or those of the chosen tasks, beside one list of Google's.

    First ``read``, then ``compare`` with each page of the list as it comes, and ``plan`` at its end.
    """

    def __init__(self, backend: Backend, options: Options, using: str) -> None:
        self.backend = backend
        self.options = options
        self.using = using
        self.ownership = ownership()
        self.paths = None if options.tasks is None else {task.name() for task in options.tasks}
        self.planned: dict[int, Desired] = {}
        """Primary key -> what each row wants that differs from what Google has."""
        self.stale: set[int] = set()
        """Primary keys of the rows that do not say that they are synced."""
        self._faulty: set[str] = set()
        self._touched: Mapping[int, ScheduledJob] = {}
        self._names: set[str] | None = None
        self._marks: dict[int, Mark] = {}
        self._moved: set[int] = set()
        self._wanted: dict[int, Desired] = {}
        self._by_name: dict[str, int] = {}
        self._new: list[Desired] = []
        self._changes: dict[int | str, Change] = {}
        self._unchanged: dict[int | str, Desired] = {}
        self._known: set[str] = set()
        self._elsewhere: set[str] = set()
        self._left_alone: dict[int, str] = {}

    @property
    def _rows(self) -> ScheduledJobQuerySet:
        return ScheduledJob.objects.using(self.using)

    # --- The rows ---------------------------------------------------------------------------------

    def read(self, seeded: Seeded) -> None:
        """Read all rows, as seeding left them or, where nothing is written, as it would leave them."""
        self._faulty = {path for path, _ in seeded.faulty}
        new: Iterator[ScheduledJob] = iter(())
        if not self.options.write:
            self._touched = seeded.touched
            self._names = {declaration.name for declaration in seeded.created}
            new = (new_row(declaration, now=timezone.now()) for declaration in seeded.created)
        else:
            # They have rows now. Thousands of declarations and of what is wanted are not held together.
            seeded.created.clear()
        app = this_app()
        prefix = self.backend.remote_name("")
        for job in self._take(rows_in_force(self._rows)):
            desired = self._wanted[job.pk] = desired_of(job, app, remote_name=prefix + job.name)
            self._by_name[desired.remote_name] = job.pk
            # Another project or location: what becomes of the job there is looked up after the list.
            if job.remote_name not in ("", prefix + job.name):
                self._moved.add(job.pk)
        self._new = [
            desired_of(job, app, remote_name=prefix + job.name) for job in new if self._is_chosen(job)
        ]

    def _take(self, rows: Iterable[Row]) -> Iterator[Row | ScheduledJob]:
        """The rows to compare; what is known of the others, and of all of them, is noted."""
        for row in rows:
            self._marks[row.pk] = (row.revision, row.synced_at)
            job = self._touched.get(row.pk, row)
            if self._names is not None and job.retired_at is None:
                self._names.add(job.name)
            if not self._is_chosen(job):
                continue
            if job.sync_state != SyncState.SYNCED:
                self.stale.add(job.pk)
            if job.task in self._faulty:
                # The jobs of faulty classes stay as they are: neither pushed, nor deleted as orphans.
                self._left_alone[job.pk] = self.backend.remote_name(job.name)
            else:
                yield job

    def _is_chosen(self, job: Row | ScheduledJob) -> bool:
        return self.paths is None or job.task in self.paths

    def _read_again(self, at: datetime) -> None:
        """Read again what was edited, pushed or added since the list of ``at``, and what was renamed."""
        current = {
            pk: (revision, synced_at)
            for pk, revision, synced_at in self._rows.order_by().values_list("pk", "revision", "synced_at")
        }
        again = {pk for pk, mark in current.items() if self._marks.get(pk) != mark}
        for pk in self._marks.keys() - current.keys():
            # Whoever deleted the row deletes its job, which was listed before: no orphan yet.
            self._forget(pk)
        for pk in again:
            self._forget(pk)
            self._left_alone.pop(pk, None)
            self.stale.discard(pk)
        formers = FormerName.objects.using(self.using).filter(Q(deleted_at=None) | Q(deleted_at__gte=at))
        for pk, remote_name, deleted_at in formers.values_list("job_id", "remote_name", "deleted_at"):
            if deleted_at is None:
                self._moved.add(pk)
            else:
                # It was listed, and then deleted under the name that it once had.
                self._known.add(remote_name)
        for pk in self._moved - again:
            if self._forget(pk):
                again.add(pk)
        if not again:
            return
        rows = rows_in_force(self._rows if len(again) > MANY else self._rows.filter(pk__in=again))
        jobs = list(self._take(row for row in rows if row.pk in again))
        for desired in desired_of_all(jobs, self.backend, using=self.using, names=self._names):
            if desired.pk is not None:
                self._wanted[desired.pk] = desired

    def _forget(self, pk: int) -> bool:
        """Whether the row was wanted; its name stays known, so that its job is no orphan."""
        found = [of.pop(pk, None) for of in (self._wanted, self._changes, self._unchanged, self.planned)]
        return any(one is not None for one in found)

    # --- Beside the list --------------------------------------------------------------------------

    def compare(self, page: Listing) -> None:
        """Compare the jobs of one page with their rows, which are given up for it.

        A row that is found to have been edited since is compared once more, when all pages are there.
        """
        pks = (self._by_name.get(name) for name in page.jobs)
        some = [self._wanted.pop(pk) for pk in pks if pk in self._wanted and pk not in self._moved]
        self._compare(some, page)

    def plan(self, listing: Listing) -> Plan:
        """What is to be changed, all pages being there."""
        self._read_again(listing.at)
        for some in self._some():
            self._compare(some, listing)
        known = self._known.union(self._by_name, self._left_alone.values())
        rest = make_plan((), listing, self.ownership, find_orphans=self.paths is None, left_alone=known)
        changes = sorted(
            [*self._changes.values(), *rest.changes], key=lambda change: (change.label, change.name)
        )
        return Plan(tuple(changes), tuple(self._unchanged.values()), rest.ours + len(self._elsewhere))

    def _compare(self, all_of_them: Iterable[Desired], listing: Listing) -> None:
        some: list[Desired] = []
        for desired in all_of_them:
            if self._is_evidently_unchanged(desired, listing.jobs.get(desired.remote_name)):
                self._known.add(desired.remote_name)
                self._keep_unchanged(desired)
            else:
                some.append(desired)
        if not some:
            return
        part = self._plan_some(some, listing)
        self._elsewhere |= names_elsewhere(some, listing)
        differing = {change.remote_name for change in part.changes}
        fresh: dict[str, Desired] = {}
        for desired in some:
            self._known.update((desired.remote_name, *desired.former))
            if desired.remote_name in differing:
                # Copies, since each remembers its comparable values.
                fresh[desired.remote_name] = replace(desired)
        self.planned.update((desired.pk, desired) for desired in fresh.values() if desired.pk is not None)
        for change in part.changes:
            self._changes[change.pk or change.remote_name] = self._light(change, fresh, listing)
        for desired in part.unchanged:
            self._keep_unchanged(desired)

    def _keep_unchanged(self, desired: Desired) -> None:
        self._unchanged[desired.pk or desired.remote_name] = without_spec(desired)

    def _is_evidently_unchanged(self, desired: Desired, live: LiveJob | None) -> bool:
        """Whether no plan is needed to see that nothing is to be done: of thousands most are so."""
        return (
            live is not None
            and desired.spec is not None
            and not desired.former
            and desired.state is not None
            and not desired.differences(live)
            and self.ownership.why_not(live) is None
        )

    def _some(self) -> Iterator[list[Desired]]:
        keys = iter(list(self._wanted))
        while some := [self._wanted.pop(pk) for pk in islice(keys, AT_ONCE)]:
            yield some
        while some := self._new[:AT_ONCE]:
            del self._new[:AT_ONCE]
            yield some

    def _plan_some(self, some: list[Desired], listing: Listing) -> Plan:
        names = {name for desired in some for name in (desired.remote_name, *desired.former)}
        part = Listing(
            listing.parent, {name: listing.jobs[name] for name in names & listing.jobs.keys()}, listing.at
        )
        some[:] = self._with_what_was_pushed(some, part)
        return make_plan(
            some,
            part,
            self.ownership,
            adopt=self.options.adopt,
            delete=self.options.delete and self.paths is None,
            find_orphans=False,
        )

    def _with_what_was_pushed(self, some: Collection[Desired], listing: Listing) -> list[Desired]:
        """What was sent and answered last, for the rows that differ: only then it is asked."""
        differing = {
            desired.pk
            for desired in some
            if desired.pk is not None
            and (live := listing.jobs.get(desired.remote_name)) is not None
            and desired.differences(live)
        }
        if not differing:
            return list(some)
        pushed = {
            pk: pushed
            for rows in self._rows.among(differing)
            for pk, pushed in rows.values_list("pk", "pushed")
        }
        return [
            replace(desired, pushed=pushed.get(desired.pk) or {}) if desired.pk in differing else desired
            for desired in some
        ]

    def _light(self, change: Change, new: Mapping[str, Desired], listing: Listing) -> Change:
        """The change, the fields of a new job not yet spelled out: thousands are, if at all, only printed."""
        if change.kind != "create":
            return change
        desired = new[change.remote_name]
        return replace(change, fields=_FieldsOfNew(desired, self.ownership, listing.at))


class _FieldsOfNew(Mapping[str, "tuple[Any, Any]"]):
    """Field -> (None, desired value) of a job that is to be created, worked out when it is asked for."""

    __slots__ = ("_at", "_desired", "_ownership")

    def __init__(self, desired: Desired, ownership: Ownership, at: datetime) -> None:
        self._desired = desired
        self._ownership = ownership
        self._at = at

    def _fields(self) -> Mapping[str, tuple[Any, Any]]:
        # A copy, since a row remembers its comparable values: thousands of the originals are kept.
        change = change_for(replace(self._desired), Listing("", {}, self._at), self._ownership)
        return change.fields if change is not None else {}

    def __getitem__(self, name: str) -> tuple[Any, Any]:
        return self._fields()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields())

    def __len__(self) -> int:
        return len(self._fields())


def without_spec(desired: Desired) -> Desired:
    """What is still asked of a row that needs no change."""
    return Desired(
        pk=desired.pk,
        revision=desired.revision,
        task=desired.task,
        name=desired.name,
        remote_name=desired.remote_name,
        state=desired.state,
    )
