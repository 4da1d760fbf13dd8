"""From the task classes to their rows. Nothing is pushed, and nothing an operator set is touched."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.db import router, transaction
from django.utils import timezone

from scheduled_jobs import registry
from scheduled_jobs.domain.jobs import OVERRIDABLE
from scheduled_jobs.models import FormerName, JobChange, ScheduledJob, attribution
from scheduled_jobs.services.scheduling.declarations import Declaration, declare
from scheduled_jobs.services.scheduling.names import this_app

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from django.db.models import QuerySet

    from scheduled_jobs.tasks import PeriodicTask

Origin = ScheduledJob.Origin
DECLARED = tuple(f"declared_{name}" for name in OVERRIDABLE)


@dataclass
class Seeded:
    """What seeding found and did. ``faulty`` classes keep their rows as they are."""

    jobs: dict[str, ScheduledJob] = field(default_factory=dict)
    """Dotted path -> the code's row, as it now stands."""
    created: list[ScheduledJob] = field(default_factory=list)
    changed: list[ScheduledJob] = field(default_factory=list)
    renamed: list[ScheduledJob] = field(default_factory=list)
    returned: list[ScheduledJob] = field(default_factory=list)
    retired: list[ScheduledJob] = field(default_factory=list)
    faulty: list[tuple[str, str]] = field(default_factory=list)
    """Dotted path and what is wrong."""


def seed(tasks: Iterable[type[PeriodicTask]], *, retire: bool, write: bool = True) -> Seeded:
    """Bring the rows of these classes up to what the code declares, in one transaction.

    With ``retire`` the rows of all other tasks are retired: history, overrides and pause stay and return
    with the class. Without ``write`` nothing is written: the rows in the answer say what would be.
    """
    using = router.db_for_write(ScheduledJob)
    app = this_app()
    seeding = _Seeding([declare(task, app) for task in tasks], using)
    with transaction.atomic(using=using), attribution(via="code"):
        seeding.plan(retire=retire)
        if write:
            seeding.write()
    return seeding.result


class _Seeding:
    def __init__(self, declarations: Sequence[Declaration], using: str) -> None:
        self.using = using
        self.now = timezone.now()
        self.result = Seeded()
        self.declarations = declarations
        self.audit: list[tuple[ScheduledJob, dict[str, tuple[Any, Any]]]] = []
        self.touched: dict[int, ScheduledJob] = {}
        self.old_names: dict[int, str] = {}

    @property
    def rows(self) -> QuerySet[ScheduledJob]:
        return ScheduledJob.objects.using(self.using)

    def plan(self, *, retire: bool) -> None:
        existing = list(self.rows.select_for_update())
        self.by_task = {job.task: job for job in existing if job.origin == Origin.CODE}
        self.by_name = {job.name: job for job in existing}
        paths = {declaration.path for declaration in self.declarations}
        good = self._without_clashes()
        for declaration in good:
            self._plan_one(declaration)
        self._plan_operators(existing, {declaration.path: declaration for declaration in good})
        if retire:
            renamed_from = {job.pk for job in self.result.jobs.values() if job.pk}
            for job in existing:
                if job.task not in paths and job.pk not in renamed_from and job.retired_at is None:
                    self._touch(job, {"retired_at": self.now}, audit={"retired": (False, True)})
                    self.result.retired.append(job)

    def _without_clashes(self) -> list[Declaration]:
        first: dict[str, str] = {}
        good = []
        names = {d.path: d.name for d in self.declarations if not d.faults}
        for declaration in self.declarations:
            if not declaration.faults and declaration.name in first:
                declaration.faults["schedule_name()"] = clash(declaration.name, first[declaration.name])
            holder = self.by_name.get(declaration.name)
            if not declaration.faults and holder is not None and holder.origin == Origin.OPERATOR:
                declaration.faults["schedule_name()"] = (
                    f"the job id {declaration.name} is taken by a job that an operator added; "
                    "return another name, or delete that job in the admin"
                )
            if not declaration.faults and holder is not None and self._keeps(holder, declaration, names):
                declaration.faults["schedule_name()"] = clash(declaration.name, holder.task)
            if declaration.faults:
                self.result.faulty.append((declaration.path, declaration.fault))
            else:
                first[declaration.name] = declaration.path
                good.append(declaration)
        return good

    @staticmethod
    def _keeps(holder: ScheduledJob, declaration: Declaration, names: dict[str, str]) -> bool:
        """Whether the row that has this name belongs to another class that is not giving it up now."""
        if holder.task == declaration.path or registry.get(holder.task) is None:
            return False
        return names.get(holder.task, holder.name) == declaration.name

    def _plan_one(self, declaration: Declaration) -> None:
        job = self.by_task.get(declaration.path)
        if job is None:
            # A class that was moved keeps its name: the row of that name is its own, if no class claims it.
            namesake = self.by_name.get(declaration.name)
            if (
                namesake is not None
                and namesake.origin == Origin.CODE
                and registry.get(namesake.task) is None
            ):
                job = namesake
        if job is None:
            self._create(declaration)
            return
        self.result.jobs[declaration.path] = job
        changes = {
            column: declaration.values[column.removeprefix("declared_")]
            for column in DECLARED
            if getattr(job, column) != declaration.values[column.removeprefix("declared_")]
        }
        if changes:
            self.result.changed.append(job)
        if job.task != declaration.path:
            changes["task"] = declaration.path
        if job.name != declaration.name:
            self.old_names[job.pk] = job.name
            changes["name"] = declaration.name
        if "task" in changes or "name" in changes:
            self.result.renamed.append(job)
        if job.retired_at is not None:
            changes["retired_at"] = None
            self.result.returned.append(job)
        if changes:
            self._touch(job, changes)

    def _create(self, declaration: Declaration) -> None:
        job = ScheduledJob(
            name=declaration.name,
            task=declaration.path,
            origin=Origin.CODE,
            paused=declaration.paused,
            paused_at=self.now if declaration.paused else None,
            pause_reason="Created paused by the code (schedule_paused)." if declaration.paused else "",
            **{f"declared_{name}": value for name, value in declaration.values.items()},
        )
        self.result.jobs[declaration.path] = job
        self.result.created.append(job)

    def _plan_operators(self, existing: Sequence[ScheduledJob], declared: dict[str, Declaration]) -> None:
        """An operator's own job follows its task in all but its schedule and zone."""
        for job in existing:
            declaration = declared.get(job.task)
            if job.origin != Origin.OPERATOR or declaration is None:
                continue
            changes = {
                column: declaration.values[column.removeprefix("declared_")]
                for column in DECLARED
                if column != "declared_schedule"
                and getattr(job, column) != declaration.values[column.removeprefix("declared_")]
            }
            if job.retired_at is not None:
                changes["retired_at"] = None
                self.result.returned.append(job)
            if changes:
                self._touch(job, changes)

    def _touch(
        self, job: ScheduledJob, changes: dict[str, Any], audit: dict[str, tuple[Any, Any]] | None = None
    ) -> None:
        self.audit.append((job, audit or {name: (getattr(job, name), new) for name, new in changes.items()}))
        for name, value in changes.items():
            setattr(job, name, value)
        self.touched[job.pk] = job

    def write(self) -> None:
        self._free_names()
        self.rows.bulk_update(
            self.touched.values(), ["name", "task", "retired_at", *DECLARED], batch_size=200
        )
        if self.touched:
            self.rows.filter(pk__in=list(self.touched)).edit()
        self.rows.bulk_create(self.result.created, batch_size=500)
        changes = [JobChange.build(job, fields) for job, fields in self.audit]
        changes += [JobChange.build(job, {"job": (None, job.name)}) for job in self.result.created]
        JobChange.objects.using(self.using).bulk_create([row for rows in changes for row in rows])

    def _free_names(self) -> None:
        """First pass: names that are given up, or held by a row that nobody claims, make room."""
        taken = {job.name for job in self.touched.values() if job.pk in self.old_names}
        taken |= {job.name for job in self.result.created}
        for holder in self.by_name.values():
            if holder.name in taken and holder.pk not in self.old_names and holder.retired_at is not None:
                self.old_names[holder.pk] = holder.name
                holder.name = f"{holder.name[:470]}-retired-{holder.pk}"
                self.touched[holder.pk] = holder
        if not self.old_names:
            return
        remote = dict(
            self.rows.filter(pk__in=self.old_names).exclude(remote_name="").values_list("pk", "remote_name")
        )
        for pk in self.old_names:
            # Two jobs may swap their names, which a unique key refuses in one step.
            self.rows.filter(pk=pk).update(name=f"renaming-{pk}")
        former = FormerName.objects.using(self.using)
        former.filter(remote_name__in=list(remote.values())).delete()
        former.bulk_create(
            FormerName(job_id=pk, name=self.old_names[pk], remote_name=name) for pk, name in remote.items()
        )


def clash(name: str, other: str) -> str:
    """What is wrong with two tasks of one job id."""
    return f"the job id {name} is also that of {other}; return another name from one of them"
