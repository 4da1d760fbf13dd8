"""How a job is: one word for each, decided by the database, so that a list can filter and sort by it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django.db.models import Case, CharField, Exists, F, IntegerField, OuterRef, Q, TextChoices, Value, When
from django.db.models.functions import Substr
from django.utils.translation import gettext_lazy as _

from scheduled_jobs.conf import settings
from scheduled_jobs.domain.jobs import OVERRIDABLE
from scheduled_jobs.models import JobChange, JobRun, ScheduledJob

if TYPE_CHECKING:
    from datetime import datetime

Status = JobRun.Status

SKEW = timedelta(minutes=1)
"""How far the clocks of Google and of this process may differ."""


class Health(TextChoices):
    """How a job is, the most urgent first. A job that fails stays failing while it runs again."""

    FAILING = "failing", _("failing")
    LOST = "lost", _("lost")
    MISSED = "missed", _("missed")
    LATE = "late", _("late")
    RUNNING = "running", _("running")
    QUEUED = "queued", _("queued")
    HEALTHY = "healthy", _("healthy")
    NEW = "new", _("new")
    PAUSED = "paused", _("paused")
    DELETING = "deleting", _("deleting")
    RETIRED = "retired", _("retired")


ORDER = tuple(Health)
"""Problems first; what asks for nothing last."""


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
    """Jobs that Google was to fire at a time that has passed by more than MISSED_GRACE, without a run since.

    ``next_run_at`` is what Google answered last; it is renewed by the next push, not by each run, so that a
    job which has run since is never called late.
    """
    due = Q(next_run_at__lt=now - settings.MISSED_GRACE, sync_state=ScheduledJob.SyncState.SYNCED)
    unserved = Q(last_run_at=None) | Q(last_run_at__lt=F("next_run_at") - SKEW)
    was_paused = Q(paused=True, paused_until__gte=F("next_run_at"))
    return due & unserved & ~was_paused


def _states(now: datetime) -> list[tuple[Q, Health]]:
    """What makes a job be in a state, the first that holds; what is left is healthy.

    Running and queued are found by two lists of the open runs, which stay short however long the history.
    """
    runs = JobRun.objects.order_by()
    running = runs.filter(status=Status.RUNNING).values("job")
    queued = runs.filter(status=Status.QUEUED).values("job")
    return [
        (Q(retired_at__isnull=False), Health.RETIRED),
        (Q(deleting_at__isnull=False), Health.DELETING),
        (paused(now), Health.PAUSED),
        (Q(last_status=Status.LOST), Health.LOST),
        (Q(failures_in_a_row__gt=0), Health.FAILING),
        (Q(last_status=Status.MISSED), Health.MISSED),
        (Q(pk__in=running), Health.RUNNING),
        (Q(pk__in=queued), Health.QUEUED),
        (late(now), Health.LATE),
        (Q(last_run_at=None), Health.NEW),
    ]


def health(now: datetime) -> Case:
    """The expression that gives the Health of a job at ``now`` (aware)."""
    whens = [When(condition, then=Value(state.value)) for condition, state in _states(now)]
    return Case(*whens, default=Value(Health.HEALTHY.value), output_field=CharField())


def urgency(now: datetime) -> Case:
    """The same as a number to sort by: the place of the Health in ``ORDER``."""
    places = {state: place for place, state in enumerate(ORDER)}
    whens = [When(condition, then=Value(places[state])) for condition, state in _states(now)]
    return Case(*whens, default=Value(places[Health.HEALTHY]), output_field=IntegerField())
