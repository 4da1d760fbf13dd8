"""System checks: every misconfiguration that can be named, with its remedy.

``scheduled_jobs.E0xx`` stop a deploy, ``W0xx`` do not. A fault of the settings is a warning, and an error
with ``manage.py check --deploy``: ``migrate`` and ``runserver`` work while somebody has set nothing yet.
"""

from __future__ import annotations

from django.core import checks

from scheduled_jobs.checks.admin_sites import check_admin_sites
from scheduled_jobs.checks.database import check_database
from scheduled_jobs.checks.messages import TAG
from scheduled_jobs.checks.settings import check_deployment, check_settings
from scheduled_jobs.checks.tasks import check_tasks

__all__ = [
    "check_admin_sites", "check_database", "check_deployment", "check_settings", "check_tasks",
    "register_checks",
]  # fmt: skip


def register_checks() -> None:
    """Connect all checks; called once, when the app is ready."""
    for check in (check_settings, check_tasks, check_database, check_admin_sites):
        checks.register(check, TAG)
    checks.register(check_deployment, TAG, deploy=True)
