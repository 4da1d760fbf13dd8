"""A test alert, and the end of the pauses of AUTO_PAUSE_AFTER: buttons of the landing page."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.core import mail
from django.urls import reverse

from scheduled_jobs.models import Alert, JobChange, ScheduledJob
from tests.support.alerts import hook
from tests.support.declaring import declare, row, schedule_tasks
from tests.support.pages import text_of

if TYPE_CHECKING:
    from django.test import Client
    from pytest_django.fixtures import SettingsWrapper

    from scheduled_jobs.backends.memory import MemoryBackend

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_tasks")]

JOBS = "admin:scheduled_jobs_scheduledjob"


def press(client: Client, name: str) -> list[str]:
    """What the page says after a button was pressed."""
    answer = client.post(reverse(f"{JOBS}_{name}"), follow=True)
    return [str(message) for message in answer.context["messages"]]


def test_a_test_says_of_each_what_happened(admin_client: Client, settings: SettingsWrapper) -> None:
    settings.DJANGO_CLOUD_TASKS_ALERT_RECIPIENTS = ["ops@shop.example"]
    settings.DJANGO_CLOUD_TASKS_APP_NAME = "shop"
    with hook(404) as chat:
        settings.DJANGO_CLOUD_TASKS_ALERT_WEBHOOKS = [chat.address]
        assert press(admin_client, "test_alert") == [
            "ops@shop.example: sent, as the server of mail says.",
            "webhook at 127.0.0.1: not sent, it answered 404.",
        ]
        assert [body["event"] for body in chat.bodies] == ["test"]
    assert (mail.outbox[0].subject, mail.outbox[0].body) == (
        "[shop] TEST: alerts arrive here",
        "This is a test: alerts of scheduled jobs arrive here. admin asked for it.\n"
        "See it: https://shop.example.com/admin/scheduled_jobs/scheduledjob/dashboard/\n\n"
        "You get this because ops@shop.example is in DJANGO_CLOUD_TASKS_ALERT_RECIPIENTS.\n",
    )
    assert Alert.objects.get().next_try_at is None


def test_a_test_with_nobody_to_tell_says_so(admin_client: Client, settings: SettingsWrapper) -> None:
    told = "Nobody is told: set DJANGO_CLOUD_TASKS_ALERT_RECIPIENTS or DJANGO_CLOUD_TASKS_ALERT_WEBHOOKS."
    assert press(admin_client, "test_alert") == [told]
    settings.DJANGO_CLOUD_TASKS_ALERT_WEBHOOKS = "https://chat.example/T0S3CR3T"
    assert press(admin_client, "test_alert") == [
        "DJANGO_CLOUD_TASKS_ALERT_WEBHOOKS is of another kind; write a list of strings"
    ]


def test_what_paused_itself_is_resumed_by_one_button(google: MemoryBackend, admin_client: Client) -> None:
    for name in ("One", "Two", "Mine"):
        declare(name)
    schedule_tasks()
    for name, by in (("One", "AUTO_PAUSE_AFTER"), ("Two", "AUTO_PAUSE_AFTER"), ("Mine", "maria")):
        row(name).pause(reason="it failed", by=by)
    page = text_of(admin_client.get(reverse("admin:scheduled_jobs_dashboard")).content.decode())
    assert "2 jobs failed so often that they were paused automatically: One , Two Resume all 2" in page
    assert press(admin_client, "resume_paused") == ["2 jobs were resumed; nothing was started."]
    assert list(ScheduledJob.objects.filter(paused=True).values_list("task", flat=True)) == [
        "shop.tasks.Mine"
    ]
    assert set(JobChange.objects.filter(via="bulk").values_list("actor_label", flat=True)) == {"admin"}
    assert press(admin_client, "resume_paused") == ["0 jobs were resumed; nothing was started."]
