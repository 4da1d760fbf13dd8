"""Include these under the path of your choice: ``path("tasks/", include("scheduled_jobs.urls"))``."""

from __future__ import annotations

from django.urls import path

from scheduled_jobs import views

urlpatterns = [path("<path:task>", views.tasks_endpoint, name="tasks-endpoint")]
