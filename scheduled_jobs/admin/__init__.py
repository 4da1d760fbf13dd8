"""The operator's pages, inside Django's admin."""

from scheduled_jobs.admin import jobs, runs  # noqa: F401 – they register
