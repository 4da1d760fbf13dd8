"""One job from the code to its history, and every page on the way: what a project must be able to do."""

from __future__ import annotations

SETTINGS = """
DJANGO_CLOUD_TASKS_PROJECT_ID = "test-project"
DJANGO_CLOUD_TASKS_LOCATION = "europe-west1"
DJANGO_CLOUD_TASKS_ENDPOINT = "https://shop.example.com"
DJANGO_CLOUD_TASKS_OIDC_SERVICE_ACCOUNT = "scheduler@test-project.iam.gserviceaccount.com"
"""
WALK = """
from datetime import timedelta
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import connections
from django.test import Client
from django.urls import reverse
from scheduled_jobs.models import JobChange, JobRun, ScheduledJob
from scheduled_jobs.testing import running_cloud_scheduler
from tests.support.pages import Page

for alias in connections:
    call_command("migrate", database=alias, verbosity=0)
User = get_user_model()
user = User.objects.create_superuser(**globals().get("person", {"username": "maria", "password": "x"}))
client = Client()
client.force_login(user)

def page(name, *args):
    answer = client.get(reverse(f"admin:scheduled_jobs_{name}", args=args))
    assert answer.status_code == 200, (name, answer.status_code)
    return answer

def send(name, *args, **data):
    form = Page(page(name, *args).content.decode()).fields()
    answer = client.post(reverse(f"admin:scheduled_jobs_{name}", args=args), {**form, **data})
    assert answer.status_code == 302, (name, answer.status_code)
    assert client.get(answer["Location"]).status_code == 200, answer["Location"]

with running_cloud_scheduler() as google:
    call_command("schedule_tasks")
    job = ScheduledJob.objects.get()
    send("scheduledjob_settings", job.pk, description_override="by hand", _save="1")
    job.pause(reason="quiet", by=user)
    job.resume(by=user)
    send("scheduledjob_pause", job.pk, reason="later")
    send("scheduledjob_resume", job.pk)
    google.advance(timedelta(minutes=1))
    job.run_now(by=user)
    google.deliver_forced()
    send("scheduledjob_run_now", job.pk, reason="month end")
    google.deliver_forced()
    list_page = reverse("admin:scheduled_jobs_scheduledjob_changelist")
    chosen = {"action": "sync_jobs", "_selected_action": str(job.pk), "apply": "yes", "reason": "again"}
    assert client.post(list_page, chosen).status_code in (200, 302)
    for name in ("scheduledjob_changelist", "jobrun_changelist", "scheduledjob_plan"):
        page(name)
    for name in ("scheduledjob_change", "scheduledjob_changes", "scheduledjob_drift"):
        page(name, job.pk)
    page("jobrun_change", JobRun.objects.latest().pk)
    call_command("schedule_tasks")
    for verb in ("list", "runs"):
        call_command("scheduled_jobs", verb)
    job.refresh_from_db()
    print("sync:", job.sync_state)
    print("runs:", [(run.trigger, run.status, run.requested_by) for run in JobRun.objects.order_by("pk")])
    print("changes:", sorted({change.actor_label for change in JobChange.objects.all()}))
"""
"""Set ``person`` before it where the user model wants other fields."""

WALKED = """\
sync: synced
runs: [('schedule', 'succeeded', ''), ('manual', 'succeeded', 'maria'), ('manual', 'succeeded', 'maria')]
changes: ['', 'maria']
"""
"""The last lines that it prints."""
