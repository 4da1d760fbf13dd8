"""The page with the list of all jobs."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.contrib import admin
from django.utils.translation import gettext as _

from scheduled_jobs import registry
from scheduled_jobs.admin.page import address_if_any, environment_banner, last_look, may

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from scheduled_jobs.admin.page.permissions import JobAdmin


def job_list_view(model_admin: JobAdmin, request: HttpRequest) -> HttpResponse:
    """The list of all jobs."""
    context = {"title": _("Jobs"), "sj_links": _tools(model_admin, request)}
    response = admin.ModelAdmin.changelist_view(model_admin, request, context)
    found = getattr(response, "context_data", None)
    if found is not None and (cl := found.get("cl")) is not None:
        found["env"] = environment_banner(cl.now, last_look())
        if cl.is_empty:
            found["where_tasks_are"] = where_tasks_are()
    return response


def _tools(model_admin: JobAdmin, request: HttpRequest) -> list[tuple[str, str]]:
    pages = [(_("Dashboard"), "dashboard")]
    if may(request.user, "sync"):
        pages.append((_("Plan"), "scheduledjob_plan"))
    found = [(title, address_if_any(model_admin, name)) for title, name in pages]
    return [(title, address) for title, address in found if address]


def where_tasks_are() -> dict[str, Any]:
    """Where tasks are looked for, for somebody who has none."""
    modules = [f"{config.name}.tasks" for config in apps.get_app_configs()]
    return {
        "apps": len(modules),
        "modules": [name for name in modules if name in sys.modules and name != "scheduled_jobs.tasks"],
        "tasks": [task.name() for task in registry.tasks()],
    }
