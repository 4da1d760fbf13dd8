"""The admin of runs, which are read: its options, who may see them, and the address of every page."""

# The signatures are Django's:
# ruff: noqa: ARG002

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern

from scheduled_jobs.admin.actions import backfill, rerun, rerun_many
from scheduled_jobs.admin.page import may, permitted, urls_of, with_extra
from scheduled_jobs.admin.run import view as run_page
from scheduled_jobs.admin.run_list import export
from scheduled_jobs.admin.run_list import view as run_list
from scheduled_jobs.models import JobRun

PAGES = (
    ("export/", export.export_view, "export"),
    ("<path:object_id>/rerun/", rerun.rerun_view, "rerun"),
    ("<path:object_id>/cancel/", rerun.cancel_view, "cancel"),
    ("<path:object_id>/cancel-backfill/", backfill.cancel_backfill_view, "cancel_backfill"),
    ("<path:object_id>/settle/", rerun.settle_view, "settle"),
    ("<path:object_id>/dealt-with/", rerun.run_dealt_with_view, "dealt_with"),
    ("<path:object_id>/log/", run_page.run_log_view, "log"),
)
"""Address, view and name of every page beside those that Django's admin gives to every model."""


@admin.register(JobRun)
class JobRunAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Runs are read. What changes them is a request of its own, by POST."""

    list_display_links = None
    ordering = ("-at", "-pk")
    actions = (rerun_many.rerun_failed, backfill.backfill_selected)

    class Media:
        css = {"all": ["scheduled_jobs/scheduled_jobs.css"]}

    # --- Pages --------------------------------------------------------------------------------

    def get_urls(self) -> list[URLPattern]:
        return urls_of(self, PAGES, super().get_urls())

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        return with_extra(run_list.run_list_view(self, request), extra_context)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        return with_extra(run_page.run_view(self, request, object_id), extra_context)

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        return run_page.run_history_view(self, request, object_id)

    # --- Permissions --------------------------------------------------------------------------

    def has_module_permission(self, request: HttpRequest) -> bool:
        return may(request.user, "runs")

    def has_view_permission(self, request: HttpRequest, obj: JobRun | None = None) -> bool:
        return may(request.user, "runs")

    def has_run_permission(self, request: HttpRequest) -> bool:
        return permitted(request, "run")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: JobRun | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: JobRun | None = None) -> bool:
        return False
