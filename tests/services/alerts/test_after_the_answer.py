"""A delivery is answered first; then people are told."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.core import mail
from django.test import Client, RequestFactory
from django.utils import timezone

from scheduled_jobs import views
from scheduled_jobs.models import JobRun, ScheduledJob
from scheduled_jobs.services import alerts
from tests.support import SLOT, make_job, make_run, make_task
from tests.support.declaring import schedule_tasks

if TYPE_CHECKING:
    from pytest_django.fixtures import SettingsWrapper

    from tests.support.alerts import Failing

pytestmark = pytest.mark.django_db


@pytest.fixture
def open_job(failing: Failing, settings: SettingsWrapper) -> ScheduledJob:
    """A job that anybody may run, and that fails."""
    settings.DJANGO_CLOUD_TASKS_ALLOW_UNAUTHENTICATED = True
    return make_job(make_task(failing.run, name="Open", schedule_use_oidc=False), "shop--open")


def sent() -> dict[str, str]:
    slot = f"{timezone.now():%Y-%m-%dT%H:%M:00+00:00}"
    return {"X-CloudScheduler-JobName": "shop--open", "X-CloudScheduler-ScheduleTime": slot}


def test_nobody_waits_for_a_mail(open_job: ScheduledJob) -> None:
    request = RequestFactory().post("/", b"{}", "application/json", headers=sent())
    answer = views.tasks_endpoint(request, open_job.task)
    assert (answer.status_code, mail.outbox) == (500, [])
    # What a server does once the answer has gone out.
    answer.close()
    assert [message.subject for message in mail.outbox] == ["[shop production] FAILING: Open"]


def test_an_answer_with_nothing_to_tell_is_any_other(open_job: ScheduledJob, failing: Failing) -> None:
    alerts.is_due_here()
    failing.error = None
    request = RequestFactory().post("/", b"{}", "application/json", headers=sent())
    assert not isinstance(views.tasks_endpoint(request, open_job.task), views.ThenTold)


def test_what_cannot_be_told_changes_no_answer(
    open_job: ScheduledJob, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("scheduled_jobs.services.alerts.judging._judge", None)
    assert (
        Client().post(f"/tasks/{open_job.task}", "{}", "application/json", headers=sent()).status_code == 500
    )
    assert "What is to be told of runs could not be told" in caplog.text


def test_schedule_tasks_tells_what_is_left(open_job: ScheduledJob) -> None:
    run = make_run(
        open_job,
        JobRun.Status.LOST,
        started_at=SLOT,
        finished_at=SLOT + timedelta(seconds=9),
        error_key="lost",
    )
    alerts.owe_end(run, is_recovery=False)
    schedule_tasks()
    assert [message.subject for message in mail.outbox] == [
        "[shop production] LOST: Open, the run of Mon 23 Nov 09:00"
    ]
