"""The admin of jobs: its options, who may do what, and the address of every page."""

# The signatures are Django's:
# ruff: noqa: ARG002

from __future__ import annotations

from functools import partial
from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path

from scheduled_jobs.admin.actions import alerts, backfill, bulk, own_job, pause, run_now
from scheduled_jobs.admin.dashboard import view as dashboard
from scheduled_jobs.admin.dashboard.rows import MANY
from scheduled_jobs.admin.doctor import view as doctor
from scheduled_jobs.admin.job import view as job_page
from scheduled_jobs.admin.job_list import changelist
from scheduled_jobs.admin.page import may, urls_of, with_extra
from scheduled_jobs.admin.plan import ask
from scheduled_jobs.admin.plan import view as plan
from scheduled_jobs.models import ScheduledJob

PAGES = (
    ("plan/", plan.plan_view, "plan"),
    ("dashboard/dealt-with/", dashboard.matter_dealt_with_view, "dealt_with"),
    ("doctor/", doctor.doctor_view, "doctor"),
    ("test-alert/", alerts.send_test_view, "test_alert"),
    ("resume-paused/", alerts.resume_paused_view, "resume_paused"),
    ("ask/", ask.ask_all_view, "ask_all"),
    ("<path:object_id>/settings/", job_page.settings_view, "settings"),
    ("<path:object_id>/changes/", job_page.changes_view, "changes"),
    ("<path:object_id>/run-now/", run_now.run_now_view, "run_now"),
    ("<path:object_id>/backfill/", backfill.backfill_view, "backfill"),
    ("<path:object_id>/pause/", pause.pause_view, "pause"),
    ("<path:object_id>/resume/", pause.resume_view, "resume"),
    ("<path:object_id>/drift/", plan.drift_view, "drift"),
    ("<path:object_id>/ask/", ask.ask_view, "ask"),
)
"""Address, view and name of every page beside those that Django's admin gives to every model."""


@admin.register(ScheduledJob)
class ScheduledJobAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Every screen of a job."""

    list_display = changelist.LIST_DISPLAY
    list_display_links = None
    list_per_page = MANY  # of so many the landing page has a row each as well
    list_max_show_all = 200
    show_full_result_count = False
    search_fields = ("name", "task", "declared_description", "description_override", "pause_reason")
    actions = bulk.ACTIONS
    change_list_template = "admin/scheduled_jobs/scheduledjob/change_list.html"

    class Media:
        css = {"all": ["scheduled_jobs/scheduled_jobs.css"]}

    # --- Pages --------------------------------------------------------------------------------

    def get_urls(self) -> list[URLPattern]:
        dashboard_view = self.admin_site.admin_view(partial(dashboard.dashboard_view, self))
        of_the_app = path("dashboard/", dashboard_view, name="scheduled_jobs_dashboard")
        return urls_of(self, PAGES, [of_the_app, *super().get_urls()])

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        if request.method == "POST":
            bulk.refuse_unoffered(request)
        return with_extra(changelist.job_list_view(self, request), extra_context)

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        return with_extra(own_job.add_view(self, request), extra_context)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        return with_extra(job_page.overview_view(self, request, object_id), extra_context)

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        return with_extra(own_job.delete_view(self, request, object_id), extra_context)

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        return job_page.history_view(self, request, object_id)

    # --- The list -----------------------------------------------------------------------------

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return changelist.JobChangeList

    def get_ordering(self, request: HttpRequest) -> tuple[()]:
        # The list sorts by how a job is, which only the list annotates.
        return ()

    def get_actions(self, request: HttpRequest, action_location: Any = None) -> dict[str, Any]:
        """Ours alone, on the list alone: deleting is done one by one, with its own page."""
        # Django 6.1 has actions on the page of one object too, and says which it asks for.
        if action_location is not None and action_location.name != "CHANGE_LIST":
            return {}
        location = {} if action_location is None else {"action_location": action_location}
        found = super().get_actions(request, **location)
        names = [action.__name__ for action in bulk.ACTIONS]
        return {name: found[name] for name in names if name in found}

    # --- Permissions: an action names them in ``permissions=[…]`` -----------------------------

    def has_view_permission(self, request: HttpRequest, obj: ScheduledJob | None = None) -> bool:
        return may(request.user, "view")

    def has_change_permission(self, request: HttpRequest, obj: ScheduledJob | None = None) -> bool:
        return may(request.user, "change")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return may(request.user, "add")

    def has_delete_permission(self, request: HttpRequest, obj: ScheduledJob | None = None) -> bool:
        # The class of a code job would bring it back with the next schedule_tasks.
        own = obj is None or obj.origin == ScheduledJob.Origin.OPERATOR
        return own and may(request.user, "delete")

    def has_pause_permission(self, request: HttpRequest) -> bool:
        return may(request.user, "pause")

    def has_run_permission(self, request: HttpRequest) -> bool:
        return may(request.user, "run")

    def has_sync_permission(self, request: HttpRequest) -> bool:
        return may(request.user, "sync")
