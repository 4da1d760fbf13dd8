"""Include these under the path of your choice: ``path("tasks/", include("scheduled_jobs.urls"))``."""

from __future__ import annotations

from django.urls import re_path

from scheduled_jobs import views

TASK = r"(?P<task>[^\W\d]\w*(\.[^\W\d]\w*)+)"
"""Dotted Python names alone: no other page of the site is ever answered here, wherever this is included."""

urlpatterns = [re_path(rf"^{TASK}\Z", views.tasks_endpoint, name="tasks-endpoint")]
