"""Include these under the path of your choice: ``path("tasks/", include("scheduled_jobs.urls"))``."""

from __future__ import annotations

from django.urls import path, re_path

from scheduled_jobs import views

TASK = r"(?P<task>[^\W\d]\w*(\.[^\W\d]\w*)+)"
"""Dotted Python names alone: no other page of the site is ever answered here, wherever this is included."""

urlpatterns = [
    re_path(rf"^{TASK}\Z", views.tasks_endpoint, name="tasks-endpoint"),
    # No name of a task: that has a dot in it.
    path("metrics", views.show_metrics, name="tasks-metrics"),
    path("health", views.show_health, name="tasks-health"),
]
