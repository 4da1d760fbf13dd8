"""The tabs that the landing page, the two lists and the page that compares with Google share."""

from __future__ import annotations

from typing import Any

from django.contrib.admin import ModelAdmin
from django.http import HttpRequest
from django.utils.translation import gettext as _

from scheduled_jobs.admin.page.permissions import allowed
from scheduled_jobs.admin.page.render import address, address_if_any


def section_tabs(
    model_admin: ModelAdmin[Any], request: HttpRequest, tab: str, *, jobs: int | None = None
) -> dict[str, Any]:
    """The context of the tabs; ``tab`` is the one that is open: overview, jobs, runs or plan.

    ``jobs`` is how many there are, where the page knows it: no page counts them for its tabs.
    """
    may, tabs = allowed(request), []
    if may.view:
        tabs += [
            ("overview", _("Overview"), address_if_any(model_admin, "dashboard"), ""),
            (
                "jobs",
                _("Jobs"),
                address(model_admin, "scheduledjob_changelist"),
                "" if jobs is None else str(jobs),
            ),
        ]
    runs_url = address_if_any(model_admin, "jobrun_changelist")
    if may.runs and runs_url:
        tabs.append(("runs", _("Runs"), runs_url, ""))
    if may.sync:
        tabs.append(("plan", _("Compare with Google"), address(model_admin, "scheduledjob_plan"), ""))
    return {"tab": tab, "tabs": tabs}
