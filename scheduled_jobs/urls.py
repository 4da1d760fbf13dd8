"""Include these under the path of your choice: ``path("tasks/", include("scheduled_jobs.urls"))``."""

from __future__ import annotations

from django.urls import path, register_converter
from django.urls.converters import StringConverter

from scheduled_jobs import views


class TaskConverter(StringConverter):
    """Dotted Python names alone: no other page of the site is ever answered here, wherever this is included.

    A converter, not a pattern: what watches a site names an address by its route, for people to read.
    """

    regex = r"[^\W\d]\w*(?:\.[^\W\d]\w*)+"


register_converter(TaskConverter, "scheduled_task")

urlpatterns = [
    path("<scheduled_task:task>", views.tasks_endpoint, name="tasks-endpoint"),
    # No name of a task: that has a dot in it.
    path("metrics", views.show_metrics, name="tasks-metrics"),
    path("health", views.show_health, name="tasks-health"),
]
