"""The mails, word for word."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.core import mail

from scheduled_jobs.models import JobRun, ScheduledJob
from scheduled_jobs.services import alerts
from tests.support import SLOT, make_job, make_run, make_task
from tests.support.alerts import AFTER, deliver_slot

if TYPE_CHECKING:
    from pytest_django.fixtures import SettingsWrapper

    from scheduled_jobs.tasks import PeriodicTask
    from tests.support.alerts import Failing

pytestmark = pytest.mark.django_db

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
Status = JobRun.Status
ADMIN = "https://shop.example.com/admin/scheduled_jobs"
TRACEBACK = (
    'Traceback (most recent call last):\n  File "inventory/tasks.py", line 58, in apply\n    x\nKeyError: 1'
)
FOOT = "You get this because ops@shop.example is in DJANGO_CLOUD_TASKS_ALERT_RECIPIENTS.\n"


def the_mail() -> str:
    """Subject and text of the last one."""
    message = mail.outbox[-1]
    # What is quoted is not broken, nor is a name or an address.
    ours = [line for line in message.body.splitlines() if "Error" not in line and "://" not in line]
    assert all(len(line) <= 78 for line in ours if line != FOOT[:-1])
    return f"Subject: {message.subject}\n\n{message.body}"


def ended(
    job: ScheduledJob, status: str, *, hours: int = 0, is_recovery: bool = False, **values: Any
) -> JobRun:
    """A run of the slot of so many hours later, of which may have to be told."""
    slot = SLOT + hours * HOUR
    if status in (Status.SUCCEEDED, Status.FAILED, Status.LOST):
        values = {"started_at": slot, "finished_at": slot + timedelta(seconds=1), **values}
    run = make_run(job, status, scheduled_for=slot, **values)
    run.job = job
    alerts.owe_end(run, is_recovery=is_recovery)
    return run


LOG = "\n".join([
    "2026-11-23T11:03:09.990Z INFO shop.stock: warehouse PT-LIS-2: 4,011 rows",
    "    of which 3 are new",
    "2026-11-23T11:03:10.204Z ERROR shop.stock: no mapping",
    "2026-11-23T11:03:10.205Z ERROR scheduled_jobs.runs: shop.reports.Report failed in run 2: KeyError: 'PT-LIS-2'",
])  # fmt: skip


def test_the_mail_of_a_job_that_fails(job: ScheduledJob) -> None:
    make_run(
        job, Status.SUCCEEDED, scheduled_for=SLOT - HOUR, started_at=SLOT - HOUR, code_version="shop-00041"
    )
    ScheduledJob.objects.update(failures_in_a_row=3, failing_since=SLOT)
    run = ended(
        job, Status.FAILED, hours=2, error="KeyError: 'PT-LIS-2'\nmore", error_key="KeyError", traceback=TRACEBACK,
        code_version="shop-00042", log=LOG,
    )  # fmt: skip
    alerts.send_owed(SLOT + 2 * HOUR + 4 * MINUTE)
    assert the_mail() == (
        f"""Subject: [shop production] FAILING: SyncWarehouseStock (3 in a row)

SyncWarehouseStock failed 3 times in a row; the last success was today 09:00.
KeyError: 'PT-LIS-2'   (inventory/tasks.py:58, in apply)
See it: {ADMIN}/jobrun/{run.pk}/

What it does   Pull stock levels from the three warehouses.
Since          Mon 23 Nov 10:00 Europe/Paris (09:00 UTC)
Next           13:00 by schedule
New            shop-00042; the last success was with shop-00041

What to do
  1. Can it wait? Then do nothing: it runs again at 13:00, and you will not be
     written to again about this error before 18:04.
  2. Stop it for now:
     {ADMIN}/scheduledjob/{job.pk}/pause/
  3. After a fix, run it once:
     {ADMIN}/scheduledjob/{job.pk}/run-now/

Last log lines
  12:03:09.990 INFO   warehouse PT-LIS-2: 4,011 rows
      of which 3 are new
  12:03:10.204 ERROR  no mapping

"""
        + FOOT
    )


def test_the_mail_of_a_run_that_was_missed(job: ScheduledJob) -> None:
    uri = "https://shop.example.com/tasks/shop.reports.SyncWarehouseStock"
    ScheduledJob.objects.update(live={"uri": uri})
    told = {"reason": "unreachable", "attempt_at": SLOT.isoformat(), "code": 14}
    run = make_run(job, Status.MISSED, scheduled_for=SLOT, error_key="unreachable", context={"missed": told})
    alerts.owe_missed([run])
    alerts.send_owed(SLOT + 5 * MINUTE)
    assert the_mail() == (
        f"""Subject: [shop production] MISSED: SyncWarehouseStock did not run at 10:00

SyncWarehouseStock was due at 10:00 (Paris) and nothing arrived by 10:05.
Google's last attempt, 10:00:00, got no usable answer.
See it: {ADMIN}/jobrun/{run.pk}/

What it does   Pull stock levels from the three warehouses.
Next           11:00 by schedule. This run is NOT caught up by itself.

What to do
  1. Does this address reach the server? Google calls
     {uri}
  2. On the server, this says what answers there:
     python manage.py scheduled_jobs doctor
  3. When it does, run this one for 10:00:
     {ADMIN}/jobrun/{run.pk}/rerun/
  4. Handled elsewhere? Mark it as dealt with:
     {ADMIN}/jobrun/{run.pk}/

Times: Europe/Paris. 10:00 there is 09:00 UTC.
"""
        + FOOT
    )


def test_the_mail_of_runs_that_were_missed_and_are_over(job: ScheduledJob) -> None:
    older = {"slots": 1200, "since": (SLOT - 5 * HOUR).isoformat()}
    runs = [
        make_run(job, Status.MISSED, scheduled_for=SLOT - HOUR, context={"missed": older}),
        make_run(job, Status.MISSED, scheduled_for=SLOT, context={"missed": {}}),
    ]
    ScheduledJob.objects.update(last_success_at=SLOT + 10 * MINUTE)
    alerts.owe_missed(runs)
    alerts.send_owed(SLOT + 20 * MINUTE)
    assert the_mail() == (
        f"""Subject: [shop production] MISSED: SyncWarehouseStock did not run 1,201 times, since 05:00

1,201 scheduled times passed, and nothing arrived. It runs again: its last
success was at 10:10.
See them: {ADMIN}/jobrun/?status=missed

  09:00  SyncWarehouseStock
  10:00  SyncWarehouseStock

What to do
  1. Does the address reach the server? On it, this says what answers there:
     python manage.py scheduled_jobs doctor
  2. What has to be done yet can be run from there:
     {ADMIN}/jobrun/?status=missed

"""
        + FOOT
    )


def test_a_missed_run_names_the_other_jobs_that_were(job: ScheduledJob) -> None:
    other = make_job(make_task(name="SettleCardPayments"), "shop--settle")
    make_run(other, Status.MISSED, scheduled_for=SLOT - 20 * MINUTE)
    alerts.owe_missed([make_run(job, Status.MISSED, scheduled_for=SLOT)])
    alerts.send_owed(SLOT + 5 * MINUTE)
    line = "Other jobs     1 of 2 was missed too since 09:40: perhaps this server, not"
    assert line in the_mail()


def test_the_mail_of_many_jobs_with_one_cause(settings: SettingsWrapper, failing: Failing) -> None:
    failing.error = OSError('connection to server at "10.12.0.3", port 5432 failed')
    for name, schedule in (("Settle", "30 1 * * *"), ("Export", "*/5 * * * *"), ("Close", "0 3 * * *")):
        task = make_task(failing.run, name=name)
        job = make_job(task, f"shop--{name}")
        ScheduledJob.objects.filter(pk=job.pk).update(declared_schedule=schedule)
        deliver_slot(job, task)
    key = ScheduledJob.objects.values_list("last_error_key", flat=True)[0]
    alerts.send_owed(AFTER)
    text = the_mail()
    link = text.split("     ")[-1].partition("\n")[0]
    assert text == (
        f"""Subject: [shop production] 3 jobs FAILING since 09:00, one cause

3 of 3 jobs in shop fail with the same error since 09:00 (UTC).
OSError: connection to server at "10.12.0.3", port 5432 failed
See them: {ADMIN}/scheduledjob/?state=failing

This is one mail for all of them; the next one comes when they recover, or
when another cause appears.

What to do
  1. Once it is fixed, 1 of the 3 runs again within an hour, by schedule.
  2. 2 do not, and may have to be run by hand afterwards: Close, Settle
     {link}

"""
        + FOOT
    )
    assert link.startswith(f"{ADMIN}/jobrun/?error=OSError%3A")
    assert len(key) > 10


def test_the_mail_that_it_is_over(job: ScheduledJob) -> None:
    for hours in range(3):
        ended(job, Status.FAILED, hours=hours, error="x", error_key="x")
    alerts.send_owed(AFTER + 2 * HOUR)
    ScheduledJob.objects.update(failures_in_a_row=0, last_success_at=SLOT + 3 * HOUR)
    run = ended(job, Status.SUCCEEDED, hours=3, is_recovery=True, duration=timedelta(seconds=6.1))
    alerts.send_owed(AFTER + 3 * HOUR)
    assert the_mail() == (
        f"""Subject: [shop production] OK again: SyncWarehouseStock

SyncWarehouseStock succeeded at 13:00 (Paris), after 3 failures in 3 h.
It took 6.1 s.
See it: {ADMIN}/jobrun/{run.pk}/
"""
    )


def test_the_mail_of_a_run_that_was_lost(job: ScheduledJob) -> None:
    run = ended(job, Status.LOST, error_key="lost")
    alerts.send_owed(AFTER)
    assert the_mail() == (
        f"""Subject: [shop production] LOST: SyncWarehouseStock, the run of 10:00

SyncWarehouseStock began at 10:00 (Paris), and its process gave no more sign
of life.
Whether its work was done is not known; Google does not try it again.
See it: {ADMIN}/jobrun/{run.pk}/

What it does   Pull stock levels from the three warehouses.
Next           11:00 by schedule

What to do
  1. See in its log, and where it writes, what was done.
  2. To do it again:
     {ADMIN}/jobrun/{run.pk}/rerun/

"""
        + FOOT
    )


def test_the_mail_of_a_job_that_was_paused_by_itself(
    job: ScheduledJob, task: type[PeriodicTask], settings: SettingsWrapper
) -> None:
    settings.DJANGO_CLOUD_TASKS_AUTO_PAUSE_AFTER = 1
    deliver_slot(job, task)
    alerts.send_owed(AFTER)
    lines = the_mail().splitlines()
    assert lines[0] == "Subject: [shop production] PAUSED: SyncWarehouseStock after 1 failure"
    assert lines[4:6] == [
        "It was paused, as DJANGO_CLOUD_TASKS_AUTO_PAUSE_AFTER says; it runs no more",
        "until somebody resumes it.",
    ]
    assert lines[lines.index("What to do") :][:5] == [
        "What to do",
        "  1. After a fix, run it once:",
        f"     {ADMIN}/scheduledjob/{job.pk}/run-now/",
        "  2. Then resume it:",
        f"     {ADMIN}/scheduledjob/{job.pk}/resume/",
    ]


def test_links_lead_to_where_people_open_the_admin(job: ScheduledJob, settings: SettingsWrapper) -> None:
    settings.DJANGO_CLOUD_TASKS_ADMIN_URL = "https://back.shop.example/office/"
    run = ended(job, Status.LOST, error_key="lost")
    alerts.send_owed(AFTER)
    assert f"See it: https://back.shop.example/office/scheduled_jobs/jobrun/{run.pk}/\n" in the_mail()


def test_a_secret_of_a_payload_is_in_no_mail(job: ScheduledJob) -> None:
    values = {"payload": {"password": "h4nsel-und-gretel"}, "error_key": "x"}
    ended(job, Status.FAILED, error="x: h4nsel-und-gretel", log="INFO h4nsel-und-gretel", **values)
    alerts.send_owed(AFTER)
    assert "x: ••••••••" in the_mail()
    assert "h4nsel" not in the_mail()


@pytest.mark.parametrize(
    ("names", "where"),
    [({"APP_NAME": "shop"}, "[shop]"), ({"ENVIRONMENT": "test"}, "[test]"), ({}, "[shop.example.com]")],
)
def test_a_subject_says_where_it_comes_from(
    names: dict[str, str], where: str, job: ScheduledJob, settings: SettingsWrapper
) -> None:
    for name in ("APP_NAME", "ENVIRONMENT"):
        setattr(settings, f"DJANGO_CLOUD_TASKS_{name}", names.get(name))
    ended(job, Status.LOST, error_key="lost")
    alerts.send_owed(AFTER)
    assert mail.outbox[0].subject.startswith(f"{where} LOST: ")
