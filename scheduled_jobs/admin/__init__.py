"""The operator's desk, inside Django's admin."""

from scheduled_jobs.admin import jobs  # noqa: F401 – registers
