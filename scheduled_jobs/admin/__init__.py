"""The screens of jobs and runs, inside Django's admin; a project may derive its own classes from these."""

from scheduled_jobs.admin.jobs import ScheduledJobAdmin
from scheduled_jobs.admin.runs import JobRunAdmin

__all__ = ["JobRunAdmin", "ScheduledJobAdmin"]
