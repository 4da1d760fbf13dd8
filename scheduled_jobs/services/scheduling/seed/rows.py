"""From the task classes to their rows. Nothing is pushed, and nothing an operator set is touched."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from django.db import transaction
from django.utils import timezone

from scheduled_jobs import registry
from scheduled_jobs.domain.jobs import OVERRIDABLE, same_json
from scheduled_jobs.exceptions import TaskNotLoaded
from scheduled_jobs.models import JobChange, ScheduledJob, attribution
from scheduled_jobs.models.changes import current_attribution
from scheduled_jobs.models.in_force import DECLARED
from scheduled_jobs.models.writer import writer
from scheduled_jobs.models.writing import insert_rows
from scheduled_jobs.registry import Task
from scheduled_jobs.services.scheduling.desired import Row, read_rows
from scheduled_jobs.services.scheduling.names import this_app
from scheduled_jobs.services.scheduling.seed.declare import Declaration, declare_all

Origin = ScheduledJob.Origin
BATCH = 500


@dataclass
class Seeded:
    """What seeding found and did. ``faulty`` classes keep their rows as they are."""

    tasks: list[str] = field(default_factory=list)
    """Dotted paths of the tasks that have a row, or are given one."""
    created: list[Declaration] = field(default_factory=list)
    """What is declared of the tasks that have no row yet, or had none; ``new_row`` makes one of it."""
    touched: dict[int, ScheduledJob] = field(default_factory=dict)
    """Primary key -> the row as it now stands, of each that was changed."""
    changed: list[str] = field(default_factory=list)
    """Dotted paths of the tasks whose defaults changed, or that returned to the code."""
    faulty: list[tuple[str, str]] = field(default_factory=list)
    """Dotted path and what is wrong."""


ELSEWHERE = (
    "its module is there, and in no app that INSTALLED_APPS of this process has: its job stays as it is. "
    "Add the app here, or run schedule_tasks where it is; if the task is gone, --yes deletes its job"
)


def seed_tasks(tasks: Iterable[type[Task]], *, retire: bool, yes: bool = False, write: bool = True) -> Seeded:
    """Bring the rows of these classes up to what the code declares, in one transaction.

    With ``retire`` the rows of all other tasks are retired, once their modules were looked into: history,
    overrides and pause stay and return with the class. Where one cannot be imported none is retired. Those
    whose app another process may have are retired with ``yes`` alone. Without ``write`` nothing is written:
    the rows in the answer say what would be.
    """
    tasks, unknown, elsewhere = _with_found(tasks) if retire else (tasks, [], [])
    elsewhere = [] if yes else elsewhere
    seeding = _Seeding(declare_all(tasks), this_app().job_id(""))
    with transaction.atomic(using=writer()), attribution(via="code"):
        seeding.plan(retire=retire and not unknown, kept=elsewhere, lock=write)
        if write:
            seeding.write()
        else:
            seeding.preview()
    seeding.result.faulty += [*unknown, *((path, ELSEWHERE) for path in elsewhere)]
    return seeding.result


def _with_found(tasks: Iterable[type[Task]]) -> tuple[list[type[Task]], list[tuple[str, str]], list[str]]:
    """The tasks, and those of rows which only another process has imported.

    And those which nobody can know of, and those which may be another process's.
    """
    known = {registry.dotted_path(task): task for task in tasks}
    unknown: list[tuple[str, str]] = []
    elsewhere: list[str] = []
    rows = ScheduledJob.objects.filter(retired_at=None)
    for path in rows.order_by("task").values_list("task", flat=True).distinct():
        if path in known:
            continue
        try:
            if (task := registry.find(path)) is not None:
                known[path] = task
            elif registry.is_elsewhere(path):
                elsewhere.append(path)
        except TaskNotLoaded as error:
            unknown.append((path, f"{error}; no task is taken for removed until then"))
    return [known[path] for path in sorted(known)], unknown, elsewhere


class _Seeding:
    def __init__(self, declarations: Sequence[Declaration], prefix: str) -> None:
        self.prefix = prefix
        self.now = timezone.now()
        self.result = Seeded()
        self.declarations = declarations
        self.changes: dict[int, dict[str, Any]] = {}
        self.by_pk: dict[int, Row] = {}

    def plan(self, *, retire: bool, kept: Iterable[str], lock: bool) -> None:
        # In one order, so that two who lock many rows wait for each other instead of dying of a deadlock.
        rows = ScheduledJob.objects.order_by("pk")
        stored = list(read_rows(rows.select_for_update() if lock else rows))
        self.by_pk = {job.pk: job for job in stored}
        self.by_task = {job.task: job for job in stored if job.origin == Origin.CODE}
        # In small letters: Google does not say that it takes A and a for two, and people may not.
        self.by_name = {job.name.lower(): job for job in stored}
        active = [job for job in stored if job.origin == Origin.CODE and job.retired_at is None]
        self.by_new_place = {path: job for job in active if (path := registry.moved_to(job.task))}
        good = self._without_clashes()
        planned = {row.pk for declaration in good if (row := self._plan_one(declaration)) is not None}
        planned |= self._plan_operators(stored, {declaration.path: declaration for declaration in good})
        if retire:
            paths = {declaration.path for declaration in self.declarations} | set(kept)
            for job in stored:
                if job.task not in paths and job.pk not in planned and job.retired_at is None:
                    self.changes.setdefault(job.pk, {})["retired_at"] = self.now
        instances = ScheduledJob.objects.in_bulk(list(self.changes)) if self.changes else {}
        for pk, instance in instances.items():
            for column, value in self.changes[pk].items():
                setattr(instance, column, value)
        self.result.touched = instances

    def _without_clashes(self) -> list[Declaration]:
        good: list[Declaration] = []
        rest = [declaration for declaration in self.declarations if not declaration.faults]
        while len(good) != len(rest):
            # A class that is refused gives up no name, and another may have to be refused for its sake.
            good = rest
            first: dict[str, Declaration] = {}
            names = {declaration.path: declaration.name for declaration in good}
            for declaration in good:
                self._find_clash(declaration, first, names)
                if not declaration.faults:
                    first[declaration.name.lower()] = declaration
            rest = [declaration for declaration in good if not declaration.faults]
        self.result.faulty = [(each.path, each.fault) for each in self.declarations if each.faults]
        return good

    def _find_clash(
        self, declaration: Declaration, first: dict[str, Declaration], names: dict[str, str]
    ) -> None:
        holder = self.by_name.get(declaration.name.lower())
        other = first.get(declaration.name.lower())
        if other is not None:
            declaration.faults["schedule_name()"] = clash(declaration.name, other.name, other.path)
        elif holder is not None and holder.origin == Origin.OPERATOR:
            declaration.faults["schedule_name()"] = (
                f"the job id {declaration.name} is taken by a job that an operator added; "
                "return another name, or delete that job in the admin"
            )
        elif holder is not None and self._keeps(holder, declaration, names):
            declaration.faults["schedule_name()"] = clash(declaration.name, holder.name, holder.task)

    @staticmethod
    def _keeps(holder: Row, declaration: Declaration, names: dict[str, str]) -> bool:
        """Whether the row that has this name belongs to another class that is not giving it up now."""
        if holder.task == declaration.path or registry.is_removed(holder.task):
            return False
        return names.get(holder.task, holder.name).lower() == declaration.name.lower()

    def _plan_one(self, declaration: Declaration) -> Row | None:
        self.result.tasks.append(declaration.path)
        job = self.by_task.get(declaration.path)
        if job is None:
            # A class that was moved keeps its name: the row of that name is its own, if no class claims it.
            namesake = self.by_name.get(declaration.name.lower())
            if namesake is not None and namesake.origin == Origin.CODE and registry.is_removed(namesake.task):
                job = namesake
        job = job or self.by_new_place.get(declaration.path)
        if job is None:
            self.result.created.append(declaration)
            return None
        changes = self._declared_changes(job, declaration)
        if job.retired_at is not None:
            changes["retired_at"] = None
        if changes:
            self.result.changed.append(declaration.path)
        if job.task != declaration.path:
            changes["task"] = declaration.path
        if job.name != declaration.name:
            changes["name"] = declaration.name
        if changes:
            self.changes[job.pk] = changes
        return job

    @staticmethod
    def _declared_changes(job: Row, declaration: Declaration) -> dict[str, Any]:
        new = [declaration.values[name] for name in OVERRIDABLE]
        # Of thousands nearly all are as they were, which one comparison shows.
        if job.declared == tuple(new) and same_json(job.declared_payload, declaration.values["payload"]):
            return {}
        changed = zip(DECLARED, job.declared, new, strict=True)
        return {column: value for column, old, value in changed if not same_json(old, value)}

    def _plan_operators(self, stored: Sequence[Row], declared: dict[str, Declaration]) -> set[int]:
        """An operator's own job follows its task in all but its schedule, and the app in its prefix.

        Returns the rows of those whose task is in another place now.
        """
        former = self._former_prefixes(declared)
        places = {self.by_pk[pk].task: new["task"] for pk, new in self.changes.items() if "task" in new}
        moved = set()
        for job in stored:
            declaration = declared.get(places.get(job.task, job.task))
            if job.origin != Origin.OPERATOR or declaration is None:
                continue
            changes = self._declared_changes(job, declaration)
            changes.pop("declared_schedule", None)
            if job.task != declaration.path:
                changes["task"] = declaration.path
                moved.add(job.pk)
            old = next((old for old in former if job.name.startswith(old)), None)
            if old is not None and not job.name.startswith(self.prefix):
                changes["name"] = self.prefix + job.name.removeprefix(old)
            if job.retired_at is not None:
                changes["retired_at"] = None
            if changes:
                self.changes[job.pk] = changes
        return moved

    def _former_prefixes(self, declared: dict[str, Declaration]) -> list[str]:
        """What stood before the names of our jobs until now, where APP_NAME or DELIMITER have changed.

        Nothing at all, which comes last, where there was no APP_NAME.
        """
        former = set()
        for path, declaration in declared.items():
            base = declaration.name.removeprefix(self.prefix)
            job = self.by_task.get(path)
            if job is not None and job.name != declaration.name and job.name.endswith(base):
                former.add(job.name.removesuffix(base))
        return sorted(former, key=len, reverse=True)

    # --- Names that change hands: no two rows may have one, not even for a moment ------------------

    @cached_property
    def _holders(self) -> list[Row]:
        """The rows that have a name which another is given now, and do not give it up themselves."""
        taken = {declaration.name for declaration in self.result.created}
        taken |= {changes["name"] for changes in self.changes.values() if "name" in changes}
        return [
            job
            for job in self.by_pk.values()
            if job.name in taken and "name" not in self.changes.get(job.pk, {})
        ]

    def _free_names(self) -> None:
        """What is given up, or held by a row that is retired, becomes free."""
        for pk, changes in self.changes.items():
            if "name" in changes:
                # Two jobs may swap their names, which a unique key refuses in one step.
                ScheduledJob.objects.filter(pk=pk).update(name=f"renaming-{pk}")
        for job in self._holders:
            ScheduledJob.objects.filter(pk=job.pk).update(name=retired_name(job))

    def preview(self) -> None:
        """The rows as they would be, where nothing is written."""
        for job in self._holders:
            if job.pk not in self.result.touched:
                self.result.touched[job.pk] = ScheduledJob.objects.get(pk=job.pk)
            self.result.touched[job.pk].name = retired_name(job)

    # --- Writing ----------------------------------------------------------------------------------

    def write(self) -> None:
        self._free_names()
        self.preview()
        if self.changes:
            columns = sorted({column for changes in self.changes.values() for column in changes})
            changed = [self.result.touched[pk] for pk in self.changes]
            ScheduledJob.objects.bulk_update(changed, columns, batch_size=200)
            for rows in ScheduledJob.objects.in_batches(self.changes):
                rows.mark_pending()
        lines = [
            line
            for pk, changes in self.changes.items()
            for line in JobChange.build(self.result.touched[pk], self._audited(self.by_pk[pk], changes))
        ]
        JobChange.objects.bulk_create(lines)
        self._insert()

    def _insert(self) -> None:
        created = [new_values(declaration, now=self.now) for declaration in self.result.created]
        insert_rows(ScheduledJob, created)
        who = current_attribution()
        told = {
            "actor_label": who.label,
            "via": who.via,
            "reason": who.reason,
            "release": who.release,
            "field": "job",
        }
        for start in range(0, len(created), BATCH):
            names = [values["name"] for values in created[start : start + BATCH]]
            rows = ScheduledJob.objects.filter(name__in=names).order_by("pk")
            lines = [
                {"job_id": pk, "job_name": name, "task": task, "new": name, **told}
                for pk, name, task in rows.values_list("pk", "name", "task")
            ]
            insert_rows(JobChange, lines)

    @staticmethod
    def _audited(job: Row, changes: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
        return {
            ("retired" if column == "retired_at" else column): (
                (job.retired_at is not None, value is not None)
                if column == "retired_at"
                else (getattr(job, column), value)
            )
            for column, value in changes.items()
        }


def new_row(declaration: Declaration, *, now: datetime) -> ScheduledJob:
    """The row of a task that has none, not saved."""
    return ScheduledJob(**new_values(declaration, now=now))


def new_values(declaration: Declaration, *, now: datetime) -> dict[str, Any]:
    """Column -> value of the row of a task that has none; all other columns have their default."""
    return {
        "name": declaration.name,
        "task": declaration.path,
        "origin": Origin.CODE,
        "paused": declaration.paused,
        "paused_at": now if declaration.paused else None,
        "pause_reason": "Created paused by the code (schedule_paused)." if declaration.paused else "",
        **{f"declared_{name}": value for name, value in declaration.values.items()},
    }


def retired_name(job: Row) -> str:
    """The name of a row that lost its own to another."""
    return f"{job.name[:470]}-retired-{job.pk}"


def clash(name: str, other_name: str, other: str) -> str:
    """What is wrong with two tasks whose job ids are one, but for capitals perhaps."""
    is_also = "is also" if name == other_name else "differs only in capitals from"
    return f"the job id {name} {is_also} that of {other}; return another name from one of them"
