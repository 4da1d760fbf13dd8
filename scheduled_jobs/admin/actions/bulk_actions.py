"""What can be done with many jobs at once: five rows, of which each names what is done with one job too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db.models import Max, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy, ngettext_lazy

from scheduled_jobs import registry
from scheduled_jobs.admin.actions import rows
from scheduled_jobs.admin.actions.form import PauseForm, ReasonForm
from scheduled_jobs.domain.jobs import OVERRIDABLE
from scheduled_jobs.models import JobRun, ScheduledJob
from scheduled_jobs.models.job_queryset import ScheduledJobQuerySet
from scheduled_jobs.models.origin import Origin, fields_of_its_own
from scheduled_jobs.services.history.health import overridden, paused

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from django.utils.functional import _StrPromise

MAX_RUNS = 100
"""Runs that are asked for at once."""
ACTIVE = Q(retired_at=None, deleting_at=None)


def _reason_form(data: Mapping[str, Any] | None, now: datetime) -> ReasonForm:  # noqa: ARG001 – as the others
    return ReasonForm(data)


def _pause_form(data: Mapping[str, Any] | None, now: datetime) -> ReasonForm:
    return PauseForm(data, zone=timezone.get_current_timezone_name(), now=now, many=True)


def _resettable() -> Q:
    """Jobs with an override that can be reset: operators' own keep those for which the code has nothing."""
    own = ScheduledJob.objects.filter(origin=Origin.OPERATOR, payload_override__isnull=False)
    tasks = own.order_by().values_list("task", flat=True).distinct()
    needing = [task for task in tasks if "payload" in fields_of_its_own(Origin.OPERATOR, task)]
    nothing_else = {f"{name}_override": None for name in OVERRIDABLE if name not in ("schedule", "payload")}
    return overridden() & ~Q(origin=Origin.OPERATOR, task__in=needing, **nothing_else)


def _newest_manual_run(pks: Sequence[int]) -> int:
    runs = JobRun.objects.filter(job__in=pks[:MAX_RUNS], trigger=JobRun.Trigger.MANUAL)
    newest: int | None = runs.aggregate(newest=Max("pk"))["newest"]
    return newest or 0


@dataclass(frozen=True)
class BulkAction:
    """One thing to do with many jobs; what the page says of it as a whole is in ``bulk/<name>.html``."""

    name: str
    verb: str
    """The permission that it needs."""
    label: _StrPromise
    button: _StrPromise
    question: Any
    """With the count, ``n``, as ``done`` has it."""
    done: Any
    logged: str
    """What Django's own log of the admin keeps, untranslated."""
    concerned: Callable[[datetime], Q]
    """The jobs with which there is anything to do at a time (aware)."""
    cells: Callable[[ScheduledJob, datetime], Sequence[str]]
    do: Callable[..., int | dict[int, str]]
    """Do it, inside the transaction of all. A dict says why not, by key, where it is not done."""
    form: Callable[[Mapping[str, Any] | None, datetime], ReasonForm] = _reason_form
    most: int | None = None
    """Most jobs at once; None: as many as there are."""
    newest: Callable[[Sequence[int]], int] = lambda _pks: 0
    """The last trace of the same done with these jobs, where that is not their revision."""


BULK_ACTIONS = (
    BulkAction(
        "pause_jobs", "pause", gettext_lazy("Pause…"), gettext_lazy("Pause the jobs"),
        ngettext_lazy("Pause %(n)d job?", "Pause %(n)d jobs?", "n"),
        ngettext_lazy("%(n)d job is paused.", "%(n)d jobs are paused.", "n"),
        logged="Paused.",
        concerned=lambda _now: ACTIVE,
        cells=rows.pause_row,
        do=ScheduledJobQuerySet.pause,
        form=_pause_form,
    ),
    BulkAction(
        "resume_jobs", "pause", gettext_lazy("Resume…"), gettext_lazy("Resume the jobs"),
        ngettext_lazy("Resume %(n)d job?", "Resume %(n)d jobs?", "n"),
        ngettext_lazy("%(n)d job is resumed.", "%(n)d jobs are resumed.", "n"),
        logged="Resumed.",
        concerned=lambda now: ACTIVE & paused(now),
        cells=rows.resume_row,
        do=ScheduledJobQuerySet.resume,
    ),
    BulkAction(
        "run_jobs", "run", gettext_lazy("Run now…"), gettext_lazy("Run the jobs now"),
        ngettext_lazy("Run %(n)d job now?", "Run %(n)d jobs now?", "n"),
        ngettext_lazy(
            "%(n)d run is queued; it starts when Google calls.",
            "%(n)d runs are queued; they start when Google calls.",
            "n",
        ),
        logged="Asked for a run.",
        concerned=lambda _now: ACTIVE & Q(task__in=[task.name() for task in registry.tasks()]),
        cells=rows.run_row,
        do=ScheduledJobQuerySet.run_now,
        most=MAX_RUNS,
        newest=_newest_manual_run,
    ),
    BulkAction(
        "reset_jobs", "change", gettext_lazy("Reset overrides…"), gettext_lazy("Reset the overrides"),
        ngettext_lazy("Reset all overrides of %(n)d job?", "Reset all overrides of %(n)d jobs?", "n"),
        ngettext_lazy("%(n)d job follows the code again.", "%(n)d jobs follow the code again.", "n"),
        logged="Reset all overrides.",
        concerned=lambda _now: Q(deleting_at=None) & _resettable(),
        cells=rows.reset_row,
        do=ScheduledJobQuerySet.reset,
    ),
    BulkAction(
        "sync_jobs", "sync", gettext_lazy("Push to Google…"), gettext_lazy("Push to Google"),
        ngettext_lazy("Push %(n)d job to Google?", "Push %(n)d jobs to Google?", "n"),
        ngettext_lazy(
            "%(n)d job is being pushed; the column Google tells what became of it.",
            "%(n)d jobs are being pushed; the column Google tells what became of them.",
            "n",
        ),
        logged="Asked for a push to Google.",
        concerned=lambda _now: Q(),
        cells=rows.push_row,
        do=ScheduledJobQuerySet.push,
    ),
)  # fmt: skip
