"""The project goes on using django_cloud_tasks for tasks on demand: what docs/moving.md promises."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.test import override_settings
from google.cloud import scheduler_v1

from tests.support.declaring import declare, row, schedule_tasks

if TYPE_CHECKING:
    from scheduled_jobs.backends.memory import MemoryBackend
    from tests.support.project import Project

THEIR_URLS = """
from django.http import HttpResponse
from django.urls import path

urlpatterns = [path("tasks/<task_name>", lambda request, task_name: HttpResponse(task_name), name="tasks-endpoint")]
"""

THEIR_COMMAND = """
from django.core.management.base import BaseCommand

class Command(BaseCommand):
    def handle(self, **options):
        print("theirs")
"""


def test_both_packages_find_their_own_addresses_and_command(project: Project) -> None:
    for package in ("", "/management", "/management/commands"):
        project.write(f"django_cloud_tasks{package}/__init__.py", "")
    project.write("django_cloud_tasks/urls.py", THEIR_URLS)
    project.write("django_cloud_tasks/management/commands/schedule_tasks.py", THEIR_COMMAND)
    project.write(
        "project/urls.py",
        """
        from django.urls import include, path
        urlpatterns = [
            path("", include("django_cloud_tasks.urls")),
            path("jobs/", include("scheduled_jobs.urls")),
        ]
        """,
    )
    project.add_settings("""
        INSTALLED_APPS += ["django_cloud_tasks"]
        DJANGO_CLOUD_TASKS_ENDPOINT = "https://shop.example.com"
        DJANGO_CLOUD_TASKS_SUBSCRIBER_MAX_RETRIES = 3
    """)
    found = project.run_code("""
        from django.core.management import get_commands
        from django.urls import resolve, reverse
        from shop.tasks import Report
        print(Report.url(), resolve("/jobs/shop.tasks.Report").func.__module__)
        print(reverse("tasks-endpoint", args=["Digest"]), resolve("/tasks/Digest").func.__module__)
        print(get_commands()["schedule_tasks"])
    """)
    assert found.splitlines() == [
        "https://shop.example.com/jobs/shop.tasks.Report scheduled_jobs.views",
        "/tasks/Digest django_cloud_tasks.urls",
        "scheduled_jobs",
    ]


def their_job(google: MemoryBackend) -> Any:
    return google.store.create_job(
        google.parent,
        scheduler_v1.Job.pb(scheduler_v1.Job(
            name=google.remote_name("shop--Digest"),
            schedule="0 9 * * *",
            time_zone="UTC",
            http_target={"uri": "https://shop.example.com/tasks/Digest", "body": b"{}"},
        )),
    )  # fmt: skip


@pytest.mark.usefixtures("no_tasks")
@pytest.mark.django_db(transaction=True)
@override_settings(DJANGO_CLOUD_TASKS_APP_NAME="shop")
def test_job_by_job_nothing_fires_twice_and_theirs_is_never_touched(google: MemoryBackend) -> None:
    theirs = their_job(google)

    def firing() -> list[str]:
        jobs = google.store.list_jobs(google.parent)[0]
        return [job.name.rpartition("/")[2] for job in jobs if job.state == scheduler_v1.Job.State.ENABLED]

    declare("Digest", schedule_paused=True)
    assert "[+] Job created: shop.tasks.Digest" in schedule_tasks().lines
    assert firing() == ["shop--Digest"]
    google.store.pause_job(theirs.name)
    row("Digest").resume()
    assert firing() == ["shop--shop-tasks-Digest"]
    schedule_tasks(yes=True)
    assert len(google.store.list_jobs(google.parent)[0]) == 2
    row("Digest").pause(reason="back")
    google.store.resume_job(theirs.name)
    assert firing() == ["shop--Digest"]


@pytest.mark.usefixtures("no_tasks")
@pytest.mark.django_db(transaction=True)
@override_settings(DJANGO_CLOUD_TASKS_APP_NAME="shop")
def test_under_the_old_id_the_job_itself_is_taken_over(google: MemoryBackend) -> None:
    their_job(google)
    declare("Digest", schedule_name="Digest")
    assert schedule_tasks(adopt=True).code == 0
    (job,) = google.store.list_jobs(google.parent)[0]
    assert job.name == google.remote_name("shop--Digest")
    assert job.http_target.uri == "https://shop.example.com/tasks/shop.tasks.Digest"
    assert "django-google-cloud-tasks" not in schedule_tasks()
