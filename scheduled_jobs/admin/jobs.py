"""The admin of jobs: what each screen adds, put together."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any

from django.contrib import admin

from scheduled_jobs.admin.permissions import JobPermissions
from scheduled_jobs.models import ScheduledJob


def _screens() -> list[type[Any]]:
    found = []
    for module, name in (
        ("job_list", "JobListMixin"),
        ("bulk", "BulkMixin"),
        ("job_page", "JobPageMixin"),
        ("add_job", "AddJobMixin"),
        ("run_now", "RunNowMixin"),
        ("pause", "PauseMixin"),
        ("plan", "PlanMixin"),
    ):
        path = f"scheduled_jobs.admin.{module}"
        if find_spec(path) is not None:
            found.append(getattr(import_module(path), name))
    return found


class ScheduledJobAdmin(*_screens(), JobPermissions, admin.ModelAdmin):  # type: ignore[misc,type-arg]
    """Every screen of a job. Each mixin adds its own URLs, columns or forms and calls ``super()``."""


admin.site.register(ScheduledJob, ScheduledJobAdmin)
