"""The admin of jobs: what each screen adds, put together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import admin

from scheduled_jobs.admin.actions.add import AddJobMixin
from scheduled_jobs.admin.actions.bulk import BulkMixin
from scheduled_jobs.admin.actions.pause import PauseMixin
from scheduled_jobs.admin.actions.run_now import RunNowMixin
from scheduled_jobs.admin.job.view import JobPageMixin
from scheduled_jobs.admin.job_list.changelist import JobListMixin
from scheduled_jobs.admin.page.permissions import JobPermissions
from scheduled_jobs.admin.page.refusals import refusing
from scheduled_jobs.admin.plan.view import PlanMixin
from scheduled_jobs.models import ScheduledJob

if TYPE_CHECKING:
    from django.urls import URLPattern


@admin.register(ScheduledJob)
class ScheduledJobAdmin(
    JobListMixin,
    BulkMixin,
    JobPageMixin,
    AddJobMixin,
    RunNowMixin,
    PauseMixin,
    PlanMixin,
    JobPermissions,
    admin.ModelAdmin,  # type: ignore[type-arg]
):
    """Every screen of a job. Each mixin adds its own URLs, columns or forms and calls ``super()``."""

    def get_urls(self) -> list[URLPattern]:
        return refusing(super().get_urls())
