"""Other people's admins: themes, sites and classes of their own, and none at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.projects.walk import SETTINGS, WALK, WALKED

if TYPE_CHECKING:
    from tests.support.project import Project

PAGES = """
    one_job, one_run = [job.pk], [JobRun.objects.latest().pk]
    for name, args, button in [
        ("scheduledjob_changelist", [], "Add a job"),
        ("scheduledjob_change", one_job, "Run now…"),
        ("scheduledjob_settings", one_job, "Pause…"),
        ("scheduledjob_pause", one_job, ""),
        ("scheduledjob_plan", [], "Jobs"),
        ("jobrun_changelist", [], "Jobs"),
        ("jobrun_change", one_run, "Rerun…"),
    ]:
        found = Page(page(name, *args).content.decode()).elements
        icons = {e.attrs["id"] for e in found if e.tag == "symbol"}
        used = {e.attrs.get("href", "").removeprefix("#") for e in found if e.tag == "use"}
        assert {icon for icon in used if icon.startswith("sj-")} <= icons, name
        assert len(icons) > 20, name
        buttons = [e.text.strip() for e in found if e.tag in ("a", "button")]
        assert not button or button in buttons, (name, buttons)
    print("all shown")
"""


@pytest.mark.parametrize("theme", ["unfold", "jazzmin"])
def test_a_theme_shows_our_icons_and_buttons(project: Project, theme: str) -> None:
    pytest.importorskip(theme)
    project.add_settings(SETTINGS + f'INSTALLED_APPS.insert(0, "{theme}")')
    assert project.run_code(WALK + PAGES).endswith(WALKED + "all shown\n")


TWO_SITES = """
from django.contrib import admin
from django.urls import include, path
from import_export.admin import ExportMixin
from scheduled_jobs.admin import JobRunAdmin, ScheduledJobAdmin
from scheduled_jobs.models import JobRun, ScheduledJob


class OpsJobs(ExportMixin, ScheduledJobAdmin):
    def changelist_view(self, request, extra_context=None):
        return super().changelist_view(request, {**(extra_context or {}), "title": "Jobs of ops"})

    def change_view(self, request, object_id, form_url="", extra_context=None):
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), "title": "A job of ops"})

    def get_queryset(self, request):
        return super().get_queryset(request).exclude(task="shop.tasks.Hidden")

    def has_change_permission(self, request, obj=None):
        return super().has_change_permission(request, obj) and (obj is None or "Report" in obj.task)

    def has_run_permission(self, request):
        return False


ops = admin.AdminSite(name="ops")
ops.register(ScheduledJob, OpsJobs)
ops.register(JobRun, JobRunAdmin)
urlpatterns = [
    path("admin/", admin.site.urls),
    path("ops/", ops.urls),
    path("tasks/", include("scheduled_jobs.urls")),
]
"""
THREE_TASKS = """
from scheduled_jobs.tasks import PeriodicTask

class Report(PeriodicTask):
    run_every = "* * * * *"
    def run(self): ...

class Other(Report): ...

class Hidden(Report): ...
"""
OPS = """
import re
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
from scheduled_jobs.models import JobRun, ScheduledJob

call_command("migrate", verbosity=0)
client = Client()
client.force_login(User.objects.create_superuser("maria", "", "x"))
call_command("schedule_tasks", verbosity=0)
job, other, hidden = (ScheduledJob.objects.get(task=f"shop.tasks.{name}") for name in ("Report", "Other", "Hidden"))
run = JobRun.objects.create(job=job, status="succeeded", trigger="manual", payload={})
JOBS = "/ops/scheduled_jobs/scheduledjob/"
pages = [JOBS, f"{JOBS}{job.pk}/change/", "/ops/scheduled_jobs/", f"{JOBS}{job.pk}/settings/", f"{JOBS}{job.pk}/pause/", f"{JOBS}plan/",
         "/ops/scheduled_jobs/jobrun/", f"/ops/scheduled_jobs/jobrun/{run.pk}/change/"]
for page in pages:
    text = client.get(page).content.decode()
    elsewhere = re.findall('(?:href|action)="(/admin/[^"]*)"', text)
    assert not elsewhere, (page, elsewhere)
shown = client.get(JOBS).content.decode()
print("Jobs of ops" in shown, "A job of ops" in client.get(pages[1]).content.decode())
print("Other<" in shown, "Hidden" in shown)
assert "Hidden" not in client.get("/ops/scheduled_jobs/").content.decode()
print([client.get(f"{JOBS}{each.pk}/change/").status_code for each in (job, other, hidden)])
form = {"description_override": "x", "_save": "1"}
print([client.post(f"{JOBS}{each.pk}/settings/", form).status_code for each in (other, hidden)])
print("/run-now/" in shown, client.get(f"{JOBS}{job.pk}/run-now/").status_code)
print(client.get(f"/admin/scheduled_jobs/scheduledjob/{hidden.pk}/run-now/").status_code)
"""


def test_a_site_and_classes_of_ones_own_are_respected(project: Project) -> None:
    project.write("project/urls.py", TWO_SITES)
    project.write("shop/tasks.py", THREE_TASKS)
    project.add_settings(SETTINGS + 'DJANGO_CLOUD_TASKS_PUSH = "off"\nINSTALLED_APPS += ["import_export"]')
    assert project.run_code(OPS).splitlines()[-6:] == [
        "True True",
        "True False",
        "[200, 200, 302]",
        "[403, 404]",
        "False 403",
        "200",
    ]


WITHOUT = """
from datetime import timedelta
from django.core.management import call_command
from django.template import engines
from scheduled_jobs.models import JobRun, ScheduledJob
from scheduled_jobs.testing import running_cloud_scheduler

call_command("check")
call_command("migrate", verbosity=0)
with running_cloud_scheduler() as google:
    call_command("schedule_tasks")
    ScheduledJob.objects.get().pause(reason="quiet", by="maria")
    ScheduledJob.objects.get().resume()
    google.advance(timedelta(minutes=1))
    call_command("scheduled_jobs", "list")
print(engines["django"].from_string("{{ run.status }}").render({"run": JobRun.objects.get()}))
"""
NO_ADMIN = """
INSTALLED_APPS = ["scheduled_jobs", "shop"]
MIDDLEWARE = []
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}]
"""


def test_all_but_the_screens_works_without_an_admin(project: Project) -> None:
    """And without users, sessions and content types; templates of its own it may have."""
    project.write(
        "project/urls.py",
        'from django.urls import include, path\nurlpatterns = [path("tasks/", include("scheduled_jobs.urls"))]\n',
    )
    project.add_settings(SETTINGS + NO_ADMIN)
    assert project.run_code(WITHOUT).endswith("\nsucceeded\n")
