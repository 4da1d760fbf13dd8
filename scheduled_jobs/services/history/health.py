"""How a job is: one word for each, decided by the database, so that a list can filter and sort by it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django.db.models import Case, CharField, Exists, F, OuterRef, Q, TextChoices, Value, When
from django.db.models.functions import Substr
from django.utils.translation import gettext_lazy as _

from scheduled_jobs.conf import settings
from scheduled_jobs.domain.jobs import OVERRIDABLE
from scheduled_jobs.models import JobChange, JobRun, ScheduledJob

if TYPE_CHECKING:
    from datetime import datetime

    from django.db.models import QuerySet

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
    """Jobs with at least one override."""
    condition = Q()
    for name in OVERRIDABLE:
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

    ``next_run_at`` is what Google answered last; it is renewed by the next push or list, not by each run,
    so that a job which has run since is never called late.
    """
    due = Q(next_run_at__lt=now - settings.MISSED_GRACE, sync_state=ScheduledJob.SyncState.SYNCED)
    unserved = Q(last_run_at=None) | Q(last_run_at__lt=F("next_run_at") - SKEW)
    was_paused = Q(paused=True, paused_until__gte=F("next_run_at"))
    return due & unserved & ~was_paused


def health(now: datetime) -> Case:
    """The expression that gives the Health of a job at ``now`` (aware).

    Running and queued are found by two lists of the open runs, which stay short however long the history.
    """
    runs = JobRun.objects.order_by()
    active = runs.filter(status=Status.RUNNING).values("job")
    queued = runs.filter(status=Status.QUEUED).values("job")
    return Case(
        When(retired_at__isnull=False, then=Value(Health.RETIRED)),
        When(deleting_at__isnull=False, then=Value(Health.DELETING)),
        When(paused(now), then=Value(Health.PAUSED)),
        When(last_status=Status.LOST, then=Value(Health.LOST)),
        When(Q(failures_in_a_row__gt=0), then=Value(Health.FAILING)),
        When(last_status=Status.MISSED, then=Value(Health.MISSED)),
        When(pk__in=active, then=Value(Health.RUNNING)),
        When(pk__in=queued, then=Value(Health.QUEUED)),
        When(late(now), then=Value(Health.LATE)),
        When(last_run_at=None, then=Value(Health.NEW)),
        default=Value(Health.HEALTHY),
        output_field=CharField(),
    )


def with_health(jobs: QuerySet[ScheduledJob], now: datetime) -> QuerySet[ScheduledJob]:
    """The same jobs, each with its ``health`` at ``now`` (aware)."""
    return jobs.annotate(health=health(now))
