"""Models of a project's own beside ours: what they save and delete is pushed as well."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.projects.walk import SETTINGS

if TYPE_CHECKING:
    from tests.support.project import Project

DERIVED = """
from django.db import models
from scheduled_jobs.models import ScheduledJob


class TeamJob(ScheduledJob):
    team = models.CharField(max_length=20)


class ShopJob(ScheduledJob):
    class Meta:
        proxy = True
"""
EDITED = """
from io import StringIO
from django.core.management import call_command
from scheduled_jobs.testing import running_cloud_scheduler
from shop.models import ShopJob, TeamJob

call_command("makemigrations", "shop", verbosity=0)
call_command("migrate", verbosity=0)
with running_cloud_scheduler() as google:
    call_command("schedule_tasks", stdout=StringIO())
    job = ShopJob.objects.get()
    job.schedule_override = "2 2 * * *"
    job.save()
    print([live.values["schedule"] for live in google.jobs.values()])
    ShopJob.objects.all().pause(reason="x")
    print([live.state for live in google.jobs.values()])
    team = TeamJob(scheduledjob_ptr=job, team="x")
    team.save_base(raw=True)
    TeamJob.objects.all().resume()
    print([live.state for live in google.jobs.values()])
    job.delete()
    print(google.jobs)
"""


def test_models_derived_from_ours_push_what_they_save(project: Project) -> None:
    project.add_settings(SETTINGS)
    project.write("shop/models.py", DERIVED)
    assert project.run_code(EDITED).splitlines() == ["['2 2 * * *']", "['PAUSED']", "['ENABLED']", "{}"]
