"""The filters of the run list."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from scheduled_jobs.admin.words import RUN_BADGES, job_label
from scheduled_jobs.models import JobRun, ScheduledJob

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.db.models import QuerySet
    from django.http import HttpRequest
    from django.utils.functional import _StrPromise

Status, Trigger = JobRun.Status, JobRun.Trigger


FAILED_RUNS = "failing"
OPEN_RUNS = "open"
GROUPS = {
    OPEN_RUNS: (Status.QUEUED, Status.RUNNING),
    FAILED_RUNS: (Status.FAILED, Status.TIMED_OUT, Status.LOST),
}
"""In the URL: more than one status at once."""
MAX_JOBS = 30
"""With more jobs than this the filter names none, and the search finds them."""


class RunFilter(admin.SimpleListFilter):
    """A filter of the run list; nothing is counted, as there may be millions of runs."""

    template = "admin/scheduled_jobs/_filter.html"


class StatusFilter(RunFilter):
    title = _("status")
    parameter_name = "status"

    def lookups(
        self,
        request: HttpRequest,  # noqa: ARG002 – Django's signature
        model_admin: admin.ModelAdmin[Any],  # noqa: ARG002
    ) -> Sequence[tuple[str, str | _StrPromise]]:
        groups = [(OPEN_RUNS, _("Queued or running")), (FAILED_RUNS, _("Failed, timed out or lost"))]
        return [*groups, *((str(status), badge.word) for status, badge in RUN_BADGES.items())]

    def queryset(
        self,
        request: HttpRequest,  # noqa: ARG002 – Django's signature
        queryset: QuerySet[JobRun],
    ) -> QuerySet[JobRun]:
        value = self.value()
        if value in GROUPS:
            return queryset.filter(status__in=GROUPS[value])
        return queryset.filter(status=value) if value in Status.values else queryset


class TriggerFilter(RunFilter):
    title = _("trigger")
    parameter_name = "how"

    def lookups(
        self,
        request: HttpRequest,  # noqa: ARG002 – Django's signature
        model_admin: admin.ModelAdmin[Any],  # noqa: ARG002
    ) -> Sequence[tuple[str, str | _StrPromise]]:
        words = {Trigger.MANUAL: _("Run now"), Trigger.RETRY: _("Rerun")}
        return [(str(value), words.get(value, value.label.capitalize())) for value in Trigger]

    def queryset(
        self,
        request: HttpRequest,  # noqa: ARG002 – Django's signature
        queryset: QuerySet[JobRun],
    ) -> QuerySet[JobRun]:
        return queryset.filter(trigger=self.value()) if self.value() in Trigger.values else queryset


class JobFilter(RunFilter):
    """Names the jobs while they are few; else the one that is chosen, from a job's own page or its list."""

    title = _("job")
    parameter_name = "job"

    def lookups(
        self,
        request: HttpRequest,  # noqa: ARG002 – Django's signature
        model_admin: admin.ModelAdmin[Any],  # noqa: ARG002
    ) -> Sequence[tuple[str, str | _StrPromise]]:
        jobs = ScheduledJob.objects.only("name", "task", "origin").order_by("task", "name")
        value = self.value() or ""
        chosen = list(jobs.filter(pk=value)) if value.isdecimal() and len(value) < 19 else []
        few = list(jobs[: MAX_JOBS + 1])
        return [(str(job.pk), job_label(job)) for job in (few if len(few) <= MAX_JOBS else chosen)]

    def queryset(
        self,
        request: HttpRequest,  # noqa: ARG002 – Django's signature
        queryset: QuerySet[JobRun],
    ) -> QuerySet[JobRun]:
        value = self.value() or ""
        if not value:
            return queryset
        # No job has a key of twenty digits, and no database takes one.
        return queryset.filter(job=int(value)) if value.isdecimal() and len(value) < 19 else queryset.none()

    def has_output(self) -> bool:
        # A single choice is shown too: it is what takes the filter off again.
        return bool(self.lookup_choices)


FILTERS = (StatusFilter, TriggerFilter, JobFilter)
