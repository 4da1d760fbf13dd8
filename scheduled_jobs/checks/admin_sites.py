"""What the admin sites of a project need, where it has any."""

from __future__ import annotations

from typing import Any

from django.apps import apps

from scheduled_jobs.checks.messages import Messages, warning
from scheduled_jobs.models import JobRun, ScheduledJob

LEAVES_OUT = {
    JobRun: "its pages show no run, no error and no figure",
    ScheduledJob: "its pages lead to no job, and nobody can act there",
}


def check_admin_sites(**_: Any) -> Messages:
    """W031: a site shows jobs without their runs, or runs without their jobs."""
    if not apps.is_installed("django.contrib.admin"):
        return []
    from django.contrib.admin.sites import all_sites  # it cannot be imported where the admin is not installed

    messages: Messages = []
    for site in sorted(all_sites, key=lambda site: site.name):
        lacks = [model for model in (ScheduledJob, JobRun) if not site.is_registered(model)]
        if len(lacks) == 1:
            name = lacks[0].__name__
            messages.append(
                warning(
                    31,
                    f"The admin site {site.name!r} has no {name}: {LEAVES_OUT[lacks[0]]}.",
                    f"Register {name} there too, with scheduled_jobs.admin.{name}Admin.",
                )
            )
    return messages
