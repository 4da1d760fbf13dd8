"""Include these under the path of your choice: ``path("tasks/", include("scheduled_jobs.urls"))``."""

from __future__ import annotations

urlpatterns: list[object] = []
