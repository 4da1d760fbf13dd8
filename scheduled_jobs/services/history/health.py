"""How a job is: one word for each, decided by the database, so that a list can filter and sort by it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum

from django.db.models import Case, CharField, Exists, F, IntegerField, OuterRef, Q, QuerySet, Value, When
from django.db.models.functions import Substr

from scheduled_jobs import registry
from scheduled_jobs.conf import settings
from scheduled_jobs.domain.attempts import SKEW
from scheduled_jobs.domain.jobs import DISABLED, ENABLED, OVERRIDABLE, PAUSED
from scheduled_jobs.domain.tolerances import Tolerances
from scheduled_jobs.models import JobChange, JobRun, ScheduledJob

Status = JobRun.Status
REMEMBERED = timedelta(hours=24)
"""How long a run that was lost or missed is the state of its job, where nothing settles it before."""
ASKED_FOR = timedelta(days=8)
"""How old the scheduled time of a run may be that was asked for, and is looked for as lost."""


class Health(StrEnum):
    """How a job is, the most urgent first: a list is sorted so. What asks for nothing comes last."""

    FAILING = "failing"
    LOST = "lost"
    MISSED = "missed"
    UNREACHABLE = "unreachable"
    """Google tried, and got no success; nothing arrived here."""
    NO_RUN_HERE = "no_run_here"
    """Google reports a success that is none of this app's."""
    STOPPED = "stopped"
    """Google does not fire it, as last seen: somebody paused it there, or Google has disabled it."""
    LATE = "late"
    RUNNING = "running"
    QUEUED = "queued"
    HEALTHY = "healthy"
    NEW = "new"
    PAUSED = "paused"
    DELETING = "deleting"
    RETIRED = "retired"


ORDER = tuple(Health)
PLACE = {state: place for place, state in enumerate(ORDER)}


def paused(now: datetime) -> Q:
    """Jobs whose runs are skipped at ``now``; a pause with an end is over when its time has come."""
    return Q(paused=True) & (Q(paused_until=None) | Q(paused_until__gt=now))


def overridden() -> Q:
    """Jobs of which a person has set what the code sets too: an own job's schedule has no default."""
    condition = Q(schedule_override__isnull=False, origin=ScheduledJob.Origin.CODE)
    for name in OVERRIDABLE:
        if name != "schedule":
            condition |= Q(**{f"{name}_override__isnull": False})
    return condition


def code_changed_since() -> Q:
    """Jobs of which a field is overridden whose default the code has changed after the override was set."""
    is_overridden = Q()
    for name in OVERRIDABLE:
        is_overridden |= Q(field=f"declared_{name}", **{f"job__{name}_override__isnull": False})
    newer = JobChange.objects.filter(
        job=OuterRef("job"), field=Substr(OuterRef("field"), len("declared_") + 1), pk__gt=OuterRef("pk")
    )
    changed = JobChange.objects.filter(is_overridden, ~Exists(newer), job=OuterRef("pk"))
    # The audit is asked only about the few jobs that have an override.
    return overridden() & Q(Exists(changed))


def late(now: datetime) -> Q:
    """Jobs that Google was to fire at a time that has passed by more than their grace, without a run since.

    ``next_run_at`` is what Google answered last, and ``late_since`` what it had answered before where that
    never came. Neither is renewed by each run, so that a job which has run since is never called late.
    """
    sync = ScheduledJob.SyncState
    # What differs, or was refused, goes on firing as Google has it.
    fires = Q(sync_state=sync.SYNCED) | Q(sync_state__in=(sync.DRIFTED, sync.FAILED), live__state=ENABLED)
    own = own_graces()
    return fires & (_overdue("late_since", now, own) | _overdue("next_run_at", now, own))


def own_graces() -> dict[str, timedelta]:
    """Task -> how long after its time a run is missed, of those that say it themselves."""
    graces = {
        registry.dotted_path(task): Tolerances.of(task).grace for task in registry.tasks_with("missed_grace")
    }
    return {path: grace for path, grace in graces.items() if grace is not None}


def _overdue(column: str, now: datetime, own: Mapping[str, timedelta]) -> Q:
    due = Q(**{f"{column}__lt": now - settings.MISSED_GRACE})
    if own:
        due &= ~Q(task__in=own)
        for task, grace in own.items():
            due |= Q(**{f"{column}__lt": now - grace}, task=task)
    for arrival in ("last_run_at", "last_delivery_at"):
        due &= Q(**{arrival: None}) | Q(**{f"{arrival}__lt": F(column) - SKEW})
    return due & ~Q(paused=True, paused_until__gte=F(column))


def unserved(*columns: str) -> Q:
    """Jobs of whose last attempt at Google nothing has arrived here: ``domain.attempts.stands``.

    ``columns``: that of failed attempts (``unreachable_since``), of successes (``no_run_since``); none: both.
    """
    condition = Q()
    for column in columns or ("unreachable_since", "no_run_since"):
        silent = Q(last_delivery_at=None) | Q(last_delivery_at__lt=F(column) - SKEW)
        condition |= Q(**{f"{column}__isnull": False}) & silent
    return condition


def stopped() -> Q:
    """Jobs that Google was last seen to have and not to fire."""
    return Q(live__state__in=[PAUSED, DISABLED])


def running() -> Q:
    """Jobs of which a run is going on: that may be what Google tried."""
    return _has_run(Status.RUNNING)


def _has_run(status: str) -> Q:
    # A list of the open runs, which stays short however long the history.
    return Q(pk__in=JobRun.objects.order_by().filter(status=status).values("job"))


def unsettled(now: datetime, status: str) -> QuerySet[JobRun]:
    """Runs that were lost, or missed, lately: their slot is not settled, and nobody has dealt with them."""
    settled = JobRun.objects.filter(job=OuterRef("job"), settled_slot=OuterRef("scheduled_for"))
    # A run of its own has no slot: any success since then stands for it. It is asked for and not joined:
    # SQLite, once it has statistics, would begin with the jobs, and read all that each has run.
    since = ScheduledJob.objects.filter(pk=OuterRef("job"), last_success_at__gt=OuterRef("at"))
    runs = JobRun.objects.filter(status=status, at__gt=now - REMEMBERED, acknowledged_at=None)
    if status == Status.LOST:
        # One that was asked for and never came has the place of its scheduled time, which may be long ago.
        late = Q(started_at=None, finished_at__gt=now - REMEMBERED)
        runs = JobRun.objects.filter(
            Q(at__gt=now - REMEMBERED) | late, status=status, at__gt=now - ASKED_FOR, acknowledged_at=None
        )
    return runs.filter(~Exists(settled), ~(Q(scheduled_for=None) & Exists(since))).order_by()


def failing() -> Q:
    """Jobs that fail until their next success; one run that was lost is told as that."""
    return Q(failures_in_a_row__gt=1) | Q(failures_in_a_row=1) & ~Q(last_status=Status.LOST)


def states(now: datetime) -> list[tuple[Health, Q]]:
    """When a job is in a state; the first that holds is told, and a job in none of them is healthy."""
    return [
        (Health.RETIRED, Q(retired_at__isnull=False)),
        (Health.DELETING, Q(deleting_at__isnull=False)),
        # Also while it runs again, and while it is paused: a pause is told beside it, and cures nothing.
        (Health.FAILING, failing()),
        (Health.LOST, Q(pk__in=unsettled(now, Status.LOST).values("job"))),
        (Health.MISSED, Q(pk__in=unsettled(now, Status.MISSED).values("job"))),
        (Health.PAUSED, paused(now)),
        (Health.RUNNING, running()),
        # It is told before what an earlier attempt met: no other will be made.
        (Health.STOPPED, stopped()),
        (Health.UNREACHABLE, unserved("unreachable_since")),
        (Health.NO_RUN_HERE, unserved("no_run_since")),
        (Health.QUEUED, _has_run(Status.QUEUED)),
        (Health.LATE, late(now)),
        (Health.NEW, Q(last_run_at=None)),
    ]


def health(now: datetime) -> Case:
    """The expression that gives the Health of a job at ``now`` (aware)."""
    whens = [When(holds, then=Value(state.value)) for state, holds in states(now)]
    return Case(*whens, default=Value(Health.HEALTHY.value), output_field=CharField())


def urgency(now: datetime) -> Case:
    """The same as a number to sort by: the place of the Health in ``ORDER``."""
    whens = [When(holds, then=Value(ORDER.index(state))) for state, holds in states(now)]
    default = Value(ORDER.index(Health.HEALTHY))
    return Case(*whens, default=default, output_field=IntegerField())


def with_urgency(jobs: QuerySet[ScheduledJob], now: datetime) -> QuerySet[ScheduledJob]:
    """These jobs with their ``urgency``, which they may have already."""
    return jobs if "urgency" in jobs.query.annotations else jobs.annotate(urgency=urgency(now))


def with_health(jobs: QuerySet[ScheduledJob], now: datetime) -> list[tuple[ScheduledJob, Health]]:
    """These jobs, each with its Health at ``now`` (aware), in one query."""
    return [(job, Health(vars(job)["_health"])) for job in jobs.annotate(_health=health(now))]


def health_of(job: ScheduledJob, now: datetime) -> Health:
    """The Health of one job at ``now`` (aware)."""
    return Health(ScheduledJob.objects.filter(pk=job.pk).values_list(health(now), flat=True).get())
