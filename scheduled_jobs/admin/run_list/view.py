"""The page of all runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib.admin import ModelAdmin
from django.utils import timezone
from django.utils.translation import gettext as _

from scheduled_jobs.admin.page import environment_banner, require, require_safe_method
from scheduled_jobs.services.history.looks import last_look

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from scheduled_jobs.admin.page.permissions import RunAdmin


@require_safe_method
def run_list_view(model_admin: RunAdmin, request: HttpRequest) -> HttpResponse:
    """The list of all runs, newest first."""
    require(request, "runs")
    context = {"title": _("Runs"), "env": environment_banner(timezone.now(), last_look())}
    return ModelAdmin.changelist_view(model_admin, request, context)
