"""What can be done with many jobs at once: five rows, of which each names what is done with one job too."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.db.models import Max, Q
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext_lazy

from scheduled_jobs import registry
from scheduled_jobs.admin.actions.form import PauseForm, ReasonForm
from scheduled_jobs.admin.words import SYNC_BADGES, field_name, masked_line, next_run, times, value_text
from scheduled_jobs.domain.ahead import ahead
from scheduled_jobs.domain.jobs import OVERRIDABLE
from scheduled_jobs.models import JobRun, ScheduledJob
from scheduled_jobs.models.job_queryset import ScheduledJobQuerySet
from scheduled_jobs.models.origin import Origin, fields_of_its_own
from scheduled_jobs.services.history.health import overridden, paused

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

MAX_RUNS = 100
"""Runs that are asked for at once."""
MAX_PAYLOAD = 200
"""Characters of a payload."""
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
    runs = JobRun.objects.asked_for_lately(pks[:MAX_RUNS], timezone.now())
    newest: int | None = runs.aggregate(newest=Max("pk"))["newest"]
    return newest or 0


# --- What the page that asks says of each job, in two columns ------------------------------------


def _pause_row(job: ScheduledJob, now: datetime) -> tuple[str, str]:
    """When it would run next, and its pause."""
    state = _("paused: %(reason)s") % {"reason": job.pause_reason} if job.is_paused(now) else ""
    return next_run(job.ahead(now), job.time_zone, now), state


def _resume_row(job: ScheduledJob, now: datetime) -> tuple[str, str]:
    """Who has paused it, when and why, and when it will run next."""
    who = _("by %(who)s") % {"who": job.paused_by} if job.paused_by else ""
    since = times.relative(job.paused_at, now) if job.paused_at else ""
    reason = f"“{job.pause_reason}”" if job.pause_reason else ""
    resumed = ahead(job.facts.resumed(), now, 1)
    return ", ".join(filter(None, [who, since, reason])), next_run(resumed, job.time_zone, now)


def _run_row(job: ScheduledJob, now: datetime) -> tuple[str, str]:
    """The payload of the run, and when it is scheduled next."""
    return masked_line(job.payload, MAX_PAYLOAD), next_run(job.ahead(now), job.time_zone, now)


def _reset_row(job: ScheduledJob, now: datetime) -> tuple[str, str]:
    """The overrides that go, and when it will run next."""
    changes = []
    for name in OVERRIDABLE:
        override = getattr(job, f"{name}_override")
        if override is not None and name not in job.fields_of_its_own:
            default = value_text(name, getattr(job, f"declared_{name}"))
            changes.append(f"{field_name(name).lower()}: {value_text(name, override)} → {default}")
            # On this instance alone, which is never saved: the next run is that of the job as it will be.
            setattr(job, f"{name}_override", None)
    return "; ".join(changes), next_run(ahead(job.facts.pushed(), now, 1), job.time_zone, now)


def _push_row(job: ScheduledJob, now: datetime) -> tuple[str, str]:
    """How it is in Google, and since when."""
    word = str(SYNC_BADGES[job.sync_state].word)
    state = f"{word}: {job.sync_error}" if job.sync_error else word
    return state, times.relative(job.synced_at, now) if job.synced_at else _("never")


# --- The actions ----------------------------------------------------------------------------------


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
        cells=_pause_row,
        do=ScheduledJobQuerySet.pause,
        form=_pause_form,
    ),
    BulkAction(
        "resume_jobs", "pause", gettext_lazy("Resume…"), gettext_lazy("Resume the jobs"),
        ngettext_lazy("Resume %(n)d job?", "Resume %(n)d jobs?", "n"),
        ngettext_lazy("%(n)d job is resumed.", "%(n)d jobs are resumed.", "n"),
        logged="Resumed.",
        concerned=lambda now: ACTIVE & paused(now),
        cells=_resume_row,
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
        concerned=lambda _now: ACTIVE & Q(task__in=[registry.dotted_path(task) for task in registry.tasks()]),
        cells=_run_row,
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
        cells=_reset_row,
        do=ScheduledJobQuerySet.reset,
    ),
    BulkAction(
        "sync_jobs", "sync", gettext_lazy("Send to Google…"), gettext_lazy("Send to Google"),
        ngettext_lazy("Send %(n)d job to Google?", "Send %(n)d jobs to Google?", "n"),
        ngettext_lazy(
            "%(n)d job is being sent; the list of jobs tells if it could not be.",
            "%(n)d jobs are being sent; the list of jobs tells if one could not be.",
            "n",
        ),
        logged="Asked for a push to Google.",
        concerned=lambda _now: Q(),
        cells=_push_row,
        do=ScheduledJobQuerySet.push,
    ),
)  # fmt: skip
