"""What can be done with many jobs at once; what is done with one of them is the same, with a set of one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

from django.db import connections, models, transaction
from django.utils import timezone

from scheduled_jobs import signals
from scheduled_jobs.domain.jobs import OVERRIDABLE, same_json
from scheduled_jobs.domain.limits import check_pause_end
from scheduled_jobs.exceptions import ScheduledJobsError
from scheduled_jobs.models.changes import JobChange, attribution, current_attribution, label_of
from scheduled_jobs.models.in_force import seen_differences
from scheduled_jobs.models.origin import fields_of_its_own
from scheduled_jobs.models.runs import JobRun
from scheduled_jobs.models.stats import RunStats
from scheduled_jobs.models.sync_state import pending
from scheduled_jobs.models.validation import errors_of
from scheduled_jobs.models.versions import JobVersion
from scheduled_jobs.models.writer import WriterManager, WriterQuerySet

if TYPE_CHECKING:
    from scheduled_jobs.models.jobs import ScheduledJob

IN_ONE_STATEMENT = 500
"""Rows that one statement names: SQLite before 3.32 takes 999 parameters, later ones 32,766."""
NOT_PAUSED: dict[str, Any] = {
    "paused": False, "pause_reason": "", "paused_until": None, "paused_by": "", "paused_at": None,
}  # fmt: skip


class ScheduledJobQuerySet(WriterQuerySet["ScheduledJob"]):
    """Each change here is one transaction: the columns, the audit, and the wish for a push on commit.

    Jobs that are being deleted are passed over. What returns a number returns how many jobs were changed.
    """

    def active(self) -> ScheduledJobQuerySet:
        """Jobs that ought to exist in Google."""
        return self.filter(retired_at=None, deleting_at=None)

    def overridden(self) -> ScheduledJobQuerySet:
        """Jobs with at least one override."""
        return self.filter(_any_is_set(f"{name}_override" for name in OVERRIDABLE))

    def in_batches(self, pks: Iterable[int]) -> Iterator[ScheduledJobQuerySet]:
        """Those of these jobs that have one of the keys, in sets that one statement can name."""
        some = iter(pks)
        while chunk := list(islice(some, IN_ONE_STATEMENT)):
            yield self.filter(pk__in=chunk)

    def lock(self) -> None:
        """Lock these rows until the transaction ends, in the order of their keys.

        An UPDATE locks in the order in which it finds them: two of them, or one beside whoever locks in
        order, can die of a deadlock. A database that locks no rows has one writer at a time.
        """
        if connections[self.db].features.has_select_for_update:
            list(self.select_for_update().order_by("pk").values_list("pk"))

    lock.queryset_only = True  # type: ignore[attr-defined]

    def mark_pending(self, *, edited: bool = True, **values: Any) -> int:
        """Update columns that change what is in force: the same statement says that a push is due.

        Returns how many rows matched. Must run in the transaction that also tells ``job_edited``. ``edited``
        is False where nothing in force has changed, and a push was given up.
        """
        return self.update(**values, **pending(edited=edited))

    mark_pending.queryset_only = True  # type: ignore[attr-defined]

    def delete(self) -> tuple[int, dict[str, int]]:
        """Delete the rows, and on commit their jobs in Google; their runs before, in chunks."""
        using = self.db
        pks = self.using(using).order_by().values_list("pk", flat=True)
        deletions: list[tuple[int, dict[str, int]]] = []
        for rows in self.model.objects.using(using).in_batches(sorted(set(pks))):
            chunk = list(rows.values_list("pk", flat=True))
            for pk in chunk:
                deletions += JobRun.objects.using(using).delete_of_job(pk)
            with transaction.atomic(using=using):
                # The rows before what refers to them: so does whoever pushes them.
                rows.lock()
                deletions.append(models.QuerySet.delete(rows))
                RunStats.objects.using(using).of_job_gone(chunk)
        return added(*deletions)

    delete.queryset_only = True  # type: ignore[attr-defined]
    delete.alters_data = True  # type: ignore[attr-defined]

    def pause(self, *, reason: str, until: datetime | None = None, by: Any = None) -> int:
        """Skip all runs from now on, until ``until`` (aware) if it is given.

        Raises ValueError without a reason, or if the end is past or beyond ``LATEST_PAUSE``
        (``domain.limits``). ``by`` is a user or a name.
        """
        if not reason or not reason.strip():
            raise ValueError("say why the job is paused: pause(reason=…)")
        now = timezone.now()
        if until is not None and check_pause_end(until) <= now:
            raise ValueError(f"{until} is past; a pause ends in the future, or never")
        who = label_of(by) or current_attribution().label
        audit = {"paused": True, "paused_until": until, "pause_reason": reason, "paused_by": who}
        values = {**audit, "paused_at": now}
        changed = 0
        with _in_chunks(self) as chunks:
            for rows in chunks:
                # Or the audit would tell of one long pause, where runs took place in between.
                _end_pauses(rows, now)
                changed += _change(rows, models.Q(), values, audit, by=by, reason=reason)
                versions = JobVersion.objects.using(rows.db)
                versions.hold(dict.fromkeys(rows.values_list("pk", flat=True), now))
        return changed

    pause.queryset_only = True  # type: ignore[attr-defined]

    def resume(self, *, by: Any = None, reason: str = "") -> int:
        """End the pauses. Fires nothing: the next run is the schedule's next.

        A pause whose end has passed has ended by itself, and is recorded so: nobody has resumed the job.
        """
        now = timezone.now()
        audit = {"paused": False, "paused_until": None}
        changed = 0
        with _in_chunks(self) as chunks:
            for rows in chunks:
                _end_pauses(rows, now)
                paused = dict.fromkeys(rows.filter(paused=True).values_list("pk", flat=True), now)
                changed += _change(rows, models.Q(paused=True), NOT_PAUSED, audit, by=by, reason=reason)
                if paused:
                    JobVersion.objects.using(rows.db).release(paused)
        return changed

    resume.queryset_only = True  # type: ignore[attr-defined]

    def end_pauses(self, now: datetime) -> int:
        """Clear the stored pauses whose end has passed at ``now``.

        Google was never told of those pauses: nothing is pushed.
        """
        with _in_chunks(self.filter(paused=True, paused_until__lte=now)) as chunks:
            return sum(_end_pauses(rows, now) for rows in chunks)

    def reset(self, *fields: str, by: Any = None, reason: str = "") -> int:
        """Remove the overrides of these fields (names without ``_override``; none: of all).

        Raises ValueError for a name that is no field, for one of a job's ``fields_of_its_own``, which
        stay where all are reset, and where what follows the code would not fit the overrides that stay.
        """
        if unknown := set(fields) - set(OVERRIDABLE):
            known = ", ".join(OVERRIDABLE)
            raise ValueError(f"{', '.join(sorted(unknown))} cannot be reset; the fields are {known}")
        changed = 0
        with _in_chunks(self) as chunks:
            for rows in chunks:
                for kept, some in _by_fields_of_their_own(rows):
                    for name in fields:
                        if name in kept:
                            raise ValueError(
                                f"the {name} of a job of your own has no default in the code to return to"
                            )
                    wanted = [f"{name}_override" for name in fields or OVERRIDABLE if name not in kept]
                    if fields:
                        _check_without(some, wanted)
                    nothing = dict.fromkeys(wanted)
                    changed += _change(some, _any_is_set(wanted), nothing, nothing, by=by, reason=reason)
        return changed

    reset.queryset_only = True  # type: ignore[attr-defined]

    def push(self, *, by: Any = None, reason: str = "") -> int:
        """Ask for a push, which makes Google equal to what is in force; also of jobs that are being deleted.

        The audit keeps what somebody changed in Google, as it was last seen: the push takes it back.
        """
        changed = 0
        with _in_chunks(self) as chunks:
            for rows in chunks:
                jobs = list(rows)
                _record(rows, [(job, _taken_back(job)) for job in jobs], by=by, reason=reason)
                changed += rows.mark_pending()
                signals.job_edited.send(
                    sender=rows.model._meta.concrete_model, pks=[job.pk for job in jobs], using=rows.db
                )
        return changed

    push.queryset_only = True  # type: ignore[attr-defined]

    def run_now(self, *, by: Any = None, reason: str = "") -> dict[int, str]:
        """Ask for a run of each, with its payload in force.

        Returns why not, by key, of those that cannot be run.
        """
        refused = {}
        with _in_chunks(self) as chunks:
            for job in (job for rows in chunks for job in rows):
                try:
                    job.run_now(by=by, reason=reason)
                except ScheduledJobsError as error:
                    refused[job.pk] = str(error)
        return refused

    run_now.queryset_only = True  # type: ignore[attr-defined]


if TYPE_CHECKING:

    class ScheduledJobManager(ScheduledJobQuerySet, WriterManager["ScheduledJob"]):  # type: ignore[misc]
        """What the class below is, in words that every type checker understands."""

else:

    class ScheduledJobManager(WriterManager.from_queryset(ScheduledJobQuerySet)):
        """Has the methods of the query set."""


def added(*deletions: tuple[int, dict[str, int]]) -> tuple[int, dict[str, int]]:
    """What several deletions have deleted together, in the form in which Django tells it."""
    counts = Counter[str]()
    for _total, each in deletions:
        counts.update(each)
    return counts.total(), dict(counts)


@contextmanager
def _in_chunks(jobs: ScheduledJobQuerySet) -> Iterator[Iterator[ScheduledJobQuerySet]]:
    """These jobs in chunks, in one transaction, in the database that is written to.

    All of a chunk are locked before any is written, in the order of their keys: two who change many at once
    wait for one another, and do not deadlock. Whoever has changed meanwhile is changed all the same.
    """
    using = jobs.db
    with transaction.atomic(using=using):
        # A set that was found through another table may name a job more than once.
        pks = sorted(set(jobs.using(using).values_list("pk", flat=True)))
        yield _locked(jobs.model.objects.using(using).in_batches(pks))


def _locked(chunks: Iterator[ScheduledJobQuerySet]) -> Iterator[ScheduledJobQuerySet]:
    for rows in chunks:
        rows.lock()
        yield rows


def _by_fields_of_their_own(
    rows: ScheduledJobQuerySet,
) -> Iterator[tuple[tuple[str, ...], ScheduledJobQuerySet]]:
    found: dict[tuple[str, ...], list[int]] = {}
    for pk, origin, task in rows.values_list("pk", "origin", "task"):
        found.setdefault(fields_of_its_own(origin, task), []).append(pk)
    for kept, pks in found.items():
        yield kept, rows.filter(pk__in=pks)


def _check_without(rows: ScheduledJobQuerySet, overrides: Iterable[str]) -> None:
    """Raise ValueError where what is in force is wrong only without these overrides."""
    for job in rows:
        before = errors_of(job, is_new=False)
        for name in overrides:
            setattr(job, name, None)
        if errors := {k: text for k, text in errors_of(job, is_new=False).items() if k not in before}:
            fields = ", ".join(name.removesuffix("_override") for name in errors)
            raise ValueError(f"{' '.join(errors.values())}; reset {fields} too, or change it first")


def _change(
    rows: ScheduledJobQuerySet,
    condition: models.Q,
    values: dict[str, Any],
    audit: dict[str, Any],
    *,
    by: Any,
    reason: str,
) -> int:
    """Update columns that are not ``save()``'s, with their audit, and ask for the push.

    The lock on the rows settles the race with another writer; where rows cannot be locked, as in
    SQLite, one writer at a time has the whole database.
    """
    columns = ["name", "task", *audit]
    locked = rows.filter(condition, deleting_at=None).select_for_update().order_by("pk").only(*columns)
    before = list(locked)
    if not before:
        return 0
    pks = [job.pk for job in before]
    rows.filter(pk__in=pks).mark_pending(**values)
    _record(rows, [(job, _differences(job, audit)) for job in before], by=by, reason=reason)
    signals.job_edited.send(sender=rows.model._meta.concrete_model, pks=pks, using=rows.db)
    return len(pks)


def _record(
    rows: ScheduledJobQuerySet, changes: Iterable[tuple[ScheduledJob, dict[str, Any]]], **why: Any
) -> None:
    lines = [line for job, fields in changes for line in JobChange.build(job, fields, **why)]
    JobChange.objects.using(rows.db).bulk_create(lines)


def _taken_back(job: ScheduledJob) -> dict[str, tuple[Any, Any]]:
    """What the audit tells of a push: the state of the job's sync, and what drifted in Google."""
    state = job.SyncState
    drifted = seen_differences(job) if job.sync_state == state.DRIFTED else {}
    return {"sync": (job.sync_state, state.PENDING), **drifted}


def _end_pauses(rows: ScheduledJobQuerySet, now: datetime) -> int:
    over = rows.filter(paused=True, paused_until__lte=now)
    # Locked: another may end it too, or a person just now pause the job anew, and that pause stays.
    ended = list(over.select_for_update().order_by("pk").only("name", "task", "paused_until"))
    if not ended:
        return 0
    rows.filter(pk__in=[job.pk for job in ended]).update(**NOT_PAUSED)
    # From its end on, whoever notices it how much later.
    ends = {job.pk: job.paused_until for job in ended if job.paused_until is not None}
    JobVersion.objects.using(rows.db).release(ends)
    with attribution(via=JobChange.Via.AUTO, reason="The pause has ended."):
        # The same lines as those of resume().
        changes = [
            (job, {"paused": (True, False), "paused_until": (job.paused_until, None)}) for job in ended
        ]
        _record(rows, changes)
    return len(ended)


def _any_is_set(columns: Iterable[str]) -> models.Q:
    condition = models.Q()
    for column in columns:
        condition |= models.Q(**{f"{column}__isnull": False})
    return condition


def _differences(before: ScheduledJob, after: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Field -> old and new value, as the audit tells it."""
    changes = {
        column.removesuffix("_override"): (old, new)
        for column, new in after.items()
        if not same_json(old := getattr(before, column), new)
    }
    if "paused" in changes:
        # The reason is the change's own; only of a pause that goes on is it a change by itself.
        changes.pop("pause_reason", None)
    if len(changes) > 1:
        # Who it was is told with every change; by itself only where nothing else is another.
        changes.pop("paused_by", None)
    return changes
