"""Runs that somebody asked for and Google never delivered: told as lost, seen on the job, and told to be over."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.core import mail
from django.utils import timezone

from scheduled_jobs.models import AlertRun, JobRun, ScheduledJob
from scheduled_jobs.services import alerts, scheduling
from scheduled_jobs.services.history.health import Health, health_of
from scheduled_jobs.services.scheduling.run_now import give_up
from tests.support import SLOT, make_run
from tests.support.alerts import AFTER, deliver_slot

if TYPE_CHECKING:
    from datetime import datetime

    from scheduled_jobs.tasks import PeriodicTask
    from tests.support.alerts import Failing

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("google")]

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
Status, Trigger = JobRun.Status, JobRun.Trigger
ADMIN = "https://shop.example.com/admin/scheduled_jobs"


def asked_for(job: ScheduledJob, now: datetime, **values: Any) -> JobRun:
    """A run of which both RunJobs were accepted and none was delivered."""
    asked = now - 7 * MINUTE
    sent = {"sent": 2, "sent_at": now - 4 * MINUTE, "created_at": asked, "requested_by": "maria"}
    return make_run(job, Status.QUEUED, **{"trigger": Trigger.MANUAL, **sent, **values})


def subjects() -> list[str]:
    return [message.subject.removeprefix("[shop production] ") for message in mail.outbox]


def test_one_is_told_as_lost_and_its_end_too(
    job: ScheduledJob, task: type[PeriodicTask], failing: Failing
) -> None:
    now = timezone.now()
    ScheduledJob.objects.update(last_status="succeeded", last_run_at=now - DAY)
    run = asked_for(job, now)
    scheduling.settle(job.pk)
    alerts.send_owed()
    (subject,) = subjects()
    assert subject.startswith("LOST: SyncWarehouseStock, the run of ")
    job.refresh_from_db()
    assert (job.last_run_id, job.last_status, job.failures_in_a_row) == (run.pk, Status.LOST, 0)
    assert health_of(job, timezone.now()) == Health.LOST
    # What Google refuses is seen by who asked for it.
    for values in ({"trigger": Trigger.MANUAL}, {"trigger": Trigger.RETRY, "scheduled_for": SLOT}):
        give_up(make_run(job, Status.QUEUED, **values), Status.FAILED, "no")
    assert AlertRun.objects.count() == 1

    failing.error = None
    deliver_slot(job, task, slot=timezone.now() - timedelta(seconds=5), now=timezone.now())
    alerts.send_owed()
    assert subjects()[1:] == ["OK again: SyncWarehouseStock"]
    assert health_of(job, timezone.now()) == Health.HEALTHY


def test_one_of_an_old_scheduled_time_is_lost_now(job: ScheduledJob) -> None:
    """Though the runs are in the order of their times, and nobody looks back that far."""
    now = timezone.now()
    slot = (now - 3 * DAY).replace(minute=0, second=0, microsecond=0)
    run = asked_for(job, now, trigger=Trigger.BACKFILL, scheduled_for=slot)
    scheduling.settle(job.pk)
    assert health_of(job, now) == Health.LOST
    assert health_of(job, now + DAY + MINUTE) == Health.HEALTHY
    make_run(job, Status.SUCCEEDED, scheduled_for=slot, settled_slot=slot, attempt=2)
    assert health_of(job, now) == Health.HEALTHY
    assert AlertRun.objects.get().run_id == run.pk


def test_the_mails_of_them(job: ScheduledJob) -> None:
    why = "Cloud Scheduler did not deliver it: its attempt at 2026-11-23 09:00:03 UTC got no usable answer (UNAVAILABLE)"
    values = {"trigger": Trigger.MANUAL, "requested_by": "maria", "error": why, "error_key": "lost"}
    run = make_run(job, Status.LOST, created_at=SLOT, finished_at=AFTER, **values)
    ScheduledJob.objects.update(live={"uri": "https://shop.example.com/tasks/x"})
    alerts.owe_end(run, is_recovery=False)
    alerts.send_owed(AFTER)
    assert (mail.outbox[0].subject, mail.outbox[0].body) == (
        "[shop production] LOST: SyncWarehouseStock, the run of 10:00",
        f"""maria asked for a run of SyncWarehouseStock at 10:00 (Paris), and it never
arrived: it has not run.
Cloud Scheduler did not deliver it: its attempt at 2026-11-23 09:00:03 UTC got
no usable answer (UNAVAILABLE).
See it: {ADMIN}/jobrun/{run.pk}/

What it does   Pull stock levels from the three warehouses.
Next           11:00 by schedule

What to do
  1. Does this address reach the server? Google calls
     https://shop.example.com/tasks/x
  2. On the server, this says what answers there:
     python manage.py scheduled_jobs doctor
  3. When it does, ask for it again:
     {ADMIN}/jobrun/{run.pk}/rerun/

You get this because ops@shop.example is in DJANGO_CLOUD_TASKS_ALERT_RECIPIENTS.
""",
    )
    for n in range(3):
        begun = {"started_at": SLOT} if n else {"created_at": SLOT}
        alerts.owe_end(make_run(job, Status.LOST, finished_at=AFTER, **values, **begun), is_recovery=False)
    alerts.send_owed(AFTER + DAY)
    assert mail.outbox[1].body.startswith(
        "Of 2 runs the process gave no more sign of life. 1 run was asked for and never\narrived.\n"
    )
