"""Middlewares of the project stand before the view that Google calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.support.project import Project


def test_the_login_middleware_lets_google_in(project: Project) -> None:
    project.add_settings(
        """
        MIDDLEWARE.append("django.contrib.auth.middleware.LoginRequiredMiddleware")
        LOGIN_URL = "/admin/login/"
        DJANGO_CLOUD_TASKS_APP_NAME = "shop"
        DJANGO_CLOUD_TASKS_ENDPOINT = "https://shop.example.com"
        DJANGO_CLOUD_TASKS_OIDC_SERVICE_ACCOUNT = "jobs@shop.iam.gserviceaccount.com"
        """
    )
    said = project.run_code(
        """
        from datetime import timedelta
        from django.core.management import call_command
        from django.test import Client
        from scheduled_jobs.models import JobRun
        from scheduled_jobs.testing import running_cloud_scheduler

        call_command("migrate", verbosity=0)
        with running_cloud_scheduler() as scheduler:
            call_command("schedule_tasks")
            print([answer.status_code for answer in scheduler.advance(timedelta(minutes=1))])
        print(list(JobRun.objects.values_list("status", flat=True)))
        print(Client().get("/tasks/shop.tasks.Report").status_code)
        print(Client().get("/admin/").status_code)
        """,
        DJANGO_CLOUD_TASKS_BACKEND="scheduled_jobs.backends.memory.MemoryBackend",
    )
    assert said.splitlines()[2:] == ["[200]", "['succeeded']", "401", "302"], said
