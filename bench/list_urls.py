"""The URLs of either side of ``bench.admin_list``."""

from __future__ import annotations

from django.apps import apps
from django.contrib import admin
from django.urls import include, path

urlpatterns = [path("admin/", admin.site.urls)]
if apps.is_installed("scheduled_jobs"):
    urlpatterns.append(path("tasks/", include("scheduled_jobs.urls")))
