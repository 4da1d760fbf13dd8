"""The admin of jobs: what each screen adds, put together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import admin

from scheduled_jobs.admin.add_job import AddJobMixin
from scheduled_jobs.admin.bulk import BulkMixin
from scheduled_jobs.admin.job_list import JobListMixin
from scheduled_jobs.admin.job_page import JobPageMixin
from scheduled_jobs.admin.pause import PauseMixin
from scheduled_jobs.admin.permissions import JobPermissions
from scheduled_jobs.admin.plan import PlanMixin
from scheduled_jobs.admin.refusals import refusing
from scheduled_jobs.admin.run_now import RunNowMixin
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
