from __future__ import annotations

from django.contrib import admin
from django.templatetags.static import static
from django.urls import include, path
from django.views.generic import RedirectView

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("favicon.ico", RedirectView.as_view(url=static("shop/favicon.svg"))),
    path("admin/", admin.site.urls),
    path("tasks/", include("scheduled_jobs.urls")),
]
