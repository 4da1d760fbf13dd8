"""The admin of jobs: what each screen adds, put together."""

from __future__ import annotations

from django.contrib import admin

from scheduled_jobs.admin.add_job import AddJobMixin
from scheduled_jobs.admin.bulk import BulkMixin
from scheduled_jobs.admin.job_list import JobListMixin
from scheduled_jobs.admin.job_page import JobPageMixin
from scheduled_jobs.admin.pause import PauseMixin
from scheduled_jobs.admin.permissions import JobPermissions
from scheduled_jobs.admin.plan import PlanMixin
from scheduled_jobs.admin.run_now import RunNowMixin
from scheduled_jobs.models import ScheduledJob


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
