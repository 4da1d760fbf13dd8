"""From the end of a run to a mail in the outbox of Django: what is told, what is not, and that it is once."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.core import mail

from scheduled_jobs.exceptions import BeingDeleted, DiscardTask
from scheduled_jobs.models import Alert, AlertRun, JobChange, JobRun, ScheduledJob
from scheduled_jobs.models.last_run import note_not_come
from scheduled_jobs.services import alerts
from scheduled_jobs.services.alerts import drafts
from tests.support import SLOT, make_job, make_run, make_task
from tests.support.alerts import AFTER, deliver_slot

if TYPE_CHECKING:
    from datetime import datetime

    from pytest_django import DjangoAssertNumQueries
    from pytest_django.fixtures import SettingsWrapper

    from scheduled_jobs.tasks import PeriodicTask
    from tests.support.alerts import Failing

pytestmark = pytest.mark.django_db

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
Status = JobRun.Status


def run_at(job: ScheduledJob, task: type[PeriodicTask], hours: int) -> None:
    """Deliver the slot of so many hours later, and tell what there is to tell."""
    deliver_slot(job, task, slot=SLOT + hours * HOUR, now=AFTER + hours * HOUR)
    alerts.send_owed(AFTER + hours * HOUR)


def subjects() -> list[str]:
    return [message.subject.removeprefix("[shop production] ") for message in mail.outbox]


def owed_until() -> list[datetime]:
    rows = AlertRun.objects.filter(due_at__isnull=False).order_by("pk")
    return [due for due in rows.values_list("due_at", flat=True) if due is not None]


def test_a_failure_is_told_once_and_its_end_once(
    job: ScheduledJob, task: type[PeriodicTask], failing: Failing
) -> None:
    run_at(job, task, 0)
    run_at(job, task, 1)
    assert subjects() == ["FAILING: SyncWarehouseStock"]
    failing.error = None
    run_at(job, task, 2)
    run_at(job, task, 3)
    assert subjects() == ["FAILING: SyncWarehouseStock", "OK again: SyncWarehouseStock"]
    # What the cooldown had kept back is over with it.
    alerts.send_owed(AFTER + 8 * HOUR)
    assert (len(mail.outbox), owed_until()) == (2, [])


def test_what_fails_still_is_told_again_after_the_cooldown(
    job: ScheduledJob, task: type[PeriodicTask], failing: Failing, settings: SettingsWrapper
) -> None:
    for hours in range(3):
        run_at(job, task, hours)
    alerts.send_owed(AFTER + 6 * HOUR - timedelta(seconds=1))
    assert subjects() == ["FAILING: SyncWarehouseStock"]
    alerts.send_owed(AFTER + 6 * HOUR)
    assert subjects()[1:] == ["FAILING: SyncWarehouseStock (3 in a row)"]
    settings.DJANGO_CLOUD_TASKS_ALERT_COOLDOWN = 0
    run_at(job, task, 7)
    assert subjects()[2:] == ["FAILING: SyncWarehouseStock (4 in a row)"]


def test_a_failure_that_is_tried_again_is_not_told(
    job: ScheduledJob, task: type[PeriodicTask], failing: Failing
) -> None:
    """Only the last attempt is; of one that never comes, once Google would have given up."""
    ScheduledJob.objects.update(declared_retry_count=2)
    deliver_slot(job, task)
    deliver_slot(job, task, now=AFTER + timedelta(seconds=5))
    alerts.send_owed(AFTER + timedelta(seconds=5))
    assert mail.outbox == []
    # 5 s and 10 s after the first, 10 s after the second; a minute for the clocks of others.
    assert owed_until() == [AFTER + timedelta(seconds=15 + 60)] * 2
    deliver_slot(job, task, now=AFTER + timedelta(seconds=15))
    alerts.send_owed(AFTER + timedelta(seconds=15))
    assert subjects() == ["FAILING: SyncWarehouseStock"]
    alerts.send_owed(AFTER + 5 * MINUTE)
    assert (len(mail.outbox), owed_until()) == (1, [])


def test_a_last_retry_that_never_comes_is_told_of(job: ScheduledJob, task: type[PeriodicTask]) -> None:
    ScheduledJob.objects.update(declared_retry_count=1)
    deliver_slot(job, task)
    alerts.send_owed(AFTER + timedelta(seconds=64))
    assert mail.outbox == []
    alerts.send_owed(AFTER + timedelta(seconds=65))
    assert subjects() == ["FAILING: SyncWarehouseStock"]


def test_a_retry_that_succeeds_leaves_nothing_to_tell(
    job: ScheduledJob, task: type[PeriodicTask], failing: Failing
) -> None:
    ScheduledJob.objects.update(declared_retry_count=1)
    deliver_slot(job, task)
    failing.error = None
    deliver_slot(job, task, now=AFTER + timedelta(seconds=5))
    alerts.send_owed(AFTER + 5 * MINUTE)
    assert (mail.outbox, owed_until()) == ([], [])


def test_many_jobs_with_one_error_are_one_mail(failing: Failing) -> None:
    names = [f"Task{n}" for n in range(4)]
    tasks = [make_task(failing.run, name=name) for name in names]
    for task, name in zip(tasks, names, strict=True):
        deliver_slot(make_job(task, f"shop--{name}"), task)
    alerts.send_owed(AFTER)
    assert subjects() == ["4 jobs FAILING since 09:00, one cause"]
    assert AlertRun.objects.filter(alert=Alert.objects.get()).count() == 4
    # They are told well together too: when the last one is.
    failing.error = None
    for number, (task, name) in enumerate(zip(tasks, names, strict=True), start=1):
        run_at(ScheduledJob.objects.get(name=f"shop--{name}"), task, 1)
        assert subjects()[1:] == (["OK again: 4 jobs"] if number == 4 else [])


def test_a_job_that_joins_a_cause_is_told_after_the_cooldown(failing: Failing) -> None:
    first, second = make_task(failing.run, name="First"), make_task(failing.run, name="Second")
    one, other = make_job(first, "shop--first"), make_job(second, "shop--second")
    run_at(one, first, 0)
    run_at(other, second, 0)
    assert subjects() == ["FAILING: First"]
    alerts.send_owed(AFTER + 6 * HOUR)
    assert subjects()[1:] == ["2 jobs FAILING since 09:00, one cause"]


def test_tolerances_of_a_task_are_kept(failing: Failing) -> None:
    task = make_task(failing.run, name="Patient", failure_tolerance=3, recovery_tolerance=2)
    job = make_job(task, "shop--patient")
    for hours in range(4):
        deliver_slot(job, task, slot=None, now=AFTER + hours * HOUR - MINUTE)  # no time of the schedule
        run_at(job, task, hours)
        assert subjects() == ([] if hours < 2 else ["FAILING: Patient (3 in a row)"])
    failing.error = None
    run_at(job, task, 4)
    assert len(mail.outbox) == 1
    run_at(job, task, 5)
    assert subjects()[1:] == ["OK again: Patient"]


def test_missed_runs_of_one_step_are_one_mail(job: ScheduledJob) -> None:
    other = make_job(make_task(name="Other"), "shop--other")
    alerts.owe_missed(
        [make_run(one, Status.MISSED, scheduled_for=SLOT, error_key="missed") for one in (job, other)]
    )
    alerts.send_owed(SLOT + 5 * MINUTE)
    assert subjects() == ["MISSED: 2 runs of 2 jobs, since 10:00"]


def test_a_missed_run_that_came_after_all_is_not_told(job: ScheduledJob, task: type[PeriodicTask]) -> None:
    alerts.owe_missed([make_run(job, Status.MISSED, scheduled_for=SLOT, error_key="missed")])
    JobRun.objects.update(status=Status.SUCCEEDED, settled_slot=SLOT)
    alerts.send_owed(SLOT + 5 * MINUTE)
    assert (mail.outbox, owed_until()) == ([], [])


@pytest.mark.parametrize(
    "changes", [{"paused": True, "paused_at": AFTER + MINUTE}, {"retired_at": AFTER}, {"deleting_at": AFTER}]
)
def test_what_somebody_has_dealt_with_is_not_told(
    job: ScheduledJob, task: type[PeriodicTask], changes: dict[str, Any]
) -> None:
    deliver_slot(job, task)
    ScheduledJob.objects.update(**changes)
    alerts.send_owed(AFTER + HOUR)
    assert (mail.outbox, owed_until()) == ([], [])


def test_a_failed_run_now_is_told_to_who_asked_for_it_alone(
    job: ScheduledJob, task: type[PeriodicTask]
) -> None:
    """And one that was lost to all: its asker may have gone long ago."""
    deliver_slot(job, task, slot=None)
    assert AlertRun.objects.count() == 0
    lost = make_run(job, Status.LOST, trigger="manual", started_at=AFTER, error_key="lost")
    alerts.owe_end(lost, is_recovery=False)
    alerts.send_owed(AFTER + HOUR)
    assert subjects() == ["LOST: SyncWarehouseStock, the run of 10:00"]


def test_an_ordinary_success_costs_no_statement(
    job: ScheduledJob, failing: Failing, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    run = make_run(job, Status.SUCCEEDED, scheduled_for=SLOT, started_at=SLOT, finished_at=AFTER)
    alerts.is_due_here()
    with django_assert_num_queries(0):
        alerts.owe_end(run, is_recovery=False)
    assert not alerts.is_due_here()


def test_nothing_is_written_where_nobody_is_told(
    job: ScheduledJob, task: type[PeriodicTask], settings: SettingsWrapper
) -> None:
    settings.DJANGO_CLOUD_TASKS_ALERT_RECIPIENTS = []
    deliver_slot(job, task)
    assert AlertRun.objects.count() == 0


def test_an_outbox_that_is_gone_does_not_undo_the_end(
    job: ScheduledJob,
    task: type[PeriodicTask],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(AlertRun._meta, "db_table", "gone")
    deliver_slot(job, task)
    assert JobRun.objects.get().status == Status.FAILED
    assert f"What run {JobRun.objects.get().pk} may have to tell could not be written" in caplog.text


def test_a_job_that_fails_on_and_on_is_paused(
    job: ScheduledJob, task: type[PeriodicTask], settings: SettingsWrapper
) -> None:
    settings.DJANGO_CLOUD_TASKS_AUTO_PAUSE_AFTER = 2
    run_at(job, task, 0)
    for minutes in (10, 20):  # which somebody has forced
        deliver_slot(job, task, slot=None, now=AFTER + minutes * MINUTE)
    alerts.send_owed(AFTER + 20 * MINUTE)
    job.refresh_from_db()
    assert not job.paused
    run_at(job, task, 1)
    job.refresh_from_db()
    reason = "2 scheduled times in a row failed (DJANGO_CLOUD_TASKS_AUTO_PAUSE_AFTER)"
    assert (job.paused, job.paused_by, job.pause_reason) == (True, "AUTO_PAUSE_AFTER", reason)
    assert subjects() == [
        "FAILING: SyncWarehouseStock",
        "PAUSED: SyncWarehouseStock after 2 failures in a row",
    ]
    assert set(JobChange.objects.values_list("via", "actor_label")) == {("auto", "AUTO_PAUSE_AFTER")}


def test_jobs_are_paused_also_where_nobody_is_told(
    job: ScheduledJob, task: type[PeriodicTask], settings: SettingsWrapper
) -> None:
    settings.DJANGO_CLOUD_TASKS_AUTO_PAUSE_AFTER = 1
    settings.DJANGO_CLOUD_TASKS_ALERT_RECIPIENTS = []
    run_at(job, task, 0)
    job.refresh_from_db()
    assert (job.paused, mail.outbox, Alert.objects.count()) == (True, [], 0)


def test_what_three_jobs_share_pauses_none(failing: Failing, settings: SettingsWrapper) -> None:
    settings.DJANGO_CLOUD_TASKS_AUTO_PAUSE_AFTER = 1
    tasks = [make_task(failing.run, name=f"Task{n}") for n in range(3)]
    for n, task in enumerate(tasks):
        deliver_slot(make_job(task, f"shop--{n}"), task)
    alerts.send_owed(AFTER)
    assert not ScheduledJob.objects.filter(paused=True).exists()


def test_what_cannot_be_worded_keeps_nothing_else_from_being_told(
    job: ScheduledJob,
    task: type[PeriodicTask],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setitem(drafts.WORDS, AlertRun.Kind.FAILING, lambda runs, now: 1 / 0)
    deliver_slot(job, task)
    alerts.owe_missed([make_run(job, Status.MISSED, scheduled_for=SLOT + HOUR, error_key="missed")])
    alerts.send_owed(AFTER + 2 * HOUR)
    assert sorted(subjects()) == [
        "MISSED: SyncWarehouseStock did not run at 11:00",
        "failing: SyncWarehouseStock",
    ]
    assert "An alert could not be worded" in caplog.text


def test_a_job_that_is_being_deleted_is_not_paused(
    job: ScheduledJob, task: type[PeriodicTask], settings: SettingsWrapper, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.DJANGO_CLOUD_TASKS_AUTO_PAUSE_AFTER = 1

    def pause(self: ScheduledJob, **values: Any) -> None:
        raise BeingDeleted("it is being deleted")

    monkeypatch.setattr(ScheduledJob, "pause", pause)
    run_at(job, task, 0)
    assert len(mail.outbox) == 1


def test_a_run_that_discards_itself_ends_no_trouble(
    job: ScheduledJob, task: type[PeriodicTask], failing: Failing
) -> None:
    missed = make_run(job, Status.MISSED, scheduled_for=SLOT - HOUR, error_key="missed")
    note_not_come(missed)
    alerts.owe_missed([missed])
    failing.error = DiscardTask("nothing to do")
    run_at(job, task, 0)
    assert subjects() == ["MISSED: SyncWarehouseStock did not run at 09:00"]
    failing.error = None
    run_at(job, task, 1)
    assert subjects()[1:] == ["OK again: SyncWarehouseStock"]
