"""The admin of runs, which are read: its options, who may see them, and the address of every page."""

# The signatures are Django's:
# ruff: noqa: ARG002

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db.models import Q

from scheduled_jobs.admin.actions import rerun
from scheduled_jobs.admin.page import may, urls_of, with_extra
from scheduled_jobs.admin.run import view as run_page
from scheduled_jobs.admin.run_list import changelist
from scheduled_jobs.admin.run_list import view as run_list
from scheduled_jobs.admin.run_list.filters import FILTERS
from scheduled_jobs.models import JobRun

if TYPE_CHECKING:
    from django.contrib.admin.views.main import ChangeList
    from django.db.models import QuerySet
    from django.http import HttpRequest, HttpResponse
    from django.urls import URLPattern

PAGES = (
    ("<path:object_id>/rerun/", rerun.rerun_view, "rerun"),
    ("<path:object_id>/cancel/", rerun.cancel_view, "cancel"),
    ("<path:object_id>/settle/", rerun.settle_view, "settle"),
    ("<path:object_id>/dealt-with/", rerun.dealt_with_view, "dealt_with"),
    ("<path:object_id>/log/", run_page.run_log_view, "log"),
)
"""Address, view and name of every page beside those that Django's admin gives to every model."""


@admin.register(JobRun)
class JobRunAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Runs are read. What changes them is a request of its own, by POST."""

    list_display = ("__str__",)
    list_display_links = None
    list_filter = FILTERS
    list_per_page = 100
    list_max_show_all = 200
    ordering = ("-at", "-pk")
    sortable_by = ()
    date_hierarchy = "created_at"
    search_fields = ("error", "requested_by", "reason", "job__name", "job__task")
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    paginator = changelist.CappedPaginator
    actions = None
    change_list_template = "admin/scheduled_jobs/jobrun/change_list.html"

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

    # --- The list -----------------------------------------------------------------------------

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return changelist.RunChangeList

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[JobRun], search_term: str
    ) -> tuple[QuerySet[JobRun], bool]:
        """Payloads and results are not searched: a search that finds a masked secret gives it away."""
        number = search_term.strip().removeprefix("#")
        if number.isascii() and number.isdecimal() and len(number) < 19:
            return queryset.filter(Q(pk=int(number)) | Q(error__contains=number)), False
        return super().get_search_results(request, queryset, search_term)

    # --- Permissions --------------------------------------------------------------------------

    def has_module_permission(self, request: HttpRequest) -> bool:
        return may(request.user, "runs")

    def has_view_permission(self, request: HttpRequest, obj: JobRun | None = None) -> bool:
        return may(request.user, "runs")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: JobRun | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: JobRun | None = None) -> bool:
        return False
